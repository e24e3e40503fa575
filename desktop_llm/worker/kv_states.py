"""States of the KV cache, one for each conversation: in memory, and in files that outlive this
process. Whoever comes back to a conversation has it read from there instead of computed.

A file holds one line of JSON, the tokens, and llama.cpp's data for the sequence; the line has the
SHA-256 of both, because llama.cpp loads flipped bits without a word. What else would make a state
wrong for a prompt (another model, adapter, parameter or build) is its fingerprint; other tokens are
seen by comparing them.
"""

import contextlib
import hashlib
import logging
import os
import re
import sys
import time
from array import array
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

import msgspec

from desktop_llm.core.models import StateCache

logger = logging.getLogger(__name__)

LEAST_TOKENS = 64  # fewer are computed sooner than read
CHUNK = 8 * 1024 * 1024  # bytes written at a time; a request that waits ends the writing
LONGEST_LINE = 4096  # bytes of the JSON
MOST_TOKENS = 16_777_216
READ_SPEED = 500e6  # bytes a second, read and hashed, until it is measured
WORTH = 0.5  # of the time a prompt takes: reading must not take more
SUFFIX = ".kv"
_NAME = re.compile(r"[a-z0-9-]{1,64}")


class HasSequence(Protocol):
    """What a state is taken from and given to."""

    def sequence_bytes(self) -> int: ...

    def save_sequence(self) -> bytearray: ...

    def load_sequence(self, data: bytearray) -> bool: ...


@dataclass(slots=True)
class _State:
    tokens: "array[int]"
    data: bytearray
    on_disk: bool = False


@dataclass(frozen=True, slots=True)
class _Header:
    fingerprint: str
    tokens: int
    data_bytes: int
    sha256: str
    prompt_speed: float  # tokens a second when it was made
    byteorder: str = sys.byteorder


