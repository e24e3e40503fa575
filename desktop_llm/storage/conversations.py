"""Conversations and their messages in the database."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import apsw

from desktop_llm.core.context import Care, Policy
from desktop_llm.core.conversations import Conversation, SearchHit, StoredMessage, Titled
from desktop_llm.core.errors import FaultCode, ProgramFault
from desktop_llm.core.generation import GenerationStats
from desktop_llm.core.messages import Made, MessageState, Role
from desktop_llm.core.presets import Parameters, to_json
from desktop_llm.core.text import clean_text
from desktop_llm.storage.attachments import copy_to, give_back, give_to
from desktop_llm.storage.database import Database
from desktop_llm.storage.rows import (
    CONVERSATION,
    alive_above,
    conversation_of,
    find_message,
    insert_conversation,
    insert_message,
    is_there,
    path_to,
    rows_of,
    title_of,
)
from desktop_llm.storage.search_index import find, index_message, index_title
from desktop_llm.storage.tree import leaf_below, show

_FORGET_SUMMARIES = """
WITH RECURSIVE below (number) AS (
    SELECT ? UNION ALL SELECT id FROM below JOIN messages ON parent = number
)
DELETE FROM summaries WHERE message IN (SELECT number FROM below)
"""


class Conversations:
    """Every method blocks on the database; a reader raises KeyError for an unknown id."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, title: str = "", model: str = "") -> Conversation:
        title = clean_text(title)
        return self.get(self._database.write(lambda to: insert_conversation(to, title, model)))

    def all(self, limit: int | None = None, offset: int = 0) -> list[Conversation]:
        """Those not deleted, the last changed first."""
        rows = self._rows(
            f"SELECT {CONVERSATION} FROM conversations WHERE deleted IS NULL"
            " ORDER BY sequence DESC LIMIT ? OFFSET ?",
            (-1 if limit is None else limit, offset),
        )
        return [conversation_of(row) for row in rows]

    def get(self, conversation: int) -> Conversation:
        rows = self._rows(f"SELECT {CONVERSATION} FROM conversations WHERE id = ?", (conversation,))
        if not rows:
            raise KeyError(conversation)
        return conversation_of(rows[0])

    def message(self, message: int) -> StoredMessage:
        return self._database.read(lambda connection: find_message(connection, message))

    def branch(self, conversation: int) -> list[StoredMessage]:
        """The branch that is shown, first message first."""

        def query(connection: apsw.Connection) -> list[StoredMessage]:
            sql = "SELECT leaf FROM conversations WHERE id = ?"
            leaves = rows_of(connection, sql, (conversation,))
            return path_to(connection, leaves[0][0]) if leaves else []

        return self._database.read(query)

    def rename(
        self, conversation: int, title: str, by: Titled = Titled.PERSON, instead_of: str = ""
    ) -> bool:
        """The model renames only what stands under `instead_of`, its first line. Returns whether
        it has the title now.
        """
        title = clean_text(title)

        def update(connection: apsw.Connection) -> bool:
            connection.execute(
                "UPDATE conversations SET title = ?, titled = ? WHERE id = ?"
                " AND (? <> 'model' OR (titled = '' AND title = ?))",
                (title, by.value, conversation, by.value, instead_of),
            )
            changed = bool(connection.changes())
            if changed:
                index_title(connection, conversation, title)
            return changed

        return self._database.write(update)

    def untitled(self, conversation: int) -> str:
        """Its first line, where nobody has given it a title; else empty."""
        sql = "SELECT title FROM conversations WHERE id = ? AND titled = '' AND deleted IS NULL"
        rows = self._rows(sql, (conversation,))
        return rows[0][0] if rows else ""

    def choose_model(self, conversation: int, model: str) -> None:
        self._execute("UPDATE conversations SET model = ? WHERE id = ?", (model, conversation))

    def choose_policy(self, conversation: int, policy: Policy) -> None:
        values = (policy.value, conversation)
        self._execute("UPDATE conversations SET policy = ? WHERE id = ?", values)

    def set_parameters(self, conversation: int, parameters: Parameters) -> None:
        values = (to_json(parameters), conversation)
        self._execute("UPDATE conversations SET parameters = ? WHERE id = ?", values)

    def take_care(self, message: int, care: Care) -> None:
        """A summary made of it before goes, where it is kept from the model."""

        def change(connection: apsw.Connection) -> None:
            connection.execute("UPDATE messages SET care = ? WHERE id = ?", (care.value, message))
            if care is Care.EXCLUDED:
                connection.execute(_FORGET_SUMMARIES, (message,))

        self._database.write(change)

    def summaries(self, messages: Sequence[int]) -> dict[int, str]:
        """Of what came before each of those messages, where there is one."""
        marks = ", ".join("?" * len(messages))
        sql = f"SELECT message, text FROM summaries WHERE message IN ({marks})"
        return dict(self._rows(sql, tuple(messages)))

    def save_summary(self, message: int, text: str, model: str) -> None:
        values = (message, clean_text(text), model, time.time())
        self._execute(
            "INSERT OR REPLACE INTO summaries SELECT ?, ?, ?, ?"
            " WHERE EXISTS (SELECT 1 FROM messages WHERE id = ?)",
            (*values, message),
        )

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

    def take_back(self, question: int, reply: int) -> Conversation:
        """Undo `ask`: both messages go, the question stands in the draft again, before what was
        written there since; an edit in that of the message it was made from. Whoever wrote the
        reply must have ended.

        Raises KeyError where they are no such pair, ProgramFault where more hangs on them.
        """

        def undo(connection: apsw.Connection) -> int:
            rows = rows_of(
                connection,
                "SELECT conversation, parent, text, origin FROM messages"
                " WHERE id = ? AND role = 'user'"
                " AND EXISTS (SELECT 1 FROM messages AS r WHERE r.id = ? AND r.parent = ?)",
                (question, reply, question),
            )
            if not rows:
                raise KeyError(question)
            conversation, parent, text, origin = rows[0]
            if rows_of(
                connection,
                "SELECT 1 FROM messages WHERE parent IN (?, ?) AND id <> ?",
                (question, reply, reply),
            ):
                raise ProgramFault(FaultCode.BUG, detail="the question has other replies")
            if origin is None:
                give_back(connection, question)
            connection.execute("DELETE FROM message_text WHERE rowid IN (?, ?)", (question, reply))
            connection.execute("DELETE FROM messages WHERE id IN (?, ?)", (question, reply))
            if origin is not None and is_there(connection, origin):  # it is an edit of that again
                connection.execute("UPDATE messages SET draft = ? WHERE id = ?", (text, origin))
                show(connection, conversation, leaf_below(connection, origin))
                return int(conversation)
            connection.execute(
                "UPDATE conversations SET leaf = ?,"
                " draft = CASE draft WHEN '' THEN ? ELSE ? || char(10, 10) || draft END"
                " WHERE id = ?",
                (alive_above(connection, parent), text, text, conversation),
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
        origin: int | None = None,
        made: Made = Made.ANEW,
        durable: bool = True,
    ) -> StoredMessage:
        """Append to the tree; the new message becomes the leaf that is shown."""

        def insert(connection: apsw.Connection) -> int:
            if made is Made.EDITED:
                connection.execute("UPDATE messages SET draft = NULL WHERE id = ?", (origin,))
            return insert_message(
                connection,
                conversation,
                role,
                text,
                parent,
                state=state,
                model=model,
                origin=origin,
                made=made,
            )

        return self.message(self._database.write(insert, durable=durable))

    def ask(
        self,
        conversation: int | None,
        text: str,
        parent: int | None,
        model: str,
        edits: int | None = None,
        new: Conversation | None = None,
        attached: Sequence[int] = (),
    ) -> tuple[StoredMessage, StoredMessage]:
        """A question and its empty reply in one durable transaction; the draft is done with.
        None: in a new conversation, with the model and parameters of `new`; a draft without one
        goes where it is that question. `attached`: of what stands with the draft.
        `edits`: the question that it is another version of, with the same attachments; the draft
        stays then.
        """

        def insert(connection: apsw.Connection) -> tuple[int, int]:
            if conversation is None:
                how = (new.model, new.parameters) if new is not None else ("", None)
                number = insert_conversation(connection, "", *how)
                connection.execute("DELETE FROM new_draft WHERE text = ?", (clean_text(text),))
            else:
                number = conversation
            if edits is None:
                connection.execute("UPDATE conversations SET draft = '' WHERE id = ?", (number,))
            else:
                connection.execute("UPDATE messages SET draft = NULL WHERE id = ?", (edits,))
            made = Made.ANEW if edits is None else Made.EDITED
            question = insert_message(
                connection, number, Role.USER, text, parent, origin=edits, made=made
            )
            give_to(connection, question, number, attached)
            if edits is not None:
                copy_to(connection, question, number, edits, anew=True)
            reply = insert_message(
                connection,
                number,
                Role.ASSISTANT,
                "",
                question,
                state=MessageState.STREAMING,
                model=model,
            )
            return question, reply

        question, reply = self._database.write(insert)
        return self.message(question), self.message(reply)

    def withdraw(self, reply: int) -> None:
        """A reply of which nothing was made: as if nobody had asked for it. Another version takes
        its place where it is shown. Whoever wrote it must have ended.
        """

        def change(connection: apsw.Connection) -> None:
            gone = find_message(connection, reply)
            connection.execute("DELETE FROM messages WHERE id = ?", (reply,))
            left = [gone.origin] if gone.origin in gone.versions else []
            left += [other for other in gone.versions if other != reply][-1:]
            leaf = leaf_below(connection, left[0]) if left else gone.parent
            connection.execute(
                "UPDATE conversations SET leaf = ? WHERE id = ? AND leaf = ?",
                (leaf, gone.conversation, reply),
            )

        self._database.write(change)

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
        unseen: int = 0,
    ) -> None:
        text = clean_text(text)
        measured = None if stats is None else json.dumps(asdict(stats))

        def update(connection: apsw.Connection) -> None:
            connection.execute(
                "UPDATE messages SET text = ?, state = ?, reason = ?, finish = ?, stats = ?,"
                " unseen = ? WHERE id = ?",
                (text, state.value, reason, finish, measured, unseen, message),
            )
            if connection.changes():  # it may have been erased meanwhile
                index_message(connection, message, text)

        self._database.write(update)

    def mark_interrupted(self) -> int:
        """At start: whatever still streams was cut off by the program's end."""

        def update(connection: apsw.Connection) -> int:
            rows = rows_of(
                connection,
                "UPDATE messages SET state = 'interrupted' WHERE state = 'streaming'"
                " RETURNING id, text",
            )
            for number, text in rows:
                index_message(connection, number, text)
            return len(rows)

        return self._database.write(update)

    def search(self, query: str, limit: int = 50) -> list[SearchHit]:
        """Titles, then messages, newest first. The query is words, never syntax."""
        return self._database.read(lambda connection: find(connection, query, limit))

    def _rows(self, sql: str, values: tuple[Any, ...]) -> list[Any]:
        return self._database.read(lambda connection: rows_of(connection, sql, values))

    def _execute(self, sql: str, values: tuple[Any, ...], *, durable: bool = True) -> None:
        def change(connection: apsw.Connection) -> None:
            connection.execute(sql, values)

        self._database.write(change, durable=durable)
