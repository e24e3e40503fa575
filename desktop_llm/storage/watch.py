"""Sees what others change in the database: the command line beside the window."""

import itertools
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import apsw

logger = logging.getLogger(__name__)

UNKNOWN = -1


class ChangeWatch:
    """Calls `on_change`, on a thread of its own, after another connection has changed the file.

    Several changes between two looks are told once. This process's own connections are others
    too; give `others`, a number that its own changes do not move (`Database.others_version`), and
    they are not told. Close it before the database.
    """

    def __init__(
        self,
        path: Path,
        on_change: Callable[[], object],
        seconds: float = 1.0,
        others: Callable[[], int] | None = None,
    ) -> None:
        self._path = path
        self._on_change = on_change
        self._seconds = seconds
        self._others = others or itertools.count().__next__  # which always moves
        self._closing = threading.Event()
        self._looked = threading.Event()
        self._thread = threading.Thread(target=self._run, name="database-watch", daemon=True)
        self._thread.start()
        self._looked.wait()  # a change from now on is told

    def close(self) -> None:
        """Nothing is told once this has returned. Not to be called from `on_change`."""
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        connection: apsw.Connection | None = None
        seen, others = UNKNOWN, self._others()
        while True:
            try:
                if connection is None:
                    connection = apsw.Connection(str(self._path), flags=apsw.SQLITE_OPEN_READONLY)
                now = int(str(connection.pragma("data_version")))
            except apsw.Error as error:
                logger.info("the database cannot be watched now: %s", error)
                _close(connection)
                connection, now = None, UNKNOWN  # looked at anew next time
            if now not in (seen, UNKNOWN) and self._looked.is_set():
                before, others = others, self._others()
                if others != before:
                    self._tell()
            seen = now
            self._looked.set()
            if self._closing.wait(self._seconds):
                _close(connection)
                return

    def _tell(self) -> None:
        try:
            self._on_change()
        except Exception:
            logger.exception("a change of the database could not be passed on")


def _close(connection: apsw.Connection | None) -> None:
    if connection is not None:
        with suppress(apsw.Error):
            connection.close()
