"""One selection across messages."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PySide6.QtGui import (
    QAbstractTextDocumentLayout,
    QColor,
    QTextCharFormat,
    QTextCursor,
)

from desktop_llm.rendering.plain_text import plain_text
from desktop_llm.rendering.portions import parse_to_show
from desktop_llm.ui.widgets.formula_object import text_of as text_of_fragment
from desktop_llm.ui.widgets.message_column import MessageColumn

Position = tuple[int, int]  # message, character
END = 2**31  # the last character, also of a message that grows


@dataclass(frozen=True, slots=True)
class Unread:
    """Markdown that has not been parsed."""

    text: str


def text_of(parts: list[str | Unread]) -> str:
    """With an empty line between two messages. Parsing takes its time."""
    return "\n\n".join(
        plain_text(parse_to_show(part.text)) if isinstance(part, Unread) else part for part in parts
    )


class MessageSelection:
    """From where it was begun (`anchor`) to where it is drawn (`cursor`)."""

    def __init__(self, column: MessageColumn) -> None:
        self._column = column
        self.anchor: Position | None = None
        self.cursor: Position | None = None

    def clear(self) -> None:
        self.anchor = self.cursor = None

    def begin(self, position: Position | None, extend: bool) -> None:
        if not extend or self.anchor is None:
            self.anchor = position
        self.cursor = position

    @contextmanager
    def kept(self) -> Iterator[None]:
        """The same text stays selected while its message is changed."""
        anchor, cursor = self._held(self.anchor), self._held(self.cursor)
        yield
        if self.anchor is not None and anchor is not None:
            self.anchor = (self.anchor[0], anchor.position())
        if self.cursor is not None and cursor is not None:
            self.cursor = (self.cursor[0], cursor.position())

    def _held(self, position: Position | None) -> QTextCursor | None:
        """What moves with the text; None where that is not laid out, or its end is meant."""
        if position is None or position[0] >= len(self._column):
            return None
        document = self._column[position[0]].document
        if document is None or position[1] >= document.characterCount():
            return None
        cursor = QTextCursor(document)
        cursor.setPosition(position[1])
        return cursor

    def take_word(self, position: Position) -> None:
        cursor = QTextCursor(self._column.document(position[0]))
        cursor.setPosition(position[1])
        cursor.select(QTextCursor.SelectionType.WordUnderCursor)
        self.anchor = (position[0], cursor.selectionStart())
        self.cursor = (position[0], cursor.selectionEnd())

    def take_all(self) -> None:
        if len(self._column):
            self.anchor = (0, 0)
            self.cursor = (len(self._column) - 1, END)

    def span(self) -> tuple[Position, Position] | None:
        """The earlier end first; None where nothing is selected."""
        if self.anchor is None or self.cursor is None or self.anchor == self.cursor:
            return None
        first, last = sorted((self.anchor, self.cursor))
        return first, last

    def parts(self) -> list["str | Unread"]:
        """What is selected, a message each; those of which all is, and which nobody has looked at
        yet, are still to be parsed.
        """
        span = self.span()
        if span is None:
            return []
        return [self._part(at, span) for at in range(span[0][0], span[1][0] + 1)]

    def _part(self, index: int, span: tuple[Position, Position]) -> "str | Unread":
        entry = self._column[index]
        if not self._is_whole(index, span) or entry.stream is not None:
            return text_of_fragment(self._within(index, span).selection())
        if entry.mine:
            return entry.text
        return Unread(entry.text) if entry.blocks is None else plain_text(entry.blocks)

    def markdown(self) -> str:
        """What is selected, as Markdown: whole messages as they were written."""
        span = self.span()
        if span is None:
            return ""
        return "\n\n".join(
            self._markdown(at, span).strip("\n") for at in range(span[0][0], span[1][0] + 1)
        )

    def _markdown(self, index: int, span: tuple[Position, Position]) -> str:
        entry = self._column[index]
        if self._is_whole(index, span):
            return entry.text
        part = self._within(index, span).selection()
        return text_of_fragment(part, markdown=not entry.mine)

    def _is_whole(self, index: int, span: tuple[Position, Position]) -> bool:
        (first, start), (last, end) = span
        return (index > first or start == 0) and (index < last or end == END)

    def painted(self, index: int, ground: QColor) -> list[QAbstractTextDocumentLayout.Selection]:
        """What of one message is drawn as selected."""
        span = self.span()
        if span is None or not span[0][0] <= index <= span[1][0]:
            return []
        selection = QAbstractTextDocumentLayout.Selection()
        selection.cursor = self._within(index, span)
        style = QTextCharFormat()  # nothing else: it is laid over what each character has
        style.setBackground(ground)
        selection.format = style
        return [selection]

    def _within(self, index: int, span: tuple[Position, Position]) -> QTextCursor:
        (first, start), (last, end) = span
        document = self._column.document(index)
        cursor = QTextCursor(document)
        cursor.setPosition(min(start, document.characterCount() - 1) if index == first else 0)
        final = document.characterCount() - 1
        cursor.setPosition(
            min(end, final) if index == last else final, QTextCursor.MoveMode.KeepAnchor
        )
        return cursor
