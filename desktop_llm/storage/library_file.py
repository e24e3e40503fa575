"""What the program knows of models beside their files: what is linked, what was read and measured.

One small file of JSON in the models folder, changed under a lock: the window, the command line and
the runner all write it. Losing it loses links and measurements, no model.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.model_facts import ModelFacts
from desktop_llm.core.models import ModelSettings
from desktop_llm.storage.disk import disk_faults, write_atomically
from desktop_llm.storage.locks import FileLock

logger = logging.getLogger(__name__)

VERSION = 1
LOCK_SECONDS = 5.0
LARGEST = 16_000_000  # bytes that are believed to be this file


@dataclass(frozen=True, slots=True)
class Link:
    """A file, or a folder of them, that is used where it lies."""

    path: str
    app: str = ""


@dataclass(slots=True)
class Entry:
    """Of one file, as it was at that size and time of change."""

    size: int = 0
    modified: int = 0  # nanoseconds
    facts: ModelFacts | None = None
    last_used: float = 0.0
    prompt_rate: float = 0.0
    decode_rate: float = 0.0
    sha256: str = ""  # as it was when it was read whole
    template_checked: bool = False
    template_fault: str = ""


@dataclass(slots=True)
class Known:
    links: list[Link] = field(default_factory=list)
    entries: dict[str, Entry] = field(default_factory=dict)  # by path
    settings: dict[str, ModelSettings] = field(default_factory=dict)  # by path; a person's


class LibraryFile:
    """Every method may be called from any thread, and blocks on the disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._read_at: tuple[int, int] | None = None
        self._known = Known()

    def known(self) -> Known:
        """As it is on the disk now; not to be changed."""
        with self._lock:
            return self._current()

    def change(self, change: Callable[[Known], object]) -> None:
        """Raises EnvironmentFault where it cannot be written."""
        with disk_faults(self.path.parent):
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = FileLock(self.path.with_suffix(".lock"))
        end = time.monotonic() + LOCK_SECONDS
        with self._lock:
            while not lock.acquire():
                if time.monotonic() > end:
                    raise EnvironmentFault(FaultCode.DATABASE_BUSY, path=str(self.path))
                time.sleep(0.02)
            try:
                self._read_at = None
                known = self._current()
                change(known)
                write_atomically(self.path, _text(known))
                self._read_at = self._state()
            finally:
                lock.release()

    def _state(self) -> tuple[int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size

    def _current(self) -> Known:
        state = self._state()
        if state is None:
            self._known, self._read_at = Known(), None
        elif state != self._read_at:
            self._known, self._read_at = self._read(), state
        return self._known

    def _read(self) -> Known:
        try:
            if self.path.stat().st_size > LARGEST:
                raise ValueError("too large")
            return _known(json.loads(self.path.read_text("utf-8")))
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            logger.error("the library's file is damaged and put aside: %s", type(error).__name__)
            with suppress(OSError):
                self.path.rename(self.path.with_name(f"{self.path.name}.damaged-{time.time_ns()}"))
            return Known()


def _text(known: Known) -> str:
    entries = {}
    for path, entry in sorted(known.entries.items()):
        values = asdict(entry) | {"facts": None if entry.facts is None else entry.facts.to_values()}
        entries[path] = {name: value for name, value in values.items() if value}
    values = {
        "version": VERSION,
        "links": [asdict(link) for link in known.links],
        "entries": entries,
        "settings": {path: one.to_values() for path, one in sorted(known.settings.items())},
    }
    return json.dumps(values, ensure_ascii=False, indent=1)


def _known(values: Mapping[str, Any]) -> Known:
    known = Known([Link(str(link["path"]), str(link["app"])) for link in values["links"]])
    for path, one in values["entries"].items():
        facts = None
        with suppress(ValueError, TypeError, KeyError):  # another version's are read anew
            facts = ModelFacts.from_values(one["facts"]) if "facts" in one else None
        known.entries[str(path)] = Entry(
            size=int(one.get("size", 0)),
            modified=int(one.get("modified", 0)),
            facts=facts,
            last_used=float(one.get("last_used", 0)),
            prompt_rate=float(one.get("prompt_rate", 0)),
            decode_rate=float(one.get("decode_rate", 0)),
            sha256=str(one.get("sha256", "")),
            template_checked=one.get("template_checked") is True,
            template_fault=str(one.get("template_fault", "")),
        )
    for path, one in values.get("settings", {}).items():
        with suppress(ValueError, TypeError, EnvironmentFault):  # another version's
            known.settings[str(path)] = ModelSettings.from_values(one)
    return known
