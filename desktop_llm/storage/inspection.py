"""What can be said of a database without changing it, however it is."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from desktop_llm.storage.database import BUSY_MILLISECONDS, faults_of
from desktop_llm.storage.migrations import MIGRATIONS

_COUNTS = """
SELECT (SELECT count(*) FROM conversations WHERE deleted IS NULL),
       (SELECT count(*) FROM conversations WHERE deleted IS NOT NULL),
       (SELECT count(*) FROM messages)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseFacts:
    """Numbers, and not a word of what they count."""

    version: int  # migrations applied
    known: int  # to this program
    size_bytes: int
    counts: "Counts | None"  # None: the tables have a shape that this program does not know


@dataclass(frozen=True, slots=True)
class Counts:
    conversations: int
    deleted: int  # conversations put aside
    messages: int


def inspect_database(path: Path) -> DatabaseFacts | None:
    """None where there is no file yet. Raises EnvironmentFault."""
    if not path.exists():
        return None
    with faults_of(path):
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            connection.set_busy_timeout(BUSY_MILLISECONDS)
            row: Any = connection.execute("PRAGMA user_version").fetchone()
            counts = _count(connection)
        finally:
            connection.close()
    return DatabaseFacts(
        version=row[0], known=len(MIGRATIONS), size_bytes=path.stat().st_size, counts=counts
    )


def _count(connection: apsw.Connection) -> Counts | None:
    try:
        row: Any = connection.execute(_COUNTS).fetchone()
    except apsw.SQLError:
        return None
    return Counts(*row)
