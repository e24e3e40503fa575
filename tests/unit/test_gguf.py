import io
import os
import random
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop_llm.core.downloads import RemoteFile
from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.gguf import NeedMoreError, parse_header
from desktop_llm.core.memory import estimate
from desktop_llm.core.model_facts import facts_of
from desktop_llm.core.models import LoadOptions
from desktop_llm.hub.connections import Connections
from desktop_llm.hub.gguf import read_header
from desktop_llm.hub.remote_header import read_remote_header
from desktop_llm.storage.library import find_starter
from tests.fakes.gguf_files import entry, gguf, mutated, rewrite, string
from tests.fakes.hub import Hub, HubFile, HubRepo


def test_a_sound_file_is_read(tmp_path):
    path = tmp_path / "模型.gguf"
    path.write_bytes(gguf())
    header = read_header(path)
    assert (header.architecture, header.tensors, header.parameters) == ("llama", 1, 32)


def test_the_starter_model_is_understood():
    starter = find_starter()
    assert starter is not None
    header = read_header(Path(starter.path))
    assert header.quantization == "Q4_1"
    assert header.context_length == 8192
    assert header.parameters == 134_515_008
    assert 0 <= starter.size_bytes - header.end_of_data < 4096


NESTED = struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * 10


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"hello, I am a text file", FaultCode.MODEL_NOT_GGUF),
        (b"", FaultCode.MODEL_TRUNCATED),
        (gguf()[:40], FaultCode.MODEL_TRUNCATED),
        (gguf(data=b""), FaultCode.MODEL_TRUNCATED),
        (gguf(elements=2**40), FaultCode.MODEL_TRUNCATED),
        (gguf(version=99), FaultCode.MODEL_VERSION),
        (gguf(version=1), FaultCode.MODEL_VERSION),
        (gguf(version=4), FaultCode.MODEL_VERSION),
        (gguf(version=0x0300_0000), FaultCode.MODEL_BIG_ENDIAN),
        (gguf([string("a") + struct.pack("<IIQ", 9, 8, 2_000_000)]), FaultCode.MODEL_ABSURD),
        (gguf(tensors=2**60), FaultCode.MODEL_ABSURD),
        (gguf(count=2**60), FaultCode.MODEL_ABSURD),
        (gguf([struct.pack("<Q", 2**62)]), FaultCode.MODEL_ABSURD),
        (gguf([string("a") + struct.pack("<IIQ", 9, 8, 2**50)]), FaultCode.MODEL_ABSURD),
        (gguf([string("a") + NESTED]), FaultCode.MODEL_ABSURD),
        (gguf([string("a") + struct.pack("<I", 77)]), FaultCode.MODEL_ABSURD),
        (
            gguf([string("general.alignment") + struct.pack("<II", 4, 3)]),
            FaultCode.MODEL_ABSURD,
        ),
        (gguf([entry("general.alignment", "x")]), FaultCode.MODEL_ABSURD),
    ],
)
def test_a_broken_file_is_refused_by_name_and_cause(tmp_path, data, code):
    path = tmp_path / "broken.gguf"
    path.write_bytes(data)
    with pytest.raises(EnvironmentFault) as caught:
        read_header(path)
    assert caught.value.code is code
    assert caught.value.data["path"] == str(path)


def array(kind: int, count: int, data: bytes) -> bytes:
    return struct.pack("<IQ", kind, count) + data


def test_a_bomb_of_arrays_costs_no_time(tmp_path):
    """A quarter of a million empty arrays within an array: refused after the first few."""
    inner = array(9, 250_000, array(0, 0, b"") * 250_000)
    path = tmp_path / "bomb.gguf"
    path.write_bytes(gguf([string("a") + struct.pack("<I", 9) + inner]))
    with pytest.raises(EnvironmentFault) as caught:
        read_header(path)
    assert caught.value.code is FaultCode.MODEL_ABSURD


def test_long_arrays_are_skipped_and_counted(tmp_path):
    texts = b"".join(string("字" * (at % 50)) for at in range(60_000))
    path = tmp_path / "long.gguf"
    path.write_bytes(
        gguf(
            [
                string("texts") + struct.pack("<I", 9) + array(8, 60_000, texts),
                string("numbers") + struct.pack("<I", 9) + array(4, 70_000, bytes(280_000)),
                entry("general.architecture", "llama"),
            ]
        )
    )
    header = read_header(path)
    assert header.lengths == {"texts": 60_000, "numbers": 70_000}
    assert header.architecture == "llama"
    assert header.metadata["texts"][49] == "字" * 49
    for size in (0, 7, 100, 3_000_000):  # cut within the strings and between them
        with pytest.raises(NeedMoreError):
            parse_header(io.BytesIO(path.read_bytes()[: 60 + size]), "cut")


