"""The program's own log files: for this person only, of a bounded size, never in the way.

A folder that cannot be written to, or a full disk, costs the log and nothing else.
"""

import contextlib
import faulthandler
import logging
import os
from collections.abc import Callable
from pathlib import Path

from desktop_llm.core.log_records import OURS, WordlessFormatter, log_uncaught

WINDOW_LOG = "window.log"  # the command line's too
ENGINE_LOG = "engine.log"  # what the worker writes to its stderr
LANGUAGE_LOG = "language.log"  # what the language process writes there
RUNNER_LOG = "runner.log"  # what the runner of the jobs writes there
CRASH_LOG = "crash.log"  # where the Python code was when native code crashed
MOST_BYTES = 1_000_000  # of one file
KEPT = 3  # older ones beside the one in use: name.1 is the newest of them


def start_logging(folder: Path) -> Callable[[], None]:
    """Log what this process does, and what nobody catches, into `folder`. Returns what ends that.

    The file is made with its first record: a command that has nothing to say leaves no trace.
    """
    handler = LogFile(folder / WINDOW_LOG)
    handler.setFormatter(WordlessFormatter())
    ours, everything = logging.getLogger(OURS), logging.getLogger()
    level = ours.level
    ours.setLevel(logging.INFO)
    everything.addHandler(handler)
    forget_uncaught = log_uncaught(ours, and_print=True)

    def undo() -> None:
        forget_uncaught()
        everything.removeHandler(handler)
        handler.close()
        ours.setLevel(level)

    return undo


def log_crashes(folder: Path) -> Callable[[], None]:
    """Should native code end this process, its stacks go to a file. Returns what ends that.

    No `except` sees such an end, so the file is open from the start.
    """
    path = folder / CRASH_LOG
    rotate(path)
    try:
        file = _open(path)
    except OSError:
        return lambda: None
    faulthandler.enable(file)

    def undo() -> None:
        faulthandler.disable()
        os.close(file)

    return undo


def rotate(path: Path, most: int = MOST_BYTES) -> None:
    """Put a file aside that has grown over `most` bytes. A failure leaves it where it is."""
    with contextlib.suppress(OSError):
        if path.stat().st_size > most:
            _shift(path)


def erase(path: Path) -> None:
    """The file and those put aside. Raises OSError."""
    for number in range(KEPT + 1):
        _older(path, number).unlink(missing_ok=True)


def tail(path: Path, most: int) -> str:
    """The last whole lines, `most` bytes at most, of a log and of the file before it."""
    data = b""
    for file in (path, _older(path, 1)):
        room = most - len(data)
        with contextlib.suppress(OSError), file.open("rb") as opened:
            size = opened.seek(0, os.SEEK_END)
            opened.seek(max(0, size - room))
            part = opened.read(room)
            data = (part if size <= room else part.partition(b"\n")[2]) + data
            if size > room:
                break
    return data.decode("utf-8", "replace")


class LogFile(logging.Handler):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self._lines = AppendedLines(path)

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(self.format(record))

    def close(self) -> None:
        with self.lock or contextlib.nullcontext():
            self._lines.close()
        super().close()


class AppendedLines:
    """Appends lines to a file and keeps it small.

    Several processes may write to the same one: a line is one append, and a file that another
    process has put aside is noticed before the next. Not for several threads.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def append(self, line: str) -> None:
        data = f"{line}\n".encode(errors="backslashreplace")
        with contextlib.suppress(OSError):
            os.write(self._ready(len(data)), data)

    def close(self) -> None:
        self._close_file()

    def _ready(self, size: int) -> int:
        """The file's descriptor, with room for so many bytes."""
        if self._file is not None and not self._is_current(self._file):
            self._close_file()
        if self._file is None:
            self._file = _open(self._path)
        if os.fstat(self._file).st_size + size > MOST_BYTES:
            self._close_file()
            with contextlib.suppress(OSError):
                _shift(self._path)
            self._file = _open(self._path)
        return self._file

    def _is_current(self, file: int) -> bool:
        try:
            return os.path.samestat(os.fstat(file), self._path.stat())
        except OSError:
            return False

    def _close_file(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            os.close(file)


def _open(path: Path) -> int:
    for folder in (path.parent.parent, path.parent):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def _shift(path: Path) -> None:
    """name.2 becomes name.3, name.1 becomes name.2, and the file itself name.1."""
    for number in range(KEPT, 0, -1):
        with contextlib.suppress(FileNotFoundError):
            _older(path, number - 1).replace(_older(path, number))


def _older(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}") if number else path
