"""Conversations and their messages in the database."""

import json
import time
from dataclasses import asdict
from typing import Any

import apsw

from desktop_llm.core.conversations import Conversation, SearchHit, StoredMessage
from desktop_llm.core.errors import FaultCode, ProgramFault
from desktop_llm.core.generation import GenerationStats
from desktop_llm.core.messages import MessageState, Role
from desktop_llm.core.text import clean_text
from desktop_llm.storage.database import Database
from desktop_llm.storage.search_index import find, index_message, index_title

TITLE_LENGTH = 60  # characters
ERASED_AT_ONCE = 20  # messages in one transaction, some 100 ms

_CONVERSATION = "id, title, model, leaf, draft, created, changed"
_MESSAGE = "id, conversation, parent, role, text, state, created, model, reason, finish, stats"

_BRANCH = f"""
WITH RECURSIVE branch (message, depth) AS (
    SELECT leaf, 0 FROM conversations WHERE id = ? AND leaf IS NOT NULL
    UNION ALL
    SELECT parent, depth + 1 FROM branch JOIN messages ON messages.id = message
    WHERE parent IS NOT NULL
)
SELECT {_MESSAGE} FROM branch JOIN messages ON messages.id = message ORDER BY depth DESC
"""


class Conversations:
    """Every method blocks on the database; a reader raises KeyError for an unknown id."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, title: str = "", model: str = "") -> Conversation:
        title = clean_text(title)
        return self.get(self._database.write(lambda to: _create(to, title, model)))

    def all(self, limit: int | None = None, offset: int = 0) -> list[Conversation]:
        """Those not deleted, the last changed first."""
        rows = self._rows(
            f"SELECT {_CONVERSATION} FROM conversations WHERE deleted IS NULL"
            " ORDER BY sequence DESC LIMIT ? OFFSET ?",
            (-1 if limit is None else limit, offset),
        )
        return [_conversation(row) for row in rows]

    def get(self, conversation: int) -> Conversation:
        rows = self._rows(
            f"SELECT {_CONVERSATION} FROM conversations WHERE id = ?", (conversation,)
        )
        if not rows:
            raise KeyError(conversation)
        return _conversation(rows[0])

    def message(self, message: int) -> StoredMessage:
        rows = self._rows(f"SELECT {_MESSAGE} FROM messages WHERE id = ?", (message,))
        if not rows:
            raise KeyError(message)
        return _message(rows[0])

    def branch(self, conversation: int) -> list[StoredMessage]:
        """The branch that is shown, first message first."""
        return [_message(row) for row in self._rows(_BRANCH, (conversation,))]

    def rename(self, conversation: int, title: str) -> None:
        title = clean_text(title)

        def update(connection: apsw.Connection) -> None:
            connection.execute(
                "UPDATE conversations SET title = ? WHERE id = ?", (title, conversation)
            )
            index_title(connection, conversation, title)

        self._database.write(update)

    def choose_model(self, conversation: int, model: str) -> None:
        self._execute("UPDATE conversations SET model = ? WHERE id = ?", (model, conversation))

    def show_branch(self, conversation: int, leaf: int | None) -> None:
        self._execute("UPDATE conversations SET leaf = ? WHERE id = ?", (leaf, conversation))

    def save_draft(self, conversation: int | None, text: str) -> None:
        """None: what is written before there is a conversation for it."""
        text = clean_text(text)
        if conversation is None:
            self._execute("INSERT OR REPLACE INTO new_draft VALUES (0, ?)", (text,), durable=False)
        else:
            values = (text, conversation)
            self._execute("UPDATE conversations SET draft = ? WHERE id = ?", values, durable=False)

    def add_to_draft(self, conversation: int, text: str) -> None:
        text = clean_text(text)
        self._execute(
            "UPDATE conversations SET"
            " draft = CASE draft WHEN '' THEN ? ELSE draft || char(10, 10) || ? END WHERE id = ?",
            (text, text, conversation),
            durable=False,
        )

    def new_draft(self) -> str:
        return "".join(text for (text,) in self._rows("SELECT text FROM new_draft", ()))

    def delete(self, conversation: int) -> None:
        """Put aside; `purge` ends it."""
        values = (time.time(), conversation)
        self._execute("UPDATE conversations SET deleted = ? WHERE id = ?", values)

    def restore(self, conversation: int) -> None:
        self._execute("UPDATE conversations SET deleted = NULL WHERE id = ?", (conversation,))

    def last_deleted(self) -> int | None:
        """What was put aside last and can still be restored."""
        rows = self._rows(
            "SELECT id FROM conversations WHERE deleted > 0 ORDER BY deleted DESC LIMIT 1", ()
        )
        return rows[0][0] if rows else None

    def purge(self, before: float) -> int:
        """Erase what was deleted before that time (seconds since the epoch)."""
        gone = self._rows("SELECT id FROM conversations WHERE deleted < ?", (before,))
        for (conversation,) in gone:
            self._erase(conversation)
        if gone:
            self._database.tidy()
        return len(gone)

    def erase(self, conversation: int) -> None:
        """End it now: messages, draft, index rows, and what of them stands in the log. Backups
        keep it until they expire.
        """
        values = (0.0, conversation)  # should this be cut off, the next `purge` goes on with it
        self._execute("UPDATE conversations SET deleted = ? WHERE id = ?", values)
        self._erase(conversation)
        self._database.tidy()

    def _erase(self, conversation: int) -> None:
        """In small steps, so that a reply which is being written is not held up."""
        rows = self._rows("SELECT id FROM messages WHERE conversation = ?", (conversation,))
        for start in range(0, len(rows), ERASED_AT_ONCE):
            part = tuple(number for (number,) in rows[start : start + ERASED_AT_ONCE])
            marks = ", ".join("?" * len(part))
            self._execute(f"DELETE FROM message_text WHERE rowid IN ({marks})", part, durable=False)

        def end(connection: apsw.Connection) -> None:
            connection.execute(
                "DELETE FROM message_text WHERE rowid IN"
                " (SELECT id FROM messages WHERE conversation = ?)",
                (conversation,),
            )
            connection.execute("DELETE FROM title_text WHERE rowid = ?", (conversation,))
            connection.execute("DELETE FROM conversations WHERE id = ?", (conversation,))

        self._database.write(end)

    def take_back(self, question: int, reply: int) -> Conversation:
        """Undo `ask`: both messages go, the question stands in the draft again, before what was
        written there since. Whoever wrote the reply must have ended.

        Raises KeyError where they are no such pair, ProgramFault where more hangs on them.
        """

        def undo(connection: apsw.Connection) -> int:
            rows: list[Any] = connection.execute(
                "SELECT conversation, parent, text FROM messages WHERE id = ? AND role = 'user'"
                " AND EXISTS (SELECT 1 FROM messages AS r WHERE r.id = ? AND r.parent = ?)",
                (question, reply, question),
            ).fetchall()
            if not rows:
                raise KeyError(question)
            conversation, parent, text = rows[0]
            if connection.execute(
                "SELECT 1 FROM messages WHERE parent IN (?, ?) AND id <> ?",
                (question, reply, reply),
            ).fetchall():
                raise ProgramFault(FaultCode.BUG, detail="the question has other replies")
            connection.execute("DELETE FROM message_text WHERE rowid IN (?, ?)", (question, reply))
            connection.execute("DELETE FROM messages WHERE id IN (?, ?)", (question, reply))
            connection.execute(
                "UPDATE conversations SET leaf = ?,"
                " draft = CASE draft WHEN '' THEN ? ELSE ? || char(10, 10) || draft END"
                " WHERE id = ?",
                (parent, text, text, conversation),
            )
            if parent is None:
                connection.execute(  # the next question names it
                    "UPDATE conversations SET title = '' WHERE id = ? AND title = ?"
                    " AND NOT EXISTS (SELECT 1 FROM messages WHERE conversation = ?)",
                    (conversation, title_of(text), conversation),
                )
                if connection.changes():
                    index_title(connection, conversation, "")
            number: int = conversation
            return number

        return self.get(self._database.write(undo))

    def add(
        self,
        conversation: int,
        role: Role,
        text: str,
        *,
        parent: int | None,
        state: MessageState = MessageState.COMPLETE,
        model: str = "",
        durable: bool = True,
    ) -> StoredMessage:
        """Append to the tree; the new message becomes the leaf that is shown."""
        number = self._database.write(
            lambda connection: _insert(connection, conversation, role, text, parent, state, model),
            durable=durable,
        )
        return self.message(number)

    def ask(
        self, conversation: int | None, text: str, parent: int | None, model: str
    ) -> tuple[StoredMessage, StoredMessage]:
        """A question and its empty reply in one durable transaction; the draft is done with.
        None: in a new conversation; a draft without one goes where it is that question.
        """

        def insert(connection: apsw.Connection) -> tuple[int, int]:
            if conversation is None:
                number = _create(connection, "", "")
                connection.execute("DELETE FROM new_draft WHERE text = ?", (clean_text(text),))
            else:
                number = conversation
                connection.execute("UPDATE conversations SET draft = '' WHERE id = ?", (number,))
            question = _insert(
                connection, number, Role.USER, text, parent, MessageState.COMPLETE, ""
            )
            reply = _insert(
                connection, number, Role.ASSISTANT, "", question, MessageState.STREAMING, model
            )
            return question, reply

        question, reply = self._database.write(insert)
        return self.message(question), self.message(reply)

    def flush(self, message: int, text: str) -> None:
        """What there is of a reply. Indexed only when it ends."""
        values = (clean_text(text), message)
        self._execute("UPDATE messages SET text = ? WHERE id = ?", values, durable=False)

    def finish(
        self,
        message: int,
        text: str,
        state: MessageState,
        *,
        reason: str = "",
        finish: str = "",
        stats: GenerationStats | None = None,
    ) -> None:
        text = clean_text(text)
        measured = None if stats is None else json.dumps(asdict(stats))

        def update(connection: apsw.Connection) -> None:
            connection.execute(
                "UPDATE messages SET text = ?, state = ?, reason = ?, finish = ?, stats = ?"
                " WHERE id = ?",
                (text, state.value, reason, finish, measured, message),
            )
            if connection.changes():  # it may have been erased meanwhile
                index_message(connection, message, text)

        self._database.write(update)

    def mark_interrupted(self) -> int:
        """At start: whatever still streams was cut off by the program's end."""

        def update(connection: apsw.Connection) -> int:
            rows: list[Any] = connection.execute(
                "UPDATE messages SET state = 'interrupted' WHERE state = 'streaming'"
                " RETURNING id, text"
            ).fetchall()
            for number, text in rows:
                index_message(connection, number, text)
            return len(rows)

        return self._database.write(update)

    def search(self, query: str, limit: int = 50) -> list[SearchHit]:
        """Titles, then messages, newest first. The query is words, never syntax."""
        return self._database.read(lambda connection: find(connection, query, limit))

    def _rows(self, sql: str, values: tuple[Any, ...]) -> list[Any]:
        return self._database.read(lambda connection: connection.execute(sql, values).fetchall())

    def _execute(self, sql: str, values: tuple[Any, ...], *, durable: bool = True) -> None:
        def change(connection: apsw.Connection) -> None:
            connection.execute(sql, values)

        self._database.write(change, durable=durable)