def test_only_regular_files_are_opened(tmp_path):
    pipe = tmp_path / "pipe.gguf"
    os.mkfifo(pipe)
    for path in (pipe, tmp_path):
        with pytest.raises(EnvironmentFault) as caught:
            read_header(path)
        assert caught.value.code is FaultCode.MODEL_NOT_GGUF


@given(st.binary(max_size=300))
def test_any_bytes_after_the_magic_end_in_a_fault_or_a_header(data):
    try:
        parse_header(io.BytesIO(b"GGUF\x03\0\0\0" + data), "x")
    except (EnvironmentFault, NeedMoreError):
        return


def test_a_rewritten_file_is_sound(tmp_path):
    starter = find_starter()
    assert starter is not None
    key = "tokenizer.chat_template"
    made = rewrite(Path(starter.path), tmp_path / "made.gguf", {key: entry(key, "{{ 1 }}")})
    before, after = read_header(Path(starter.path)), read_header(made)
    assert after.text(key) == "{{ 1 }}"
    assert after.lengths == before.lengths
    assert made.stat().st_size - after.end_of_data == starter.size_bytes - before.end_of_data
    removed = rewrite(Path(starter.path), made, {key: None})
    assert key not in read_header(removed).metadata


def realistic():
    """As of a real model: names, numbers, a vocabulary with its scores, types and merges."""
    count = 3000
    numbers = array(5, count, bytes(4 * count))
    words = b"".join(string(f"word{at}") for at in range(count))
    return gguf(
        [
            entry("general.architecture", "llama"),
            entry("general.name", "A model"),
            entry("tokenizer.chat_template", "{% for m in messages %}{{ m }}{% endfor %}"),
            string("tokenizer.ggml.tokens") + struct.pack("<I", 9) + array(8, count, words),
            string("tokenizer.ggml.scores") + struct.pack("<I", 9) + numbers,
            string("tokenizer.ggml.token_type") + struct.pack("<I", 9) + numbers,
        ]
    )


@pytest.mark.parametrize("seed", range(4))
def test_mutated_headers_end_in_a_fault_or_a_header(seed):
    chance, whole = random.Random(seed), realistic()
    for _ in range(250):
        data = mutated(whole, chance)
        try:
            header = parse_header(io.BytesIO(data), "x")
        except (EnvironmentFault, NeedMoreError):
            continue
        facts_of(header)
        estimate(header, LoadOptions())


def test_a_text_without_end_is_not_kept(tmp_path):
    path = tmp_path / "long.gguf"
    path.write_bytes(gguf([entry("a", "x" * 3_000_000), entry("general.architecture", "llama")]))
    header = read_header(path)
    assert (header.text("a"), header.architecture) == ("", "llama")


# --- over HTTP ------------------------------------------------------------------------------------


@pytest.fixture
def hub(tmp_path):
    path = tmp_path / "m.gguf"
    path.write_bytes(realistic() + bytes(2_000_000))
    with Hub(HubRepo("o/r", {"m.gguf": HubFile(path)})) as hub:
        yield hub


def remote(hub, **more):
    one = RemoteFile(url=hub.address("o/r", "m.gguf"), name="m.gguf", **more)
    connections = Connections()
    try:
        return read_remote_header(connections, one)
    finally:
        connections.close()


@pytest.mark.parametrize("first", [100, 5000, 512 * 1024])
@pytest.mark.parametrize("ranges", [True, False])
def test_a_header_is_read_from_the_first_bytes(hub, monkeypatch, first, ranges):
    monkeypatch.setattr("desktop_llm.hub.remote_header.FIRST", first)
    hub.ranges = ranges
    header = remote(hub)
    assert header.architecture == "llama"
    assert header.lengths["tokenizer.ggml.tokens"] == 3000
    if ranges:
        assert hub.sent < 1_200_000


def test_what_is_no_model_is_known_before_it_is_downloaded(hub, tmp_path):
    for data, code in (
        (b"GGU", FaultCode.MODEL_TRUNCATED), (b"<html>" * 9, FaultCode.MODEL_NOT_GGUF),
        (realistic()[:5000], FaultCode.MODEL_TRUNCATED), (b"", FaultCode.MODEL_TRUNCATED),
    ):  # fmt: skip
        path = tmp_path / "other"
        path.write_bytes(data)
        hub.repos["o/r"].files["m.gguf"] = HubFile(path)
        with pytest.raises(EnvironmentFault) as caught:
            remote(hub)
        assert caught.value.code is code


def test_a_file_shorter_than_its_header_says_is_known(hub):
    with pytest.raises(EnvironmentFault) as caught:
        remote(hub, size=100)
    assert caught.value.code is FaultCode.MODEL_TRUNCATED


def test_a_gated_model_is_said(hub):
    hub.repos["o/r"].gated = True
    with pytest.raises(EnvironmentFault) as caught:
        remote(hub)
    assert caught.value.code is FaultCode.HUB_GATED
