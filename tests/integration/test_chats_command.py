"""`chats …` as a person or a script runs it."""

import json
import re

import pypdf
import pytest

from desktop_llm.core.exchange import FORMAT
from tests.integration.test_command_line import run

CHAT = {
    "title": "Sky",
    "created": 1700000000.0,
    "messages": [
        {"role": "user", "text": "Why is the sky blue?"},
        {"role": "assistant", "parent": 1, "text": "Blue light scatters.", "model": "m"},
    ],
}


@pytest.fixture
def data(tmp_path):
    path = tmp_path / "given.json"
    path.write_text(json.dumps({"format": FORMAT, "version": 1, "conversations": [CHAT, {}]}))
    done = run("chats", "import", str(path), "--json", data=tmp_path)
    assert done.returncode == 0, done.stderr
    (report,) = json.loads(done.stdout)
    assert report["messages"] == 2
    assert report["problems"][0]["kind"] == "not-a-conversation"
    assert "conversation 2: is no conversation" in done.stderr
    return tmp_path


def number(data):
    (listed,) = json.loads(run("chats", "list", "--json", data=data).stdout)
    assert listed["title"] == "Sky"
    return str(listed["id"])


def test_conversations_are_listed_shown_and_found(data):
    chat = number(data)
    assert run("chats", "list", data=data).stdout.split("\t")[2] == "Sky\n"
    shown = run("chats", "show", chat, data=data).stdout
    assert shown.startswith("# Sky\n")
    assert re.search(r"## m\n\n\*\d{4}-.+\*\n\nBlue light scatters\.", shown)
    values = json.loads(run("chats", "show", chat, "--json", data=data).stdout)
    assert [message["text"] for message in values["messages"]][1] == "Blue light scatters."
    found = json.loads(run("chats", "search", "scatters", "--json", data=data).stdout)
    assert [hit["conversation"] for hit in found] == [int(chat)]
    assert chat in run("chats", "search", "scatters", data=data).stdout
    assert run("chats", "search", '" OR *', data=data).returncode == 0


@pytest.mark.parametrize("form", ["json", "md", "html", "pdf"])
def test_all_are_exported_in_every_form(data, form):
    out = data / f"out.{form}"
    done = run("chats", "export", "--all", "--format", form, "--out", str(out), data=data)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    if form == "pdf":
        assert "scatters" in pypdf.PdfReader(out).pages[0].extract_text()
    else:
        assert "Blue light scatters." in out.read_text(encoding="utf-8")


def test_one_is_exported_to_standard_output_and_comes_back(data):
    chat = number(data)
    text = run("chats", "export", chat, "--out", "-", data=data).stdout
    path = data / "again.json"
    path.write_text(text)
    other = data / "other"
    assert run("chats", "import", str(path), data=other).returncode == 0
    again = run("chats", "export", "--all", "--out", "-", data=other).stdout
    before, after = json.loads(text), json.loads(again)
    assert before.pop("exported")
    assert after.pop("exported")
    assert before == after


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("show", "999"), 1),
        (("show", "9" * 30), 1),
        (("show", "9" * 30, "--json"), 1),
        (("export", "999", "--out", "-"), 1),
        (("export", "--out", "-"), 2),
        (("export", "1", "--all", "--out", "-"), 2),
        (("export", "--all", "--format", "pdf", "--out", "-"), 2),
        (("import", "/nonexistent"), 1),
        (("list", "extra"), 2),
        ((), 2),
    ],
)
def test_what_cannot_be_done_is_said(tmp_path, arguments, code):
    done = run("chats", *arguments, data=tmp_path)
    assert done.returncode == code
    assert done.stdout == ""
    assert done.stderr
    assert "Traceback" not in done.stderr


def test_a_title_does_not_command_the_terminal(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps([{**CHAT, "title": "\x1b]0;x\x07red\x9b", "draft": 5}]))
    done = run("chats", "import", str(path), data=tmp_path)
    outputs = [done.stderr, *(run("chats", *arguments, data=tmp_path).stdout for arguments in (
        ("list",), ("search", "red"),
    ))]  # fmt: skip
    for output in outputs:
        assert "red" in output
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", output)


def test_one_file_that_is_refused_keeps_no_other_out(tmp_path):
    sound, broken = tmp_path / "a.json", tmp_path / "b.json"
    sound.write_text(json.dumps([CHAT]))
    broken.write_text("nothing")
    done = run("chats", "import", str(broken), str(sound), data=tmp_path)
    assert done.returncode == 1
    assert "b.json" in done.stderr
    assert "1 conversation is imported" in done.stdout
