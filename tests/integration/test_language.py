"""The real language process, and packs that spaCy made."""

import json
import os
import signal
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest

from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.language import Analyse, Part, StopWords, Vader
from desktop_llm.engine.language_client import CancelledError, LanguageClient
from desktop_llm.services.language import LanguageTools
from desktop_llm.services.language_packs import LanguagePacks
from tests.fakes.language_packs import FOLDER, make_real_wheel, make_wheel

TEXT = "Paris has cats. “Cats sleep.”\n\nThey sleep in Paris."


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    made = LanguageClient(log=tmp_path_factory.mktemp("logs") / "language.log")
    yield made
    made.close()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return make_real_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture
def tools(client, packs):
    made = LanguageTools(client, packs.pack_of)
    yield made
    made.close()


@pytest.fixture
def packs(client, tmp_path):
    made = LanguagePacks(tmp_path / "packs", client)
    yield made
    made.close()


def fault_of(task):
    with pytest.raises(EnvironmentFault) as fault:
        task.result(60)
    return fault.value.code


def test_every_tool_answers(tools):
    (found,) = tools.identify("The weather is nice today, isn't it?").result(60)
    assert (found.code, found.sure) == ("en", True)
    (found,) = tools.vader("I love this.").result(60)
    assert found.compound > 0.5
    analysis = tools.analyse(TEXT, "en").result(60)
    assert [TEXT[each.start : each.end] for each in analysis.sentences] == [
        "Paris has cats.", "“Cats sleep.”", "They sleep in Paris.",
    ]  # fmt: skip
    assert tools.frequencies(TEXT, "en").result(60).found[0].word == "cats"
    assert tools.collocations(TEXT * 3, "en").result(60).found
    assert tools.concordance(TEXT, "paris").result(60).total == 2
    assert tools.readability(TEXT, "en").result(60).sentences == 3
    assert "the" in tools.stop_words("en").result(60)


def test_a_pack_annotates_and_is_removed(client, packs, tools, wheel):
    pack = packs.install(wheel).result(120)
    assert packs.pack_of("en") == pack.folder
    analysis = tools.analyse("Paris has cats", "en", tuple(Part)).result(60)
    assert analysis.annotations == ("part_of_speech", "tag")
    assert [(each.start, each.end, each.label) for each in analysis.entities] == [(0, 5, "CITY")]
    assert analysis.tokens[2].tag == "NN"
    assert analysis.tokens[2].part_of_speech == "NOUN"
    packs.remove(FOLDER).result(60)
    assert packs.pack_of("en") == ""
    assert tools.analyse("a", "en", (Part.ENTITIES,)).result(60).parts == ()
    with pytest.raises(EnvironmentFault) as fault:
        client.ask(Analyse("a", "en", (), pack.folder))
    assert fault.value.code is FaultCode.NO_PACK


def test_a_pack_that_does_not_load_is_not_kept(packs, tmp_path):
    config = '[nlp]\nlang = "en"\npipeline = ["tagger"]\n[components.tagger]\nfactory = "tagger"\n'
    wheel = make_wheel(tmp_path / "a.whl", config)
    assert fault_of(packs.install(wheel)) is FaultCode.PACK_DAMAGED
    assert packs.installed() == ()


def test_a_pack_that_was_changed_on_disk_runs_no_code(client, packs, wheel):
    pack = packs.install(wheel).result(120)
    client.end()
    config = Path(pack.folder) / "config.cfg"
    text = config.read_text()
    config.write_text(text.replace("spacy.Tokenizer.v1", "evil.Tokenizer.v1"))
    with pytest.raises(EnvironmentFault) as fault:
        client.ask(Analyse("a", "en", (), pack.folder))
    assert fault.value.code is FaultCode.PACK_REFUSED