def _create(connection: apsw.Connection, title: str, model: str) -> int:
    number, now = _new_id(connection, "conversations"), time.time()
    connection.execute(
        "INSERT INTO conversations (id, sequence, title, model, created, changed)"
        " VALUES (?, (SELECT coalesce(max(sequence), 0) + 1 FROM conversations), ?, ?, ?, ?)",
        (number, title, model, now, now),
    )
    index_title(connection, number, title)
    return number


def _insert(
    connection: apsw.Connection,
    conversation: int,
    role: Role,
    text: str,
    parent: int | None,
    state: MessageState,
    model: str,
) -> int:
    text, now = clean_text(text), time.time()
    number = _new_id(connection, "messages")
    connection.execute(
        "INSERT INTO messages (id, conversation, parent, role, text, state, created, model)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (number, conversation, parent, role.value, text, state.value, now, model),
    )
    if state is not MessageState.STREAMING:
        index_message(connection, number, text)
    connection.execute(
        "UPDATE conversations SET leaf = ?, changed = ?,"
        " sequence = (SELECT max(sequence) + 1 FROM conversations) WHERE id = ?",
        (number, now, conversation),
    )
    if role is Role.USER:
        title = title_of(text)
        connection.execute(
            "UPDATE conversations SET title = ? WHERE id = ? AND title = ''", (title, conversation)
        )
        if connection.changes():
            index_title(connection, conversation, title)
    return number


