"""The data folder moves: copied whole, checked, then put to use by one small file.

    copy to a temporary folder beside the target → sync → check → rename → write the pointer

Until the pointer is written the old folder is in use, afterwards the new one; both are whole at
that moment, so that a crash at any point costs nothing. The old folder is erased by a step of its
own, which takes away only what was copied and has not changed since.
"""

import errno
import json
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import apsw

from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.storage import instance
from desktop_llm.storage.database import LONGEST_PATH, check, faults_of
from desktop_llm.storage.disk import disk_faults, free_bytes, sync, write_atomically
from desktop_llm.storage.paths import (
    POINTER_KEY,
    Folders,
    pointer_file,
    resolve_folders,
    usual_folders,
)

RECORD = "moved.json"  # in the new folder: what was copied, for `erase_old`
CHUNK = 1 << 22  # bytes between two looks at whether to go on
SPARE = 1 << 24  # bytes that stay free on the target's disk
MEGABYTE = 1_000_000

Progress = Callable[[int, int], bool]  # bytes done, bytes in all; False ends it


@dataclass(frozen=True, slots=True)
class _Entry:
    path: str  # from the folder, with slashes
    kind: str  # "folder", "file", "link"
    size: int = 0
    changed: int = 0  # nanoseconds, as of the copy


class _Cancelled(Exception):
    pass


