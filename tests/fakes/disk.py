"""A disk between SQLite and the system's files: it remembers every change and can be full.

    with Disk() as disk:                  from here on every connection uses it
        ...
        disk.room = 4096                  bytes that can still be written
    for outage in outages(disk.changes):  what a power loss leaves after each change

SQLite is promised no more than a real disk keeps. What was written since a file's last sync may be
there, be missing, or be there in part, sector by sector and in any order. A name made or deleted
since the folder's last sync may not be.
"""

import errno
import math
import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw

SECTOR = 512
_JOURNALS = apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_SUPER_JOURNAL


@dataclass(frozen=True)
class Created:
    name: str
    file: int  # as an inode: one name may be many files, one after the other


@dataclass(frozen=True)
class Deleted:
    name: str


@dataclass(frozen=True)
class Written:
    file: int
    offset: int
    data: bytes


@dataclass(frozen=True)
class Truncated:
    file: int
    size: int


@dataclass(frozen=True)
class Synced:
    file: int
    folder: bool  # the first sync of a new journal syncs its folder too


@dataclass(frozen=True)
class Said:
    """No change: what the program was told by then."""

    what: Any


Change = Created | Deleted | Written | Truncated | Synced | Said


class Disk(apsw.VFS):
    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.room = math.inf  # bytes
        self.error: type[Exception] = apsw.FullError
        self.errno = errno.ENOSPC  # what the system says of the error
        self.refused = threading.Event()
        self._files: dict[str, int] = {}
        self._made = 0
        self._base = apsw.vfs_names()[0]
        super().__init__(f"disk-{id(self)}", self._base)

    def __enter__(self) -> "Disk":
        apsw.set_default_vfs(f"disk-{id(self)}")
        return self

    def __exit__(self, *_error: object) -> None:
        apsw.set_default_vfs(self._base)
        self.unregister()

    def say(self, what: Any) -> None:
        self.changes.append(Said(what))

    def take(self, size: int) -> None:
        """Raises what SQLite shall see where there is no room for `size` bytes."""
        if self.room < size:
            self.refused.set()
            raise self.error("no room")
        self.room -= size

    def file(self, name: str) -> int:
        if name not in self._files:
            self._made += 1
            self._files[name] = self._made
            self.changes.append(Created(name, self._made))
        return self._files[name]

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:
        return _File(self, self._base, name, flags)

    def xDelete(self, name: str, sync: bool) -> None:
        super().xDelete(name, sync)
        if self._files.pop(Path(name).name, None) is not None:
            self.changes.append(Deleted(Path(name).name))

    def xGetLastError(self) -> tuple[int, str]:
        return self.errno, ""


class _File(apsw.VFSFile):
    def __init__(self, disk: Disk, base: str, name: Any, flags: list[int]) -> None:
        self._disk = disk
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        new = path is not None and not Path(path).exists()
        self._syncs_folder = new and bool(flags[0] & _JOURNALS)
        super().__init__(base, name, flags)
        self._number = 0 if path is None else disk.file(Path(path).name)

    def xWrite(self, data: bytes, offset: int) -> None:
        self._disk.take(len(data))
        self._disk.changes.append(Written(self._number, offset, bytes(data)))
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:
        self._disk.changes.append(Truncated(self._number, newsize))
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:
        super().xSync(flags)
        self._disk.changes.append(Synced(self._number, self._syncs_folder))
        self._syncs_folder = False


@dataclass
class Outage:
    """The power goes now: three of the many states in which the folder may be found."""

    said: list[Any] = field(default_factory=list)
    _files: dict[int, bytearray] = field(default_factory=dict)  # as of their last sync
    _names: dict[str, int] = field(default_factory=dict)  # as of the folder's last sync
    _unsynced: dict[int, list[Written | Truncated]] = field(default_factory=dict)
    _unsynced_names: list[Created | Deleted] = field(default_factory=list)

    def all(self) -> dict[str, bytes]:
        """Everything has reached the disk."""
        return self._found(len(self._unsynced_names), lambda changes: changes)

    def synced(self) -> dict[str, bytes]:
        """Nothing has but what was synced."""
        return self._found(0, lambda _: [])

    def torn(self, seed: int) -> dict[str, bytes]:
        """Some of it has."""
        chance = random.Random(seed)
        names = chance.randint(0, len(self._unsynced_names))
        return self._found(names, lambda changes: _torn(changes, chance))

    def _found(self, names: int, kept: Any) -> dict[str, bytes]:
        table = dict(self._names)
        _rename(table, self._unsynced_names[:names])
        found = {}
        for name, number in table.items():
            content = bytearray(self._files.get(number, b""))
            _apply(content, kept(self._unsynced.get(number, [])))
            found[name] = bytes(content)
        return found

    def touches(self, name: str) -> bool:
        """Whether the file of that name has changes which are not synced."""
        names = dict(self._names)
        _rename(names, self._unsynced_names)
        return name in names and bool(self._unsynced.get(names[name]))

    def after(self, change: Change) -> None:
        if isinstance(change, Said):
            self.said.append(change.what)
        elif isinstance(change, Created | Deleted):
            self._unsynced_names.append(change)
        elif isinstance(change, Written | Truncated):
            self._unsynced.setdefault(change.file, []).append(change)
        else:
            content = self._files.setdefault(change.file, bytearray())
            _apply(content, self._unsynced.pop(change.file, []))
            if change.folder:
                _rename(self._names, self._unsynced_names)
                self._unsynced_names.clear()


def outages(changes: list[Change]) -> Iterator[Outage]:
    """The same object after every change."""
    outage = Outage()
    for change in changes:
        outage.after(change)
        yield outage


def _rename(names: dict[str, int], changes: list[Created | Deleted]) -> None:
    for change in changes:
        if isinstance(change, Created):
            names[change.name] = change.file
        else:
            names.pop(change.name, None)


def _apply(content: bytearray, changes: list[Written | Truncated]) -> None:
    for change in changes:
        if isinstance(change, Truncated):
            size = change.size
            content[size:] = b""
            content.extend(bytes(size - len(content)))
        else:
            end = change.offset + len(change.data)
            content.extend(bytes(max(0, change.offset - len(content))))
            content[change.offset : end] = change.data


def _torn(changes: list[Written | Truncated], chance: random.Random) -> list[Any]:
    """Each change is there, missing, or there in some of its sectors."""
    kept: list[Written | Truncated] = []
    for change in changes:
        fate = chance.random()
        if fate < 0.4:
            kept.append(change)
        elif fate < 0.8 and isinstance(change, Written):
            for start in range(0, len(change.data), SECTOR):
                if chance.random() < 0.5:
                    part = change.data[start : start + SECTOR]
                    kept.append(Written(change.file, change.offset + start, part))
    return kept
