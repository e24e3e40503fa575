"""What was deleted: it can be restored until it is purged, and is gone everywhere then."""

import time
from collections.abc import Callable
from typing import Any

import apsw

from desktop_llm.core.conversations import BinEntry
from desktop_llm.storage.database import Database
from desktop_llm.storage.rows import rows_of
from desktop_llm.storage.tree import EXCERPT_LENGTH, Tree

ERASED_AT_ONCE = 20  # messages in one transaction, some 100 ms

_ENTRIES = f"""
SELECT id, NULL, title, '', (SELECT count(*) FROM messages WHERE conversation = conversations.id),
    conversations.deleted
FROM conversations WHERE deleted > 0
UNION ALL
SELECT conversation, messages.id, title, substr(text, 1, {EXCERPT_LENGTH}),
    (SELECT count(*) FROM messages AS gone WHERE gone.deletion = messages.id), messages.deleted
FROM messages JOIN conversations ON conversations.id = conversation
WHERE deletion = messages.id AND messages.deleted > 0 AND conversations.deleted IS NULL
ORDER BY 6 DESC LIMIT ?
"""

_BELOW = """
WITH RECURSIVE below (message) AS (
    SELECT ? UNION ALL SELECT id FROM below JOIN messages ON parent = message
)
SELECT message FROM below
"""


# A conversation must never show what is no more: the newest message there is, then.
_MEND_LEAF = """
UPDATE conversations SET leaf = (
    SELECT max(id) FROM messages WHERE conversation = conversations.id AND messages.deleted IS NULL
) WHERE leaf IS NOT NULL AND NOT EXISTS (SELECT 1 FROM messages WHERE id = leaf)
"""


class Bin:
    """Every method blocks on the database."""

    def __init__(
        self, database: Database, on_gone: Callable[[int], object] = lambda _conversation: None
    ) -> None:
        """`on_gone` is told of a conversation that was deleted, or of which something was erased:
        what else there is of it has to go too.
        """
        self._database = database
        self._on_gone = on_gone
        self._tree = Tree(database)

    def entries(self, limit: int = -1) -> list[BinEntry]:
        """What was deleted last comes first. -1: all."""
        rows = self._rows(_ENTRIES, (limit,))
        return [
            BinEntry(
                conversation=conversation,
                message=message,
                title=title,
                excerpt=excerpt,
                messages=count,
                deleted=deleted,
            )
            for conversation, message, title, excerpt, count, deleted in rows
        ]

    def put(self, conversation: int) -> None:
        """A conversation; messages are put here by `Tree.delete`."""
        self._mark(conversation, time.time())
        self._on_gone(conversation)

    def take_out(self, conversation: int) -> bool:
        """Returns whether it is there again; it may be erased by now."""
        sql = "UPDATE conversations SET deleted = NULL WHERE id = ? AND deleted > 0"
        return bool(self._execute(sql, (conversation,)))

    def restore_last(self) -> BinEntry | None:
        """What was deleted last is there again; None: there is nothing."""
        entries = self.entries(1)
        if not entries:
            return None
        self.restore(entries[0])
        return entries[0]

    def restore(self, entry: BinEntry) -> None:
        if entry.message is None:
            self.take_out(entry.conversation)
        else:
            self._tree.restore(entry.message)

    def purge(self, before: float) -> int:
        """Erase what was deleted before that time (seconds since the epoch); returns how many."""
        erased = 0
        claim = "UPDATE conversations SET deleted = 0.0 WHERE id = ? AND deleted < ?"
        sql = "SELECT id FROM conversations WHERE deleted < ?"
        for (conversation,) in self._rows(sql, (before,)):
            if self._execute(claim, (conversation, before)):  # it may be restored by now
                self._erase_conversation(conversation)
                erased += 1
        claim = "UPDATE messages SET deleted = 0.0 WHERE deletion = ? AND deleted < ?"
        sql = "SELECT id FROM messages WHERE deletion = id AND deleted < ?"
        for (message,) in self._rows(sql, (before,)):
            if self._execute(claim, (message, before)):
                self._erase_messages(message)
                erased += 1
            elif not self._rows("SELECT 1 FROM messages WHERE id = ?", (message,)):
                erased += 1  # it went with what it hung on
        if erased:
            self._database.tidy()
        return erased

    def erase(self, conversation: int, message: int | None = None) -> None:
        """End what was deleted now: messages, draft, index rows, and what of them stands in the
        log. Backups keep it until they expire. What is not deleted (any more) stays.
        """
        # should this be cut off, the next `purge` goes on with it
        if message is None:
            sql = "UPDATE conversations SET deleted = 0.0 WHERE id = ? AND deleted IS NOT NULL"
            if self._execute(sql, (conversation,)):
                self._erase_conversation(conversation)
        else:
            sql = "UPDATE messages SET deleted = 0.0 WHERE deletion = ?"
            if self._execute(sql, (message,)):
                self._erase_messages(message)
        self._database.tidy()

    def empty(self) -> int:
        """Erase everything; returns how many entries there were."""
        return self.purge(before=float("inf"))

    def _erase_conversation(self, conversation: int) -> None:
        sql = "SELECT id FROM messages WHERE conversation = ?"
        self._erase_words([number for (number,) in self._rows(sql, (conversation,))])

        def end(connection: apsw.Connection) -> None:
            connection.execute(
                "DELETE FROM message_text WHERE rowid IN"
                " (SELECT id FROM messages WHERE conversation = ?)",
                (conversation,),
            )
            connection.execute("DELETE FROM title_text WHERE rowid = ?", (conversation,))
            connection.execute("DELETE FROM conversations WHERE id = ?", (conversation,))

        self._database.write(end)
        self._on_gone(conversation)

    def _erase_messages(self, message: int) -> None:
        """With all that hangs on it, also what was deleted before it."""
        self._erase_words([number for (number,) in self._rows(_BELOW, (message,))])
        of = self._rows("SELECT conversation FROM messages WHERE id = ?", (message,))

        def end(connection: apsw.Connection) -> None:
            connection.execute(f"DELETE FROM message_text WHERE rowid IN ({_BELOW})", (message,))
            connection.execute("DELETE FROM messages WHERE id = ?", (message,))
            connection.execute(_MEND_LEAF)

        self._database.write(end)
        for (conversation,) in of:
            self._on_gone(conversation)

    def _erase_words(self, messages: list[int]) -> None:
        """In small steps, so that a reply which is being written is not held up."""
        for start in range(0, len(messages), ERASED_AT_ONCE):
            part = tuple(messages[start : start + ERASED_AT_ONCE])
            marks = ", ".join("?" * len(part))
            self._execute(f"DELETE FROM message_text WHERE rowid IN ({marks})", part, durable=False)

    def _mark(self, conversation: int, deleted: float) -> None:
        sql = "UPDATE conversations SET deleted = ? WHERE id = ?"
        self._execute(sql, (deleted, conversation))

    def _rows(self, sql: str, values: tuple[Any, ...]) -> list[Any]:
        return self._database.read(lambda connection: rows_of(connection, sql, values))

    def _execute(self, sql: str, values: tuple[Any, ...], *, durable: bool = True) -> int:
        """Returns how many rows it changed."""

        def change(connection: apsw.Connection) -> int:
            connection.execute(sql, values)
            return connection.changes()

        return self._database.write(change, durable=durable)
