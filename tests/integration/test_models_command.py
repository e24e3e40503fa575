"""The command line of models, and checks as real jobs."""

import json
import os
import struct
import subprocess
import sys

import pytest

from desktop_llm.core.catalogue import Fit
from desktop_llm.services.catalogue import catalogue
from desktop_llm.services.jobs import runner_lock
from desktop_llm.storage.paths import Folders
from tests.fakes.gguf_files import entry, gguf, number
from tests.fakes.hub import COMMIT, Hub, HubFile, HubRepo
from tests.integration.helpers import wait_until

MODEL = gguf([entry("general.architecture", "llama"), entry("general.license", "mit")])


@pytest.fixture
def folders(tmp_path):
    made = Folders(tmp_path / "data", tmp_path / "data" / "cache", fixed=True)
    made.models.mkdir(parents=True)
    (made.models / "mine.gguf").write_bytes(MODEL)
    yield made
    wait_until(lambda: runner_lock(made).is_free())


@pytest.fixture
def command(folders, tmp_path):
    def run(*arguments, answer="", **environment):
        return subprocess.run(
            [sys.executable, "-P", "-m", "desktop_llm", "--data-dir", folders.data, "models",
             *arguments],
            capture_output=True, text=True, timeout=60, input=answer,
            env={**os.environ, "LC_ALL": "C.UTF-8", "HOME": str(tmp_path), **environment},
        )  # fmt: skip

    return run


def test_list_and_show(command, folders):
    (folders.models / "bad.gguf").write_text("no model")
    models = {model["name"]: model for model in json.loads(command("list", "--json").stdout)}
    assert models["mine"]["licence"] == "mit"
    assert models["mine"]["fault"] is None
    assert models["bad"]["fault"]["code"] == "model-not-gguf"
    lines = command("list").stdout.splitlines()
    assert any(line.startswith("mine\t") and "writes text" in line for line in lines)
    shown = command("show", "mine")
    assert "Licence\tmit" in shown.stdout
    missing = command("show", "nothing")
    assert (missing.returncode, missing.stdout) == (1, "")


def test_verify_remembers_and_notices(command, folders):
    first = command("verify", "mine")
    assert first.returncode == 0, first.stderr
    assert "No hash was known" in first.stderr
    again = json.loads(command("verify", "mine", "--json").stdout)
    assert again["files"][0]["compared"]
    path = folders.models / "mine.gguf"
    state = path.stat()
    path.write_bytes(MODEL[:-1] + b"\1")  # a bit that the disk has lost
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    changed = command("verify", "mine")
    assert changed.returncode == 1
    assert "is not the file it was" in changed.stderr


