"""The program as scripts see it."""

import json
import subprocess
import sys

import pytest

from tests.fakes.gguf_files import gguf


def run(*arguments: str, data, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "desktop_llm", "--data-dir", str(data), *arguments]
    return subprocess.run(
        command, input=stdin, capture_output=True, text=True, timeout=120, check=False
    )


def test_ask_gives_the_same_json_for_the_same_seed(tmp_path):
    arguments = ("ask", "Say hi", "--max-tokens", "8", "--seed", "1", "--json")
    first, second = (run(*arguments, data=tmp_path) for _ in range(2))
    assert first.returncode == 0, first.stderr
    answer = json.loads(first.stdout)
    assert answer["finish_reason"] == "length"
    assert answer["completion_tokens"] == 8
    assert json.loads(second.stdout)["text"] == answer["text"]


def test_ask_reads_stdin(tmp_path):
    result = run("ask", "--max-tokens", "4", data=tmp_path, stdin="Hello")
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("ask",), 1),
        (("ask", "hi", "--model", "missing"), 1),
        (("ask", "hi", "--temperature", "nan"), 1),
        (("ask", "hi", "--file", "/nonexistent"), 1),
        (("ask", "hi", "--max-tokens", "many"), 2),
        (("unheard-of",), 2),
    ],
)
def test_faults_are_one_line_and_an_exit_code(tmp_path, arguments, code):
    result = run(*arguments, data=tmp_path)
    assert result.returncode == code
    assert result.stdout == ""
    assert "Traceback" not in result.stderr


def test_a_document_is_asked_about(tmp_path):
    page = tmp_path / "page.html"
    page.write_text("<h1>Zanzibar</h1><script>never</script>")
    result = run("ask", "Which place?", "--file", str(page), "--max-tokens", "4", data=tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip()
    picture = tmp_path / "p.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n")
    refused = run("ask", "What?", "--file", str(picture), data=tmp_path)
    assert refused.returncode == 1
    assert "p.png" in refused.stderr


def test_models_and_doctor(tmp_path):
    models = json.loads(run("models", "list", "--json", data=tmp_path).stdout)
    assert models[0]["source"] == "starter"
    report = json.loads(run("doctor", "--json", data=tmp_path).stdout)
    assert report["worker"]
    assert report["data_folder"] == str(tmp_path)


def test_doctor_saves_what_it_finds(tmp_path):
    file = tmp_path / "诊断.txt"
    result = run("doctor", "--save", str(file), data=tmp_path / "data")
    assert result.returncode == 0, result.stderr
    assert "诊断.txt" in result.stderr
    saved = file.read_text(encoding="utf-8")
    assert saved.startswith("desktop-llm diagnostics")
    assert "answered after" in saved
    assert "llama-cpp-python 0." in saved
    assert "== End of engine.log ==" in saved
    assert "== Engine ==" in result.stdout
    assert "engine.log" not in result.stdout
    assert not (tmp_path / "data").exists()


def test_doctor_names_the_file_it_cannot_save(tmp_path):
    result = run("doctor", "--save", str(tmp_path / "no" / "x.txt"), data=tmp_path)
    assert result.returncode == 1
    assert "x.txt" in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("data", [b"no model", gguf(tensors=2**60), gguf()[:30]])
def test_a_broken_model_file_is_named(tmp_path, data):
    path = tmp_path / "坏的.gguf"
    path.write_bytes(data)
    result = run("ask", "hi", "--model", str(path), data=tmp_path)
    assert result.returncode == 1
    assert path.name in result.stderr
