"""A conversation as a tree: the versions of its messages, which is shown, what is deleted, forks.

Deleting a message deletes what followed it too: without it that has no place. Each message knows
which version below it was shown last, so that the way back to a branch leads to where it was left.
"""

import time
from collections.abc import Callable
from typing import Any

import apsw

from desktop_llm.core.conversations import StoredMessage, TreeNode
from desktop_llm.core.messages import Role
from desktop_llm.core.text import clean_text
from desktop_llm.storage.attachments import copy_to
from desktop_llm.storage.database import Database
from desktop_llm.storage.records import copy_record
from desktop_llm.storage.rows import (
    CONVERSATION,
    MESSAGE,
    conversation_of,
    find_message,
    insert_conversation,
    is_there,
    new_id,
    path_to,
    rows_of,
    versions_below,
)
from desktop_llm.storage.search_index import index_message

EXCERPT_LENGTH = 120  # characters

_DOWN = """
WITH RECURSIVE down (message, depth) AS (
    SELECT ?, 0
    UNION ALL
    SELECT (
        SELECT id FROM messages WHERE parent = down.message AND deleted IS NULL
        ORDER BY id = (SELECT child FROM messages WHERE id = down.message) DESC, id DESC LIMIT 1
    ), depth + 1 FROM down WHERE message IS NOT NULL
)
SELECT message FROM down WHERE message IS NOT NULL ORDER BY depth DESC LIMIT 1
"""

_REMEMBER = """
WITH RECURSIVE path (message, above) AS (
    SELECT id, parent FROM messages WHERE id = ?
    UNION ALL
    SELECT id, parent FROM path JOIN messages ON id = above
)
UPDATE messages SET child = path.message FROM path
WHERE messages.id = path.above AND messages.child IS NOT path.message
"""

_DELETE = """
WITH RECURSIVE below (message) AS (
    SELECT ?
    UNION ALL
    SELECT id FROM below JOIN messages ON parent = message WHERE deleted IS NULL
)
UPDATE messages SET deleted = ?, deletion = ?
WHERE id IN (SELECT message FROM below) AND deleted IS NULL
"""

# Its erasing has begun.
_ERASING = "SELECT 1 FROM messages WHERE id = ? AND deleted = 0.0"

_NODES = f"""
SELECT id, parent, role, substr(text, 1, {EXCERPT_LENGTH}), model, created FROM messages
WHERE conversation = ? AND deleted IS NULL ORDER BY id
"""


def _nothing(_conversation: int) -> None:
    pass


