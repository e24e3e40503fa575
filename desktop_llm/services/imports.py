"""Conversations from files: our own JSON, the exports of ChatGPT and Claude, ShareGPT.

A stranger's file may hold anything. It is read conversation by conversation; each is put into the
database whole or not at all, and what could not be taken is reported. The format is known by the
content, never by the name.
"""

import re
import stat
import struct
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from desktop_llm.core.conversations import Titled
from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.exchange import (
    MOST_MESSAGES,
    Problem,
    ProblemKind,
    Reader,
    WholeConversation,
    from_values,
)
from desktop_llm.core.messages import Role
from desktop_llm.services import foreign_chats
from desktop_llm.services.json_values import (
    DamagedError,
    JsonValues,
    NewerError,
    ReadCancelledError,
)
from desktop_llm.storage.exchange import Exchange
from desktop_llm.storage.rows import title_of

MOST_BYTES = 512_000_000  # of JSON, and of what an archive unpacks to
ARCHIVE_BYTES = 1_000_000_000
RATIO = 200  # that an entry of an archive may unpack by
ENTRIES = 100_000  # of an archive
DIRECTORY_BYTES = 10_000_000  # of an archive's list of them, which Python reads in one go
MOST_PROBLEMS = 200  # in a report
PIECE = 1_000_000  # bytes
ARCHIVE_PIECE = 16_000

_ENTRY = re.compile(r"(?:^|/)conversations(?:-\d+)?\.json$")
# What `zipfile` raises for archives that are damaged, locked, or of a kind it does not know.
_ARCHIVE_ERRORS = (
    zipfile.BadZipFile, zlib.error, struct.error, NotImplementedError, RuntimeError, EOFError,
    ValueError, OverflowError,
)  # fmt: skip

Progress = Callable[[int, int], object]  # how many bytes are read, of how many


@dataclass(frozen=True, slots=True)
class Imported:
    """`conversations`: their numbers here. `problems`: the first of them."""

    conversations: tuple[int, ...] = ()
    messages: int = 0
    problems: tuple[Problem, ...] = ()
    cancelled: bool = False


@dataclass(slots=True)
class _Report:
    """What has come of a file so far. `known`: something in it was of a known format."""

    numbers: list[int] = field(default_factory=list)
    messages: int = 0
    problems: list[Problem] = field(default_factory=list)
    nth: int = 0
    known: bool = False
    damaged: bool = False
    newer: bool = False

    def note(self, kind: ProblemKind, title: str = "", count: int = 1) -> None:
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(Problem(kind, self.nth, title, count))

    def ended(self, cancelled: bool) -> Imported:
        return Imported(tuple(self.numbers), self.messages, tuple(self.problems), cancelled)


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
        """Raises EnvironmentFault: no such file, none of a known format, too large with nothing
        imported before that was seen.
        """
        report = _Report()
        files = _files(path)
        try:
            while (file := _next(files, report)) is not None:
                if not self._read_file(file, report, progress, go_on):
                    break
        except ReadCancelledError:
            return report.ended(cancelled=True)
        if not report.known:
            code = FaultCode.ARCHIVE_DAMAGED if report.damaged else FaultCode.IMPORT_UNKNOWN
            raise EnvironmentFault(FaultCode.IMPORT_NEWER if report.newer else code, path=path.name)
        return report.ended(cancelled=False)

    def _read_file(
        self, file: "_File", report: _Report, progress: Progress, go_on: Callable[[], bool]
    ) -> bool:
        """Whether there may be more."""
        source = JsonValues(file.read, go_on)
        try:
            for values in source.conversations():
                report.nth += 1
                if report.messages > MOST_MESSAGES:
                    report.note(ProblemKind.TOO_MANY)
                    return False
                self._take(values, source.ours, report)
                progress(file.before + source.bytes_read, file.total)
        except DamagedError as error:
            report.newer = report.newer or isinstance(error, NewerError)
            report.nth += 1
            report.note(ProblemKind.FILE_CUT)
        except EnvironmentFault as fault:
            if fault.code is not FaultCode.FILE_TOO_LARGE or not report.numbers:
                raise
            report.nth += 1
            report.note(ProblemKind.TOO_MANY)
            return False
        else:
            if file.damaged:  # what was read is sound JSON all the same
                report.nth += 1
                report.note(ProblemKind.FILE_CUT)
        report.known = report.known or source.ours
        report.damaged = report.damaged or file.damaged
        return True

    def _take(self, values: object, ours: bool, report: _Report) -> None:
        reader = Reader()
        whole = _whole(values, reader)
        if whole is not None:
            report.known = True
            if whole.messages or ours:  # a draft may be all there is of it
                report.numbers.append(self._exchange.put(whole))
                report.messages += len(whole.messages)
            else:
                reader.note(ProblemKind.EMPTY)
        for kind, count in reader.counts.items():
            report.note(kind, "" if whole is None else whole.title, count)


