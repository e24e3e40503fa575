"""States of the KV cache and their files, with a sequence that stands for llama.cpp's."""

import os
from array import array
from pathlib import Path

import pytest

from desktop_llm.core.models import StateCache
from desktop_llm.worker.kv_states import KvStates

TOKENS = list(range(100))


class FakeSequence:
    """What lies in the context, as bytes."""

    def __init__(self):
        self.content = b"x" * 1000
        self.refuses = False

    def sequence_bytes(self):
        return len(self.content)

    def save_sequence(self):
        return bytearray(self.content)

    def load_sequence(self, data):
        self.content = b"" if self.refuses else bytes(data)
        return not self.refuses


class Place:
    def __init__(self, folder):
        self.folder = folder
        self.sequence = FakeSequence()
        self.states = self.make()

    def make(self, fingerprint="f", memory=10_000, disk=100_000):
        cache = StateCache(folder=str(self.folder), memory_bytes=memory, disk_bytes=disk)
        return KvStates(self.sequence, cache, fingerprint)

    def files(self):
        return sorted(path.name for path in self.folder.iterdir())


def never():
    return False


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def test_a_state_comes_back_from_its_file(place):
    place.states.save("one", TOKENS, never)
    place.sequence.content = b"other"
    assert place.make().take("one", [*TOKENS, 7], 0) == TOKENS
    assert place.sequence.content == b"x" * 1000
    assert place.make(fingerprint="another").take("one", TOKENS, 0) is None
    assert place.make().take("one", [5, *TOKENS], 0) is None
    assert place.make().take("one", TOKENS, 100) is None, "as much lies in the context already"


def test_a_file_that_is_removed_while_it_is_written_is_gone_and_nothing_else(place, monkeypatch):
    replace = os.replace

    def removed_first(source, target):
        Path(source).unlink()
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", removed_first)
        place.states.save("one", TOKENS, never)
    assert place.files() == []
    place.states.save("two", TOKENS, never)
    assert place.files() == ["two.kv"]


def test_what_waits_ends_the_writing_and_leaves_no_part(place):
    place.states.save("one", TOKENS, lambda: True)
    assert place.files() == []
    place.states.save("one", TOKENS, never)
    assert place.files() == ["one.kv"]


def test_a_full_disk_ends_the_writing_and_not_the_reply(place, monkeypatch, caplog):
    def full(_file):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    place.states.put("one", TOKENS)
    place.states.save("two", TOKENS, never)
    assert place.files() == []
    assert place.states.take("one", TOKENS, 0) == TOKENS, "memory is as it was"
    assert "No space left" in caplog.text


def test_reading_that_takes_longer_than_half_of_computing_is_left(place):
    place.states.prompt_speed = 1e9  # tokens a second: everything is computed at once
    place.states.save("one", TOKENS, never)
    assert place.make().take("one", TOKENS, 0) is None
    slow = place.make()
    slow.prompt_speed = 1.0
    assert slow.take("one", TOKENS, 0) == TOKENS


def test_a_state_that_is_refused_leaves_an_empty_context_and_goes(place, caplog):
    place.states.save("one", TOKENS, never)
    place.sequence.refuses = True
    assert place.make().take("one", TOKENS, 0) == []
    assert place.files() == []
    assert "could not be loaded" in caplog.text


def test_the_least_recently_used_leave_memory(place):
    states = place.make(memory=2500, disk=0)
    for name in ("one", "two"):
        states.put(name, TOKENS)
    states.take("one", TOKENS, 0)
    states.put("three", TOKENS)
    assert [states.take(name, TOKENS, 0) for name in ("two", "one", "three")] == [
        None, TOKENS, TOKENS,
    ]  # fmt: skip


def test_the_head_of_a_strangers_file_is_believed_nothing(place):
    good = place.folder / "one.kv"
    place.states.save("one", TOKENS, never)
    line, _, rest = good.read_bytes().partition(b"\n")
    for head in (
        b"", b"[]", b"{}", b"null", b"\xff", b"[" * 3000, b"{" + b" " * 9000,
        line.replace(b'"tokens":100', b'"tokens":-1'),
        line.replace(b'"tokens":100', b'"tokens": 99999999999'),
        line.replace(b'"tokens":100', b'"tokens": "many"'),
        line.replace(b'"data_bytes":1000', b'"data_bytes": 1e400'),
        line.replace(b'"prompt_speed"', b'"speed"'),
    ):  # fmt: skip
        assert head != line
        good.write_bytes(head + b"\n" + rest)
        assert place.make().take("one", TOKENS, 0) is None


def test_a_part_of_another_process_is_swept(place):
    (place.folder / "one.kv.part").write_bytes(array("i", TOKENS).tobytes())
    place.make()
    assert place.files() == []
