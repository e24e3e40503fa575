"""A text whose unsure words are underlined; what else could have stood there is told under the
mouse and at the cursor.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPoint, Signal
from PySide6.QtGui import QColor, QHelpEvent, QPalette, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QPlainTextEdit, QTextEdit, QToolTip, QWidget

from desktop_llm.ui.widgets.plain_text import plain_tip

MOST_MARKED = 5000  # pieces; a view with more underlines than these is slow
MOST_SHOWN = 100_000  # characters


@dataclass(frozen=True, slots=True)
class ScoredPiece:
    """`level`: 0 sure, 1 unsure, 2 very unsure; `note`: what there is to tell of it."""

    text: str
    level: int
    note: str


class ScoredText(QPlainTextEdit):
    noted = Signal(str)  # the note of what the cursor stands at

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setReadOnly(True)
        self.setUndoRedoEnabled(False)
        self.setTabChangesFocus(True)
        self._pieces: Sequence[ScoredPiece] = ()
        self._starts: list[int] = []  # in Qt's characters
        self.cursorPositionChanged.connect(self._tell)

    def show_pieces(self, pieces: Sequence[ScoredPiece]) -> None:
        self._pieces, self._starts = (), []
        shown: list[ScoredPiece] = []
        place = 0
        starts = []
        for piece in pieces:
            if place > MOST_SHOWN:
                break
            starts.append(place)
            shown.append(piece)
            place += _length(piece.text)
        self.setPlainText("".join(piece.text for piece in shown))
        self._pieces, self._starts = shown, starts
        self._mark()
        self._tell()

    def note_at(self, position: int) -> str:
        at = bisect_right(self._starts, position) - 1
        return self._pieces[at].note if 0 <= at < len(self._pieces) else ""

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.StyleChange):
            self._mark()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            self._show_tip(event.pos(), event.globalPos())
            return True
        return super().event(event)

    def _show_tip(self, point: QPoint, where: QPoint) -> None:
        at = self.viewport().mapFrom(self, point)
        note = self.note_at(self._position(at)) if self.viewport().rect().contains(at) else ""
        if note:
            QToolTip.showText(where, plain_tip(note), self)
        else:
            QToolTip.hideText()

    def _position(self, point: QPoint) -> int:
        """The character under the mouse: a cursor stands between two."""
        cursor = self.cursorForPosition(point)
        left = self.cursorRect(cursor).left() > point.x()
        return cursor.position() - (1 if left and cursor.position() else 0)

    def _tell(self) -> None:
        self.noted.emit(self.note_at(self.textCursor().position()))

    def _mark(self) -> None:
        palette = self.palette()
        marks: list[QTextEdit.ExtraSelection] = []
        styles = {
            1: (QTextCharFormat.UnderlineStyle.DashUnderline, palette.color(_MUTED)),
            2: (QTextCharFormat.UnderlineStyle.SingleUnderline, palette.color(_DANGER)),
        }
        for start, piece in zip(self._starts, self._pieces, strict=True):
            if piece.level not in styles or len(marks) >= MOST_MARKED:
                continue
            style, colour = styles[piece.level]
            marks.append(self._marked(start, _length(piece.text), style, colour))
        self.setExtraSelections(marks)

    def _marked(
        self, start: int, length: int, style: QTextCharFormat.UnderlineStyle, colour: QColor
    ) -> QTextEdit.ExtraSelection:
        mark = QTextEdit.ExtraSelection()
        cursor = QTextCursor(self.document())
        cursor.setPosition(start)
        cursor.setPosition(start + length, QTextCursor.MoveMode.KeepAnchor)
        mark.cursor = cursor
        form = QTextCharFormat()
        form.setUnderlineStyle(style)
        form.setUnderlineColor(colour)
        mark.format = form
        return mark


_MUTED, _DANGER = QPalette.ColorRole.PlaceholderText, QPalette.ColorRole.BrightText


def _length(text: str) -> int:
    """In UTF-16, as Qt counts."""
    return len(text.encode("utf-16-le")) // 2
