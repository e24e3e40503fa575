"""Whole conversations out of the database and into it: each in one transaction."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import PurePath
from typing import Any

import apsw

from desktop_llm.core.attachments import Take
from desktop_llm.core.context import Policy
from desktop_llm.core.conversations import StoredMessage, Titled
from desktop_llm.core.details import FileState, ReplyDetails, details_from_json, details_to_json
from desktop_llm.core.documents import DocumentKind
from desktop_llm.core.exchange import WholeAttachment, WholeConversation, WholeMessage
from desktop_llm.core.messages import MessageState
from desktop_llm.core.presets import from_json, to_json
from desktop_llm.core.scores import TokenScore, scores_from_json, scores_to_json
from desktop_llm.storage.database import Database
from desktop_llm.storage.rows import MESSAGE, message_of, new_id, rows_of
from desktop_llm.storage.search_index import index_message, index_title

_ATTACHMENT = (
    "name, kind, text, size, sha256, encoding, pages, left_out, take, sent"  # of `WholeAttachment`
)


class Exchange:
    """Every method blocks on the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def numbers(self) -> list[int]:
        """Of all conversations, the last changed last: so they stand in the list again when they
        are put in one after the other.
        """
        sql = "SELECT id FROM conversations WHERE deleted IS NULL ORDER BY sequence"
        return [
            number for (number,) in self._database.read(lambda connection: rows_of(connection, sql))
        ]

    def require(self, conversations: Sequence[int]) -> None:
        """Raises KeyError for the first that there is none of."""
        known = set(self.numbers())
        for number in conversations:
            if number not in known:
                raise KeyError(number)

    def read(self, conversation: int) -> WholeConversation:
        """Without what is deleted of it. Raises KeyError."""
        return self._database.read(lambda connection: _read(connection, conversation))

    def put(self, whole: WholeConversation) -> int:
        """As a new conversation; returns its number."""
        return self._database.write(lambda connection: _put(connection, whole))


# --- out ------------------------------------------------------------------------------------------


def _read(connection: apsw.Connection, conversation: int) -> WholeConversation:
    rows = rows_of(
        connection,
        "SELECT title, titled, model, created, changed, leaf, draft, pinned, policy, parameters,"
        " (SELECT name FROM folders WHERE folders.id = folder) FROM conversations"
        " WHERE id = ? AND deleted IS NULL",
        (conversation,),
    )
    if not rows:
        raise KeyError(conversation)
    title, titled, model, created, changed, leaf, draft, pinned, policy, parameters, folder = rows[
        0
    ]
    stored = [
        message_of(row)
        for row in rows_of(
            connection,
            f"SELECT {MESSAGE} FROM messages WHERE conversation = ? AND deleted IS NULL"
            " ORDER BY id",
            (conversation,),
        )
    ]
    places = {message.id: at for at, message in enumerate(stored, 1)}
    children = dict(
        rows_of(
            connection,
            "SELECT id, child FROM messages WHERE conversation = ? AND child IS NOT NULL",
            (conversation,),
        )
    )
    attached = _attached(connection, conversation)
    records = _records(connection, conversation)
    tags = rows_of(connection, "SELECT tag FROM tags WHERE conversation = ?", (conversation,))
    return WholeConversation(
        title=title,
        messages=tuple(
            _whole(message, places, children, attached.get(message.id, ()), records)
            for message in stored
        ),
        titled=Titled(titled),
        model=model,
        created=created,
        changed=changed,
        leaf=places.get(leaf),
        draft=draft,
        folder=folder or "",
        pinned=bool(pinned),
        tags=tuple(sorted(tag for (tag,) in tags)),
        policy=Policy(policy),
        parameters=from_json(parameters),
        summaries=_summaries(connection, conversation, places),
        choices=_choices(connection, conversation, places),
        attachments=attached.get(None, ()),
    )


