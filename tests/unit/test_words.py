"""Every fault has words, in both languages."""

import os
import subprocess
import sys

import pytest

from desktop_llm.core.errors import EnvironmentFault, FaultCode, fault_from
from desktop_llm.core.settings import Language
from desktop_llm.words import counted, current_language, use_language
from desktop_llm.words.faults import brief_fault, word_fault

VALUES = {
    "value": "v", "place": "/a", "tool": "x", "known": "a, b", "length": 11,
    "path": "/a/b", "reason": "why", "detail": "what", "tokens": 9, "context": 8, "name": "seed",
    "low": 1, "high": 2, "restarts": 3, "most": 500, "columns": 3000, "size_bytes": 70_000_000,
    "most_bytes": 64_000_000, "found": 1, "wanted": 2, "free": 1, "needed": 2, "number": "5",
    "host": "hub.example", "status": 503, "names": "Q4_0", "label": "good", "language": "xx",
    "package": "library",
}  # fmt: skip


@pytest.fixture(autouse=True)
def back_to_english():
    yield
    use_language(Language.ENGLISH)


@pytest.mark.parametrize("language", [Language.ENGLISH, Language.CHINESE])
@pytest.mark.parametrize("code", list(FaultCode))
def test_every_fault_is_worded(code, language):
    use_language(language)
    words = word_fault(fault_from(code.value, VALUES))
    assert words.what
    assert words.next_step
    assert "{" not in str(words)
    assert "…" not in str(words)
    assert any("\u4e00" <= letter <= "\u9fff" for letter in str(words)) == (
        language is Language.CHINESE
    )


def test_too_little_memory_is_said_in_numbers():
    data = {"path": "/a", "context": 8192, "needed_bytes": 9_600_000_000, "free_bytes": 812_000_000}
    words = word_fault(EnvironmentFault(FaultCode.MODEL_TOO_LARGE, fits=2048, **data))
    assert "needs 9.6 GB of memory with a context of 8192 tokens, and 812 MB are" in words.what
    assert "2048 tokens or fewer" in words.next_step
    words = word_fault(EnvironmentFault(FaultCode.MODEL_TOO_LARGE, fits=0, **data))
    assert "tokens" not in words.next_step


def test_a_missing_value_does_not_hide_the_fault():
    words = word_fault(EnvironmentFault(FaultCode.DISK_FULL))
    assert words.what == "The disk that holds “…” is full."


def test_the_systems_language_is_taken(monkeypatch):
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    assert use_language(Language.SYSTEM) is Language.CHINESE
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    assert use_language(Language.SYSTEM) is Language.ENGLISH
    assert current_language() is Language.ENGLISH


def test_numbers_have_thousands():
    assert counted("{number} message", "{number} messages", 1) == "1 message"
    assert counted("{number} message", "{number} messages", 1234) == "1,234 messages"


@pytest.mark.parametrize(
    ("locale", "words"), [("C.UTF-8", "There is no model"), ("zh_CN.UTF-8", "没有模型")]
)
def test_the_command_line_speaks_it(tmp_path, locale, words):
    command = [sys.executable, "-m", "desktop_llm", "--data-dir", str(tmp_path)]
    done = subprocess.run(
        [*command, "ask", "--model", "/nowhere/x.gguf", "hi"],
        capture_output=True, text=True, encoding="utf-8", check=False,
        env={**os.environ, "LC_ALL": locale, "PYTHONUTF8": "1"},
    )  # fmt: skip
    assert done.returncode == 1
    assert words in done.stderr
    assert "/nowhere/x.gguf" in done.stderr


def test_what_is_known_by_its_kind_alone_has_no_gaps():
    assert brief_fault(FaultCode.WORKER_KILLED) == "The engine was ended from outside"
    assert brief_fault(FaultCode.DISK_FULL) == "The disk that holds “…” is full"
    use_language(Language.CHINESE)
    assert "（" not in brief_fault(FaultCode.WORKER_KILLED)
