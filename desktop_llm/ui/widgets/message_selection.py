"""One selection across messages."""

from dataclasses import dataclass

from PySide6.QtGui import (
    QAbstractTextDocumentLayout,
    QColor,
    QTextCursor,
)

from desktop_llm.rendering.markdown import parse
from desktop_llm.rendering.plain_text import plain_text
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
        plain_text(parse(part.text)) if isinstance(part, Unread) else part for part in parts
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
        (first, start), (last, end) = span
        entry = self._column[index]
        whole = (index > first or start == 0) and (index < last or end == END)
        if not whole or entry.stream is not None:
            return self._within(index, span).selection().toPlainText()
        if entry.mine:
            return entry.text
        return Unread(entry.text) if entry.blocks is None else plain_text(entry.blocks)

    def painted(self, index: int, ground: QColor) -> list[QAbstractTextDocumentLayout.Selection]:
        """What of one message is drawn as selected."""
        span = self.span()
        if span is None or not span[0][0] <= index <= span[1][0]:
            return []
        selection = QAbstractTextDocumentLayout.Selection()
        selection.cursor = self._within(index, span)
        style = selection.cursor.charFormat()
        style.clearForeground()
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
