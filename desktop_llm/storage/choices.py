"""Which of two replies to a question a person went on with."""

import time
from typing import Any

import apsw

from desktop_llm.storage.database import Database
from desktop_llm.storage.rows import rows_of


class Choices:
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

    def all(self) -> list[tuple[int, int]]:
        """Chosen and rejected, the newest first."""
        sql = "SELECT chosen, rejected FROM choices ORDER BY created DESC"
        return [(chosen, rejected) for chosen, rejected in self._rows(sql)]

    def _rows(self, sql: str) -> list[Any]:
        return self._database.read(lambda connection: rows_of(connection, sql))
