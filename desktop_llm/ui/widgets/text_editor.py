"""A field for text of many lines: plain text only, Enter sends, no input method is disturbed."""

from PySide6.QtCore import QEvent, QMimeData, Qt, Signal
from PySide6.QtGui import QFocusEvent, QInputMethodEvent, QKeyEvent
from PySide6.QtWidgets import QFrame, QPlainTextEdit, QWidget

from desktop_llm.core.text import clean_text


class TextEditor(QPlainTextEdit):
    send_wanted = Signal()
    slash_typed = Signal()  # into the empty field, by its key: not pasted, not composed
    focused = Signal(bool)

    def __init__(self, parent: QWidget, enter_sends: bool = True) -> None:
        """Otherwise Enter breaks the line; with Ctrl it sends always."""
        super().__init__(parent)
        self.setTabChangesFocus(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.enter_sends = enter_sends
        self._composing = False

    def inputMethodEvent(self, event: QInputMethodEvent) -> None:
        self._composing = bool(event.preeditString())
        super().inputMethodEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        control = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        if enter and not shift and (control or self.enter_sends):
            if not self._composing:  # Enter chooses a word of the input method, it never sends
                self.send_wanted.emit()
            return
        slash = event.text() == "/" and not self._composing and self.document().isEmpty()
        super().keyPressEvent(event)
        if slash and self.toPlainText() == "/":
            self.slash_typed.emit()

    def insertFromMimeData(self, source: QMimeData) -> None:
        """Text alone, without what no model and no database takes."""
        if source.hasText():
            self.insertPlainText(clean_text(source.text()))

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.focused.emit(True)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.focused.emit(False)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self.textChanged.emit()
