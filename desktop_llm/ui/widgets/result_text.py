"""A text that a tool has made: as it streams, as changes to take or leave, as sentences with what
they rest on. Plain text only.
"""

from collections.abc import Sequence
from enum import Enum, auto

from PySide6.QtCore import QEvent, QPoint, Qt, Signal
from PySide6.QtGui import (
    QKeyEvent,
    QMouseEvent,
    QPalette,
    QTextCharFormat,
    QTextCursor,
    QTextFormat,
)
from PySide6.QtWidgets import QTextEdit, QWidget

from desktop_llm.ui.widgets.announce import announce

MARK = QTextFormat.Property.UserProperty + 1  # the number of a change or a sentence
MOST_SHOWN = 200_000  # characters; more would take the view long to lay out


class Style(Enum):
    PLAIN = auto()
    REMOVED = auto()
    ADDED = auto()
    REFUSED = auto()  # a change that is not taken
    SUPPORTED = auto()
    UNSUPPORTED = auto()


Marked = tuple[str, Style, int]  # text, how it looks, its number or -1


class ResultText(QTextEdit):
    chosen = Signal(int)  # a change or a sentence, by click or by Enter

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setReadOnly(True)
        self.setAcceptRichText(False)
        self.setUndoRedoEnabled(False)
        self.setTabChangesFocus(True)
        self.setAccessibleName(name)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self._pieces: Sequence[Marked] = ()
        self._pressed = QPoint()
        self._current = -1

    # --- showing -------------------------------------------------------------------------------

    def show_text(self, text: str) -> None:
        self._pieces = ()
        self._current = -1
        self.setPlainText(text[:MOST_SHOWN])

    def append_text(self, text: str) -> None:
        """At the end; the view follows it where its end is seen."""
        bar = self.verticalScrollBar()
        follows = bar.value() >= bar.maximum() - 4
        cursor = QTextCursor(self.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.insertText(text)
        if follows:
            bar.setValue(bar.maximum())

    def show_marked(self, pieces: Sequence[Marked]) -> None:
        """What is scrolled to stays there."""
        self._pieces = pieces
        place = self.verticalScrollBar().value()
        self.clear()
        cursor = QTextCursor(self.document())
        cursor.beginEditBlock()
        for text, style, number in pieces:
            cursor.insertText(text, self._format(style, number))
        cursor.endEditBlock()
        self.verticalScrollBar().setValue(place)

    def numbers(self) -> list[int]:
        """Of the changes or sentences, in order."""
        return list(dict.fromkeys(number for _t, _s, number in self._pieces if number >= 0))

    def _format(self, style: Style, number: int) -> QTextCharFormat:
        made = QTextCharFormat()
        roles = QPalette.ColorRole
        palette = self.palette()
        if number >= 0:
            made.setProperty(MARK, number)
        if style is Style.REMOVED:
            made.setFontStrikeOut(True)
            made.setForeground(palette.color(roles.BrightText))
        elif style is Style.ADDED:
            made.setFontUnderline(True)
            made.setForeground(palette.color(roles.Accent))
        elif style is Style.REFUSED:
            made.setForeground(palette.color(roles.PlaceholderText))
            made.setFontUnderline(True)
            made.setUnderlineStyle(QTextCharFormat.UnderlineStyle.DotLine)
        elif style is Style.UNSUPPORTED:
            made.setUnderlineStyle(QTextCharFormat.UnderlineStyle.WaveUnderline)
            made.setUnderlineColor(palette.color(roles.BrightText))
        if number >= 0 and number == self._current:
            made.setBackground(palette.color(roles.Highlight))
        return made

    # --- choosing ------------------------------------------------------------------------------

    def mark_current(self, number: int) -> None:
        """The change or sentence that the keyboard is at; -1: none."""
        self._current = number
        if self._pieces:
            self.show_marked(self._pieces)
            self._scroll_to(number)

    @property
    def current(self) -> int:
        return self._current

    def _scroll_to(self, number: int) -> None:
        at = 0
        for text, _style, own in self._pieces:
            if own == number:
                cursor = QTextCursor(self.document())
                cursor.setPosition(min(at, self.document().characterCount() - 1))
                self.setTextCursor(cursor)
                self.ensureCursorVisible()
                announce(self, text)
                return
            at += len(text.encode("utf-16-le")) // 2

    def number_at(self, point: QPoint) -> int:
        """Of the viewport; -1: none."""
        cursor = self.cursorForPosition(point)
        cursor.movePosition(
            QTextCursor.MoveOperation.NextCharacter, QTextCursor.MoveMode.KeepAnchor
        )
        number = cursor.charFormat().property(MARK)
        return number if isinstance(number, int) else -1

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._pressed = event.position().toPoint()
        super().mousePressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        here = event.position().toPoint()
        still = (here - self._pressed).manhattanLength() < 4
        if event.button() is Qt.MouseButton.LeftButton and still:
            number = self.number_at(here)
            if number >= 0:
                self._current = number
                self.chosen.emit(number)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Left and right go from change to change, Enter or Space takes or leaves it."""
        numbers = self.numbers()
        step = {Qt.Key.Key_Right: 1, Qt.Key.Key_Left: -1}.get(Qt.Key(event.key()))
        if numbers and step is not None and not event.modifiers():
            at = numbers.index(self._current) + step if self._current in numbers else 0
            self.mark_current(numbers[at % len(numbers)])
        elif self._current >= 0 and event.key() in (
            Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter,
        ):  # fmt: skip
            self.chosen.emit(self._current)
        else:
            super().keyPressEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange and self._pieces:
            self.show_marked(self._pieces)
