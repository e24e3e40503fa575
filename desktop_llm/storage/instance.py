"""One window per data folder: a lock that the system drops with its process, however it ends.

A second start asks the first to show its window by a mark at the end of the lock's file; that one
watches the file and takes the mark away.
"""

import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

from desktop_llm.storage.disk import disk_faults

NAME = "window.lock"
MARK = b"\nshow"
ANSWER_SECONDS = 2.0


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

    def ask_holder(self, seconds: float = ANSWER_SECONDS) -> bool:
        """Ask who holds it to show its window; False where nobody answers. Blocks."""
        try:
            size = self._path.stat().st_size
            with self._path.open("ab") as file:
                file.write(MARK)
        except OSError:
            return False
        end = time.monotonic() + seconds
        while self._path.stat().st_size > size:
            if time.monotonic() > end:
                return False
            time.sleep(0.01)
        return True

    def take_requests(self) -> bool:
        """Whether somebody has asked since; for the holder."""
        if self._file is None or not self._path.read_bytes().endswith(MARK):
            return False
        self._file.truncate(self._path.stat().st_size - len(MARK))
        return True

    @property
    def path(self) -> Path:
        return self._path

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
