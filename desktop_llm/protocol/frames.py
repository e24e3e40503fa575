"""Length-prefixed frames on a pair of binary streams.

A frame is four bytes, little endian, the length of what follows, then that many bytes. A length
over `MAX_FRAME` means the other side is broken: reading stops there, before any allocation.
"""

import struct
from typing import IO

MAX_FRAME = 64 * 1024 * 1024  # bytes; a 1 MB message with its history fits many times over
_HEADER = struct.Struct("<I")


class BrokenFrameError(Exception):
    """The stream does not hold frames (garbage, or it ended within one)."""


def write_frame(stream: IO[bytes], payload: bytes) -> None:
    """Write one frame and flush. The caller serialises writers."""
    if len(payload) > MAX_FRAME:
        raise ValueError(f"frame of {len(payload)} bytes is over the limit of {MAX_FRAME}")
    stream.write(_HEADER.pack(len(payload)) + payload)
    stream.flush()


def read_frame(stream: IO[bytes]) -> bytes | None:
    """The next frame, or None at a clean end of the stream. Raises BrokenFrameError."""
    header = _read_exactly(stream, _HEADER.size)
    if not header:
        return None
    if len(header) < _HEADER.size:
        raise BrokenFrameError("the stream ended within a header")
    (length,) = _HEADER.unpack(header)
    if length > MAX_FRAME:
        raise BrokenFrameError(f"a frame of {length} bytes was announced")
    payload = _read_exactly(stream, length)
    if len(payload) < length:
        raise BrokenFrameError("the stream ended within a frame")
    return payload


def _read_exactly(stream: IO[bytes], count: int) -> bytes:
    """`count` bytes, fewer only at the end of the stream."""
    chunks: list[bytes] = []
    missing = count
    while missing:
        chunk = stream.read(missing)
        if not chunk:
            break
        chunks.append(chunk)
        missing -= len(chunk)
    return b"".join(chunks)