class Tree:
    """Every method blocks on the database and raises KeyError for an unknown message."""

    def __init__(self, database: Database, on_gone: Callable[[int], object] = _nothing) -> None:
        """`on_gone` is told of a conversation of which something was deleted."""
        self._database = database
        self._on_gone = on_gone

    def path(self, message: int) -> list[StoredMessage]:
        """From the first message down to this one."""
        return self._database.read(lambda connection: path_to(connection, message))

    def show(self, conversation: int, leaf: int | None) -> None:
        """From now on the branch that ends with this message is shown."""
        self._database.write(lambda connection: show(connection, conversation, leaf))

    def show_version(self, message: int) -> int:
        """Show a branch with this message in it, as it was left last. Returns its conversation."""

        def change(connection: apsw.Connection) -> int:
            conversation = find_message(connection, message).conversation
            if not is_there(connection, message):
                raise KeyError(message)
            show(connection, conversation, leaf_below(connection, message))
            return conversation

        return self._database.write(change)

    def nodes(self, conversation: int) -> list[TreeNode]:
        """All messages, the oldest first."""

        def query(connection: apsw.Connection) -> tuple[list[Any], set[int]]:
            sql = "SELECT leaf FROM conversations WHERE id = ?"
            leaves = rows_of(connection, sql, (conversation,))
            shown = path_to(connection, leaves[0][0]) if leaves else []
            found = rows_of(connection, _NODES, (conversation,))
            return found, {message.id for message in shown}

        rows, shown = self._database.read(query)
        return [
            TreeNode(
                id=number,
                parent=parent,
                role=Role(role),
                excerpt=excerpt,
                model=model,
                created=created,
                shown=number in shown,
            )
            for number, parent, role, excerpt, model, created in rows
        ]

    def delete(self, message: int) -> int:
        """Put a message aside with all that followed it; returns how many they are. Where it was
        shown, another version takes its place, else what stood before it.
        """

        def change(connection: apsw.Connection) -> tuple[int, int]:
            gone = find_message(connection, message)
            connection.execute(_DELETE, (message, time.time(), message))
            count = connection.changes()
            sql = (
                "SELECT 1 FROM conversations JOIN messages ON messages.id = leaf"
                " WHERE conversations.id = ? AND messages.deletion = ?"
            )
            if rows_of(connection, sql, (gone.conversation, message)):
                left = versions_below(connection, gone.conversation, gone.parent)
                nearest = min(left, key=lambda other: abs(other - message), default=None)
                leaf = gone.parent if nearest is None else leaf_below(connection, nearest)
                show(connection, gone.conversation, leaf)
            return count, gone.conversation

        count, conversation = self._database.write(change)
        self._on_gone(conversation)
        return count

    def restore(self, message: int) -> int:
        """Bring back what was deleted with a message, and what that hung on; it is shown then.
        Returns its conversation.
        """

        def change(connection: apsw.Connection) -> int:
            conversation = find_message(connection, message).conversation
            if rows_of(connection, _ERASING, (message,)):
                raise KeyError(message)
            for above in path_to(connection, message):
                connection.execute(
                    "UPDATE messages SET deleted = NULL, deletion = NULL WHERE deletion ="
                    " (SELECT deletion FROM messages WHERE id = ?)",
                    (above.id,),
                )
            show(connection, conversation, leaf_below(connection, message))
            return conversation

        return self._database.write(change)

    def fork(self, message: int, title: str) -> int:
        """A new conversation of the branch down to a message. Returns its number."""
        title = clean_text(title)

        def change(connection: apsw.Connection) -> int:
            old = find_message(connection, message).conversation
            sql = f"SELECT {CONVERSATION} FROM conversations WHERE id = ?"
            like = conversation_of(rows_of(connection, sql, (old,))[0])
            fork = insert_conversation(connection, title, like.model, like.parameters)
            parent: int | None = None
            for copied in path_to(connection, message):
                number = new_id(connection, "messages")
                columns = MESSAGE.replace("id, conversation, parent", "?, ?, ?", 1)
                columns = columns.replace("origin", "NULL").replace("draft", "NULL")
                connection.execute(
                    f"INSERT INTO messages ({MESSAGE}) SELECT {columns} FROM messages WHERE id = ?",
                    (number, fork, parent, copied.id),
                )
                copy_to(connection, number, fork, copied.id)
                copy_record(connection, number, copied.id)
                index_message(connection, number, copied.text)
                parent = number
            connection.execute(
                "UPDATE conversations SET policy = ? WHERE id = ?", (like.policy.value, fork)
            )
            connection.execute(  # a reply that is being written goes on in the other one only
                "UPDATE messages SET state = 'interrupted'"
                " WHERE conversation = ? AND state = 'streaming'",
                (fork,),
            )
            show(connection, fork, parent)
            return fork

        return self._database.write(change)

    def save_edit(self, message: int, text: str | None) -> None:
        """An edit that is not ended; None: there is none."""
        text = None if text is None else clean_text(text)

        def change(connection: apsw.Connection) -> None:
            connection.execute("UPDATE messages SET draft = ? WHERE id = ?", (text, message))

        self._database.write(change, durable=False)


def show(connection: apsw.Connection, conversation: int, leaf: int | None) -> None:
    connection.execute("UPDATE conversations SET leaf = ? WHERE id = ?", (leaf, conversation))
    connection.execute(_REMEMBER, (leaf,))


def leaf_below(connection: apsw.Connection, message: int) -> int:
    """The end of the branch below a message that was shown last, else of the newest."""
    ((leaf,),) = rows_of(connection, _DOWN, (message,))
    return int(leaf)
