"""A lock that the system drops with its process, however it ends; a stale file locks nothing."""

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO

from desktop_llm.storage.disk import disk_faults


class FileLock:
    """Held from `acquire` until `release` or the process's end. The file holds the process's id."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[str] | None = None

    @property
    def held(self) -> bool:
        """By this object."""
        return self._file is not None

    def acquire(self) -> bool:
        """False where another holds it. Raises EnvironmentFault for a read-only folder."""
        with disk_faults(self.path.parent):
            file = self.path.open("a+", encoding="ascii")
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

    def is_free(self) -> bool:
        """Whether nobody holds it just now. Whoever acquires it in this moment has to try again."""
        if self.held or not self.path.exists():
            return not self.held
        try:
            with self.path.open("a+", encoding="ascii") as file:
                _lock(file)
        except OSError:
            return False
        return True

    def read(self) -> bytes:
        return self.path.read_bytes()

    def truncate(self, size: int) -> None:
        """For the holder: whatever others have appended goes."""
        assert self._file is not None
        self._file.truncate(size)

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
