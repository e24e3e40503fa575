"""GGUF files made byte by byte, sound and broken."""

import struct


def string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def entry(key: str, text: str) -> bytes:
    return string(key) + struct.pack("<I", 8) + string(text)


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
    return head + b"\0" * (-len(head) % 32) + data
