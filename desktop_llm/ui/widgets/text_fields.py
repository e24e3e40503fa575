"""Texts that a person sets: several lines, or one, with what they are for and what was wrong."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from desktop_llm.ui.widgets.message_bar import MessageAction, SmallButton
from desktop_llm.ui.widgets.plain_text import plain_label, plain_tip


class TextField(QWidget):
    """Label and way back, the field below them, then words about it."""

    edited = Signal()

    def __init__(
        self,
        name: str,
        about: str,
        lines: int,
        placeholder: str = "",
        hover: str = "",
        parent: QWidget | None = None,
    ) -> None:
        """`lines`: 1 makes a field of one line."""
        super().__init__(parent)
        self.label = plain_label(name, self)
        self.label.setWordWrap(True)
        self.label.setToolTip(plain_tip(hover))
        self.field: QLineEdit | QPlainTextEdit
        if lines == 1:
            self.field = QLineEdit(self)
            self.field.textEdited.connect(self._edited)
        else:
            self.field = QPlainTextEdit(self)
            self.field.setTabChangesFocus(True)
            self.field.setFixedHeight(lines * self.field.fontMetrics().lineSpacing() + 20)
            self.field.textChanged.connect(self._edited)
        self.field.setPlaceholderText(placeholder)
        self.field.setAccessibleName(name)
        self.field.setAccessibleDescription(about)
        self.label.setBuddy(self.field)
        self.reset = SmallButton(self)
        kept = self.reset.sizePolicy()
        kept.setRetainSizeWhenHidden(True)
        self.reset.setSizePolicy(kept)
        self.reset.hide()
        self.about = plain_label(about, self)
        self.about.setProperty("small", True)
        self.wrong = plain_label(parent=self)
        self.wrong.setProperty("danger", True)
        self.wrong.hide()
        head = QHBoxLayout()
        head.setSpacing(4)
        head.addWidget(self.label, 1)
        head.addWidget(self.reset)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(0, 0, 0, 0)
        self.column.setSpacing(4)
        self.column.addLayout(head)
        self.column.addWidget(self.field)
        for label in (self.wrong, self.about):
            label.setWordWrap(True)
            self.column.addWidget(label)
        self.about.setVisible(bool(about))

    def offer_reset(self, icon: QIcon, words: str) -> None:
        """A button that is shown while something stands here."""
        self.reset.take(MessageAction(icon, words, self.empty))

    def empty(self) -> None:
        self.show_text("")
        self.edited.emit()
        self.field.setFocus(Qt.FocusReason.OtherFocusReason)

    def text(self) -> str:
        if isinstance(self.field, QLineEdit):
            return self.field.text()
        return self.field.toPlainText()

    def show_text(self, text: str) -> None:
        """Where that is another: else the cursor stays where it is."""
        if text != self.text():
            self.field.blockSignals(True)
            if isinstance(self.field, QLineEdit):
                self.field.setText(text)
            else:
                self.field.setPlainText(text)
            self.field.blockSignals(False)
        self.reset.setVisible(bool(text))

    def show_wrong(self, words: str) -> None:
        """What of it is not taken; empty: nothing."""
        self.wrong.setText(words)
        self.wrong.setVisible(bool(words))

    def _edited(self) -> None:
        self.reset.setVisible(bool(self.text()))
        self.edited.emit()
