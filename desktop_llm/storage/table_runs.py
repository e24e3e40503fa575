"""Work on one table: its rows, and what the tools made of each. A database of its own for each.

A row's result is written once: what is there already cannot be written again, and what a batch
found is there as a whole or not at all.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.tables import CellResult, Row, Table, TableFormat
from desktop_llm.core.text import clean_text
from desktop_llm.storage.database import Database
from desktop_llm.storage.migrations import Migrations

PAGE = 500  # rows that are read at a time

_TABLES = """
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE rows (
    number INTEGER PRIMARY KEY,
    cells  TEXT NOT NULL,
    flaw   TEXT NOT NULL,
    raw    TEXT NOT NULL,
    vals   TEXT
);
CREATE TABLE results (
    step       INTEGER NOT NULL,
    row        INTEGER NOT NULL REFERENCES rows,
    value      TEXT NOT NULL,
    confidence REAL,
    unsure     TEXT NOT NULL,
    error      TEXT NOT NULL,
    corrected  TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (step, row)
) WITHOUT ROWID;
CREATE INDEX results_by_doubt ON results (step, confidence);
"""
MIGRATIONS: Migrations = (("rows and results", _TABLES),)


@dataclass(frozen=True, slots=True)
class TableAbout:
    form: TableFormat
    columns: tuple[str, ...]
    delimiter: str
    rows: int
    ragged: int


def open_table_run(folder: Path, key: str) -> "TableRun":
    """Raises EnvironmentFault."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return TableRun(Database(folder / f"{key}.db", migrations=MIGRATIONS))


def remove_table_run(folder: Path, key: str) -> None:
    for end in ("", "-wal", "-shm"):
        with suppress(OSError):
            (folder / f"{key}.db{end}").unlink(missing_ok=True)


def table_run_keys(folder: Path) -> list[str]:
    """Of those that are there."""
    return sorted(path.stem for path in folder.glob("*.db"))