def _whole(
    message: StoredMessage,
    places: dict[int, int],
    children: dict[int, int],
    attachments: tuple[WholeAttachment, ...],
    records: dict[int, tuple[ReplyDetails, str, tuple[TokenScore, ...]]],
) -> WholeMessage:
    details, file_sha256, scores = records.get(message.id, (None, "", ()))
    if details is not None:
        file = replace(details.file, path=PurePath(details.file.path).name)
        again = None if details.replays is None else places.get(details.replays)
        details = replace(details, file=file, replays=again)
    streaming = message.state is MessageState.STREAMING
    return WholeMessage(
        role=message.role,
        text=message.text,
        parent=None if message.parent is None else places.get(message.parent),
        state=MessageState.INTERRUPTED if streaming else message.state,
        created=message.created,
        model=message.model,
        reason=message.reason,
        finish=message.finish,
        stats=message.stats,
        origin=None if message.origin is None else places.get(message.origin),
        made=message.made,
        child=places.get(children.get(message.id, 0)),
        draft=message.draft,
        care=message.care,
        unseen=message.unseen,
        rating=message.rating,
        training=message.training,
        attachments=attachments,
        details=details,
        file_sha256=file_sha256,
        scores=scores,
    )


def _attached(
    connection: apsw.Connection, conversation: int
) -> dict[int | None, tuple[WholeAttachment, ...]]:
    """By message; None: of the draft."""
    found: dict[int | None, tuple[WholeAttachment, ...]] = {}
    sql = (
        f"SELECT message, {_ATTACHMENT} FROM attachments"
        " WHERE conversation = ? AND removed IS NULL ORDER BY id"
    )
    for message, *row in rows_of(connection, sql, (conversation,)):
        name, kind, text, size, sha256, encoding, pages, left_out, take, sent = row
        attachment = WholeAttachment(
            name=name,
            kind=DocumentKind(kind),
            text=text,
            size_bytes=size,
            sha256=sha256,
            encoding=encoding,
            pages=pages,
            left_out=bool(left_out),
            take=Take(take),
            sent=sent,
        )
        found[message] = (*found.get(message, ()), attachment)
    return found


def _records(
    connection: apsw.Connection, conversation: int
) -> dict[int, tuple[ReplyDetails, str, tuple[TokenScore, ...]]]:
    """By message: details, the hash of the model file where it is known, scores."""
    found = {}
    for message, text, scores in rows_of(
        connection,
        "SELECT message, details, scores FROM reply_records JOIN messages ON messages.id = message"
        " WHERE conversation = ?",
        (conversation,),
    ):
        details = details_from_json(text)
        known = rows_of(
            connection,
            "SELECT sha256 FROM file_hashes WHERE path = ? AND size = ? AND modified = ?",
            (details.file.path, details.file.size_bytes, details.file.modified),
        )
        sha256: str = known[0][0] if known else ""
        found[message] = (details, sha256, scores_from_json(scores) if scores else ())
    return found


def _summaries(
    connection: apsw.Connection, conversation: int, places: dict[int, int]
) -> tuple[tuple[int, str, str, float], ...]:
    sql = (
        "SELECT message, summaries.text, summaries.model, summaries.created FROM summaries"
        " JOIN messages ON messages.id = message WHERE conversation = ? ORDER BY message"
    )
    return tuple(
        (places[message], text, model, created)
        for message, text, model, created in rows_of(connection, sql, (conversation,))
        if message in places
    )


def _choices(
    connection: apsw.Connection, conversation: int, places: dict[int, int]
) -> tuple[tuple[int, int, float], ...]:
    sql = (
        "SELECT chosen, rejected, choices.created FROM choices"
        " JOIN messages ON messages.id = chosen WHERE conversation = ? ORDER BY chosen, rejected"
    )
    return tuple(
        (places[chosen], places[rejected], created)
        for chosen, rejected, created in rows_of(connection, sql, (conversation,))
        if chosen in places and rejected in places
    )


# --- in -------------------------------------------------------------------------------------------


