import io
import os
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.gguf import NeedMoreError, parse_header
from desktop_llm.hub.gguf import read_header
from desktop_llm.storage.library import find_starter
from tests.fakes.gguf_files import entry, gguf, rewrite, string


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
