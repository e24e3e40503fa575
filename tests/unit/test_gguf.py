import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.hub.gguf import NeedMoreError, parse_header, read_header
from desktop_llm.storage.library import find_starter
from tests.fakes.gguf_files import entry, gguf, string


def test_a_sound_file_is_read(tmp_path):
    path = tmp_path / "模型.gguf"
    path.write_bytes(gguf())
    header = read_header(path)
    assert (header.architecture, header.tensors, header.parameters) == ("llama", 1, 32)


def test_the_starter_model_is_understood():
    starter = find_starter()
    assert starter is not None
    from pathlib import Path

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


@given(st.binary(max_size=300))
def test_any_bytes_after_the_magic_end_in_a_fault_or_a_header(data):
    try:
        parse_header(io.BytesIO(b"GGUF\x03\0\0\0" + data), "x")
    except (EnvironmentFault, NeedMoreError):
        return
