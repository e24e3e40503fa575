"""Every connection that was made: JSON, a line each, in the logs folder, of a bounded size.

What cannot be written costs the line and nothing else: a full disk must not end a download.
"""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from desktop_llm.core.network import Contact, Why, refuse_unasked
from desktop_llm.storage.disk import disk_faults
from desktop_llm.storage.logs import KEPT, MOST_BYTES, AppendedLines, erase, tail

LEDGER = "connections.jsonl"
LONGEST = 200  # characters of a name


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Connections in a row to one host, for the same. `first`, `last`: seconds since the epoch."""

    host: str
    why: str
    what: str
    status: int
    count: int
    received: int  # bytes
    first: float
    last: float


class Ledger:
    """May be used by several threads, and by several processes at once."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / LEDGER
        self._lines = AppendedLines(self._path)
        self._lock = threading.Lock()

    def record(self, contact: Contact) -> None:
        values = asdict(contact)
        for name in ("host", "why", "what"):
            values[name] = values[name][:LONGEST]
        with self._lock:
            self._lines.append(json.dumps(values))

    def entries(self) -> list[Entry]:
        """The newest first. Parts of one download that came over several connections are one."""
        open_entries: dict[tuple[str, str, str, int], Entry] = {}
        done: list[Entry] = []
        for contact in self._contacts():
            key = (contact.host, contact.why, contact.what, contact.status)
            before = open_entries.get(key)
            if before is not None and abs(contact.time - before.last) > 3600:
                done.append(open_entries.pop(key))
                before = None
            open_entries[key] = Entry(
                host=contact.host, why=contact.why, what=contact.what, status=contact.status,
                count=1 if before is None else before.count + 1,
                received=contact.received + (0 if before is None else before.received),
                first=contact.time if before is None else before.first,
                last=contact.time,
            )  # fmt: skip
        return sorted([*done, *open_entries.values()], key=lambda entry: -entry.last)

    def clear(self) -> None:
        """Raises EnvironmentFault."""
        with self._lock, disk_faults(self._path.parent):
            self._lines.close()
            erase(self._path)

    def close(self) -> None:
        with self._lock:
            self._lines.close()

    def _contacts(self) -> Iterator[Contact]:
        """The oldest first; a line that is none is left out."""
        for line in tail(self._path, (KEPT + 1) * MOST_BYTES).splitlines():
            with contextlib.suppress(ValueError, KeyError, TypeError):
                found = json.loads(line)
                yield Contact(
                    host=str(found["host"]), why=str(found["why"]), what=str(found["what"]),
                    status=int(found["status"]), received=int(found["received"]),
                    time=float(found["time"]),
                )  # fmt: skip


def refuse_and_record_unasked(folder: Path) -> None:
    """In this process, from now on: a connection that nobody asked for is not made; it stands in
    the ledger.
    """
    ledger = Ledger(folder)

    def record(host: str) -> None:
        why = Why.UNASKED.value
        ledger.record(Contact(host=host, why=why, status=0, received=0, time=time.time()))

    refuse_unasked(record)
