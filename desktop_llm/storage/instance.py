"""One window per data folder: a lock that the system drops with its process, however it ends.

A second start asks the first to show its window by a mark at the end of the lock's file; that one
watches the file and takes the mark away.
"""

import time
from pathlib import Path

from desktop_llm.storage.locks import FileLock

NAME = "window.lock"
WISHES = ("show", "clipboard")  # what a second start may ask of the first
ANSWER_SECONDS = 2.0


class InstanceLock:
    """Held from `acquire` until `release` or the process's end; a stale file locks nothing."""

    def __init__(self, folder: Path) -> None:
        self._lock = FileLock(folder / NAME)

    def acquire(self) -> bool:
        """False where another process holds it. Raises EnvironmentFault for a read-only folder."""
        return self._lock.acquire()

    def ask_holder(self, seconds: float = ANSWER_SECONDS, wish: str = WISHES[0]) -> bool:
        """Ask who holds it to show its window, or more; False where nobody answers. Blocks."""
        try:
            size = self.path.stat().st_size
            with self.path.open("ab") as file:
                file.write(_mark(wish))
        except OSError:
            return False
        end = time.monotonic() + seconds
        while self.path.stat().st_size > size:
            if time.monotonic() > end:
                return False
            time.sleep(0.01)
        return True

    def take_requests(self) -> str:
        """What somebody has asked for since; empty: nobody has. For the holder."""
        if not self._lock.held:
            return ""
        read = self._lock.read()
        for wish in WISHES:
            if read.endswith(_mark(wish)):
                self._lock.truncate(self.path.stat().st_size - len(_mark(wish)))
                return wish
        return ""

    @property
    def path(self) -> Path:
        return self._lock.path

    def release(self) -> None:
        self._lock.release()


def _mark(wish: str) -> bytes:
    return b"\n" + wish.encode()
