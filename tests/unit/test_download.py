"""The transfer, against a stand-in of the Hub: always the right file, or the right words."""

import hashlib
import os
import random
import threading
import time

import pytest

from desktop_llm.core.downloads import RemoteFile
from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.hub.connections import Connections, NetworkOptions
from desktop_llm.hub.download import Download, Patience, RateLimit, Watcher
from tests.fakes.hub import Fault, Hub, HubFile, HubRepo

QUICK = Patience(first_pause=0.02, longest_pause=0.1, tries=4, own_tries=1)
OPTIONS = NetworkOptions(connect_seconds=3, read_seconds=0.5, watch_seconds=0.4)
REPO, NAME = "owner/model-GGUF", "model.Q4_0.gguf"
SIZE = 40 * 1024 * 1024 + 12_345


class StopError(Exception):
    pass


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    path = tmp_path_factory.mktemp("hub") / NAME
    path.write_bytes(random.Random(7).randbytes(SIZE))
    return path


@pytest.fixture
def hub(content):
    with Hub(HubRepo(REPO, {NAME: HubFile(content)})) as hub:
        yield hub


@pytest.fixture
def target(tmp_path):
    return tmp_path / "here" / NAME


def remote(hub, **fields):
    file = hub.repos[REPO].files[NAME]
    fields = {"size": file.size, "sha256": file.sha256} | fields
    return RemoteFile(url=hub.address(REPO, NAME), name=NAME, **fields)


def download(hub, target, watcher=None, patience=QUICK, file=None, **more):
    connections = Connections(OPTIONS)
    try:
        return Download(
            connections, file or remote(hub), target, watcher, patience, **more
        ).run()  # fmt: skip
    finally:
        connections.close()


def refusal(*arguments, **more):
    with pytest.raises(EnvironmentFault) as fault:
        download(*arguments, **more)
    return fault.value


def leftovers(target):
    return sorted(path.name for path in target.parent.iterdir())


def right(target, content):
    return target.read_bytes() == content.read_bytes() and leftovers(target) == [NAME]


def test_a_file_arrives_whole_and_checked(hub, target, content):
    done = []
    watcher = Watcher(progress=lambda *values: done.append(values[:2]))
    received = download(hub, target, watcher)
    assert right(target, content)
    assert received.sha256 == hashlib.sha256(content.read_bytes()).hexdigest()
    assert received.size == SIZE
    assert done[-1] == (SIZE, SIZE)
    assert target.stat().st_mode & 0o077 == 0


def test_the_token_goes_to_its_host_alone(hub, target, content):
    hub.repos[REPO].gated = True
    assert refusal(hub, target).code is FaultCode.HUB_GATED
    download(hub, target, token="hf_right")
    assert right(target, content)
    store = [each for each in hub.asked if each.path.startswith("/cdn/")]
    assert store
    # Here both are one host; another one never gets it.
    other = hub.url.replace("127.0.0.1", "localhost")
    hub.faults.append(Fault("redirect", value=f"{other}/cdn/{REPO}//{NAME}"))
    hub.asked.clear()
    download(hub, target, token="hf_right")
    assert not hub.asked[2].authorised


MENDED = [
    Fault("reset", after=1_000_000), Fault("cut", after=3_000_000), Fault("slow", after=100_000),
    Fault("503"), Fault("429", value="0"), Fault("500", times=3), Fault("hang"),
    Fault("rubbish"), Fault("reset"), Fault("cut", after=5, times=6), Fault("408"),
    Fault("wrong", after=2_000_000),
]  # fmt: skip


@pytest.mark.parametrize("fault", MENDED, ids=lambda fault: f"{fault.kind}-{fault.after}")
@pytest.mark.parametrize("which", ["first", "later"])
def test_what_passes_ends_in_the_right_file(hub, target, content, fault, which):
    if which == "later":  # not the request that asks what there is
        hub.faults.append(Fault("none"))
    hub.faults.append(Fault(**vars(fault)))
    download(hub, target)
    assert right(target, content)


