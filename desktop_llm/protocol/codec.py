"""Values to bytes and back: msgpack, typed by core's own dataclasses.

An envelope is an array of (kind, request number, body); the kind names one dataclass of a
vocabulary: `core.engine`'s, or that of another process. The body is decoded against that
dataclass, so that a frame of the wrong shape is refused here and never reaches the program.
"""

from collections.abc import Iterable
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


_ENVELOPES = msgspec.msgpack.Decoder(_Envelope)
_ENCODER = msgspec.msgpack.Encoder()


class Codec:
    """Speaks one vocabulary: the dataclasses that may cross one kind of pipe."""

    def __init__(self, kinds: Iterable[type]) -> None:
        self._decoders: dict[str, msgspec.msgpack.Decoder[Any]] = {
            kind.__name__: msgspec.msgpack.Decoder(kind) for kind in kinds
        }

    def encode(self, number: int, value: Any) -> bytes:
        """One frame's payload. `number` ties events to their request; 0 belongs to none."""
        body = msgspec.Raw(_ENCODER.encode(value))
        return _ENCODER.encode(_Envelope(type(value).__name__, number, body))

    def decode(self, payload: bytes) -> tuple[int, Any]:
        """Number and value. Raises MalformedFrameError, also for values out of range."""
        number = 0
        try:
            envelope = _ENVELOPES.decode(payload)
            number = envelope.number
            value = self._decoders[envelope.kind].decode(envelope.body)
        except KeyError as error:
            raise MalformedFrameError(f"unknown kind {error}", number) from None
        except (msgspec.DecodeError, DesktopLlmError, RecursionError) as error:
            raise MalformedFrameError(str(error), number) from error
        return number, value


_ENGINE = Codec((*get_args(engine.Request), *get_args(engine.Event)))


def encode(number: int, value: engine.Request | engine.Event) -> bytes:
    """`Codec.encode` of the engine's vocabulary."""
    return _ENGINE.encode(number, value)


def decode(payload: bytes) -> tuple[int, engine.Request | engine.Event]:
    """`Codec.decode` of the engine's vocabulary."""
    return _ENGINE.decode(payload)


def to_json(number: int, value: Any) -> str:
    """One line for `--trace-protocol`."""
    body = asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
    return msgspec.json.encode([type(value).__name__, number, body]).decode()
