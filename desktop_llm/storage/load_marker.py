"""Remembers across a crash which model file was being loaded.

The file that names it is on disk before loading begins and goes when loading ends. One that is
still there at the next start names a model that took the program, the engine or the whole
computer down with it: nobody should load that one without being asked.
"""

import contextlib
import os
from pathlib import Path


class LoadMarker:
    """One file. A folder that cannot be written to means no memory, not no loading."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._suspect = self._read()

    @property
    def suspect(self) -> str:
        """Path of the model whose loading did not end; empty where all is well."""
        return self._suspect

    def begin(self, path: str) -> None:
        self._write(path)

    def end(self, path: str, crashed: bool, loaded: bool) -> None:
        """Loading has ended: with a death, with a model, or with neither."""
        if crashed:
            self._suspect = path
        elif loaded and self._suspect == path:
            self._suspect = ""
        if self._suspect:
            self._write(self._suspect)
        else:
            with contextlib.suppress(OSError):
                self._file.unlink(missing_ok=True)

    def _read(self) -> str:
        try:
            return os.fsdecode(self._file.read_bytes())
        except OSError:
            return ""

    def _write(self, path: str) -> None:
        """On the disk itself when this returns: the computer may freeze next."""
        with contextlib.suppress(OSError):
            descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(os.fsencode(path))
                file.flush()
                os.fsync(file.fileno())
