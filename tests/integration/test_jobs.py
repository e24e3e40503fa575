"""Jobs in a real runner: a process of its own that outlives whoever asked for the work."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import psutil
import pytest

from desktop_llm.core.downloads import DownloadSpec, RemoteFile
from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.jobs import JobEventKind, JobKind, JobState
from desktop_llm.services.downloads import Downloads
from desktop_llm.services.jobs import JobService, runner_lock
from desktop_llm.storage.jobs import open_jobs
from desktop_llm.storage.paths import Folders
from tests.fakes.gguf_files import gguf
from tests.fakes.hub import Fault, Hub, HubFile, HubRepo
from tests.integration.helpers import wait_until

REPO, NAME = "owner/model-GGUF", "model.gguf"
SIZE = 30_000_000


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    path = tmp_path_factory.mktemp("hub") / NAME
    path.write_bytes(gguf(data=random.Random(3).randbytes(SIZE)))
    return path


@pytest.fixture
def hub(content):
    with Hub(HubRepo(REPO, {NAME: HubFile(content)})) as hub:
        yield hub


@pytest.fixture
def folders(tmp_path):
    made = Folders(tmp_path / "data", tmp_path / "data" / "cache", fixed=True)
    made.ensure()
    yield made
    wait_until(lambda: runner_lock(made).is_free())


@pytest.fixture
def service(folders):
    service = JobService(folders)
    yield service
    for job in service.all():
        service.cancel(job.id)
    service.close()


def spec(hub, folder="there", **fields):
    file = hub.repos[REPO].files[NAME]
    one = {"size": file.size, "sha256": file.sha256} | fields
    file = RemoteFile(url=hub.address(REPO, NAME), name=NAME, **one)
    return DownloadSpec(folder=folder, files=(file,)).to_values()


def add(service, hub, **more):
    return service.add(JobKind.DOWNLOAD, NAME, spec(hub, **more)).id


def ended(service, job, state):
    wait_until(lambda: service.get(job).state is state, 30)
    return service.get(job)


def runner_of(folders):
    return psutil.Process(int((folders.data / "runner.lock").read_text()))


def kinds(service, job):
    return [event.kind for event in service.events(job)]


def running(service, job, done=1_000_000):
    wait_until(lambda: service.get(job).progress.done >= done, 30)


def test_a_download_is_done_and_the_runner_ends(service, hub, folders, content):
    job = add(service, hub)
    done = ended(service, job, JobState.DONE)
    placed = folders.models / "there" / NAME
    assert placed.read_bytes() == content.read_bytes()
    assert done.result["files"][0]["path"] == str(placed)
    assert done.fault is None
    assert kinds(service, job) == ["queued", "started", "checked", "done"]
    wait_until(lambda: runner_lock(folders).is_free())
    assert not any((folders.models / ".incoming").iterdir())


def test_who_asked_may_go(hub, folders):
    """A service that is closed at once, as by a command that does not wait."""
    service = JobService(folders)
    job = add(service, hub)
    service.close()
    again = JobService(folders)
    ended(again, job, JobState.DONE)
    again.close()


def test_a_killed_runner_is_started_again_and_loses_next_to_nothing(service, hub, folders, content):
    hub.delay = 0.1
    service.watch(lambda: None)
    job = add(service, hub)
    running(service, job, SIZE // 3)
    runner_of(folders).kill()
    hub.delay = 0
    ended(service, job, JobState.DONE)
    assert (folders.models / "there" / NAME).read_bytes() == content.read_bytes()
    assert JobEventKind.INTERRUPTED in kinds(service, job)
    assert hub.sent < SIZE + 12_000_000


def test_pause_and_resume(service, hub, folders):
    hub.delay = 0.1
    job = add(service, hub)
    running(service, job)
    begun = time.monotonic()
    service.pause(job)
    paused = ended(service, job, JobState.PAUSED)
    assert time.monotonic() - begun < 2
    wait_until(lambda: runner_lock(folders).is_free())
    assert paused.progress.done > 0
    before = hub.sent
    hub.delay = 0
    service.resume(job)
    ended(service, job, JobState.DONE)
    assert hub.sent - before < SIZE


def test_cancel_leaves_nothing(service, hub, folders):
    hub.delay = 0.1
    running_one, waiting = add(service, hub), add(service, hub, folder="second")
    running(service, running_one)
    service.cancel(waiting)
    service.cancel(running_one)
    ended(service, running_one, JobState.CANCELLED)
    ended(service, waiting, JobState.CANCELLED)
    wait_until(lambda: not any((folders.models / ".incoming").iterdir()))
    assert not (folders.models / "there").exists()


def test_one_after_the_other_in_the_order_that_is_wished(service, hub):
    hub.delay = 0.01
    first, second, third = (add(service, hub, folder=name) for name in ("one", "two", "three"))
    running(service, first, 1)
    service.move(third, -1)
    assert [job.id for job in service.all()] == [first, third, second]
    hub.delay = 0
    for job in (first, second, third):
        ended(service, job, JobState.DONE)
    ends = {job: service.get(job).ended for job in (first, second, third)}
    assert ends[first] < ends[third] < ends[second]


def test_a_fault_is_kept_in_full_and_can_be_tried_again(service, hub):
    hub.faults.append(Fault("page"))
    job = add(service, hub)
    failed = ended(service, job, JobState.FAILED)
    assert failed.fault is not None
    assert failed.fault.code is FaultCode.SIGN_IN_PAGE
    service.resume(job)
    ended(service, job, JobState.DONE)


def test_what_is_no_model_does_not_come_in(service, hub, folders, tmp_path):
    other = tmp_path / "page.gguf"
    other.write_bytes(b"<html>" * 100)
    hub.repos[REPO].files[NAME] = HubFile(other)
    job = add(service, hub)
    failed = ended(service, job, JobState.FAILED)
    assert failed.fault is not None
    assert failed.fault.code is FaultCode.MODEL_NOT_GGUF
    assert not list(folders.models.rglob("*.gguf"))


def test_asked_for_twice_is_one(service, hub):
    hub.delay = 0.1
    assert add(service, hub) == add(service, hub)


def test_the_runner_puts_its_work_back_when_the_data_moves(service, hub, folders):
    hub.delay = 0.1
    job = add(service, hub)
    running(service, job)
    other = JobService(folders)
    with other.held():
        assert service.get(job).state is JobState.QUEUED
        service.ensure_runner()  # in vain: the lock is held
        time.sleep(0.5)
        assert service.get(job).state is JobState.QUEUED
    other.close()
    hub.delay = 0
    service.ensure_runner()
    ended(service, job, JobState.DONE)


def test_a_terminated_runner_puts_its_work_back(service, hub, folders):
    hub.delay = 0.1
    job = add(service, hub)
    running(service, job)
    process = runner_of(folders)
    process.send_signal(signal.SIGTERM)
    wait_until(lambda: service.get(job).state is JobState.QUEUED)
    assert JobEventKind.INTERRUPTED not in kinds(service, job)


def command(folders, *arguments):
    return subprocess.run(
        [sys.executable, "-P", "-m", "desktop_llm", "--data-dir", folders.data, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )


def test_the_command_line(hub, folders, content):
    pulled = command(folders, "models", "pull", hub.address(REPO, NAME), "--json")
    assert pulled.returncode == 0, pulled.stderr
    (file,) = json.loads(pulled.stdout)["files"]
    assert file["sha256"] == hub.repos[REPO].files[NAME].sha256
    (job,) = json.loads(command(folders, "jobs", "list", "--json").stdout)
    assert (job["state"], job["total"]) == ("done", content.stat().st_size)
    shown = command(folders, "jobs", "show", str(job["id"]))
    assert file["path"] in shown.stdout
    log = command(folders, "jobs", "log", str(job["id"])).stdout.splitlines()
    assert log[0].endswith("Put into the queue.")
    assert log[-1].endswith("Done.")
    assert command(folders, "jobs", "clear").returncode == 0
    assert json.loads(command(folders, "jobs", "list", "--json").stdout) == []
    missing = command(folders, "jobs", "pause", "99")
    assert missing.returncode == 1
    assert "There is no job 99." in missing.stderr


def test_a_failed_pull_says_why_and_a_wrong_address_too(hub, folders):
    hub.faults.append(Fault("404"))
    failed = command(folders, "models", "pull", hub.address(REPO, NAME))
    assert failed.returncode == 1
    assert "127.0.0.1 has no “model.gguf”." in failed.stderr
    nameless = command(folders, "models", "pull", "model")  # no owner: nobody is asked
    assert nameless.returncode == 1
    assert "has no “model”" in nameless.stderr
    for address in ("ftp://a/b.gguf", "https://", "https://a/..", "file:///etc/passwd"):
        refused = command(folders, "models", "pull", address)
        assert refused.returncode == 1, address
        assert "is no address" in refused.stderr


def test_no_jobs_no_database(folders):
    assert command(folders, "jobs", "list").stdout == ""
    service = JobService(folders)
    assert service.all() == []
    with pytest.raises(EnvironmentFault):
        service.pause(1)
    service.close()
    assert not folders.jobs_database.exists()


def test_what_no_job_knows_is_removed_after_a_month(folders):
    incoming = folders.models / ".incoming"
    old, fresh = incoming / "old", incoming / "fresh"
    for place in (old, fresh):
        place.mkdir(parents=True)
        (place / "a.gguf.part").write_bytes(b"x")
    marker = incoming / "old.placing"
    marker.write_text("[]")
    spec = {"folder": "f", "source": "s", "files": [{"url": "http://127.0.0.1:9/a", "name": "a"}]}
    jobs = open_jobs(folders.jobs_database)
    job = jobs.add(JobKind.DOWNLOAD.value, "a", spec)
    mine = Downloads(folders.models)._aside(DownloadSpec.from_values(spec))
    mine.mkdir()
    long_ago = time.time() - 40 * 86400
    for place in (old, marker, mine):
        os.utime(place, (long_ago, long_ago))
    Downloads(folders.models).tidy([job])
    jobs.close()
    assert sorted(each.name for each in incoming.iterdir()) == sorted(["fresh", mine.name])
