"""Hashes of model files, computed while nothing else is asked for: gigabytes take their time."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from desktop_llm.core.details import FileState
from desktop_llm.core.errors import DesktopLlmError
from desktop_llm.storage.records import Records

logger = logging.getLogger(__name__)

PIECE = 8_000_000  # bytes read at a time
QUIET_SECONDS = 2.0  # before it begins, and while a reply is written


def state_of(path: Path) -> FileState:
    """Raises OSError."""
    found = path.stat()
    return FileState(path=str(path), size_bytes=found.st_size, modified=found.st_mtime_ns)


class FileHashes:
    """One file at a time, on a thread of its own that ends with the work."""

    def __init__(
        self,
        records: Records,
        busy: Callable[[], bool] = lambda: False,
        quiet_seconds: float = QUIET_SECONDS,
    ) -> None:
        """`busy`: something more important runs."""
        self._records = records
        self._busy = busy
        self._quiet = quiet_seconds
        self._lock = threading.Lock()
        self._waiting: list[FileState] = []
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()

    def known(self, file: FileState) -> str:
        """Empty where it is not computed yet. Blocks on the database."""
        return self._records.file_hash(file)

    def want(self, file: FileState) -> None:
        """Compute it, unless it is known. Returns at once. A file without a folder is of another
        computer.
        """
        if not Path(file.path).is_absolute():
            return
        with self._lock:
            if self._closed.is_set() or file in self._waiting:
                return
            self._waiting.append(file)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="file-hashes", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """What is being read is given up, and read another time."""
        self._closed.set()
        thread = self._thread
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._waiting or self._closed.is_set():
                    self._thread = None
                    return
                file = self._waiting[0]
            try:
                if not self.known(file):
                    self._hash(file)
            except (OSError, DesktopLlmError) as error:
                logger.info("a model file could not be hashed: %s", type(error).__name__)
            with self._lock:
                self._waiting.remove(file)

    def _hash(self, file: FileState) -> None:
        import hashlib  # see `core.details`

        path, digest = Path(file.path), hashlib.sha256()
        self._closed.wait(self._quiet)
        with path.open("rb") as opened:
            while piece := opened.read(PIECE):
                digest.update(piece)
                while self._busy() and not self._closed.is_set():
                    self._closed.wait(self._quiet)
                if self._closed.is_set():
                    return
        if state_of(path) == file:  # else it was another file, or became one
            self._records.keep_file_hash(file, digest.hexdigest())
