"""The command line of models, and checks as real jobs."""

import json
import os
import subprocess
import sys

import pytest

from desktop_llm.services.jobs import runner_lock
from desktop_llm.storage.paths import Folders
from tests.fakes.gguf_files import entry, gguf
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
    def run(*arguments, answer=""):
        return subprocess.run(
            [sys.executable, "-P", "-m", "desktop_llm", "--data-dir", folders.data, "models",
             *arguments],
            capture_output=True, text=True, timeout=60, input=answer,
            env={**os.environ, "LC_ALL": "C.UTF-8", "HOME": str(tmp_path)},
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
