"""A message being edited where it stands."""

from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from desktop_llm.ui.widgets.text_editor import TextEditor

LEAST_LINES = 2


@dataclass(frozen=True, slots=True)
class EditWords:
    name: str  # for screen readers
    confirm: str
    cancel: str
    enter_confirms: bool  # without Ctrl too


class MessageEditor(QFrame):
    confirmed = Signal(int, str)  # the message, its new text
    cancelled = Signal(int, str)
    changed = Signal()
    resized = Signal()  # `wanted_height` is another

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("composer")
        self.key: int | None = None  # of the message; None: nothing is edited
        self._held = False
        self._most = 400
        self.editor = TextEditor(self)
        self._cancel = QPushButton(self)
        self._cancel.clicked.connect(self._give_up)
        self._confirm = QPushButton(self)
        self._confirm.setProperty("primary", True)
        self._confirm.clicked.connect(self._send)
        foot = QHBoxLayout()
        foot.setContentsMargins(0, 0, 0, 0)
        foot.setSpacing(8)
        foot.addStretch()
        foot.addWidget(self._cancel)
        foot.addWidget(self._confirm)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(12, 8, 8, 8)
        rows.setSpacing(4)
        rows.addWidget(self.editor, 1)
        rows.addLayout(foot)
        self.setFocusProxy(self.editor)
        self.editor.send_wanted.connect(self._send)
        self.editor.focused.connect(self._show_focus)
        self.editor.textChanged.connect(self._text_changed)
        self.hide()

    def open(self, key: int, text: str, words: EditWords) -> None:
        self.key = key
        self.set_words(words)
        self.editor.setPlainText(text)
        cursor = self.editor.textCursor()
        cursor.movePosition(cursor.MoveOperation.End)
        self.editor.setTextCursor(cursor)
        self.editor.document().setModified(False)

    def set_caret(self, position: int) -> None:
        cursor = self.editor.textCursor()
        cursor.setPosition(min(position, self.editor.document().characterCount() - 1))
        self.editor.setTextCursor(cursor)

    def set_words(self, words: EditWords) -> None:
        self.editor.enter_sends = words.enter_confirms
        self.editor.setAccessibleName(words.name)
        self._confirm.setText(words.confirm)
        self._cancel.setText(words.cancel)

    def close_editor(self) -> None:
        """The focus, where it is here, goes to what holds this."""
        self.key = None
        holder, focus = self.parentWidget(), self.window().focusWidget()
        if focus is not None and self.isAncestorOf(focus) and holder is not None:
            holder.setFocus()
        self.hide()

    def text(self) -> str:
        return self.editor.toPlainText()

    def set_held(self, held: bool) -> None:
        """It cannot be confirmed now."""
        self._held = held
        self._show_state()

    def set_most(self, pixels: int) -> None:
        """How high it may become."""
        if pixels != self._most:
            self._most = pixels
            self.resized.emit()

    @property
    def wanted_height(self) -> int:
        lines = max(LEAST_LINES, round(self.editor.document().size().height()))
        text = lines * self.editor.fontMetrics().lineSpacing() + 12
        return min(self._most, text + self._confirm.sizeHint().height() + 24)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self._give_up()
        else:
            super().keyPressEvent(event)

    def _send(self) -> None:
        if self.key is not None and self._may_confirm():
            self.confirmed.emit(self.key, self.text())

    def _give_up(self) -> None:
        if self.key is not None:
            self.cancelled.emit(self.key, self.text())

    def _may_confirm(self) -> bool:
        return not self._held and bool(self.text().strip())

    def _text_changed(self) -> None:
        self._show_state()
        if self.key is not None:
            self.changed.emit()
            self.resized.emit()

    def _show_state(self) -> None:
        self._confirm.setEnabled(self._may_confirm())

    def _show_focus(self, focused: bool) -> None:
        self.setProperty("active", focused)
        self.style().unpolish(self)
        self.style().polish(self)