def _new_id(connection: apsw.Connection, table: str) -> int:
    """One that was never given, also where something was erased or put back since."""
    rows: list[Any] = connection.execute(
        f"UPDATE given_ids SET last = 1 + max(last, (SELECT coalesce(max(id), 0) FROM {table}))"
        " WHERE kind = ? RETURNING last",
        (table,),
    ).fetchall()
    number: int = rows[0][0]
    return number


def title_of(text: str) -> str:
    """The first line, cut at a word where that leaves at least half of it."""
    first = next((line.strip() for line in text.splitlines() if line.strip()), "")
    if len(first) <= TITLE_LENGTH:
        return first
    cut = first[: TITLE_LENGTH - 1]
    word = cut.rfind(" ")
    return (cut[:word] if word > TITLE_LENGTH // 2 else cut) + "…"


def _conversation(row: Any) -> Conversation:
    number, title, model, leaf, draft, created, changed = row
    return Conversation(
        id=number,
        title=title,
        model=model,
        leaf=leaf,
        draft=draft,
        created=created,
        changed=changed,
    )


def _message(row: Any) -> StoredMessage:
    number, conversation, parent, role, text, state, created, model, reason, finish, stats = row
    return StoredMessage(
        id=number,
        conversation=conversation,
        parent=parent,
        role=Role(role),
        text=text,
        state=MessageState(state),
        created=created,
        model=model,
        reason=reason,
        finish=finish,
        stats=None if stats is None else GenerationStats(**json.loads(stats)),
    )
