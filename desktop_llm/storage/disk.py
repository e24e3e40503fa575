"""Writing files so that a crash leaves the old or the new, and what a disk says against it."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from desktop_llm.core.errors import EnvironmentFault, FaultCode

ROOM = 65536  # bytes; a disk with less is full, whatever its errors are called
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def write_atomically(path: Path, text: str) -> None:
    """The old file or the new one, never a half of it. Raises EnvironmentFault."""
    temporary = ""
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
        sync(path.parent)
    except OSError as error:
        if temporary:
            with suppress(OSError):
                Path(temporary).unlink(missing_ok=True)
        raise disk_fault(path.parent, error) from error


def write_chosen(path: Path, text: str) -> None:
    """As `write_atomically`, where a person chose the folder."""
    with chosen_faults(path):
        write_atomically(path, text)


@contextmanager
def chosen_faults(path: Path) -> Iterator[None]:
    """What is wrong with a folder that a person chose: it is none of this program's."""
    try:
        yield
    except EnvironmentFault as fault:
        if fault.code is FaultCode.DISK_FULL:
            raise
        reason = str(fault.data.get("reason", ""))
        raise EnvironmentFault(FaultCode.FILE_UNWRITABLE, path=str(path), reason=reason) from fault


def sweep(path: Path, before: float) -> int:
    """Erase what a crash left half written of that file before that time."""
    old = 0
    for part in path.parent.glob(f".{path.name}.*"):
        with suppress(OSError):
            if part.lstat().st_mtime < before:
                part.unlink()
                old += 1
    return old


def sync(path: Path) -> None:
    """Have a file's content, or a folder's names, on the disk before this returns."""
    if os.name != "posix" and path.is_dir():
        return  # Windows cannot sync a folder
    descriptor = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def disk_faults(path: Path) -> Iterator[None]:
    """The system's errors while something below `path` is written."""
    try:
        yield
    except OSError as error:
        raise disk_fault(path, error) from error


def disk_fault(path: Path, error: OSError) -> EnvironmentFault:
    if error.errno in FULL:
        return EnvironmentFault(FaultCode.DISK_FULL, path=str(path))
    return EnvironmentFault(
        FaultCode.DATA_FOLDER_READ_ONLY, path=str(path), reason=error.strerror or ""
    )


def free_bytes(path: Path) -> int | None:
    """Room for this person on the disk of the nearest folder that exists; None: unknown."""
    for folder in (path, *path.absolute().parents):
        try:
            return shutil.disk_usage(folder).free
        except FileNotFoundError:
            continue
        except OSError:
            return None
    return None


def is_full(path: Path) -> bool:
    free = free_bytes(path)
    return free is not None and free < ROOM
