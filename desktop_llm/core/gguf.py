"""A reader of GGUF headers: pure Python, capped, for files nobody vouches for.

Source: the GGUF specification, https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
(versions 2 and 3, little endian). Every length is checked against what is left before it is
believed, so that a header of absurd counts costs neither memory nor time.

It reads a stream that somebody else opened: a file's (`desktop_llm.hub.gguf`, and the worker just
before llama.cpp gets the file), or a first piece fetched over HTTP.
"""

import io
import struct
from dataclasses import dataclass, field
from math import isfinite, prod
from typing import BinaryIO

from desktop_llm.core.errors import EnvironmentFault, FaultCode

MAX_HEADER = 128 * 1024 * 1024  # bytes; vocabularies of 260,000 tokens take about 12 MB
MAX_ENTRIES = 65_536  # metadata entries
MAX_TENSORS = 65_536
MAX_STRING = 16 * 1024 * 1024  # bytes
MAX_ARRAY = 4_000_000  # elements
MAX_STRINGS = 1_000_000  # in arrays, over all; the largest vocabularies have 262,144
KEPT_STRING = 1024 * 1024  # bytes of a text that are kept; a longer one is skipped over
MAX_DEPTH = 4  # arrays of arrays
MAX_SLOW = 200_000  # arrays within arrays, over all
MAX_DIMENSIONS = 8
KEPT_ARRAY = 64  # elements of an array that are kept; the rest is skipped over
PIECE = 1024 * 1024  # bytes read at a time

Value = str | int | float | bool | list["Value"]

_SCALARS = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}
_STRING, _ARRAY = 8, 9
_OTHER_ENDED = (0x0100_0000, 0x0200_0000, 0x0300_0000)  # versions as the other byte order has them

# ggml type: name, elements a block, bytes a block.
TENSOR_TYPES: dict[int, tuple[str, int, int]] = {
    0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22), 7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34), 9: ("Q8_1", 32, 36),
    10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110), 12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210), 15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66), 17: ("IQ2_XS", 256, 74), 18: ("IQ3_XXS", 256, 98),
    19: ("IQ1_S", 256, 50), 20: ("IQ4_NL", 32, 18), 21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82), 23: ("IQ4_XS", 256, 136), 24: ("I8", 1, 1), 25: ("I16", 1, 2),
    26: ("I32", 1, 4), 27: ("I64", 1, 8), 28: ("F64", 1, 8), 29: ("IQ1_M", 256, 56),
    30: ("BF16", 1, 2), 34: ("TQ1_0", 256, 54), 35: ("TQ2_0", 256, 66), 39: ("MXFP4", 32, 17),
}  # fmt: skip

# general.file_type, llama.cpp's llama_ftype.
FILE_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K",
    11: "Q3_K_S", 12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S",
    17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS",
    23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S",
    29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Header:
    """What a GGUF file says of itself."""

    version: int
    metadata: dict[str, Value] = field(repr=False)  # of an array the first `KEPT_ARRAY` elements
    lengths: dict[str, int] = field(repr=False)  # of the arrays in it
    tensors: int
    parameters: int
    end_of_data: int  # bytes the file must at least have

    def text(self, key: str) -> str:
        value = self.metadata.get(key)
        return value if isinstance(value, str) else ""

    def number(self, key: str) -> int:
        """A number as an int; 0 where there is none, or one that no int can hold."""
        value = self.metadata.get(key)
        if isinstance(value, float):
            return int(value) if isfinite(value) else 0
        return value if isinstance(value, int) else 0

    @property
    def architecture(self) -> str:
        return self.text("general.architecture")

    @property
    def context_length(self) -> int:
        return self.number(f"{self.architecture}.context_length")

    @property
    def quantization(self) -> str:
        return FILE_TYPES.get(self.number("general.file_type"), "")


class NeedMoreError(Exception):
    """The bytes at hand end within the header (for a first piece fetched over HTTP)."""


class _AbsurdError(Exception):
    pass


