"""Ratings of replies, choices between them, edits of them, and which of it is for training."""

import json
import time
from collections.abc import Sequence
from typing import Any

import apsw

from desktop_llm.core.corrections import CellCorrection, Correction, CorrectionKind, Rating
from desktop_llm.core.messages import Message, Role
from desktop_llm.storage.database import Database
from desktop_llm.storage.rows import rows_of
from desktop_llm.storage.tree import EXCERPT_LENGTH

_FIELDS = (
    "chosen.id, {rejected}, chosen.conversation, conversations.title,"
    f" substr(chosen.text, 1, {EXCERPT_LENGTH}), {{created}}, chosen.training"
)
_FROM = "messages AS chosen JOIN conversations ON conversations.id = chosen.conversation"
_THERE = (
    "chosen.role = 'assistant' AND chosen.deleted IS NULL AND conversations.deleted IS NULL"
    " AND chosen.state <> 'streaming'"
)

# An edit of an edit corrects what the model said: the first of them that is not an edit.
_ALL = f"""
WITH RECURSIVE edits (edited, above) AS (
    SELECT id, origin FROM messages WHERE made = 'edited' AND role = 'assistant'
    UNION
    SELECT edited, origin FROM edits JOIN messages ON id = above
    WHERE made = 'edited' AND origin IS NOT NULL
)
SELECT 'edit', {_FIELDS.format(rejected="said.id", created="chosen.created")}
FROM {_FROM} JOIN edits ON edited = chosen.id JOIN messages AS said ON said.id = above
WHERE {_THERE} AND said.made <> 'edited' AND said.deleted IS NULL
UNION ALL
SELECT 'choice', {_FIELDS.format(rejected="other.id", created="choices.created")}
FROM {_FROM} JOIN choices ON choices.chosen = chosen.id
JOIN messages AS other ON other.id = choices.rejected
WHERE {_THERE} AND other.deleted IS NULL
UNION ALL
SELECT 'liked', {_FIELDS.format(rejected="NULL", created="chosen.created")}
FROM {_FROM} WHERE {_THERE} AND chosen.rating = 'good' AND chosen.made <> 'edited'
AND NOT EXISTS (SELECT 1 FROM choices WHERE choices.chosen = chosen.id)
UNION ALL
SELECT 'cell', id, NULL, 0, title, substr(after, 1, {EXCERPT_LENGTH}), created, training
FROM cell_corrections
ORDER BY 7 DESC, 2 DESC
"""


class Corrections:
    """Every method blocks on the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def prefer(self, chosen: int, rejected: int) -> None:
        """A later choice between the two takes the place of an earlier one."""

        def change(connection: apsw.Connection) -> None:
            pair = (chosen, rejected)
            connection.execute("DELETE FROM choices WHERE chosen = ? AND rejected = ?", pair[::-1])
            connection.execute(
                "INSERT OR IGNORE INTO choices (chosen, rejected, created)"
                " SELECT ?, ?, ? WHERE EXISTS (SELECT 1 FROM messages WHERE id = ?)"
                " AND EXISTS (SELECT 1 FROM messages WHERE id = ?)",
                (*pair, time.time(), *pair),
            )

        self._database.write(change)

    def rate(self, reply: int, rating: Rating) -> None:
        self._execute("UPDATE messages SET rating = ? WHERE id = ?", (rating.value, reply))

    def use(self, replies: Sequence[int], wanted: bool, cells: Sequence[int] = ()) -> None:
        """For training; from now on, or no longer."""

        def change(connection: apsw.Connection) -> None:
            for table, numbers in (("messages", replies), ("cell_corrections", cells)):
                connection.executemany(
                    f"UPDATE {table} SET training = ? WHERE id = ?",
                    [(wanted, number) for number in numbers],
                )

        self._database.write(change)

    # --- of tables -----------------------------------------------------------------------------

    def keep_cells(self, cells: Sequence[CellCorrection]) -> None:
        """A later one of the same cell takes the place of an earlier one."""
        rows = [
            (
                cell.key, cell.step, cell.row, cell.title,
                json.dumps([(each.role.value, each.text) for each in cell.prompt]),
                cell.before, cell.after, cell.created or time.time(), cell.training,
            )
            for cell in cells
        ]  # fmt: skip

        def change(connection: apsw.Connection) -> None:
            connection.executemany(
                "INSERT INTO cell_corrections (work, step, row, title, prompt, before, after,"
                " created, training) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (work, step, row) DO UPDATE SET title = excluded.title,"
                " prompt = excluded.prompt, before = excluded.before, after = excluded.after,"
                " created = excluded.created",
                rows,
            )

        self._database.write(change)

    def forget_cell(self, key: str, step: int, row: int) -> None:
        self._execute(
            "DELETE FROM cell_corrections WHERE work = ? AND step = ? AND row = ?", (key, step, row)
        )

    def forget_cells(self, numbers: Sequence[int]) -> list[CellCorrection]:
        """Returns them, to be kept again where it was a mistake."""
        found = [cell for cell in map(self.cell, numbers) if cell is not None]
        for cell in found:
            self.forget_cell(cell.key, cell.step, cell.row)
        return found

    def cell(self, number: int) -> CellCorrection | None:
        return next(iter(self._cells("id = ?", number)), None)

    def cells_of(self, key: str) -> list[CellCorrection]:
        """Of one table, in order."""
        return self._cells("work = ?", key)

    def _cells(self, condition: str, value: int | str) -> list[CellCorrection]:
        sql = (
            "SELECT id, work, step, row, title, prompt, before, after, created, training"
            f" FROM cell_corrections WHERE {condition} ORDER BY step, row"
        )

        def query(connection: apsw.Connection) -> list[Any]:
            return connection.execute(sql, (value,)).fetchall()

        return [
            CellCorrection(
                id=number, key=key, step=step, row=row, title=title, before=before, after=after,
                prompt=tuple(Message(Role(role), text) for role, text in json.loads(prompt)),
                created=created, training=bool(training),
            )
            for number, key, step, row, title, prompt, before, after, created, training in (
                self._database.read(query)
            )
        ]  # fmt: skip

    def all(self) -> list[Correction]:
        """The newest first."""
        return [
            Correction(
                kind=CorrectionKind(kind),
                chosen=chosen,
                rejected=rejected,
                conversation=conversation,
                title=title,
                excerpt=excerpt,
                created=created,
                training=bool(training),
            )
            for kind, chosen, rejected, conversation, title, excerpt, created, training in (
                self._database.read(lambda connection: rows_of(connection, _ALL))
            )
        ]

    def _execute(self, sql: str, values: tuple[Any, ...]) -> None:
        def change(connection: apsw.Connection) -> None:
            connection.execute(sql, values)

        self._database.write(change)
