"""Conversations from files: our own JSON, the exports of ChatGPT and Claude, ShareGPT.

A stranger's file may hold anything. It is read conversation by conversation; each is put into the
database whole or not at all, and what could not be taken is reported. The format is known by the
content, never by the name.
"""

import json
import re
import stat
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from desktop_llm.core.conversations import Titled
from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.exchange import (
    FORMAT,
    MOST_MESSAGES,
    Problem,
    ProblemKind,
    Reader,
    WholeConversation,
    from_values,
)
from desktop_llm.services import foreign_chats
from desktop_llm.storage.exchange import Exchange
from desktop_llm.storage.rows import title_of

MOST_BYTES = 300_000_000  # of JSON, and of what an archive unpacks to
ARCHIVE_BYTES = 1_000_000_000
RATIO = 200  # that an entry of an archive may unpack by
ENTRIES = 100_000  # of an archive
MOST_PROBLEMS = 200  # in a report
PIECE = 1_000_000  # bytes

_ENTRY = re.compile(r"(?:^|/)conversations(?:-\d+)?\.json$")
_SPACE = re.compile(r"[\s,]*")
_DECODER = json.JSONDecoder()

Progress = Callable[[int, int], object]  # how much is read, of how much


@dataclass(frozen=True, slots=True)
class Imported:
    """`conversations`: their numbers here. `problems`: the first of them."""

    conversations: tuple[int, ...] = ()
    messages: int = 0
    problems: tuple[Problem, ...] = ()
    cancelled: bool = False


class _CutError(Exception):
    """The text is damaged from here on."""


class Imports:
    """Blocks on the disk and the database."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def read(
        self,
        path: Path,
        progress: Progress = lambda _done, _total: None,
        go_on: Callable[[], bool] = lambda: True,
    ) -> Imported:
        """Raises EnvironmentFault: no such file, none of a known format, too large."""
        numbers: list[int] = []
        problems: list[Problem] = []
        messages, nth, cancelled, known = 0, 0, False, False
        for text in _texts(path):
            for values, place in _conversations(text):
                if not go_on():
                    cancelled = True
                    break
                nth += 1
                reader = Reader()
                if values is None:
                    problems.append(Problem(ProblemKind.FILE_CUT, nth))
                    break
                if messages > MOST_MESSAGES:
                    problems.append(Problem(ProblemKind.TOO_MANY, nth))
                    break
                whole = _whole(values, reader)
                known = known or whole is not None
                if whole is not None and whole.messages:
                    numbers.append(self._exchange.put(whole))
                    messages += len(whole.messages)
                elif whole is not None:
                    reader.note(ProblemKind.EMPTY)
                title = "" if whole is None else whole.title
                problems += [
                    Problem(kind, nth, title, count) for kind, count in reader.counts.items()
                ]
                progress(place, len(text))
        if not known and not cancelled:
            raise EnvironmentFault(FaultCode.IMPORT_UNKNOWN, path=path.name)
        return Imported(tuple(numbers), messages, tuple(problems[:MOST_PROBLEMS]), cancelled)


# --- files ----------------------------------------------------------------------------------------


def _texts(path: Path) -> Iterator[str]:
    """The JSON that a file holds, or that an archive does."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):  # a pipe would never end
            raise EnvironmentFault(FaultCode.IMPORT_UNKNOWN, path=path.name)
        with path.open("rb") as file:
            if file.read(4) == b"PK\x03\x04":
                if found.st_size > ARCHIVE_BYTES:
                    raise _too_large(path)
                yield from _archived(path, file)
                return
            file.seek(0)
            yield _decoded(path, file)
    except OSError as error:
        raise EnvironmentFault(
            FaultCode.FILE_UNREADABLE, path=path.name, reason=error.strerror or ""
        ) from error