def check_file(file: BinaryIO, name: str) -> Header:
    """Read the header of a whole file and compare it with the file's size.

    Raises EnvironmentFault naming `name` and the cause.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    try:
        header = parse_header(file, name)
    except NeedMoreError:
        raise EnvironmentFault(FaultCode.MODEL_TRUNCATED, path=name, size=size) from None
    if header.end_of_data > size:
        raise EnvironmentFault(
            FaultCode.MODEL_TRUNCATED, path=name, size=size, expected=header.end_of_data
        )
    return header


def parse_header(stream: BinaryIO, name: str) -> Header:
    """Parse from the start of `stream`. Raises EnvironmentFault, or NeedMoreError at its end."""
    reader = _Reader(stream)
    try:
        if reader.take(4) != b"GGUF":
            raise EnvironmentFault(FaultCode.MODEL_NOT_GGUF, path=name)
        version = int(reader.scalar("I"))
        if version in _OTHER_ENDED:
            raise EnvironmentFault(FaultCode.MODEL_BIG_ENDIAN, path=name)
        if version not in (2, 3):
            raise EnvironmentFault(FaultCode.MODEL_VERSION, path=name, version=version)
        return _parse_body(reader, version)
    except (_AbsurdError, UnicodeDecodeError) as error:
        raise EnvironmentFault(FaultCode.MODEL_ABSURD, path=name, detail=str(error)) from None


def _parse_body(reader: "_Reader", version: int) -> Header:
    tensors = reader.count(MAX_TENSORS, "tensors")
    entries = reader.count(MAX_ENTRIES, "metadata entries")
    metadata: dict[str, Value] = {}
    lengths: dict[str, int] = {}
    for _ in range(entries):
        key = reader.string()
        kind = int(reader.scalar("I"))
        if kind == _ARRAY:
            metadata[key], lengths[key] = reader.array(MAX_DEPTH)
        else:
            metadata[key] = reader.value(kind, MAX_DEPTH)
    end = parameters = 0
    for _ in range(tensors):
        reader.string()
        dimensions = int(reader.scalar("I"))
        if dimensions > MAX_DIMENSIONS:
            raise _AbsurdError(f"a tensor of {dimensions} dimensions")
        elements = prod(int(reader.scalar("Q")) for _ in range(dimensions))
        kind = int(reader.scalar("I"))
        offset = int(reader.scalar("Q"))
        _, block, size = TENSOR_TYPES.get(kind, ("", 256, 1))  # unknown: at least a little
        parameters += elements
        end = max(end, offset + elements // block * size)
    alignment = metadata.get("general.alignment", 32)
    if not isinstance(alignment, int) or alignment <= 0 or alignment & (alignment - 1):
        raise _AbsurdError(f"an alignment of {alignment}")
    start = -(-reader.position // alignment) * alignment
    return Header(version, metadata, lengths, tensors, parameters, start + end)


class _Reader:
    """Reads ahead by pieces, since a vocabulary is hundreds of thousands of short strings."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._data = b""
        self._at = 0  # in `_data`
        self._before = 0  # bytes of the stream before `_data`
        self._slow = 0  # elements that could not be skipped in one go
        self._strings = 0  # in arrays

    @property
    def position(self) -> int:
        return self._before + self._at

    def take(self, size: int) -> bytes:
        if len(self._data) - self._at < size:
            self._fill(size)
        self._at += size
        return self._data[self._at - size : self._at]

    def _fill(self, size: int) -> None:
        """Have at least `size` bytes at hand."""
        if self.position + size > MAX_HEADER:
            raise _AbsurdError(f"a header over {MAX_HEADER} bytes")
        pieces = [self._data[self._at :]]
        missing = size - len(pieces[0])
        while missing > 0:
            piece = self._stream.read(max(missing, PIECE))
            if not piece:
                raise NeedMoreError
            pieces.append(piece)
            missing -= len(piece)
        self._before, self._at = self.position, 0
        self._data = b"".join(pieces)

    def skip(self, size: int) -> None:
        """As `take`, without having them all at hand at once."""
        if self.position + size > MAX_HEADER:
            raise _AbsurdError(f"a header over {MAX_HEADER} bytes")
        while size > 0:
            step = min(size, PIECE)
            self.take(step)
            size -= step

    def scalar(self, form: str) -> int | float | bool:
        size = struct.calcsize("<" + form)
        value: int | float | bool = struct.unpack("<" + form, self.take(size))[0]
        return value

    def count(self, most: int, what: str) -> int:
        number = int(self.scalar("Q"))
        if number > most:
            raise _AbsurdError(f"{number} {what}")
        return number

    def string(self) -> str:
        """Empty where it is longer than anybody wants to read."""
        size = self.count(MAX_STRING, "bytes in a string")
        if size > KEPT_STRING:
            self.skip(size)
            return ""
        return self.take(size).decode("utf-8", "replace")

    def value(self, kind: int, depth: int) -> Value:
        if kind in _SCALARS:
            return self.scalar(_SCALARS[kind])
        if kind == _STRING:
            return self.string()
        if kind == _ARRAY and depth > 0:
            return self.array(depth)[0]
        raise _AbsurdError(f"a value of type {kind}")

    def array(self, depth: int) -> tuple[Value, int]:
        """The first elements and the number of all."""
        kind = int(self.scalar("I"))
        count = self.count(MAX_ARRAY, "elements in an array")
        kept: list[Value] = [self.value(kind, depth - 1) for _ in range(min(count, KEPT_ARRAY))]
        rest = count - len(kept)
        if rest and kind in _SCALARS:
            self.skip(rest * struct.calcsize("<" + _SCALARS[kind]))
        elif kind == _STRING:
            self._strings += rest
            if self._strings > MAX_STRINGS:
                raise _AbsurdError(f"{self._strings} strings in arrays")
            self._skip_strings(rest)
        else:
            self._slow += rest
            if self._slow > MAX_SLOW:
                raise _AbsurdError(f"{self._slow} arrays within arrays")
            for _ in range(rest):
                self.value(kind, depth - 1)
        return kept, count

    def _skip_strings(self, count: int) -> None:
        unpack = struct.Struct("<Q").unpack_from
        data, at = self._data, self._at
        for _ in range(count):
            if len(data) - at < 8:
                self._at = at
                self._fill(8)
                data, at = self._data, 0
            (length,) = unpack(data, at)
            at += 8 + length
            if length > MAX_STRING:
                raise _AbsurdError(f"{length} bytes in a string")
            if at > len(data):
                self._at = at - length
                self.skip(length)
                data, at = self._data, self._at
        self._at = at
