"""A model's template: tried out when it comes, replaced by another, or by that of its family."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from desktop_llm.core.messages import Message, Role
from desktop_llm.core.models import LoadOptions
from desktop_llm.core.templates import GEMMA
from desktop_llm.services.model_library import ModelLibrary
from desktop_llm.services.templates import Templates, needs_check
from desktop_llm.storage.library import Library
from desktop_llm.storage.paths import Folders
from tests.fakes.gguf_files import entry, gguf
from tests.integration.helpers import ask, reply

QUESTION = (Message(Role.USER, "Hello"),)


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    made = Folders(tmp_path / "data", tmp_path / "cache")
    made.ensure()
    return made


def put(path: Path, template: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    architecture = entry("general.architecture", "llama")
    path.write_bytes(gguf([architecture, entry("tokenizer.chat_template", template)]))
    return path


def test_another_template_takes_the_place_of_the_files(watched, starter):
    client = watched.client
    client.load(starter, LoadOptions(template=GEMMA.jinja(), context_length=512)).result(60)
    shown = client.render_prompt(QUESTION).result(30)
    assert "".join(piece.text for piece in shown.pieces).startswith("<bos><start_of_turn>user")
    assert shown.template_fault == ""
    text, _ = reply(client, ask("Hello", max_tokens=4))
    assert text
    model = client.model
    client.load(starter, LoadOptions(context_length=512)).result(60)
    assert client.model.template_sha256 != model.template_sha256


def test_a_broken_template_gives_way_to_that_of_the_family(watched, starter):
    client = watched.client
    broken = LoadOptions(template="{{ raise_exception('no') }}", context_length=512)
    client.load(starter, broken).result(60)
    shown = client.render_prompt(QUESTION).result(30)
    assert "no" in shown.template_fault
    assert "".join(piece.text for piece in shown.pieces) == (
        "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n"
    )


def test_templates_are_tried_out_once(watched, folders):
    good = put(folders.models / "good.gguf", "{% for m in messages %}{{ m.content }}{% endfor %}")
    bad = put(folders.models / "bad.gguf", "{{ nothing.at.all }}")
    put(folders.models / "loops.gguf", "{% for i in range(10**9) %}{{ i }}{% endfor %}")
    library = ModelLibrary(Library(folders))
    templates = Templates(library, watched.client)
    models = {model.name: model for model, _fault in library.all()}
    assert needs_check(models["good"])
    assert templates.own(models["bad"]) == "{{ nothing.at.all }}"
    assert templates.check_new() >= 3
    found = {model.path: model for model, _fault in library.all()}
    assert found[str(good)].template_checked
    assert found[str(good)].template_fault == ""
    assert "nothing" in found[str(bad)].template_fault
    assert templates.check_new() == 0
    put(bad, "{% for m in messages %}{{ m.content }}, mended{% endfor %}")
    assert templates.check_new() == 1
    assert library.find("bad").template_fault == ""


def test_an_import_says_that_a_template_is_of_no_use(tmp_path):
    path = put(tmp_path / "mine" / "odd.gguf", "{{ nothing.at.all }}")
    command = [sys.executable, "-P", "-m", "desktop_llm", "--data-dir", str(tmp_path / "data")]
    done = subprocess.run(
        [*command, "models", "import", str(path), "--json"],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout) == {str(path): 1}
    assert "odd" in done.stderr
    assert "general one" in done.stderr