class Relocation:
    """Moves `folders.data`. Every method blocks on the disk.

    The caller closes the services first, ends or waits for the runner, and opens them anew with
    the folders that `run` returns; nothing else may write to the folder meanwhile.
    """

    def __init__(self, folders: Folders) -> None:
        self._folders = folders
        self._source = Path(os.path.realpath(folders.data))

    def check(self, target: Path) -> None:
        """Whether it could move there. Raises EnvironmentFault."""
        self._check(_real(target), self._size(self._entries()))

    def run(self, target: Path, on_progress: Progress = lambda _done, _all: True) -> Folders | None:
        """Copy everything and use the copy from now on; None where `on_progress` ended it.

        Raises EnvironmentFault; the old folder is in use then, as if nothing had been asked.
        """
        target = _real(target)
        entries = self._entries()
        total = self._size(entries)
        self._check(target, total)
        temporary = target.with_name(f".{target.name}.desktop-llm-moving")
        made: list[Path] = []
        try:
            with disk_faults(target):
                made = _make_parents(target)
                if temporary.exists():  # of a crash before
                    shutil.rmtree(temporary)
                temporary.mkdir(mode=0o700)
                self._copy(entries, temporary, _Counter(on_progress, total))
                if target.exists() and os.name != "posix":
                    target.rmdir()  # Windows renames onto nothing
                temporary.rename(target)
                for folder in (target, *made):
                    sync(folder.parent)
        except BaseException as error:
            shutil.rmtree(temporary, ignore_errors=True)
            for folder in made:
                with suppress(OSError):
                    folder.rmdir()
            if isinstance(error, _Cancelled):
                return None
            raise
        try:
            self._use(target)
        except EnvironmentFault:
            if _real(resolve_folders(None).data) != target:
                shutil.rmtree(target, ignore_errors=True)
            raise
        return Folders(target, self._folders.cache)

    # --- inside --------------------------------------------------------------------------------

    def _check(self, target: Path, total: int) -> None:
        if self._folders.fixed:
            raise EnvironmentFault(FaultCode.RELOCATION_FIXED, path=str(self._source))
        longest = str(target / self._folders.database.name)
        if os.name == "posix" and len(os.fsencode(longest)) > LONGEST_PATH:
            raise EnvironmentFault(FaultCode.PATH_TOO_LONG, path=longest, most=LONGEST_PATH)
        with disk_faults(target):
            there = [place for place in (target, *target.parents) if place.exists()]
            if any(place.samefile(self._source) for place in there):
                raise EnvironmentFault(FaultCode.RELOCATION_INSIDE, path=str(target))
            if not target.name or os.path.ismount(target):
                raise EnvironmentFault(FaultCode.RELOCATION_WHOLE_DRIVE, path=str(target))
            if target in there and (not target.is_dir() or any(target.iterdir())):
                raise EnvironmentFault(FaultCode.RELOCATION_NOT_EMPTY, path=str(target))
            ground = next(place for place in there if place != target)
            if not ground.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
            if not os.access(ground, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        free = free_bytes(target)
        if free is not None and free < total + SPARE:
            raise EnvironmentFault(
                FaultCode.RELOCATION_NO_ROOM,
                path=str(target),
                needed=-(-(total + SPARE) // MEGABYTE),
                free=free // MEGABYTE,
            )

    def _entries(self) -> list[_Entry]:
        """Everything under the folder, a folder before what is in it."""
        database = self._folders.database.name
        left_out = {instance.NAME, RECORD, *(f"{database}{end}" for end in ("-wal", "-shm"))}
        try:
            return [entry for entry in _walk(self._source) if entry.path not in left_out]
        except OSError as error:
            raise EnvironmentFault(
                FaultCode.FILE_UNREADABLE,
                path=str(error.filename or self._source),
                reason=error.strerror or "",
            ) from error

    def _size(self, entries: list[_Entry]) -> int:
        return sum(entry.size for entry in entries)

    def _copy(self, entries: list[_Entry], into: Path, counter: "_Counter") -> None:
        """Copy, sync and check; a record of it is put beside."""
        copied = []
        for entry in entries:
            source, target = self._source / entry.path, into / entry.path
            if entry.kind == "folder":
                target.mkdir(mode=0o700)
            elif entry.kind == "link":
                target.symlink_to(self._link(source, into))
            elif entry.path == self._folders.database.name:
                _copy_database(source, target, counter)
            else:
                _copy_file(source, target, counter)
            copied.append(_described(self._source, source))
        self._compare(copied, into)
        record = {"from": str(self._source), "entries": [asdict(entry) for entry in copied]}
        (into / RECORD).write_text(json.dumps(record), encoding="ascii")
        sync(into / RECORD)
        for entry in reversed(copied):  # times and rights last: copying into a folder changes them
            if entry.kind == "folder":
                with suppress(OSError):
                    shutil.copystat(self._source / entry.path, into / entry.path)
                sync(into / entry.path)
        sync(into)

    def _link(self, link: Path, into: Path) -> str:
        """Where a link points from its new place: into the new folder if it pointed into the old
        one, else to the same thing.
        """
        meant = Path(os.path.normpath(link.parent / link.readlink()))
        for root in (self._source, self._folders.data):
            if meant.is_relative_to(root):
                new = into / meant.relative_to(root)
                return os.path.relpath(new, into / link.parent.relative_to(self._source))
        return str(meant)

    def _compare(self, copied: list[_Entry], into: Path) -> None:
        """What was copied is what there is now, and each file has its size."""
        if {entry.path: entry for entry in self._entries()} != {
            entry.path: entry for entry in copied
        }:
            raise EnvironmentFault(FaultCode.RELOCATION_DIFFERS, path=str(self._source))
        for entry in copied:
            if entry.kind != "file" or entry.path == self._folders.database.name:
                continue  # SQLite has looked at each page of the database
            if (into / entry.path).lstat().st_size != entry.size:
                path = str(into / entry.path)
                raise EnvironmentFault(FaultCode.RELOCATION_DIFFERS, path=path)

    def _use(self, target: Path) -> None:
        """From here on the new folder is the one that is found."""
        import tomlkit

        pointer = pointer_file()
        with disk_faults(pointer.parent):
            if target == Path(os.path.realpath(usual_folders().data)):
                pointer.unlink(missing_ok=True)
                sync(pointer.parent)
                return
            pointer.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        document = tomlkit.document()
        document.add(tomlkit.comment("where desktop-llm keeps its data; erase this for the usual"))
        document[POINTER_KEY] = str(target)
        write_atomically(pointer, tomlkit.dumps(document))


def erase_old(folders: Folders) -> list[Path]:
    """Take away the folder from which `folders.data` was copied; returns what stays of it.

    Only what was copied goes, and only if it has not changed since; links go, not what they point
    to. The lock of the old folder must be free. Raises EnvironmentFault.
    """
    record = folders.data / RECORD
    if not record.exists():
        return []
    old, entries = _recorded(record)
    if not old.is_dir() or _real(folders.data) == old:
        record.unlink()
        return []
    lock = instance.InstanceLock(old)
    if not lock.acquire():
        raise EnvironmentFault(FaultCode.ALREADY_RUNNING, path=str(old))
    with disk_faults(old):
        for entry in reversed(entries):
            place = old / entry.path
            if _within(place.parent, old) and _described(old, place) == entry:
                with suppress(OSError):  # what stays is told
                    place.rmdir() if entry.kind == "folder" else place.unlink()
        lock.release()
        if {path.name for path in old.iterdir()} == {instance.NAME}:
            (old / instance.NAME).unlink()
            old.rmdir()
            record.unlink()
            return []
        return sorted(path for path in old.rglob("*") if path.name != instance.NAME)


class _Counter:
    def __init__(self, on_progress: Progress, total: int) -> None:
        self._on_progress = on_progress
        self._total = total
        self._done = 0

    def add(self, size: int) -> None:
        self._done += size
        if not self._on_progress(min(self._done, self._total), self._total):
            raise _Cancelled


def _walk(folder: Path) -> Iterator[_Entry]:
    waiting = [folder]
    while waiting:
        with os.scandir(waiting.pop()) as found:
            for place in sorted(found, key=lambda place: place.name):
                entry = _described(folder, Path(place.path))
                if entry.kind:  # sockets and the like are nothing to keep
                    yield entry
                if entry.kind == "folder":
                    waiting.append(Path(place.path))


def _described(folder: Path, place: Path) -> _Entry:
    """As it is now; without a kind where it is nothing to copy, or gone."""
    path = place.relative_to(folder).as_posix()
    try:
        seen = place.lstat()
    except FileNotFoundError:
        return _Entry(path, "")
    if stat.S_ISLNK(seen.st_mode):
        return _Entry(path, "link")
    if stat.S_ISDIR(seen.st_mode):
        return _Entry(path, "folder")
    kind = "file" if stat.S_ISREG(seen.st_mode) else ""
    return _Entry(path, kind, seen.st_size, seen.st_mtime_ns)


def _copy_file(source: Path, target: Path, counter: _Counter) -> None:
    with target.open("xb", buffering=0) as writer:
        target.chmod(0o600)
        for chunk in _chunks(source):
            view = memoryview(chunk)
            while view:
                view = view[writer.write(view) or 0 :]
            counter.add(len(chunk))
        with suppress(OSError):  # some file systems know neither rights nor times
            shutil.copystat(source, target)
        os.fsync(writer.fileno())


def _chunks(source: Path) -> Iterator[bytes]:
    try:
        with source.open("rb", buffering=0) as reader:
            while chunk := reader.read(CHUNK):
                yield chunk
    except OSError as error:
        raise EnvironmentFault(
            FaultCode.FILE_UNREADABLE, path=str(source), reason=error.strerror or ""
        ) from error


def _copy_database(source: Path, target: Path, counter: _Counter) -> None:
    """By SQLite itself, which reads the log too and looks at every page of the copy."""
    os.close(os.open(target, os.O_CREAT | os.O_RDWR, 0o600))
    with faults_of(source):
        original = apsw.Connection(str(source), flags=apsw.SQLITE_OPEN_READWRITE)
        copy = apsw.Connection(str(target))
        try:
            page = int(str(original.pragma("page_size")))
            with copy.backup("main", original, "main") as running:
                copied = 0
                while not running.done:
                    running.step(CHUNK // page)
                    counter.add((running.page_count - running.remaining - copied) * page)
                    copied = running.page_count - running.remaining
            copy.execute("PRAGMA journal_mode = DELETE").fetchall()
            check(copy, source)
        finally:
            copy.close()
            original.close()  # takes its log in, so that the file alone is the whole
    if Path(f"{source}-wal").exists():  # it could not: somebody else has it open
        raise EnvironmentFault(FaultCode.DATABASE_BUSY, path=str(source))
    sync(target)


def _make_parents(target: Path) -> list[Path]:
    """The folders above it that were not there, the innermost first."""
    missing = [folder for folder in target.parents if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=0o700)
    return missing


def _recorded(record: Path) -> tuple[Path, list[_Entry]]:
    try:
        told: Any = json.loads(record.read_text(encoding="ascii"))
        entries = [_Entry(**entry) for entry in told["entries"]]
        old = Path(told["from"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise EnvironmentFault(
            FaultCode.FILE_UNREADABLE, path=str(record), reason=type(error).__name__
        ) from error
    for entry in entries:
        path = PurePosixPath(entry.path)
        if path.is_absolute() or ".." in path.parts or not path.parts:
            raise EnvironmentFault(FaultCode.FILE_UNREADABLE, path=str(record), reason=entry.path)
    return old, entries


def _within(folder: Path, root: Path) -> bool:
    """Whether it is reached from the root without a link."""
    while folder != root:
        if folder.is_symlink():
            return False
        folder = folder.parent
    return True


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path.expanduser()))
