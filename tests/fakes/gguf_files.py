"""GGUF files made byte by byte, sound and broken, and real ones with other metadata."""

import random
import shutil
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

ALIGNMENT = 32
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_STRING, _ARRAY = 8, 9


def string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def entry(key: str, text: str) -> bytes:
    return string(key) + struct.pack("<I", _STRING) + string(text)


def number(key: str, value: int) -> bytes:
    return string(key) + struct.pack("<II", 4, value)


def gguf(
    entries: list[bytes] | None = None,
    tensors: int | None = None,
    count: int | None = None,
    version: int = 3,
    elements: int = 32,
    data: bytes = b"\0" * 128,
) -> bytes:
    """One F32 tensor of `elements`, unless `tensors` claims another count."""
    entries = [entry("general.architecture", "llama")] if entries is None else entries
    head = b"GGUF" + struct.pack("<I", version)
    head += struct.pack("<QQ", 1 if tensors is None else tensors, count or len(entries))
    head += b"".join(entries)
    head += string("t") + struct.pack("<IQIQ", 1, elements, 0, 0)
    return head + b"\0" * (-len(head) % ALIGNMENT) + data


def rewrite(source: Path, target: Path, changes: Mapping[str, bytes | None]) -> Path:
    """A copy of a sound file with entries of its metadata replaced, added, or (None) left out.

    Tensors lie relative to the start of the data, so only its place moves.
    """
    with source.open("rb") as file, target.open("wb") as made:
        magic, tensors, count = struct.unpack("<8sQQ", file.read(24))
        entries = [_read_entry(file) for _ in range(count)]
        kept = [data for key, data in entries if key not in changes]
        kept += [data for data in changes.values() if data is not None]
        infos = file.tell()
        for _ in range(tensors):
            _skip_tensor(file)
        end = file.tell()
        file.seek(infos)
        head = struct.pack("<8sQQ", magic, tensors, len(kept)) + b"".join(kept)
        head += file.read(end - infos)
        made.write(head + b"\0" * (-len(head) % ALIGNMENT))
        file.seek(end + -end % ALIGNMENT)
        shutil.copyfileobj(file, made, 16 * 1024 * 1024)
    return target


def _read_entry(file: BinaryIO) -> tuple[str, bytes]:
    start = file.tell()
    key = file.read(_number(file, "Q")).decode()
    _skip_value(file, _number(file, "I"))
    end = file.tell()
    file.seek(start)
    return key, file.read(end - start)


def _skip_value(file: BinaryIO, kind: int) -> None:
    if kind == _STRING:
        file.seek(_number(file, "Q"), 1)
    elif kind == _ARRAY:
        inner, count = _number(file, "I"), _number(file, "Q")
        if inner in _SIZES:
            file.seek(_SIZES[inner] * count, 1)
        else:
            for _ in range(count):
                _skip_value(file, inner)
    else:
        file.seek(_SIZES[kind], 1)


def _skip_tensor(file: BinaryIO) -> None:
    file.seek(_number(file, "Q"), 1)
    file.seek(8 * _number(file, "I") + 12, 1)


def _number(file: BinaryIO, form: str) -> int:
    data = file.read(struct.calcsize(form))
    value: int = struct.unpack("<" + form, data)[0]
    return value


def strings(key: str, *texts: str) -> bytes:
    """An entry that is a list of texts."""
    head = string(key) + struct.pack("<IIQ", _ARRAY, _STRING, len(texts))
    return head + b"".join(string(text) for text in texts)


def mutated(data: bytes, chance: random.Random) -> bytes:
    """With some bytes changed, cut out or doubled, mostly near the start, where the counts are."""
    made = bytearray(data)
    for _ in range(chance.randrange(1, 6)):
        at = int(len(made) * chance.random() ** 4)
        what = chance.randrange(4)
        if what == 0:
            made[at] = chance.randrange(256)
        elif what == 1:
            made[at : at + 8] = struct.pack("<Q", chance.choice(_LENGTHS))
        elif what == 2:
            del made[at : at + chance.randrange(1, 40)]
        else:
            made[at:at] = made[at : at + chance.randrange(1, 40)]
    return bytes(made)


_LENGTHS = (0, 1, 7, 255, 65_536, 10**6, 4_000_000, 2**24, 2**31, 2**32, 2**53, 2**63, 2**64 - 1)
