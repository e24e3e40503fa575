"""What the program does for its own files at each start, beside everything else.

The bin is emptied of what was deleted long ago; a backup is made; backups that are as old as the
bin go, so that what was purged does not live on in them. Never is there a moment without a backup:
the new one is made before the old ones go.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from desktop_llm.core.conversations import Backup
from desktop_llm.core.errors import DesktopLlmError, FaultCode, ProgramFault
from desktop_llm.storage import disk, relocation
from desktop_llm.storage.backups import Backups
from desktop_llm.storage.bin import Bin
from desktop_llm.storage.conversations import Conversations
from desktop_llm.storage.database import Database
from desktop_llm.storage.kv_files import KvFiles
from desktop_llm.storage.paths import Folders

logger = logging.getLogger(__name__)

DAY = 86400.0  # seconds
BIN_DAYS = 30
STALE_DAYS = 1  # a half-made file that old is nobody's work


@dataclass(slots=True)
class Done:
    purged: int = 0  # conversations, or parts of one
    backup: Backup | None = None
    expired: int = 0  # backups
    swept: int = 0  # files
    left: list[str] = field(default_factory=list)  # of a folder that was moved away from
    faults: list[DesktopLlmError] = field(default_factory=list)


class Maintenance:
    """`start` works on a thread of its own; `close` ends it between two steps and waits."""

    def __init__(
        self,
        folders: Folders,
        database: Database,
        bin: Bin,
        backups: Backups,
        states: KvFiles | None = None,
        states_bytes: Callable[[], int] = lambda: 0,
    ) -> None:
        """`states_bytes`: how much of `states` may stay."""
        self._states = states
        self._states_bytes = states_bytes
        self._folders = folders
        self._database = database
        self._bin = bin
        self._backups = backups
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self.run, name="maintenance", daemon=True)
        self.done = Done()

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        if self._thread.ident is not None:
            self._thread.join()

    def run(self, now: float | None = None) -> Done:
        """Every step, whatever becomes of the others; what fails is in `faults` and in the log."""
        now = time.time() if now is None else now
        done = self.done = Done()

        def purge() -> None:
            done.purged = self._bin.purge(now - BIN_DAYS * DAY)

        def back_up() -> None:
            done.backup = self._backups.daily(now, lambda: not self._closing.is_set())
            if not self._closing.is_set():
                done.expired = self._backups.expire(now - BIN_DAYS * DAY)

        def sweep() -> None:
            stale = now - STALE_DAYS * DAY
            done.swept = self._backups.sweep(stale)
            done.swept += disk.sweep(self._folders.settings_file, stale)

        def leave_old_folder() -> None:
            done.left = [str(path) for path in relocation.erase_old(self._folders)]

        def sweep_states() -> None:
            if self._states is not None:
                alive = [found.id for found in Conversations(self._database).all()]
                done.swept += self._states.sweep(alive, self._states_bytes())

        for step in (purge, back_up, sweep, sweep_states, self._database.tidy, leave_old_folder):
            if not self._closing.is_set():
                self._try(step)
        return done

    def _try(self, step: Callable[[], None]) -> None:
        try:
            step()
        except DesktopLlmError as fault:
            logger.warning("maintenance: %s", fault.code.value)
            self.done.faults.append(fault)
        except Exception as error:
            logger.exception("maintenance failed")
            detail = f"{type(error).__name__}: {error}"
            self.done.faults.append(ProgramFault(FaultCode.BUG, detail=detail))
