"""Finding words in the messages that are shown."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QIcon, QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QWidget

from desktop_llm.ui.widgets.message_bar import MessageAction, SmallButton
from desktop_llm.ui.widgets.plain_text import plain_label


class FindBar(QFrame):
    """Enter goes on, Shift+Enter back, Esc closes."""

    changed = Signal(str)
    step_wanted = Signal(int)  # 1: the next one, -1: the one before
    closed = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("findbar")
        self.after: QWidget | None = None  # gets the focus when this goes with it
        self.line = _Line(self)
        self.line.textChanged.connect(self.changed)
        self.line.step_pressed.connect(self.step_wanted)
        self._count = plain_label(parent=self)
        self._count.setProperty("small", True)
        self._count.setMinimumWidth(64)
        self._before, self._next = SmallButton(self), SmallButton(self)
        self._close = SmallButton(self)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 4, 8, 4)
        row.setSpacing(4)
        row.addWidget(self.line, 1)
        row.addWidget(self._count)
        for button in (self._before, self._next, self._close):
            row.addWidget(button)
        self.hide()

    def set_words(
        self, name: str, before: tuple[QIcon, str], after: tuple[QIcon, str],
        close: tuple[QIcon, str],
    ) -> None:  # fmt: skip
        self.line.setPlaceholderText(name)
        self.line.setAccessibleName(name)
        self._before.take(MessageAction(*before, lambda: self.step_wanted.emit(-1)))
        self._next.take(MessageAction(*after, lambda: self.step_wanted.emit(1)))
        self._close.take(MessageAction(*close, self.close_bar))

    def open(self, words: str = "") -> None:
        """`words`: what is selected, to begin with."""
        self.show()
        if words:
            self.line.setText(words)
        self.line.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.line.selectAll()
        self.changed.emit(self.line.text())

    def close_bar(self) -> None:
        if self.isHidden():
            return
        self.hide()
        if self.after is not None:
            self.after.setFocus(Qt.FocusReason.OtherFocusReason)
        self.closed.emit()

    def show_count(self, words: str, found: bool) -> None:
        self._count.setText(words)
        self._count.setAccessibleName(words)
        for button in (self._before, self._next):
            button.setEnabled(found)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close_bar()
        else:
            super().keyPressEvent(event)


class _Line(QLineEdit):
    step_pressed = Signal(int)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            back = event.modifiers() & Qt.KeyboardModifier.ShiftModifier
            self.step_pressed.emit(-1 if back else 1)
        else:
            super().keyPressEvent(event)
