"""What text tools have made: a history that can be searched, and parts of long texts, by what they
were made of. A database of its own, since both can go without anything else being lost.
"""

import json
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.text import clean_text
from desktop_llm.core.translations import SIMILAR, Pair, normal
from desktop_llm.storage.database import Database
from desktop_llm.storage.migrations import Migrations
from desktop_llm.storage.search_text import match_query, spaced

logger = logging.getLogger(__name__)

KEPT_RUNS = 500  # the newest
KEPT_DAYS = 30  # that a part which is not used stays
LOOKED_THROUGH = 5000  # earlier translations, for one that is like
LONGEST_SOURCE = 2_000_000  # characters that are kept of a text
SECONDS_A_DAY = 86_400

_TABLES = """
CREATE TABLE runs (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    created REAL NOT NULL,
    tool    TEXT NOT NULL,
    title   TEXT NOT NULL,
    source  TEXT NOT NULL,
    choices TEXT NOT NULL,
    result  TEXT NOT NULL,
    details TEXT NOT NULL,
    model   TEXT NOT NULL
);
CREATE VIRTUAL TABLE runs_text USING fts5 (words, content = '', contentless_delete = 1,
    tokenize = 'unicode61');
CREATE TABLE parts (
    key  BLOB PRIMARY KEY,
    text TEXT NOT NULL,
    used REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX parts_by_use ON parts (used);
"""
# What a person accepted, by sentence and language; `used` orders what is looked through first.
_MEMORY = """
CREATE TABLE memory (
    source   TEXT NOT NULL,
    language TEXT NOT NULL,
    target   TEXT NOT NULL,
    used     REAL NOT NULL,
    PRIMARY KEY (source, language)
) WITHOUT ROWID;
CREATE INDEX memory_by_use ON memory (language, used);
"""
MIGRATIONS: Migrations = (("runs and parts", _TABLES), ("translation memory", _MEMORY))


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolRun:
    """One use of a tool. `title`: of the source, a file's name or its first words."""

    tool: str
    title: str
    source: str
    choices: Mapping[str, str]
    result: str
    details: Mapping[str, Any]
    model: str
    created: float = 0.0
    id: int = 0


def open_tool_history(path: Path) -> "ToolHistory":
    """A damaged file is put aside, and a new one begun. Raises EnvironmentFault."""
    try:
        return ToolHistory(Database(path, migrations=MIGRATIONS))
    except EnvironmentFault as fault:
        if fault.code is not FaultCode.DATABASE_DAMAGED:
            raise
    logger.error("the history of the text tools is damaged and put aside")
    kept = path.with_name(f"{path.stem}.damaged-{time.time_ns()}{path.suffix}")
    for end in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            Path(f"{path}{end}").rename(f"{kept}{end}")
    return ToolHistory(Database(path, migrations=MIGRATIONS))