# --- files ----------------------------------------------------------------------------------------


@dataclass(slots=True)
class _File:
    """Bytes of JSON. `before`, `total`: where it stands in all there is to read."""

    opened: IO[bytes]
    path: Path
    before: int
    total: int
    left: int  # bytes that it may still give
    piece: int = PIECE  # so many at a time: where an archive is damaged, the last are lost
    damaged: bool = False  # an archive's entry that could not be read to its end

    def read(self, size: int) -> bytes:
        """Empty at the end. Raises EnvironmentFault."""
        if self.damaged:
            return b""
        try:
            piece = self.opened.read(min(size, self.piece))
        except OSError as error:
            raise _unreadable(self.path, error.strerror or "") from error
        except _ARCHIVE_ERRORS:
            self.damaged = True
            return b""
        self.left -= len(piece)
        if self.left < 0:
            raise _too_large(self.path)
        return piece


def _next(files: Iterator[_File], report: _Report) -> _File | None:
    """What cannot be read after something was imported is a line in the report."""
    try:
        return next(files, None)
    except EnvironmentFault as fault:
        if not report.numbers:
            raise
        report.nth += 1
        too_large = fault.code is FaultCode.FILE_TOO_LARGE
        report.note(ProblemKind.TOO_MANY if too_large else ProblemKind.FILE_CUT)
        return None


def _files(path: Path) -> Iterator[_File]:
    """The file, or those in it where it is an archive."""
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
            if found.st_size > MOST_BYTES:
                raise _too_large(path)
            file.seek(0)
            yield _File(file, path, 0, found.st_size, MOST_BYTES)
    except ValueError as error:  # a path with NUL in it
        raise _unreadable(path, str(error)) from error
    except OSError as error:
        raise _unreadable(path, error.strerror or "") from error


class _Bounded:
    """A file of which no more is read in one go than an honest archive needs."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        if size > DIRECTORY_BYTES:
            raise zipfile.BadZipFile
        return self._file.read(DIRECTORY_BYTES if size < 0 else size)


def _archived(path: Path, file: IO[bytes]) -> Iterator[_File]:
    """Nothing is unpacked to the disk, whatever its entries are called."""
    try:
        with zipfile.ZipFile(_Bounded(file)) as archive:
            entries = archive.infolist()
            named = sorted(
                (each for each in entries if _ENTRY.search(each.filename)),
                key=lambda each: each.filename,
            )
            if len(entries) > ENTRIES or not named:
                raise EnvironmentFault(FaultCode.IMPORT_UNKNOWN, path=path.name)
            total = sum(entry.file_size for entry in named)
            before, left = 0, MOST_BYTES
            for entry in named:
                if entry.file_size > max(PIECE, RATIO * entry.compress_size):
                    raise _too_large(path)
                if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise EnvironmentFault(FaultCode.IMPORT_UNKNOWN, path=path.name)
                with archive.open(entry) as opened:
                    one = _File(opened, path, before, total, left, ARCHIVE_PIECE)
                    yield one
                before, left = before + entry.file_size, one.left
    except _ARCHIVE_ERRORS as error:
        raise EnvironmentFault(FaultCode.ARCHIVE_DAMAGED, path=path.name) from error


def _too_large(path: Path) -> EnvironmentFault:
    return EnvironmentFault(FaultCode.FILE_TOO_LARGE, path=path.name, most_bytes=MOST_BYTES)


def _unreadable(path: Path, reason: str) -> EnvironmentFault:
    return EnvironmentFault(FaultCode.FILE_UNREADABLE, path=path.name, reason=reason)


# --- conversations --------------------------------------------------------------------------------


def _whole(values: object, reader: Reader) -> WholeConversation | None:
    """None for what is no conversation of any known format."""
    now = time.time()
    if not isinstance(values, Mapping):
        reader.note(ProblemKind.NOT_A_CONVERSATION)
        return None
    try:
        whole = _of_others(values, reader, now)
        if whole is None:
            return from_values(values, reader, now)
    except RecursionError:
        reader.note(ProblemKind.NOT_A_CONVERSATION)
        return None
    if whole.title or not whole.messages:
        return whole
    asked = (message.text for message in whole.messages if message.role is Role.USER)
    title = title_of(next(asked, whole.messages[0].text))
    return foreign_chats.titled(whole, title, Titled.FIRST_LINE)


def _of_others(values: Mapping[str, Any], reader: Reader, now: float) -> WholeConversation | None:
    """None: it is not of another program."""
    if isinstance(values.get("mapping"), Mapping):
        return foreign_chats.from_chatgpt(values, reader, now)
    if isinstance(values.get("chat_messages"), list):
        return foreign_chats.from_claude(values, reader, now)
    if isinstance(values.get("conversations"), list):
        return foreign_chats.from_sharegpt(values, reader, now)
    if foreign_chats.is_chat(values):
        return foreign_chats.from_chat(values, reader, now)
    return None