def test_import_and_remove(command, tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    (own / "theirs.gguf").write_bytes(MODEL)
    assert "1 model is used" in command("import", str(own / "theirs.gguf")).stdout
    assert "theirs" in command("list").stdout
    gone = command("remove", "theirs")
    assert "its file stays" in gone.stdout
    assert (own / "theirs.gguf").exists()
    empty = tmp_path / "empty"
    empty.mkdir()
    refused = command("import", str(empty))
    assert refused.returncode == 1
    assert "no model that can be used" in refused.stderr
    assert command("import").stdout == ""


def test_remove_asks_first(command, folders):
    assert command("remove", "mine", answer="n\n").returncode == 1
    assert command("remove", "mine").returncode == 1
    assert (folders.models / "mine.gguf").exists()
    done = command("remove", "mine", answer="y\n")
    assert "Delete “mine” and free" in done.stderr
    assert "is deleted" in done.stdout
    assert not (folders.models / "mine.gguf").exists()
    (folders.models / "bad.gguf").write_text("no model")
    assert command("remove", "bad", "--yes", "--json").returncode == 0
    assert not (folders.models / "bad.gguf").exists()


@pytest.fixture
def hub(tmp_path):
    place = tmp_path / "hub"
    place.mkdir()
    files = {}
    for name in ("m-Q4_K_M.gguf", "m-Q8_0-00001-of-00002.gguf", "m-Q8_0-00002-of-00002.gguf"):
        entries = [entry("general.architecture", "llama")]
        if "of" in name:
            entries.append(number("split.count", 2))
        (place / name).write_bytes(gguf(entries))
        files[name] = HubFile(place / name)
    (place / "config.json").write_text(json.dumps({"model_type": "bert"}))
    (place / "tokenizer.json").write_text("{}")
    header = json.dumps({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    (place / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(8))
    (place / "pytorch_model.bin").write_bytes(b"\x80\x04")
    encoder = {
        path.name: HubFile(path, lfs=path.suffix != ".json")
        for path in place.iterdir()
        if path.suffix != ".gguf"
    }
    repos = (
        HubRepo("owner/model-GGUF", files, tags=("gguf", "license:mit", "en")),
        HubRepo("owner/encoder", encoder, tags=("bert",)),
        HubRepo("owner/gated", files, gated=True),
    )
    with Hub(*repos) as hub:
        yield hub


def test_search_names_what_there_is(command, hub):
    found = json.loads(command("search", "model", "--json", HF_ENDPOINT=hub.url).stdout)
    assert [one["repo"] for one in found] == ["owner/model-GGUF"]
    lines = command("search", "owner/model-GGUF", HF_ENDPOINT=hub.url).stdout.splitlines()
    assert {line.split("\t")[0] for line in lines} == {
        "owner/model-GGUF:Q4_K_M", "owner/model-GGUF:Q8_0",
    }  # fmt: skip
    hub.close()
    refused = command("search", "model", HF_ENDPOINT=hub.url)
    assert refused.returncode == 1
    assert "cannot be reached" in refused.stderr


def test_a_repository_is_pulled_by_name(command, hub, folders):
    pulled = command("pull", "owner/model-GGUF", "--json", HF_ENDPOINT=hub.url)
    assert pulled.returncode == 0, pulled.stderr
    place = folders.models / "owner" / "model-GGUF"
    assert (place / "m-Q4_K_M.gguf").exists()
    (model,) = [one for one in json.loads(command("list", "--json").stdout) if one["repo"]]
    assert (model["repo"], model["revision"]) == ("owner/model-GGUF", COMMIT)
    assert model["licence"] == "mit"
    assert model["source"] == "downloaded"
    assert command("pull", "owner/model-GGUF:q8_0", HF_ENDPOINT=hub.url).returncode == 0
    split = next(one for one in json.loads(command("list", "--json").stdout) if one["files"])
    assert split["fault"] is None
    assert json.loads(command("verify", split["name"], "--json").stdout)["files"][0]["compared"]
    wrong = command("pull", "owner/model-GGUF:Q2_K", HF_ENDPOINT=hub.url)
    assert wrong.returncode == 1
    assert "It has: Q4_K_M, Q8_0." in wrong.stderr


def test_an_encoder_is_pulled_without_its_pickle(command, hub, folders):
    assert command("pull", "owner/encoder", HF_ENDPOINT=hub.url).returncode == 0
    place = folders.models / "owner" / "encoder"
    assert (place / "model.safetensors").exists()
    assert not (place / "pytorch_model.bin").exists()
    models = json.loads(command("list", "--json").stdout)
    assert [one["kind"] for one in models if one["name"] == "encoder"] == ["encoder"]


def test_a_gated_model_wants_a_token_and_takes_it(command, hub, folders):
    refused = command("pull", "owner/gated", HF_ENDPOINT=hub.url)
    assert refused.returncode == 1
    assert "accept their licence" in refused.stderr
    wait_until(lambda: runner_lock(folders).is_free())  # a token is of a session: the next has it
    given = command("pull", "owner/gated", HF_ENDPOINT=hub.url, HF_TOKEN=hub.token)
    assert given.returncode == 0, given.stderr
    everything = b"".join(path.read_bytes() for path in folders.data.rglob("*") if path.is_file())
    assert hub.token.encode() not in everything


def test_the_catalogue_needs_no_network(command):
    done = command("search", "--known", "--json", HF_ENDPOINT="http://127.0.0.1:9")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert len(rows) == len(catalogue())
    assert [bool(row["reason"]) for row in rows[:3]] == [True, True, True]
    assert {row["fit"] for row in rows} <= {fit.value for fit in Fit}
    told = command("search", "--known", "qwen3", "8b")
    assert told.stdout.count("\n") == 1
    assert "Qwen/Qwen3-8B-GGUF" in told.stdout


def test_what_a_repository_offers_is_told_with_its_fit(command, hub):
    (row, *_others) = json.loads(
        command("search", "owner/model-GGUF", "--json", HF_ENDPOINT=hub.url).stdout
    )
    assert row["memory"] > 0
    assert row["fit"] in ("well", "tight", "too-large")


def test_a_search_takes_filters(command, hub):
    none = command("search", "--language", "xx", "--json", HF_ENDPOINT=hub.url)
    assert json.loads(none.stdout) == []


def test_offline_nothing_is_asked(command, hub, folders):
    folders.settings_file.write_text("offline = true\n")
    done = command("search", "model", HF_ENDPOINT=hub.url)
    assert done.returncode == 1
    assert "offline switch" in done.stderr
    assert hub.asked == []
    assert command("list").returncode == 0


def test_a_newer_version_is_told(command, hub):
    pulled = command("pull", "owner/model-GGUF", HF_ENDPOINT=hub.url)
    assert pulled.returncode == 0, pulled.stderr
    path = pulled.stdout.split("\t")[0].strip()
    shown = json.loads(command("show", path, "--newer", "--json", HF_ENDPOINT=hub.url).stdout)
    assert shown["newer"] is None