class ToolHistory:
    """Blocks on the disk. Any thread. Raises EnvironmentFault."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def close(self) -> None:
        self._database.close()

    # --- runs ------------------------------------------------------------------------------------

    def add(self, run: ToolRun) -> int:
        source = clean_text(run.source)[:LONGEST_SOURCE]
        result = clean_text(run.result)[:LONGEST_SOURCE]
        values = (
            time.time(), run.tool, clean_text(run.title), source,
            json.dumps(dict(run.choices), ensure_ascii=False), result,
            json.dumps(dict(run.details), ensure_ascii=False), run.model,
        )  # fmt: skip

        def change(to: apsw.Connection) -> int:
            to.execute(
                "INSERT INTO runs (created, tool, title, source, choices, result, details, model)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                values,
            )
            number = to.last_insert_rowid()
            words = spaced(f"{run.title}\n{source}\n{result}")
            to.execute("INSERT INTO runs_text (rowid, words) VALUES (?, ?)", (number, words))
            oldest: Any = to.execute(
                "SELECT id FROM runs ORDER BY id DESC LIMIT -1 OFFSET ?", (KEPT_RUNS,)
            ).fetchall()
            for (old,) in oldest:
                _delete(to, old)
            return number

        return self._database.write(change)

    def all(self, words: Sequence[str] = (), limit: int = KEPT_RUNS) -> list[ToolRun]:
        """The newest first; those that have all the words. Of the texts only their beginnings."""
        query = match_query(words)
        where = "WHERE id IN (SELECT rowid FROM runs_text WHERE runs_text MATCH ?)" if query else ""
        sql = (
            "SELECT id, created, tool, title, substr(source, 1, 200), choices,"
            f" substr(result, 1, 200), '{{}}', model FROM runs {where} ORDER BY id DESC LIMIT ?"
        )
        values = (query, limit) if query else (limit,)
        return [_run(row) for row in self._rows(sql, values)]

    def get(self, number: int) -> ToolRun | None:
        rows = self._rows(
            "SELECT id, created, tool, title, source, choices, result, details, model FROM runs"
            " WHERE id = ?",
            (number,),
        )
        return _run(rows[0]) if rows else None

    def delete(self, number: int) -> None:
        self._database.write(lambda to: _delete(to, number))

    def clear(self) -> None:
        """Runs, parts and accepted translations: nothing that was worked on stays."""

        def change(to: apsw.Connection) -> None:
            to.execute("DELETE FROM runs_text WHERE rowid IN (SELECT id FROM runs)")
            to.execute("DELETE FROM runs")
            to.execute("DELETE FROM parts")
            to.execute("DELETE FROM memory")

        self._database.write(change)
        self._database.tidy()

    # --- parts -----------------------------------------------------------------------------------

    def part(self, key: bytes) -> str | None:
        rows = self._rows("SELECT text, used FROM parts WHERE key = ?", (key,))
        if not rows:
            return None
        text, used = rows[0]
        if time.time() - used > SECONDS_A_DAY:
            self._execute("UPDATE parts SET used = ? WHERE key = ?", (time.time(), key))
        return str(text)

    def keep_part(self, key: bytes, text: str) -> None:
        sql = "INSERT OR REPLACE INTO parts (key, text, used) VALUES (?, ?, ?)"
        self._execute(sql, (key, clean_text(text), time.time()))

    def forget_old_parts(self) -> None:
        self._execute(
            "DELETE FROM parts WHERE used < ?", (time.time() - KEPT_DAYS * SECONDS_A_DAY,)
        )

    # --- translations ----------------------------------------------------------------------------

    def remember(self, pairs: Sequence[Pair], language: str) -> None:
        """That a person accepted; a newer one takes the place of an older."""
        rows = [
            (normal(clean_text(pair.source)), language, clean_text(pair.target), time.time())
            for pair in pairs
        ]

        def change(to: apsw.Connection) -> None:
            to.executemany(
                "INSERT OR REPLACE INTO memory (source, language, target, used)"
                " VALUES (?, ?, ?, ?)",
                rows,
            )

        self._database.write(change)

    def remembered(self, source: str, language: str) -> str | None:
        """`source` as `normal` makes it."""
        rows = self._rows(
            "SELECT target FROM memory WHERE source = ? AND language = ?", (source, language)
        )
        return str(rows[0][0]) if rows else None

    def similar(self, source: str, language: str) -> Pair | None:
        """The likest of the newest, where it is like enough."""
        from rapidfuzz import fuzz, process  # not before there is a memory

        rows = self._rows(
            "SELECT source, target FROM memory WHERE language = ? AND length(source) BETWEEN ?"
            " AND ? ORDER BY used DESC LIMIT ?",
            (language, len(source) // 2, 2 * len(source) + 1, LOOKED_THROUGH),
        )
        if not rows:
            return None
        best = process.extractOne(
            source, [row[0] for row in rows], scorer=fuzz.ratio, score_cutoff=100 * SIMILAR
        )
        return None if best is None else Pair(*rows[best[2]])

    def _rows(self, sql: str, values: tuple[Any, ...]) -> list[Any]:
        return self._database.read(lambda at: at.execute(sql, values).fetchall())

    def _execute(self, sql: str, values: tuple[Any, ...]) -> None:
        def change(to: apsw.Connection) -> None:
            to.execute(sql, values)

        self._database.write(change)


def _delete(to: apsw.Connection, number: int) -> None:
    to.execute("DELETE FROM runs_text WHERE rowid = ?", (number,))
    to.execute("DELETE FROM runs WHERE id = ?", (number,))


def _run(row: tuple[Any, ...]) -> ToolRun:
    number, created, tool, title, source, choices, result, details, model = row
    return ToolRun(
        id=number, created=created, tool=tool, title=title, source=source,
        choices=json.loads(choices), result=result, details=json.loads(details), model=model,
    )  # fmt: skip
