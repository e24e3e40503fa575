"""The full-text index of titles and messages: what stands in it, and what a query finds."""

import re
from typing import Any

import apsw

from desktop_llm.core.conversations import SearchHit
from desktop_llm.core.search import Query, parse_query
from desktop_llm.storage.search_text import match_query, spaced

EXCERPT_LENGTH = 80  # characters, about

# The index gives its rows in order, so that nothing is sorted and the search ends with the last
# hit that is wanted, however common a word is: hence CROSS JOIN, which keeps this order.
_FOUND_MESSAGES = """
SELECT conversations.id, title, messages.id, messages.text FROM message_text
CROSS JOIN messages ON messages.id = message_text.rowid
CROSS JOIN conversations ON conversations.id = conversation
WHERE message_text MATCH ? AND conversations.deleted IS NULL AND messages.deleted IS NULL {tagged}
ORDER BY message_text.rowid DESC LIMIT ?
"""

_FOUND_TITLES = """
SELECT id, title FROM conversations
WHERE deleted IS NULL AND id IN (SELECT rowid FROM title_text WHERE title_text MATCH ?) {tagged}
ORDER BY sequence DESC LIMIT ?
"""

_ALL_TITLES = """
SELECT id, title FROM conversations WHERE deleted IS NULL {tagged} ORDER BY sequence DESC LIMIT ?
"""

_TAGGED = (
    " AND conversations.id IN (SELECT conversation FROM tags WHERE substr(tag, 1, length(?)) = ?)"
)


def index_message(connection: apsw.Connection, message: int, text: str) -> None:
    _index(connection, "message_text", message, text)


def index_title(connection: apsw.Connection, conversation: int, title: str) -> None:
    _index(connection, "title_text", conversation, title)


def _index(connection: apsw.Connection, table: str, row: int, text: str) -> None:
    connection.execute(f"DELETE FROM {table} WHERE rowid = ?", (row,))
    connection.execute(f"INSERT INTO {table} (rowid, text) VALUES (?, ?)", (row, spaced(text)))


def find(connection: apsw.Connection, text: str, limit: int) -> list[SearchHit]:
    """Titles, then messages, newest first. What looks like a tag and is none is a word."""
    query = _without_unknown_tags(connection, parse_query(text))
    tagged = _TAGGED * len(query.tags)
    tags = tuple(value for tag in query.tags for value in (tag, tag))
    match = match_query(query.words)
    if not match and not query.tags:
        return []
    if not match:
        titles = _rows(connection, _ALL_TITLES.format(tagged=tagged), (*tags, limit))
        return [_hit((), number, title, None, title) for number, title in titles]
    values = (match, *tags, limit)
    titles = _rows(connection, _FOUND_TITLES.format(tagged=tagged), values)
    hits = [_hit(query.words, number, title, None, title) for number, title in titles]
    messages = _rows(connection, _FOUND_MESSAGES.format(tagged=tagged), values)
    hits += [_hit(query.words, *row) for row in messages]
    return hits[:limit]


def _without_unknown_tags(connection: apsw.Connection, query: Query) -> Query:
    sql = "SELECT 1 FROM tags WHERE substr(tag, 1, length(?)) = ? LIMIT 1"
    known = tuple(tag for tag in query.tags if _rows(connection, sql, (tag, tag)))
    unknown = tuple(tag for tag in query.tags if tag not in known)
    return Query((*query.words, *unknown), known)


def _rows(connection: apsw.Connection, sql: str, values: tuple[Any, ...]) -> list[Any]:
    return connection.execute(sql, values).fetchall()


def _hit(
    words: tuple[str, ...], conversation: int, title: str, message: int | None, text: str
) -> SearchHit:
    longest_first = sorted(words, key=len, reverse=True)
    found = next(
        (
            match
            for word in longest_first
            if (match := re.search(re.escape(word), text, re.IGNORECASE))
        ),
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
