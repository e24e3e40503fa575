"""A field for text of many lines: plain text only, Enter sends, no input method is disturbed."""

from PySide6.QtCore import QEvent, QMimeData, Qt, Signal
from PySide6.QtGui import QFocusEvent, QInputMethodEvent, QKeyEvent
from PySide6.QtWidgets import QFrame, QPlainTextEdit, QWidget

from desktop_llm.core.text import clean_text


class TextEditor(QPlainTextEdit):
    send_wanted = Signal()
    slash_typed = Signal()  # into the empty field, by its key: not pasted, not composed
    focused = Signal(bool)
    # Of one that `takes_files`, pasted or dropped:
    files_given = Signal(list)  # their paths
    picture_given = Signal()
    long_text_given = Signal(str)

    def __init__(self, parent: QWidget, enter_sends: bool = True) -> None:
        """Otherwise Enter breaks the line; with Ctrl it sends always."""
        super().__init__(parent)
        self.takes_files = False
        self.longest_paste = 0  # characters; 0: any
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

    def canInsertFromMimeData(self, source: QMimeData) -> bool:
        if self.takes_files and (files_of(source) or source.hasImage()):
            return True
        return super().canInsertFromMimeData(source)

    def insertFromMimeData(self, source: QMimeData) -> None:
        """Text alone, without what no model and no database takes."""
        if self.takes_files and (paths := files_of(source)):
            self.files_given.emit(paths)
        elif self.takes_files and source.hasImage() and not source.hasText():
            self.picture_given.emit()
        elif source.hasText():
            text = clean_text(source.text())
            if self.takes_files and 0 < self.longest_paste < len(text):
                self.long_text_given.emit(text)
            else:
                self.insertPlainText(text)

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


def files_of(source: QMimeData) -> list[str]:
    """The paths of the files on this computer that something dragged or copied stands for."""
    return [url.toLocalFile() for url in source.urls() if url.isLocalFile()]
