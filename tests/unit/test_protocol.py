import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop_llm.core.engine import CountTokens, Failed, Generate, TextDelta
from desktop_llm.core.generation import GenerationRequest
from desktop_llm.core.messages import Message, Role
from desktop_llm.protocol.codec import MalformedFrameError, decode, encode
from desktop_llm.protocol.frames import MAX_FRAME, BrokenFrameError, read_frame, write_frame

VALUES = [
    Generate(GenerationRequest(messages=(Message(Role.USER, "天空\u2028<|im_end|>"),))),
    CountTokens((Message(Role.SYSTEM, ""),)),
    TextDelta("é", 1),
    Failed("no-model", {"path": "/a", "size": 3, "share": 0.5}),
]


@pytest.mark.parametrize("value", VALUES)
def test_a_value_survives_the_pipe(value):
    stream = io.BytesIO()
    write_frame(stream, encode(7, value))
    stream.seek(0)
    payload = read_frame(stream)
    assert payload is not None
    assert decode(payload) == (7, value)
    assert read_frame(stream) is None


@given(st.binary(max_size=400))
def test_garbage_is_refused_and_never_raises_anything_else(data):
    try:
        payload = read_frame(io.BytesIO(data))
    except BrokenFrameError:
        return
    if payload is None:
        return
    with pytest.raises(MalformedFrameError):
        decode(payload)


def test_an_announced_length_over_the_limit_is_refused_before_reading():
    stream = io.BytesIO(struct.pack("<I", MAX_FRAME + 1))
    with pytest.raises(BrokenFrameError):
        read_frame(stream)


def test_a_parameter_out_of_range_is_refused_at_the_pipe():
    payload = encode(1, VALUES[0])
    marker = b"\xabtemperature\xcb"
    at = payload.index(marker) + len(marker)
    broken = payload[:at] + struct.pack(">d", float("nan")) + payload[at + 8 :]
    with pytest.raises(MalformedFrameError):
        decode(broken)
