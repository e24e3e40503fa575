"""One selection across messages."""

from PySide6.QtGui import (
    QAbstractTextDocumentLayout,
    QColor,
    QTextCursor,
)

from desktop_llm.ui.widgets.message_column import MessageColumn

Position = tuple[int, int]  # message, character


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
            last = len(self._column) - 1
            self.anchor = (0, 0)
            self.cursor = (last, self._column.document(last).characterCount() - 1)

    def span(self) -> tuple[Position, Position] | None:
        """The earlier end first; None where nothing is selected."""
        if self.anchor is None or self.cursor is None or self.anchor == self.cursor:
            return None
        first, last = sorted((self.anchor, self.cursor))
        return first, last

    def text(self) -> str:
        """With an empty line between two messages."""
        span = self.span()
        if span is None:
            return ""
        within = range(span[0][0], span[1][0] + 1)
        return "\n\n".join(self._within(at, span).selection().toPlainText() for at in within)

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
        cursor.setPosition(start if index == first else 0)
        final = end if index == last else document.characterCount() - 1
        cursor.setPosition(final, QTextCursor.MoveMode.KeepAnchor)
        return cursor