class TableRun:
    """Blocks on the disk. Any thread. Raises EnvironmentFault."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def close(self) -> None:
        self._database.close()

    def about(self) -> TableAbout | None:
        """None where the table was not read yet."""
        found: Any = self._database.read(
            lambda to: to.execute("SELECT value FROM about WHERE name = 'table'").fetchone()
        )
        if found is None:
            return None
        values = json.loads(found[0])
        return TableAbout(
            TableFormat(values["form"]), tuple(values["columns"]), values["delimiter"],
            values["rows"], values["ragged"],
        )  # fmt: skip

    def take(self, table: Table) -> None:
        """All rows, in one transaction."""
        about = json.dumps({
            "form": table.form.value, "columns": table.columns, "delimiter": table.delimiter,
            "rows": len(table.rows), "ragged": table.ragged,
        })  # fmt: skip

        def change(to: apsw.Connection) -> None:
            to.executemany(
                "INSERT INTO rows (number, cells, flaw, raw, vals) VALUES (?, ?, ?, ?, ?)",
                (
                    (number, json.dumps(row.cells), row.flaw, row.raw,
                     None if row.values is None else json.dumps(row.values))
                    for number, row in enumerate(table.rows)
                ),
            )  # fmt: skip
            to.execute("INSERT INTO about VALUES ('table', ?)", (about,))

        self._database.write(change)

    def pending(self, step: int, after: int, most: int) -> list[tuple[int, Row]]:
        """Rows that this step has not worked on, in order, with their numbers."""
        found: Any = self._database.read(
            lambda to: to.execute(
                "SELECT number, cells, flaw, raw, vals FROM rows WHERE number > ? AND NOT EXISTS"
                " (SELECT 1 FROM results WHERE step = ? AND row = number) ORDER BY number LIMIT ?",
                (after, step, most),
            ).fetchall()
        )
        return [(number, _row(rest)) for number, *rest in found]

    def done(self, step: int) -> int:
        """How many rows this step has worked on."""
        found: Any = self._database.read(
            lambda to: to.execute("SELECT count(*) FROM results WHERE step = ?", (step,)).fetchone()
        )
        return int(found[0])

    def add(self, step: int, results: Mapping[int, CellResult]) -> None:
        """Of one batch, by row. One that is there already is a bug."""
        values = [
            (step, row, clean_text(each.value), each.confidence, each.unsure, each.error)
            for row, each in results.items()
        ]
        self._database.write(
            lambda to: to.executemany(
                "INSERT INTO results (step, row, value, confidence, unsure, error)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                values,
            )
        )

    def correct(self, step: int, row: int, value: str) -> None:
        """What a person says it is; empty: as the tool said. Raises NO_SUCH_ROW."""
        text = clean_text(value)

        def change(to: apsw.Connection) -> bool:
            to.execute(
                "UPDATE results SET corrected = ? WHERE step = ? AND row = ?", (text, step, row)
            )
            return to.changes() > 0

        if not self._database.write(change):
            raise EnvironmentFault(FaultCode.NO_SUCH_ROW, number=row + 1)

    def forget_errors(self) -> int:
        """Rows that failed are worked on again."""

        def change(to: apsw.Connection) -> int:
            to.execute("DELETE FROM results WHERE error <> '' AND corrected = ''")
            return int(to.changes())

        return int(self._database.write(change))

    def rows(
        self, steps: int, offset: int = 0, most: int = PAGE, doubted: int | None = None
    ) -> list[tuple[int, Row, list[CellResult | None]]]:
        """With the results of each step; `doubted`: the least sure of that step first, what failed
        before them.
        """
        order, joined = "number", ""
        if doubted is not None:
            joined = f" JOIN results AS d ON d.row = number AND d.step = {int(doubted)}"
            order = "d.error = '', d.corrected <> '', d.confidence IS NULL, d.confidence, number"

        def query(to: apsw.Connection) -> Any:
            return to.execute(
                f"SELECT number, cells, flaw, raw, vals FROM rows{joined} ORDER BY {order}"
                " LIMIT ? OFFSET ?",
                (most, offset),
            ).fetchall()

        found = self._database.read(query)
        results = self._results([number for number, *_rest in found])
        return [
            (number, _row(rest), [results.get((step, number)) for step in range(steps)])
            for number, *rest in found
        ]

    def pages(self, steps: int) -> Iterator[tuple[int, Row, list[CellResult | None]]]:
        """All rows in order, some at a time."""
        offset = 0
        while page := self.rows(steps, offset):
            yield from page
            offset += len(page)

    def counts(self, step: int) -> dict[str, int]:
        """How many rows came to each value: of labels. Those that failed are not among them."""
        found: Any = self._database.read(
            lambda to: to.execute(
                "SELECT CASE corrected WHEN '' THEN value ELSE corrected END AS said, count(*)"
                " FROM results WHERE step = ? AND error = '' GROUP BY said"
                " ORDER BY count(*) DESC LIMIT 200",
                (step,),
            ).fetchall()
        )
        return Counter({str(value): int(count) for value, count in found})

    def tally(self, step: int) -> tuple[int, int, int]:
        """Rows that failed, that are in doubt, that a person corrected."""
        found: Any = self._database.read(
            lambda to: to.execute(
                "SELECT sum(error <> ''), sum(unsure <> '' AND corrected = ''),"
                " sum(corrected <> '') FROM results WHERE step = ?",
                (step,),
            ).fetchone()
        )
        return int(found[0] or 0), int(found[1] or 0), int(found[2] or 0)

    def result(self, step: int, row: int) -> tuple[Row, CellResult] | None:
        """A row and what that step made of it; None where it has not come to it."""
        found: Any = self._database.read(
            lambda to: to.execute(
                "SELECT cells, flaw, raw, vals FROM rows WHERE number = ?", (row,)
            ).fetchone()
        )
        result = self._results([row]).get((step, row))
        return None if found is None or result is None else (_row(found), result)

    def _results(self, numbers: Sequence[int]) -> dict[tuple[int, int], CellResult]:
        found: Any = self._database.read(
            lambda to: to.execute(
                "SELECT step, row, value, confidence, unsure, error, corrected FROM results"
                " WHERE row IN (SELECT value FROM json_each(?))",
                (json.dumps(list(numbers)),),
            ).fetchall()
        )
        return {(step, row): CellResult(*rest) for step, row, *rest in found}


def _row(stored: Sequence[Any]) -> Row:
    cells, flaw, raw, values = stored
    return Row(tuple(json.loads(cells)), flaw, raw, None if values is None else json.loads(values))
