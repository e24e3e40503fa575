"""Whether a connection may be made, what is kept of it, and whose token goes with it."""

import os
import shutil
import ssl
import subprocess
import sys
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from desktop_llm.core.downloads import RemoteFile
from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.models import InstalledModel, ModelSource
from desktop_llm.core.network import Contact, Purpose, Why, is_web_address
from desktop_llm.core.settings import valid
from desktop_llm.hub.connections import Connections
from desktop_llm.hub.download import Download
from desktop_llm.services.catalogue import hub_address
from desktop_llm.services.discovery import Discovery
from desktop_llm.services.network import LOOK_SECONDS, Network
from desktop_llm.storage.ledger import LEDGER, Ledger
from desktop_llm.storage.paths import Folders
from desktop_llm.storage.secrets import Secrets, system_keyring
from desktop_llm.storage.settings import SettingsFile
from tests.fakes.gguf_files import gguf
from tests.fakes.hub import Hub, HubFile, HubRepo


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    made = Folders(tmp_path / "data", tmp_path / "cache")
    made.ensure()
    return made


@pytest.fixture(autouse=True)
def closed(monkeypatch):
    """Connections are closed at the end, as a process that ends closes them."""
    made: list[Connections] = []
    begin = Connections.__init__

    def noted(self, *arguments, **named) -> None:
        begin(self, *arguments, **named)
        made.append(self)

    monkeypatch.setattr(Connections, "__init__", noted)
    yield
    for each in made:
        each.close()


@pytest.fixture
def hub(tmp_path: Path):
    import huggingface_hub

    small, large = tmp_path / "small", tmp_path / "large"
    small.write_bytes(b"x" * 100)
    large.write_bytes(os.urandom(8_000_000))
    files = {"a.gguf": HubFile(small), "large.gguf": HubFile(large)}
    with Hub(HubRepo("owner/model", files)) as running:
        yield running
    huggingface_hub.close_session()


def contact(**changed: object) -> Contact:
    values = {"host": "hub.example", "why": "download", "what": "a.gguf", "status": 206,
              "received": 10, "time": 1000.0}  # fmt: skip
    return Contact(**{**values, **changed})  # type: ignore[arg-type]


