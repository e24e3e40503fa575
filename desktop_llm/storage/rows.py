"""Rows of the database as values, and the few steps that every writer of them needs.

Everything here runs within somebody's transaction or query.
"""

import json
import time
from collections.abc import Sequence
from typing import Any

import apsw

from desktop_llm.core.attachments import Attachment, Take
from desktop_llm.core.context import Care, Policy
from desktop_llm.core.conversations import Conversation, StoredMessage, Titled
from desktop_llm.core.corrections import Rating
from desktop_llm.core.documents import DocumentKind
from desktop_llm.core.generation import GenerationStats
from desktop_llm.core.messages import Made, MessageState, Role
from desktop_llm.core.presets import Parameters, from_json, to_json
from desktop_llm.core.text import clean_text
from desktop_llm.storage.search_index import index_message, index_title

TITLE_LENGTH = 60  # characters

CONVERSATION = "id, title, model, leaf, draft, created, changed, policy, parameters"
MESSAGE = (
    "id, conversation, parent, role, text, state, created, model, reason, finish, stats,"
    " origin, made, draft, care, unseen, rating, training"
)

# What the model gets of it stands last; nothing yet: NULL.
ATTACHMENT = (
    "id, name, kind, size, length(text), pages, left_out, take,"
    " CASE take WHEN 'whole' THEN text ELSE sent END"
)

_PATH = f"""
WITH RECURSIVE path (message, depth) AS (
    SELECT ?, 0
    UNION ALL
    SELECT parent, depth + 1 FROM path JOIN messages ON messages.id = message
    WHERE parent IS NOT NULL
)
SELECT {MESSAGE} FROM path JOIN messages ON messages.id = message ORDER BY depth DESC
"""


def rows_of(connection: apsw.Connection, sql: str, values: tuple[Any, ...] = ()) -> list[Any]:
    return connection.execute(sql, values).fetchall()


def conversation_of(row: Any) -> Conversation:
    number, title, model, leaf, draft, created, changed, policy, parameters = row
    return Conversation(
        id=number,
        title=title,
        model=model,
        leaf=leaf,
        draft=draft,
        created=created,
        changed=changed,
        policy=Policy(policy),
        parameters=from_json(parameters),
    )


def message_of(
    row: Any, versions: tuple[int, ...] = (), attachments: tuple[Attachment, ...] = ()
) -> StoredMessage:
    (number, conversation, parent, role, text, state, created, model, reason, finish, stats,
     origin, made, draft, care, unseen, rating, training) = row  # fmt: skip
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
        versions=versions,
        origin=origin,
        made=Made(made),
        draft=draft,
        care=Care(care),
        unseen=unseen,
        attachments=attachments,
        rating=Rating(rating),
        training=bool(training),
    )


def find_message(connection: apsw.Connection, message: int) -> StoredMessage:
    """Raises KeyError."""
    rows = rows_of(connection, f"SELECT {MESSAGE} FROM messages WHERE id = ?", (message,))
    if not rows:
        raise KeyError(message)
    conversation, parent = rows[0][1], rows[0][2]
    versions = versions_below(connection, conversation, parent)
    return message_of(rows[0], versions, attached_to(connection, (message,)).get(message, ()))


def versions_below(
    connection: apsw.Connection, conversation: int, parent: int | None
) -> tuple[int, ...]:
    """The messages that follow a message (None: that begin a conversation), the oldest first."""
    where, value = ("parent = ?", parent) if parent is not None else (
        "parent IS NULL AND conversation = ?", conversation)  # fmt: skip
    sql = f"SELECT id FROM messages WHERE {where} AND deleted IS NULL ORDER BY id"
    return tuple(number for (number,) in rows_of(connection, sql, (value,)))


def path_to(connection: apsw.Connection, leaf: int | None) -> list[StoredMessage]:
    """The messages from the first one down to this; deleted ones too."""
    rows = rows_of(connection, _PATH, (leaf,)) if leaf is not None else []
    if not rows:
        return []
    below: dict[int | None, list[int]] = {}
    sql = "SELECT id, parent FROM messages WHERE conversation = ? AND deleted IS NULL ORDER BY id"
    for number, parent in rows_of(connection, sql, (rows[0][1],)):
        below.setdefault(parent, []).append(number)
    attached = attached_to(connection, [row[0] for row in rows])
    return [message_of(row, tuple(below.get(row[2], ())), attached.get(row[0], ())) for row in rows]