def _put(connection: apsw.Connection, whole: WholeConversation) -> int:
    number = new_id(connection, "conversations")
    connection.execute(
        "INSERT INTO conversations (id, sequence, title, titled, model, created, changed, draft,"
        " pinned, policy, parameters, folder)"
        " VALUES (?, (SELECT coalesce(max(sequence), 0) + 1 FROM conversations),"
        " ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (number, whole.title, whole.titled.value, whole.model, whole.created, whole.changed,
         whole.draft, whole.pinned, whole.policy.value, to_json(whole.parameters),
         _folder(connection, whole.folder)),
    )  # fmt: skip
    index_title(connection, number, whole.title)
    ids: list[int] = []
    for message in whole.messages:
        ids.append(_put_message(connection, number, message, ids))
    for own, message in zip(ids, whole.messages, strict=True):
        _join(connection, own, message, ids)
    connection.executemany("INSERT INTO tags VALUES (?, ?)", [(number, tag) for tag in whole.tags])
    connection.executemany(
        "INSERT INTO summaries VALUES (?, ?, ?, ?)",
        [(ids[before - 1], *rest) for before, *rest in whole.summaries],
    )
    connection.executemany(
        "INSERT INTO choices (chosen, rejected, created) VALUES (?, ?, ?)",
        [
            (ids[chosen - 1], ids[rejected - 1], created)
            for chosen, rejected, created in whole.choices
        ],
    )
    _put_attachments(connection, number, None, whole.attachments)
    leaf = None if whole.leaf is None else ids[whole.leaf - 1]
    connection.execute("UPDATE conversations SET leaf = ? WHERE id = ?", (leaf, number))
    return number


def _folder(connection: apsw.Connection, name: str) -> int | None:
    """The first of that name, or a new one."""
    if not name:
        return None
    rows = rows_of(
        connection, "SELECT id FROM folders WHERE name = ? ORDER BY position LIMIT 1", (name,)
    )
    if rows:
        return int(rows[0][0])
    number = new_id(connection, "folders")
    connection.execute(
        "INSERT INTO folders (id, name, position)"
        " VALUES (?, ?, (SELECT coalesce(max(position), 0) + 1 FROM folders))",
        (number, name),
    )
    return number


def _put_message(
    connection: apsw.Connection, conversation: int, message: WholeMessage, ids: Sequence[int]
) -> int:
    number = new_id(connection, "messages")
    stats = None if message.stats is None else json.dumps(asdict(message.stats))
    connection.execute(
        "INSERT INTO messages (id, conversation, parent, role, text, state, created, model, reason,"
        " finish, stats, made, draft, care, unseen, rating, training)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (number, conversation, None if message.parent is None else ids[message.parent - 1],
         message.role.value, message.text, message.state.value, message.created, message.model,
         message.reason, message.finish, stats, message.made.value, message.draft,
         message.care.value, message.unseen, message.rating.value, message.training),
    )  # fmt: skip
    index_message(connection, number, message.text)
    _put_attachments(connection, conversation, number, message.attachments)
    return number


def _join(
    connection: apsw.Connection, number: int, message: WholeMessage, ids: Sequence[int]
) -> None:
    """What names messages that may come after it."""
    if message.child is not None or message.origin is not None:
        connection.execute(
            "UPDATE messages SET child = ?, origin = ? WHERE id = ?",
            (
                None if message.child is None else ids[message.child - 1],
                None if message.origin is None else ids[message.origin - 1],
                number,
            ),
        )
    details = message.details
    if details is None:
        return
    again = None if details.replays is None else ids[details.replays - 1]
    details = replace(details, replays=again)
    if message.file_sha256:
        _know(connection, details.file, message.file_sha256)
    scores = scores_to_json(message.scores) if message.scores else None
    connection.execute(
        "INSERT INTO reply_records VALUES (?, ?, ?)", (number, details_to_json(details), scores)
    )


def _know(connection: apsw.Connection, file: FileState, sha256: str) -> None:
    """The hash of a file of another computer, which has a name alone."""
    connection.execute(
        "INSERT OR REPLACE INTO file_hashes VALUES (?, ?, ?, ?)",
        (file.path, file.size_bytes, file.modified, sha256),
    )


def _put_attachments(
    connection: apsw.Connection,
    conversation: int,
    message: int | None,
    attachments: Sequence[WholeAttachment],
) -> None:
    for each in attachments:
        values: tuple[Any, ...] = (
            each.name, each.kind.value, each.text, each.size_bytes, each.sha256, each.encoding,
            each.pages, each.left_out, each.take.value, each.sent,
        )  # fmt: skip
        connection.execute(
            f"INSERT INTO attachments (id, message, conversation, {_ATTACHMENT})"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (new_id(connection, "attachments"), message, conversation, *values),
        )
