"""Values to bytes and back: msgpack, typed by core's own dataclasses.

An envelope is an array of (kind, request number, body); the kind names one dataclass of
`core.engine`. The body is decoded against that dataclass, so that a frame of the wrong shape is
refused here and never reaches the program.
"""

from dataclasses import asdict, is_dataclass
from typing import Any, get_args

import msgspec

from desktop_llm.core import engine
from desktop_llm.core.errors import DesktopLlmError

PROTOCOL_VERSION = 8


class _Envelope(msgspec.Struct, array_like=True):
    kind: str
    number: int
    body: msgspec.Raw


class MalformedFrameError(Exception):
    """A frame that does not hold a known value of the right shape.

    `number`: the request it speaks of, where at least that could be read.
    """

    def __init__(self, reason: str, number: int = 0) -> None:
        super().__init__(reason)
        self.number = number


_KINDS: dict[str, type] = {
    kind.__name__: kind for kind in (*get_args(engine.Request), *get_args(engine.Event))
}
_DECODERS: dict[str, msgspec.msgpack.Decoder[Any]] = {
    name: msgspec.msgpack.Decoder(kind) for name, kind in _KINDS.items()
}
_ENVELOPES = msgspec.msgpack.Decoder(_Envelope)
_ENCODER = msgspec.msgpack.Encoder()


def encode(number: int, value: engine.Request | engine.Event) -> bytes:
    """One frame's payload. `number` ties events to their request; 0 belongs to none."""
    body = msgspec.Raw(_ENCODER.encode(value))
    return _ENCODER.encode(_Envelope(type(value).__name__, number, body))


def decode(payload: bytes) -> tuple[int, engine.Request | engine.Event]:
    """Number and value of one frame. Raises MalformedFrameError, also for values out of range."""
    number = 0
    try:
        envelope = _ENVELOPES.decode(payload)
        number = envelope.number
        decoder = _DECODERS[envelope.kind]
        value: engine.Request | engine.Event = decoder.decode(envelope.body)
    except KeyError as error:
        raise MalformedFrameError(f"unknown kind {error}", number) from None
    except (msgspec.DecodeError, DesktopLlmError, RecursionError) as error:
        raise MalformedFrameError(str(error), number) from error
    return number, value


def to_json(number: int, value: engine.Request | engine.Event) -> str:
    """One line for `--trace-protocol`."""
    body = asdict(value) if is_dataclass(value) else value
    return msgspec.json.encode([type(value).__name__, number, body]).decode()
