"""The full-text index of titles and messages: what stands in it, and what a query finds."""

import re
from typing import Any

import apsw

from desktop_llm.core.conversations import SearchHit
from desktop_llm.storage.search_text import match_query, spaced

EXCERPT_LENGTH = 80  # characters, about

_FOUND_MESSAGES = """
SELECT conversations.id, title, messages.id, text FROM messages
JOIN conversations ON conversations.id = conversation
WHERE conversations.deleted IS NULL AND messages.deleted IS NULL
  AND messages.id IN (SELECT rowid FROM message_text WHERE message_text MATCH ?)
ORDER BY messages.id DESC LIMIT ?
"""

_FOUND_TITLES = """
SELECT id, title FROM conversations
WHERE deleted IS NULL AND id IN (SELECT rowid FROM title_text WHERE title_text MATCH ?)
ORDER BY sequence DESC LIMIT ?
"""


def index_message(connection: apsw.Connection, message: int, text: str) -> None:
    _index(connection, "message_text", message, text)


def index_title(connection: apsw.Connection, conversation: int, title: str) -> None:
    _index(connection, "title_text", conversation, title)


def _index(connection: apsw.Connection, table: str, row: int, text: str) -> None:
    connection.execute(f"DELETE FROM {table} WHERE rowid = ?", (row,))
    connection.execute(f"INSERT INTO {table} (rowid, text) VALUES (?, ?)", (row, spaced(text)))


def find(connection: apsw.Connection, query: str, limit: int) -> list[SearchHit]:
    """Titles, then messages, newest first. The query is words, never syntax."""
    match = match_query(query)
    if not match:
        return []
    values = (match, limit)
    titles: list[Any] = connection.execute(_FOUND_TITLES, values).fetchall()
    messages: list[Any] = connection.execute(_FOUND_MESSAGES, values).fetchall()
    hits = [_hit(query, number, title, None, title) for number, title in titles]
    hits += [_hit(query, *row) for row in messages]
    return hits[:limit]


def _hit(query: str, conversation: int, title: str, message: int | None, text: str) -> SearchHit:
    words = sorted(query.split(), key=len, reverse=True)
    found = next(
        (match for word in words if (match := re.search(re.escape(word), text, re.IGNORECASE))),
        None,
    )
    start, end = found.span() if found else (0, 0)
    left = max(0, start - (EXCERPT_LENGTH - (end - start)) // 2) if found else 0
    excerpt = text[left : left + max(EXCERPT_LENGTH, end - left)]
    return SearchHit(
        conversation=conversation,
        title=title,
        message=message,
        excerpt=excerpt.replace("\n", " "),
        start=start - left,
        end=end - left,
    )
