"""What replies were made with, and how sure the model was; and the hashes of model files."""

from typing import Any

import apsw

from desktop_llm.core.details import (
    FileState,
    ReplyDetails,
    details_from_json,
    details_to_json,
)
from desktop_llm.core.scores import TokenScore, scores_from_json, scores_to_json
from desktop_llm.storage.database import Database
from desktop_llm.storage.rows import rows_of


class Records:
    """Every method blocks on the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, reply: int, details: ReplyDetails, scores: tuple[TokenScore, ...] = ()) -> None:
        """Nothing happens where the reply is erased by now."""
        values = (details_to_json(details), scores_to_json(scores) if scores else None, reply)

        def change(connection: apsw.Connection) -> None:
            connection.execute(
                "INSERT OR REPLACE INTO reply_records SELECT id, ?, ? FROM messages WHERE id = ?",
                values,
            )

        self._database.write(change, durable=False)

    def details(self, reply: int) -> ReplyDetails | None:
        sql = "SELECT details FROM reply_records WHERE message = ?"
        rows = self._rows(sql, (reply,))
        return details_from_json(rows[0][0]) if rows else None

    def scores(self, reply: int) -> tuple[TokenScore, ...]:
        """Of the tokens of its text, in order; none where they were not asked for."""
        sql = "SELECT scores FROM reply_records WHERE message = ? AND scores IS NOT NULL"
        rows = self._rows(sql, (reply,))
        return scores_from_json(rows[0][0]) if rows else ()

    def file_hash(self, file: FileState) -> str:
        """SHA-256 of a file in that state; empty where nobody knows it."""
        rows = self._rows(
            "SELECT sha256 FROM file_hashes WHERE path = ? AND size = ? AND modified = ?",
            (file.path, file.size_bytes, file.modified),
        )
        return rows[0][0] if rows else ""

    def keep_file_hash(self, file: FileState, sha256: str) -> None:
        def change(connection: apsw.Connection) -> None:
            connection.execute(
                "INSERT OR REPLACE INTO file_hashes VALUES (?, ?, ?, ?)",
                (file.path, file.size_bytes, file.modified, sha256),
            )

        self._database.write(change, durable=False)

    def _rows(self, sql: str, values: tuple[Any, ...]) -> list[Any]:
        return self._database.read(lambda connection: rows_of(connection, sql, values))


def copy_record(connection: apsw.Connection, message: int, source: int) -> None:
    connection.execute(
        "INSERT INTO reply_records SELECT ?, details, scores FROM reply_records WHERE message = ?",
        (message, source),
    )