class KvStates:
    """Of one loaded model. Every method is called by the thread that owns it."""

    def __init__(self, model: HasSequence, cache: StateCache, fingerprint: str) -> None:
        self._model = model
        self._cache = cache
        self._fingerprint = fingerprint
        self._folder = Path(cache.folder) if cache.folder and cache.disk_bytes else None
        self._memory: OrderedDict[str, _State] = OrderedDict()  # the last used last
        self._on_disk: dict[str, bytes] = {}  # which tokens each file holds, as a digest
        self._read_speed = READ_SPEED
        self.prompt_speed = 0.0  # tokens a second, the last time many were computed
        self._sweep()

    # --- in memory -----------------------------------------------------------------------------

    def put(self, name: str, tokens: Sequence[int]) -> None:
        """Keep what lies in the context, as far as memory goes; the least recently used go."""
        known = self._memory.get(name)
        if known is not None and list(known.tokens) == list(tokens):
            self._memory.move_to_end(name)
            return
        if len(tokens) < LEAST_TOKENS or not _NAME.fullmatch(name):
            return
        size = self._model.sequence_bytes()
        self._memory.pop(name, None)
        if size > self._cache.memory_bytes:
            return
        while self._memory and self._held() + size > self._cache.memory_bytes:
            self._memory.popitem(last=False)
        held = array("i", tokens)
        on_disk = self._on_disk.get(name) == _digest(held)
        self._memory[name] = _State(held, self._model.save_sequence(), on_disk)

    def _held(self) -> int:
        return sum(len(state.data) for state in self._memory.values())

    def take(self, name: str, prompt: Sequence[int], least: int) -> list[int] | None:
        """Load the state of a conversation where more than `least` tokens of the prompt are in it.
        Returns the tokens that lie in the context then; None: the context is as it was.
        """
        state = self._memory.get(name)
        if state is not None:
            self._memory.move_to_end(name)
            if common_prefix(state.tokens, prompt) <= least:
                return None
        else:
            state = self._read(name, prompt, least)
        if state is None:
            return None
        if not self._model.load_sequence(state.data):
            logger.warning("a KV state could not be loaded")
            self.forget(name)
            return []
        return list(state.tokens)

    def forget(self, name: str) -> None:
        """The conversation is gone."""
        self._memory.pop(name, None)
        self._on_disk.pop(name, None)
        if self._folder is not None and _NAME.fullmatch(name):
            with contextlib.suppress(OSError):
                self._path(name).unlink()

    # --- on disk -------------------------------------------------------------------------------

    def save(self, name: str, tokens: Sequence[int], waits: Callable[[], bool]) -> None:
        """Write what lies in the context, and what is only in memory. `waits` tells that there is
        something better to do.
        """
        if self._folder is None:
            return
        try:
            held = array("i", tokens)
            if self._is_new(name, held) and self._model.sequence_bytes() < self._cache.disk_bytes:
                self._write(name, held, self._model.save_sequence(), waits)
            for other, state in reversed(self._memory.items()):
                if not state.on_disk and other != name and not waits():
                    state.on_disk = self._write(other, state.tokens, state.data, waits)
            self._trim()
        except OSError as error:  # a full disk: the cache is a convenience
            logger.warning("KV states are not kept: %s", error.strerror)
            self._folder = None

    def _is_new(self, name: str, tokens: "array[int]") -> bool:
        if len(tokens) < LEAST_TOKENS or not _NAME.fullmatch(name):
            return False
        return self._on_disk.get(name) != _digest(tokens)

    def _write(
        self, name: str, tokens: "array[int]", data: bytearray, waits: Callable[[], bool]
    ) -> bool:
        assert self._folder is not None
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        head = _Header(
            fingerprint=self._fingerprint,
            tokens=len(tokens),
            data_bytes=len(data),
            sha256=_digest(tokens, data).hex(),
            prompt_speed=self.prompt_speed,
        )
        part = self._folder / f"{name}{SUFFIX}.part"
        whole = False
        try:
            handle = os.open(part, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
            with open(handle, "wb", buffering=0) as file:  # noqa: PTH123  # a descriptor
                whole = _write_all(file, head, tokens, data, waits)
            if whole:
                with contextlib.suppress(FileNotFoundError):  # removed with its conversation
                    os.replace(part, self._path(name))  # noqa: PTH105
                    self._on_disk[name] = _digest(tokens)
        finally:
            if not whole:
                with contextlib.suppress(OSError):
                    part.unlink()
        return whole

    def _read(self, name: str, prompt: Sequence[int], least: int) -> _State | None:
        """From its file, where that is sound and takes less time than computing."""
        if self._folder is None or not _NAME.fullmatch(name):
            return None
        path = self._path(name)
        try:
            with path.open("rb") as file:
                head = _read_head(file)
                if head is None or head.fingerprint != self._fingerprint:
                    return None
                if _size_of(head, file.tell()) != os.fstat(file.fileno()).st_size:
                    return None
                tokens = array("i")
                tokens.frombytes(file.read(head.tokens * tokens.itemsize))
                common = common_prefix(tokens, prompt)
                if common <= least or not self._is_worth(head, common - least):
                    return None
                began = time.perf_counter()
                data = bytearray(head.data_bytes)
                sound = (
                    file.readinto(data) == len(data) and _digest(tokens, data).hex() == head.sha256
                )
                self._read_speed = len(data) / max(1e-6, time.perf_counter() - began)
        except OSError:
            return None
        if not sound:
            logger.warning("a KV state is damaged; it is removed")
            self.forget(name)
            return None
        with contextlib.suppress(OSError):
            os.utime(path)  # used now: the last to go
        self._on_disk[name] = _digest(tokens)
        return _State(tokens, data, on_disk=True)

    def _is_worth(self, head: _Header, tokens: int) -> bool:
        speed = self.prompt_speed or head.prompt_speed
        if not speed:
            return True
        return head.data_bytes / self._read_speed <= WORTH * tokens / speed

    def _path(self, name: str) -> Path:
        assert self._folder is not None
        return self._folder / f"{name}{SUFFIX}"

    def _trim(self) -> None:
        """The least recently used files go until the rest keeps within the budget."""
        assert self._folder is not None
        if not self._folder.is_dir():
            return
        found = [(path.stat(), path) for path in self._folder.glob(f"*{SUFFIX}")]
        size = sum(stat.st_size for stat, _path in found)
        for stat, path in sorted(found, key=lambda each: each[0].st_mtime):
            if size <= self._cache.disk_bytes:
                return
            path.unlink(missing_ok=True)
            self._on_disk.pop(path.name.removesuffix(SUFFIX), None)
            size -= stat.st_size

    def _sweep(self) -> None:
        """What another process was writing when it was killed."""
        if self._folder is not None and self._folder.is_dir():
            with contextlib.suppress(OSError):
                for part in self._folder.glob(f"*{SUFFIX}.part"):
                    part.unlink(missing_ok=True)


def common_prefix(one: Sequence[int], other: Sequence[int]) -> int:
    length = 0
    for first, second in zip(one, other, strict=False):
        if first != second:
            break
        length += 1
    return length


def _digest(tokens: "array[int]", data: bytes | bytearray = b"") -> bytes:
    digest = hashlib.sha256(tokens.tobytes())
    digest.update(data)
    return digest.digest()


def _size_of(head: _Header, line: int) -> int:
    return line + head.tokens * array("i").itemsize + head.data_bytes


def _write_all(
    file: BinaryIO,
    head: _Header,
    tokens: "array[int]",
    data: bytearray,
    waits: Callable[[], bool],
) -> bool:
    """Whether it was written to the end."""
    file.write(msgspec.json.encode(head) + b"\n")
    file.write(tokens.tobytes())
    view = memoryview(data)
    for start in range(0, len(view), CHUNK):
        if waits():
            return False
        chunk = view[start : start + CHUNK]
        while chunk:
            chunk = chunk[file.write(chunk) :]
    os.fsync(file.fileno())
    return True


def _read_head(file: BinaryIO) -> _Header | None:
    """None for a line that this build did not write."""
    line = file.readline(LONGEST_LINE)
    try:
        head = msgspec.json.decode(line, type=_Header)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return None
    sound = line.endswith(b"\n") and 0 < head.tokens <= MOST_TOKENS and head.data_bytes > 0
    return head if sound and head.byteorder == sys.byteorder else None