def test_offline_every_connection_is_refused(folders: Folders, hub: Hub, monkeypatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    network = Network(folders)
    discovery = Discovery(network)
    assert [one.repo for one in discovery.search("", "downloads", 5)] == ["owner/model"]
    SettingsFile(folders.settings_file).change(offline=True)
    for ask in (
        lambda: discovery.search("", "downloads", 5),
        lambda: discovery.offers("owner/model"),
    ):
        with pytest.raises(EnvironmentFault) as caught:
            ask()
        assert caught.value.code is FaultCode.OFFLINE
    with (
        pytest.raises(EnvironmentFault) as caught,
        network.connect().get(hub.url, Purpose(Why.CARD)),
    ):
        pass
    assert caught.value.code is FaultCode.OFFLINE


def test_the_switch_ends_what_is_being_received(folders: Folders, hub: Hub, tmp_path) -> None:
    hub.delay = 0.5
    network = Network(folders)
    file = RemoteFile(url=hub.address("owner/model", "large.gguf"), name="large.gguf")
    download = Download(network.connect(), file, tmp_path / "got")
    ended: list[EnvironmentFault] = []

    def run() -> None:
        try:
            download.run()
        except EnvironmentFault as fault:
            ended.append(fault)

    thread = threading.Thread(target=run)
    thread.start()
    end = time.monotonic() + 10
    while not download.part.exists() and time.monotonic() < end:
        time.sleep(0.02)
    SettingsFile(folders.settings_file).change(offline=True)
    thread.join(10)
    assert [fault.code for fault in ended] == [FaultCode.OFFLINE]
    SettingsFile(folders.settings_file).change(offline=False)
    hub.delay = 0
    assert Download(network.connect(), file, tmp_path / "got").run().size == 8_000_000


def test_a_settings_file_that_cannot_be_read_changes_nothing(folders: Folders) -> None:
    SettingsFile(folders.settings_file).change(offline=True)
    network = Network(folders)
    assert network.settings.offline
    folders.settings_file.write_text("offline = tr")
    assert network.settings.offline


def test_a_mirror_takes_the_place_of_the_hub(folders: Folders, monkeypatch) -> None:
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    network = Network(folders)
    assert network.endpoint == hub_address()
    SettingsFile(folders.settings_file).change(hub_mirror="https://mirror.example/")
    assert network.endpoint == "https://mirror.example"


@pytest.mark.parametrize(
    "text",
    ["mirror.example", "ftp://a.example", "https://me:secret@a.example", "https://", "http://a b",
     "https://a.example?token=1", "https://[::1", "https://a.example:0"],
)  # fmt: skip
def test_what_is_no_address_is_no_setting(text: str) -> None:
    assert not is_web_address(text)
    assert not valid("proxy", text)


def test_certificates_that_are_none_are_named(folders: Folders, tmp_path: Path) -> None:
    for content in (None, "no certificate"):
        path = tmp_path / f"{content is None}.pem"
        if content is not None:
            path.write_text(content)
        SettingsFile(folders.settings_file).change(certificates=str(path))
        with (
            pytest.raises(EnvironmentFault) as caught,
            Network(folders).connect().get("https://127.0.0.1:9/", Purpose(Why.CARD)),
        ):
            pass
        assert caught.value.code is FaultCode.FILE_UNREADABLE
        assert caught.value.data["path"] == str(path)


def test_the_limit_is_read_while_a_download_runs(folders: Folders) -> None:
    network = Network(folders)
    assert network.limit.pause(1_000_000) == 0
    SettingsFile(folders.settings_file).change(download_limit_kilobytes=1000)
    time.sleep(LOOK_SECONDS)
    assert network.limit.pause(1_000_000) == pytest.approx(1, abs=0.2)


# --- the ledger ----------------------------------------------------------------------------------


def test_every_request_stands_in_the_ledger(folders: Folders, hub: Hub, monkeypatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    network = Network(folders)
    discovery = Discovery(network)
    discovery.search("mod", "downloads", 5)
    discovery.offers("owner/model")
    with network.connect().get(
        hub.address("owner/model", "a.gguf"), Purpose(Why.HEADER, "a.gguf")
    ) as reply:
        assert b"".join(reply.pieces()) == b"x" * 100
    with (
        pytest.raises(EnvironmentFault),
        network.connect().get("http://127.0.0.1:9/", Purpose(Why.CARD, "b")),
    ):
        pass
    entries = [each for each in network.ledger.entries() if each.status != 302]  # to the CDN
    found = {(entry.why, entry.what): entry for entry in entries}
    assert set(found) == {("search", "mod"), ("files", "owner/model"), ("header", "a.gguf"),
                          ("card", "b")}  # fmt: skip
    assert found["search", "mod"].received > 10
    assert (found["header", "a.gguf"].status, found["header", "a.gguf"].received) == (200, 100)
    assert found["card", "b"].status == 0


def test_the_ledger_joins_what_came_in_parts(folders: Folders) -> None:
    ledger = Ledger(folders.logs)
    for at in range(5):
        ledger.record(contact(time=1000.0 + at))
    ledger.record(contact(why="search", time=1002.0, received=3))
    ledger.record(contact(time=9000.0))
    late, first, search = ledger.entries()
    assert (late.count, late.first) == (1, 9000.0)
    assert (first.count, first.received, first.first, first.last) == (5, 50, 1000.0, 1004.0)
    assert (search.count, search.received) == (1, 3)


def test_a_broken_line_costs_itself(folders: Folders) -> None:
    ledger = Ledger(folders.logs)
    ledger.record(contact())
    with (folders.logs / LEDGER).open("a") as file:
        file.write('{"host": 1\nnull\n{"host": "x", "why": {}, "time": "never"}\n')
    ledger.record(contact(why="search"))
    assert sorted(entry.why for entry in ledger.entries()) == ["download", "search"]


def test_it_can_be_cleared(folders: Folders) -> None:
    ledger, other = Ledger(folders.logs), Ledger(folders.logs)
    ledger.record(contact())
    other.record(contact())
    ledger.clear()
    assert ledger.entries() == []
    other.record(contact(what="b"))  # another process has it open still
    assert [entry.what for entry in ledger.entries()] == ["b"]


def test_what_nobody_asked_for_is_refused_and_recorded(folders: Folders, tmp_path: Path) -> None:
    script = tmp_path / "silent.py"
    script.write_text(
        "import socket, sys, urllib.request\n"
        "from pathlib import Path\n"
        "from desktop_llm.storage.ledger import refuse_and_record_unasked\n"
        "from desktop_llm.hub.connections import Connections\n"
        "from desktop_llm.core.network import Purpose, Why\n"
        "refuse_and_record_unasked(Path(sys.argv[1]))\n"
        "for call in (lambda: socket.create_connection(('tracker.example', 80)),\n"
        "             lambda: urllib.request.urlopen('http://127.0.0.1:9/', timeout=3)):\n"
        "    try:\n"
        "        call()\n"
        "    except Exception as error:\n"
        "        print(type(error).__name__)\n"
        "with Connections().get(sys.argv[2], Purpose(Why.CARD)) as reply:\n"
        "    print(reply.status)\n"
    )
    with Hub() as hub:
        done = subprocess.run(
            [sys.executable, str(script), str(folders.logs), f"{hub.url}/nothing"],
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
    assert done.stdout.split() == ["ProgramFault", "ProgramFault", "404"]
    refused = [entry.host for entry in Ledger(folders.logs).entries() if entry.why == "unasked"]
    assert sorted(refused) == ["127.0.0.1", "tracker.example"]


# --- the token -----------------------------------------------------------------------------------


class Ring:
    def __init__(self) -> None:
        self.held: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.held.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.held[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.held[service, username]


class LockedRing(Ring):
    def get_password(self, *_of: str) -> str | None:
        raise RuntimeError("locked")


def test_a_token_stays_in_the_keyring() -> None:
    ring = Ring()
    assert Secrets(lambda: ring).keep("hf_abc")
    assert Secrets(lambda: ring).token() == "hf_abc"
    Secrets(lambda: ring).forget(in_keyring=True)
    assert Secrets(lambda: ring).token() == ""
    assert ring.held == {}


def test_without_a_keyring_it_is_for_this_session() -> None:
    secrets = Secrets(lambda: None)
    assert not secrets.keep("hf_abc")
    assert (secrets.token(), secrets.session) == ("hf_abc", "hf_abc")
    secrets.forget(in_keyring=False)
    assert secrets.token() == ""


def test_a_keyring_that_stays_locked_is_said() -> None:
    with pytest.raises(EnvironmentFault) as caught:
        Secrets(LockedRing).token()
    assert caught.value.code is FaultCode.KEYRING_FAILED


def test_no_keyring_in_plain_text_is_used(monkeypatch) -> None:
    import keyring.backends.fail
    import keyring.backends.null

    plain = type("PlaintextKeyring", (), {"__module__": "keyrings.alt.file"})
    for backend in (keyring.backends.fail.Keyring(), keyring.backends.null.Keyring(), plain()):
        monkeypatch.setattr(keyring, "get_keyring", lambda backend=backend: backend)
        assert system_keyring() is None


def test_the_environment_is_emptied_of_it(monkeypatch) -> None:
    monkeypatch.setenv("HF_TOKEN", " hf_abc\n")
    secrets = Secrets(lambda: None)
    secrets.take_from_environment()
    assert "HF_TOKEN" not in os.environ
    assert secrets.token() == "hf_abc"


def test_the_token_is_for_the_hub_alone(folders: Folders, monkeypatch) -> None:
    from desktop_llm.services import network as module

    monkeypatch.setattr(module, "secrets", secrets := Secrets(lambda: None))
    secrets.keep_for_session("hf_abc")
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.example")
    network = Network(folders)
    assert network.token_for("hub.example") == "hf_abc"
    assert network.token_for("elsewhere.example") == ""


def test_a_connection_is_closed_to_what_is_no_host() -> None:
    with pytest.raises(EnvironmentFault), Connections().get("http:///x", Purpose(Why.CARD)):
        pass


# --- what is asked of the Hub --------------------------------------------------------------------


@pytest.fixture
def models_hub(tmp_path: Path, monkeypatch):
    import huggingface_hub

    path, readme = tmp_path / "m.gguf", tmp_path / "README.md"
    path.write_bytes(gguf())
    readme.write_text("---\nlicense: mit\n---\n# Of the makers\n<b>bold</b>" + "x" * 1_000_000)
    files = {"m-Q8_0.gguf": HubFile(path), "README.md": HubFile(readme, lfs=False)}
    with Hub(HubRepo("owner/model", files), HubRepo("owner/gated", files, gated=True)) as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        yield running
    huggingface_hub.close_session()


@pytest.mark.usefixtures("models_hub")
def test_a_card_is_read_up_to_a_limit(folders: Folders) -> None:
    discovery = Discovery(Network(folders))
    info, _offered = discovery.offers("owner/model")
    card = discovery.card(info)
    assert card.startswith("# Of the makers\nbold")
    assert len(card) < 450_000


@pytest.mark.usefixtures("models_hub")
def test_a_header_of_a_gated_model_names_the_model(folders: Folders) -> None:
    discovery = Discovery(Network(folders))
    info, offered = discovery.offers("owner/model")
    assert discovery.header(info, offered[0]).architecture
    info = replace(info, repo="owner/gated")
    with pytest.raises(EnvironmentFault) as caught:
        discovery.header(info, offered[0])
    assert caught.value.code is FaultCode.HUB_GATED
    assert caught.value.data["path"] == "owner/gated"


def test_a_newer_version_is_one_with_other_bytes(folders: Folders, models_hub: Hub) -> None:
    discovery = Discovery(Network(folders))
    known = models_hub.repos["owner/model"].files["m-Q8_0.gguf"].sha256
    model = InstalledModel(
        name="m", path="/x/m-Q8_0.gguf", size_bytes=1, source=ModelSource.DOWNLOADED,
        repo="owner/model", sha256=known,
    )  # fmt: skip
    assert discovery.newer(model) is None
    spec = discovery.newer(replace(model, sha256="0" * 64))
    assert spec is not None
    assert [file.sha256 for file in spec.files] == [known]
    assert discovery.newer(replace(model, repo="")) is None
    assert discovery.newer(replace(model, path="/x/other.gguf", sha256="0" * 64)) is None


# --- proxies and certificates --------------------------------------------------------------------


def test_the_proxy_of_the_settings_is_used(folders: Folders, hub: Hub, monkeypatch) -> None:
    """The stand-in answers whatever host it is asked for, as a proxy is."""
    monkeypatch.setenv("HF_ENDPOINT", "http://models.example")
    SettingsFile(folders.settings_file).change(proxy=hub.url)
    found = Discovery(Network(folders)).search("", "downloads", 5)
    assert [one.repo for one in found] == ["owner/model"]
    entries = Network(folders).ledger.entries()
    assert [entry.host for entry in entries] == ["models.example"]


def test_a_proxy_that_is_none_is_said(folders: Folders, monkeypatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://models.example")
    SettingsFile(folders.settings_file).change(proxy="http://127.0.0.1:9")
    with pytest.raises(EnvironmentFault) as caught:
        Discovery(Network(folders)).search("", "downloads", 5)
    assert caught.value.code in (FaultCode.PROXY_FAILED, FaultCode.HUB_UNREACHABLE)


@pytest.fixture
def private_server(tmp_path: Path):
    """A server whose certificate only its own authority vouches for: its port, and that."""
    authority, key, certificate = (tmp_path / name for name in ("ca.pem", "key.pem", "server.pem"))
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    new = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    made = subprocess.run(
        [*new, "-keyout", str(key), "-out", str(certificate), "-subj", "/CN=localhost",
         "-addext", names],
        capture_output=True, check=False,
    )  # fmt: skip
    if made.returncode != 0:
        pytest.skip("openssl cannot make a certificate here")
    authority.write_bytes(certificate.read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # of those who do not trust it
    threading.Thread(target=lambda: server.serve_forever(0.05), daemon=True).start()
    yield server.server_address[1], authority
    server.shutdown()
    server.server_close()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_the_certificates_of_the_settings_are_believed(folders: Folders, private_server) -> None:
    port, authority = private_server
    url = f"https://127.0.0.1:{port}/"
    with (
        pytest.raises(EnvironmentFault) as caught,
        Network(folders).connect().get(url, Purpose(Why.CARD)),
    ):
        pass
    assert caught.value.code is FaultCode.CERTIFICATE_REFUSED
    SettingsFile(folders.settings_file).change(certificates=str(authority))
    with Network(folders).connect().get(url, Purpose(Why.CARD)) as reply:
        assert b"".join(reply.pieces()) == b"ok"