FINAL = [
    ("page", FaultCode.SIGN_IN_PAGE), ("404", FaultCode.HUB_NOTHING_THERE),
    ("401", FaultCode.HUB_TOKEN), ("403", FaultCode.HUB_REFUSED), ("418", FaultCode.HUB_ODD),
    ("gzip", FaultCode.HUB_ODD), ("shifted", FaultCode.HUB_ODD),
    ("503", FaultCode.HUB_BUSY), ("cut", FaultCode.CONNECTION_LOST), ("hang", FaultCode.HUB_SLOW),
    ("redirect", FaultCode.REDIRECT_REFUSED), ("wrong", FaultCode.DOWNLOAD_DIFFERS),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "code"), FINAL)
def test_what_stays_ends_in_the_right_words(hub, target, kind, code):
    hub.faults.append(Fault("none"))
    hub.faults.append(Fault(kind, times=10_000))
    assert refusal(hub, target, patience=Patience(first_pause=0, tries=2, own_tries=0)).code is code
    assert not target.exists()


@pytest.mark.parametrize(
    "address",
    ["file:///etc/passwd", "http://:80/", "ftp://localhost/x", "http://a@127.0.0.1/", "//[", ""],
)
def test_hostile_redirects_are_refused(hub, target, address):
    hub.faults.append(Fault("redirect", value=address or "\t"))
    assert refusal(hub, target).code is FaultCode.REDIRECT_REFUSED


def test_a_file_that_changes_meanwhile_is_begun_anew(hub, target, content, tmp_path):
    hub.faults += [Fault("none"), Fault("none"), Fault("etag", value="../../evil")]
    restarted = []
    download(hub, target, Watcher(restarted=restarted.append))
    assert right(target, content)
    assert restarted == [FaultCode.DOWNLOAD_CHANGED]
    assert not list(tmp_path.rglob("*evil*"))


def test_another_size_than_was_promised_is_said(hub, target):
    assert refusal(hub, target, file=remote(hub, size=5)).code is FaultCode.DOWNLOAD_CHANGED


def test_a_wrong_hash_is_tried_once_more_and_nothing_of_it_stays(hub, target):
    fault = refusal(hub, target, file=remote(hub, sha256="0" * 64))
    assert fault.code is FaultCode.DOWNLOAD_DIFFERS
    assert leftovers(target) == []
    assert hub.sent >= 2 * SIZE


def test_a_server_without_parts(hub, target, content):
    hub.ranges = False
    hub.faults.append(Fault("none"))
    hub.faults.append(Fault("cut", after=30_000_000))
    download(hub, target)
    assert right(target, content)


def test_a_server_that_answers_a_part_with_all(hub, target, content):
    hub.faults += [Fault("none"), Fault("whole")]
    download(hub, target)
    assert right(target, content)


@pytest.mark.parametrize("size", [0, 1, 8 * 1024 * 1024, 8 * 1024 * 1024 + 1])
@pytest.mark.parametrize("ranges", [True, False])
def test_any_size(hub, target, tmp_path, size, ranges):
    path = tmp_path / "other"
    path.write_bytes(os.urandom(size))
    hub.ranges = ranges
    hub.repos[REPO].files[NAME] = HubFile(path)
    assert download(hub, target).size == size
    assert right(target, path)


def test_a_small_file_of_git_is_checked_by_its_own_hash(hub, target, tmp_path):
    path = tmp_path / "config"
    path.write_text("{}")
    file = hub.repos[REPO].files[NAME] = HubFile(path, lfs=False)
    one = RemoteFile(url=hub.address(REPO, NAME), name=NAME, git_sha1=file.git_sha1)
    download(hub, target, file=one)
    assert right(target, path)
    one = RemoteFile(url=hub.address(REPO, NAME), name=NAME, git_sha1="0" * 40)
    assert refusal(hub, target, file=one).code is FaultCode.DOWNLOAD_DIFFERS


