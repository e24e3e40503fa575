"""What is attached to questions, and to those that are still being written.

The text of a document is kept, not its file: that may go, and nothing else of it is needed. An
attachment belongs to a message, or to the draft of a conversation, or to what is written before
there is a conversation for it.
"""

import time
from collections.abc import Iterable
from typing import Any

import apsw

from desktop_llm.core.attachments import Attachment, Take
from desktop_llm.core.documents import Document
from desktop_llm.core.text import clean_text
from desktop_llm.storage.database import Database
from desktop_llm.storage.rows import ATTACHMENT, attachment_of, new_id, rows_of

_DRAFT = "message IS NULL AND conversation IS ? AND removed IS NULL"


class Attachments:
    """Every method blocks on the database; None for what is written before there is a
    conversation.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self, conversation: int | None, document: Document, take: Take = Take.WHOLE
    ) -> Attachment:
        """To the draft."""

        def insert(connection: apsw.Connection) -> int:
            number = new_id(connection, "attachments")
            connection.execute(
                "INSERT INTO attachments (id, conversation, name, kind, size, sha256, encoding,"
                " pages, left_out, text, take) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (number, conversation, clean_text(document.name), document.kind.value,
                 document.size_bytes, document.sha256, document.encoding, document.pages,
                 document.left_out, clean_text(document.text), take.value),
            )  # fmt: skip
            return number

        return self.get(self._database.write(insert))

    def get(self, attachment: int) -> Attachment:
        """Raises KeyError."""
        rows = self._rows(f"SELECT {ATTACHMENT} FROM attachments WHERE id = ?", (attachment,))
        if not rows:
            raise KeyError(attachment)
        return attachment_of(rows[0])

    def of_draft(self, conversation: int | None) -> list[Attachment]:
        sql = f"SELECT {ATTACHMENT} FROM attachments WHERE {_DRAFT} ORDER BY id"
        return [attachment_of(row) for row in self._rows(sql, (conversation,))]

    def whole(self, attachment: int) -> str:
        """All of its text. Raises KeyError."""
        rows = self._rows("SELECT text FROM attachments WHERE id = ?", (attachment,))
        if not rows:
            raise KeyError(attachment)
        text: str = rows[0][0]
        return text

    def choose(self, attachment: int, take: Take) -> None:
        """How much of it the model gets; of what is not sent yet."""
        self._execute(
            "UPDATE attachments SET take = ?, sent = NULL WHERE id = ? AND message IS NULL",
            (take.value, attachment),
        )

    def keep_said(self, attachment: int, text: str) -> None:
        """The excerpt or the summary that the model gets from now on."""
        values = (clean_text(text), attachment)
        self._execute("UPDATE attachments SET sent = ? WHERE id = ?", values)

    def remove(self, attachment: int) -> None:
        """From a draft; it can be put back until the program ends."""
        values = (time.time(), attachment)
        self._execute("UPDATE attachments SET removed = ? WHERE id = ? AND message IS NULL", values)

    def put_back(self, attachment: int) -> None:
        self._execute("UPDATE attachments SET removed = NULL WHERE id = ?", (attachment,))

    def forget_removed(self) -> None:
        self._execute("DELETE FROM attachments WHERE removed IS NOT NULL", ())

    def _rows(self, sql: str, values: tuple[Any, ...]) -> list[Any]:
        return self._database.read(lambda connection: rows_of(connection, sql, values))

    def _execute(self, sql: str, values: tuple[Any, ...]) -> None:
        def change(connection: apsw.Connection) -> None:
            connection.execute(sql, values)

        self._database.write(change)


def give_to(
    connection: apsw.Connection, message: int, conversation: int, attachments: Iterable[int]
) -> None:
    """From the draft that they stand in."""
    for attachment in attachments:
        connection.execute(
            "UPDATE attachments SET message = ?, conversation = ?"
            " WHERE id = ? AND message IS NULL AND removed IS NULL",
            (message, conversation, attachment),
        )


def give_back(connection: apsw.Connection, message: int) -> None:
    """To the draft of the message's conversation. What was made for the question goes."""
    connection.execute(
        "UPDATE attachments SET message = NULL, sent = NULL WHERE message = ?", (message,)
    )


def copy_to(
    connection: apsw.Connection, message: int, conversation: int, source: int, anew: bool = False
) -> None:
    """What is attached to message `source`; `anew`: for another question, so that excerpts are
    made for that.
    """
    sent = "CASE take WHEN 'excerpt' THEN NULL ELSE sent END" if anew else "sent"
    for (number,) in rows_of(
        connection, "SELECT id FROM attachments WHERE message = ? ORDER BY id", (source,)
    ):
        connection.execute(
            "INSERT INTO attachments (id, message, conversation, name, kind, size, sha256,"
            " encoding, pages, left_out, text, take, sent)"
            " SELECT ?, ?, ?, name, kind, size, sha256, encoding, pages, left_out, text, take,"
            f" {sent} FROM attachments WHERE id = ?",
            (new_id(connection, "attachments"), message, conversation, number),
        )
