"""What comes when there is something to say or to ask, and goes again; the focus goes back then."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QWidget


class PassingCard(QFrame):
    """Hidden at first. Esc ends it."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        """`name`: what the style sheet knows it by."""
        super().__init__(parent)
        self.after: QWidget | None = None  # gets the focus when this goes with it
        self.setObjectName(name)
        self.hide()

    def dismiss(self) -> None:
        if self.isHidden():
            return
        focus = self.window().focusWidget()
        if self.after is not None and focus is not None and self.isAncestorOf(focus):
            self.after.setFocus(Qt.FocusReason.OtherFocusReason)
        self.hide()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.dismiss()
        else:
            super().keyPressEvent(event)