def test_a_size_that_nobody_says(hub, target, content):
    hub.faults += [Fault("unsaid"), Fault("unsaid")]
    hub.ranges = False
    download(hub, target)
    assert right(target, content)


# --- going on -------------------------------------------------------------------------------------


def stopping(at):
    def progress(done, *_):
        if done >= at:
            raise StopError

    return Watcher(progress=progress)


@pytest.mark.parametrize("at", [1, SIZE // 3, SIZE - 1])
def test_it_goes_on_where_it_was_stopped(hub, target, content, at):
    hub.delay = 0.02
    with pytest.raises(StopError):
        download(hub, target, stopping(at))
    assert not target.exists()
    hub.delay = 0
    before = hub.sent
    download(hub, target)
    assert right(target, content)
    assert hub.sent - before < SIZE - at + 4 * 1024 * 1024


def test_a_reboot_trusts_only_what_is_on_the_disk(hub, target, content, monkeypatch):
    hub.delay = 0.02
    with pytest.raises(StopError):
        download(hub, target, stopping(SIZE // 2))
    hub.delay = 0
    part = target.with_name(f"{NAME}.part")
    part.write_bytes(b"\0" * part.stat().st_size)  # what a power cut may leave
    monkeypatch.setattr("desktop_llm.hub.partial.boot", lambda: "another")
    restarted = []
    download(hub, target, Watcher(restarted=restarted.append))
    assert right(target, content)
    assert restarted in ([], [FaultCode.DOWNLOAD_DIFFERS])


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"version": 1}', "null", "\xff"])
def test_a_damaged_note_costs_the_part_and_no_more(hub, target, content, damage):
    hub.delay = 0.02
    with pytest.raises(StopError):
        download(hub, target, stopping(SIZE // 2))
    hub.delay = 0
    target.with_name(f"{NAME}.part.json").write_text(damage)
    download(hub, target)
    assert right(target, content)


@pytest.mark.parametrize("what", ["part", "part.now", "part.json"])
def test_any_of_its_files_may_be_gone(hub, target, content, what):
    hub.delay = 0.02
    with pytest.raises(StopError):
        download(hub, target, stopping(SIZE // 2))
    hub.delay = 0
    target.with_name(f"{NAME}.{what}").unlink()
    download(hub, target)
    assert right(target, content)


def test_it_ends_within_a_second_whatever_it_waits_for(hub, target):
    for kind in ("hang", "slow", "503"):
        hub.faults = [Fault("none"), Fault(kind, times=100)]
        connections = Connections(NetworkOptions(read_seconds=60))
        stop = threading.Event()

        def check(stop=stop):
            if stop.is_set():
                raise StopError

        one = Download(connections, remote(hub), target, Watcher(check=check))
        raised = []

        def run(one=one, raised=raised):
            try:
                one.run()
            except StopError:
                raised.append(time.monotonic())

        thread = threading.Thread(target=run)
        thread.start()
        while not any(each.path.startswith("/cdn/") for each in hub.asked[1:]):
            time.sleep(0.01)
        time.sleep(0.3)
        begun = time.monotonic()
        stop.set()
        connections.close()
        thread.join(5)
        assert raised
        assert raised[0] - begun < 1
        hub.asked.clear()


def test_no_faster_than_is_wished(hub, target, content):
    begun = time.monotonic()
    download(hub, target, limit=RateLimit(SIZE))
    assert time.monotonic() - begun > 0.8
    assert right(target, content)


def test_without_room_nothing_begins(hub, target, monkeypatch):
    monkeypatch.setattr("desktop_llm.hub.download.free_bytes", lambda _path: 10_000_000)
    fault = refusal(hub, target)
    assert fault.code is FaultCode.NO_ROOM
    assert fault.data["free_bytes"] == 10_000_000


def test_nobody_there(hub, target):
    hub.close()
    fault = refusal(hub, target, file=RemoteFile(url=hub.address(REPO, NAME), name=NAME))
    assert fault.code is FaultCode.HUB_UNREACHABLE
    assert fault.data["host"] == "127.0.0.1"