def attached_to(
    connection: apsw.Connection, messages: Sequence[int]
) -> dict[int, tuple[Attachment, ...]]:
    """By message, in the order they were attached."""
    found: dict[int, tuple[Attachment, ...]] = {}
    for start in range(0, len(messages), 500):  # SQLite takes 32,766 values at once
        part = messages[start : start + 500]
        marks = ", ".join("?" * len(part))
        for message, *row in rows_of(
            connection,
            f"SELECT message, {ATTACHMENT} FROM attachments WHERE message IN ({marks}) ORDER BY id",
            tuple(part),
        ):
            found[message] = (*found.get(message, ()), attachment_of(row))
    return found


def attachment_of(row: Any) -> Attachment:
    number, name, kind, size, characters, pages, left_out, take, said = row
    return Attachment(
        id=number,
        name=name,
        kind=DocumentKind(kind),
        size_bytes=size,
        characters=characters,
        pages=pages,
        left_out=bool(left_out),
        take=Take(take),
        said=said,
    )


def is_there(connection: apsw.Connection, message: int) -> bool:
    """It is not deleted."""
    sql = "SELECT 1 FROM messages WHERE id = ? AND deleted IS NULL"
    return bool(rows_of(connection, sql, (message,)))


def alive_above(connection: apsw.Connection, message: int | None) -> int | None:
    """That message, or the next one above it that is not deleted."""
    while message is not None and not is_there(connection, message):
        rows = rows_of(connection, "SELECT parent FROM messages WHERE id = ?", (message,))
        if not rows:
            return message  # nobody knows it: whoever names it is refused
        message = rows[0][0]
    return message


def insert_conversation(
    connection: apsw.Connection, title: str, model: str, parameters: Parameters | None = None
) -> int:
    number, now = new_id(connection, "conversations"), time.time()
    connection.execute(
        "INSERT INTO conversations"
        " (id, sequence, title, titled, model, created, changed, parameters)"
        " VALUES (?, (SELECT coalesce(max(sequence), 0) + 1 FROM conversations), ?, ?, ?, ?, ?, ?)",
        (number, title, _by_a_person(title), model, now, now, to_json(parameters or Parameters())),
    )
    index_title(connection, number, title)
    return number


def insert_message(
    connection: apsw.Connection,
    conversation: int,
    role: Role,
    text: str,
    parent: int | None,
    *,
    state: MessageState = MessageState.COMPLETE,
    model: str = "",
    origin: int | None = None,
    made: Made = Made.ANEW,
) -> int:
    """The new message is the leaf that is shown. A question below something that was deleted
    meanwhile stands below what is left there.
    """
    text, now = clean_text(text), time.time()
    if role is Role.USER:
        parent = alive_above(connection, parent)
    number = new_id(connection, "messages")
    connection.execute(
        "INSERT INTO messages"
        " (id, conversation, parent, role, text, state, created, model, origin, made)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (number, conversation, parent, role.value, text, state.value, now, model, origin,
         made.value),
    )  # fmt: skip
    if state is not MessageState.STREAMING:
        index_message(connection, number, text)
    connection.execute("UPDATE messages SET child = ? WHERE id = ?", (number, parent))
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


def new_id(connection: apsw.Connection, table: str) -> int:
    """One that was never given, also where something was erased or put back since."""
    rows = rows_of(
        connection,
        f"UPDATE given_ids SET last = 1 + max(last, (SELECT coalesce(max(id), 0) FROM {table}))"
        " WHERE kind = ? RETURNING last",
        (table,),
    )
    number: int = rows[0][0]
    return number


def _by_a_person(title: str) -> str:
    return (Titled.PERSON if title else Titled.FIRST_LINE).value


def title_of(text: str) -> str:
    """The first line, cut at a word where that leaves at least half of it."""
    first = next((line.strip() for line in text.splitlines() if line.strip()), "")
    if len(first) <= TITLE_LENGTH:
        return first
    cut = first[: TITLE_LENGTH - 1]
    word = cut.rfind(" ")
    return (cut[:word] if word > TITLE_LENGTH // 2 else cut) + "…"