def _archived(path: Path, file: IO[bytes]) -> Iterator[str]:
    """Nothing is unpacked to the disk, whatever its entries are called."""
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            named = sorted(
                (each for each in entries if _ENTRY.search(each.filename)),
                key=lambda each: each.filename,
            )
            if len(entries) > ENTRIES or not named:
                raise EnvironmentFault(FaultCode.IMPORT_UNKNOWN, path=path.name)
            for entry in named:
                if entry.file_size > max(PIECE, RATIO * entry.compress_size):
                    raise _too_large(path)
                if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise EnvironmentFault(FaultCode.IMPORT_UNKNOWN, path=path.name)
                with archive.open(entry) as opened:
                    yield _decoded(path, opened)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        raise EnvironmentFault(
            FaultCode.FILE_UNREADABLE, path=path.name, reason=type(error).__name__
        ) from error


def _decoded(path: Path, file: IO[bytes]) -> str:
    parts, size = [], 0
    while piece := file.read(PIECE):
        size += len(piece)
        if size > MOST_BYTES:
            raise _too_large(path)
        parts.append(piece)
    return b"".join(parts).decode("utf-8-sig", "replace")


def _too_large(path: Path) -> EnvironmentFault:
    return EnvironmentFault(FaultCode.FILE_TOO_LARGE, path=path.name, most_bytes=MOST_BYTES)


# --- JSON, one conversation after the other -------------------------------------------------------


def _conversations(text: str) -> Iterator[tuple[object, int]]:
    """Each with the place where it ends; None where the text is damaged."""
    try:
        at = _skip(text, 0)
        if text[at : at + 1] == "[":
            yield from _elements(text, at + 1)
        elif text[at : at + 1] == "{" and (inner := _own(text, at)) is not None:
            yield from _elements(text, inner)
        else:
            yield from _elements(text, at)  # one object, or one a line
    except _CutError:
        yield None, len(text)


def _elements(text: str, at: int) -> Iterator[tuple[object, int]]:
    """Values with commas or lines between them, up to a closing bracket or the end."""
    while True:
        at = _skip(text, at)
        if at >= len(text):
            return
        if text[at] == "]":
            return
        value, at = _value(text, at)
        yield value, at


def _own(text: str, at: int) -> int | None:
    """Where the list of conversations of our own format begins; None: it is another one."""
    at, ours = _skip(text, at + 1), False
    while at < len(text) and text[at] == '"':
        key, at = _value(text, at)
        at = _skip(text, at)
        if text[at : at + 1] != ":":
            return None
        at = _skip(text, at + 1)
        if key == "conversations":
            return at + 1 if ours and text[at : at + 1] == "[" else None
        value, at = _value(text, at)
        ours = ours or (key == "format" and value == FORMAT)
        at = _skip(text, at)
    return None


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return at if found is None else found.end()


def _value(text: str, at: int) -> tuple[Any, int]:
    """Raises _CutError."""
    try:
        return _DECODER.raw_decode(text, at)
    except (ValueError, RecursionError, MemoryError) as error:
        raise _CutError from error


# --- conversations --------------------------------------------------------------------------------


def _whole(values: object, reader: Reader) -> WholeConversation | None:
    """None for what is no conversation of any known format."""
    now = time.time()
    if not isinstance(values, Mapping):
        reader.note(ProblemKind.NOT_A_CONVERSATION)
        return None
    try:
        if isinstance(values.get("mapping"), Mapping):
            whole = foreign_chats.from_chatgpt(values, reader, now)
        elif isinstance(values.get("chat_messages"), list):
            whole = foreign_chats.from_claude(values, reader, now)
        elif isinstance(values.get("conversations"), list):
            whole = foreign_chats.from_sharegpt(values, reader, now)
        elif foreign_chats.is_chat(values):
            whole = foreign_chats.from_chat(values, reader, now)
        else:
            return from_values(values, reader, now)
    except RecursionError:
        reader.note(ProblemKind.NOT_A_CONVERSATION)
        return None
    if whole.title or not whole.messages:
        return whole
    return foreign_chats.titled(whole, title_of(whole.messages[0].text), Titled.FIRST_LINE)