def test_a_long_analysis_is_cancelled_and_the_process_lives(client):
    client.ask(StopWords("en"))
    pid, cancelled = client.pid, threading.Event()
    text = "The cat sat on the mat. " * 200_000
    with pytest.raises(CancelledError):
        client.ask(Analyse(text, "en"), cancelled, lambda _portion: cancelled.set())
    assert client.pid == pid
    assert client.ask(Vader(("good",))).found[0].compound > 0


def test_a_killed_process_is_a_fault_and_the_next_request_starts_another(client):
    client.ask(StopWords("en"))

    def kill(_portion):
        os.kill(client.pid, signal.SIGKILL)

    with pytest.raises(EnvironmentFault) as fault:
        client.ask(Analyse("The cat sat. " * 100_000, "en"), on_portion=kill)
    assert fault.value.code is FaultCode.LANGUAGE_STOPPED
    assert client.ask(StopWords("en")).words


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_it_gives_up_what_it_does_not_need(client):
    client.ask(StopWords("en"))
    process = psutil.Process(client.pid)
    limits = Path(f"/proc/{client.pid}/limits").read_text()
    assert "Max core file size        0" in limits
    assert process.net_connections() == []
    status = Path(f"/proc/{client.pid}/status").read_text()
    assert "NoNewPrivs:\t1" in status


def test_packs_on_the_command_line(wheel, tmp_path):
    def call(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "desktop_llm", "--data-dir", str(tmp_path), "packs", *arguments],
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    assert json.loads(call("list", "--json").stdout) == []
    installed = call("install", str(wheel), "--json")
    pack = json.loads(installed.stdout)
    assert f"This one is noted: {pack['sha256']}" in installed.stderr
    assert call("list").stdout.startswith(f"{pack['name']}-{pack['version']}\t")
    (tmp_path / "note.txt").write_text("Rain fell. It was cold.", "utf-8")
    analysed = json.loads(call("analyse", str(tmp_path / "note.txt"), "--json").stdout)
    assert [span["start"] for span in analysed["sentences"]] == [0, 11]
    wrong = call("install", str(wheel), "--sha256", "0" * 64)
    assert wrong.returncode == 1
    assert wrong.stderr.count("\n") == 1
    assert call("remove", f"{pack['name']}-{pack['version']}").returncode == 0
    assert call("list").stdout == ""
    assert call("remove", "nothing-1.0").returncode == 1


def test_a_pack_by_its_address(wheel, tmp_path):
    """The first hash seen there is noted, and another one later is refused."""
    served = tmp_path / "served"
    served.mkdir()
    (served / wheel.name).write_bytes(wheel.read_bytes())
    handler = partial(_Quiet, directory=str(served))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}/{wheel.name}"

    def call(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "desktop_llm", "--data-dir", str(tmp_path / "data"), "packs",
             *arguments],
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    try:
        first = call("install", address, "--json")
        assert first.returncode == 0, first.stderr
        pack = json.loads(first.stdout)
        assert pack["origin"] == address
        assert "No hash of what is at this address is known" in first.stderr
        identity = f"{pack['name']}-{pack['version']}"
        assert call("remove", identity).returncode == 0
        again = call("install", address, "--json")
        assert json.loads(again.stdout)["known_hash"]
        assert call("remove", identity).returncode == 0
        (served / wheel.name).write_bytes(wheel.read_bytes() + b"more")
        other = call("install", address)
        assert other.returncode == 1
        assert "hash" in other.stderr
        for wrong in (f"{address}x", "https://user:word@127.0.0.1/a.whl", f"{address[:-4]}.txt"):
            refused = call("install", wrong)
            assert (refused.returncode, refused.stdout) == (1, "")
        (tmp_path / "data" / "settings.toml").write_text("offline = true\n")
        offline = call("install", address)
        assert offline.returncode == 1
        assert "offline" in offline.stderr.lower()
        assert call("list").stdout == ""
        assert [each.name for each in (tmp_path / "data" / "cache").glob("pack-*")] == []
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_arguments):
        pass
