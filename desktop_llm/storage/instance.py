"""One window per data folder: a lock that the system drops with its process, however it ends."""

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO

from desktop_llm.storage.disk import disk_faults

NAME = "window.lock"


class InstanceLock:
    """Held from `acquire` until `release` or the process's end; a stale file locks nothing."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._file: IO[str] | None = None

    def acquire(self) -> bool:
        """False where another process holds it. Raises EnvironmentFault for a read-only folder."""
        with disk_faults(self._path.parent):
            file = self._path.open("a+", encoding="ascii")
        try:
            _lock(file)
        except OSError:
            file.close()
            return False
        with suppress(OSError):  # a full disk: the lock holds without the number
            file.truncate(0)
            os.write(file.fileno(), str(os.getpid()).encode("ascii"))
        self._file = file
        return True

    def release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _lock(file: IO[str]) -> None:
    if sys.platform == "win32":
        import msvcrt

        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
