"""What is attached, to be read: what the model gets of it, and all of it."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QButtonGroup,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QPlainTextEdit,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from desktop_llm.core.attachments import Attachment, Take
from desktop_llm.ui.icons import icon
from desktop_llm.ui.models.attachments import about, take_words
from desktop_llm.ui.widgets.eliding import ElidingLabel
from desktop_llm.ui.widgets.plain_text import plain_label
from desktop_llm.words import _

MOST_SHOWN = 100_000  # characters; more would take the view long to lay out


class DocumentDialog(QDialog):
    def __init__(self, attachment: Attachment, whole: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(attachment.name)
        self.resize(640, 560)
        self._texts = {Take.WHOLE: whole}
        if attachment.take is not Take.WHOLE:
            self._texts[attachment.take] = attachment.said or ""
        self._shown = attachment.take
        title = ElidingLabel(self)
        title.setProperty("heading", True)
        title.setText(attachment.name)
        detail = plain_label(about(attachment), self)
        detail.setProperty("muted", True)
        detail.setWordWrap(True)
        self._choices = QButtonGroup(self)
        line = QHBoxLayout()
        line.setSpacing(16)
        for take in self._texts:
            choice = QRadioButton(take_words(take), self)
            choice.setChecked(take is self._shown)
            choice.clicked.connect(lambda _on=True, take=take: self._show(take))
            self._choices.addButton(choice)
            line.addWidget(choice)
            choice.setVisible(len(self._texts) > 1)
        line.addStretch()
        self.copy_button = QPushButton(icon("copy"), _("Copy"), self)
        self.copy_button.clicked.connect(self._copy)
        line.addWidget(self.copy_button)
        self.view = QPlainTextEdit(self)
        self.view.setReadOnly(True)
        self.view.setUndoRedoEnabled(False)
        self.view.setTabChangesFocus(True)
        self.view.setAccessibleName(attachment.name)
        self._note = plain_label(parent=self)
        self._note.setProperty("small", True)
        self._note.setWordWrap(True)
        buttons = QDialogButtonBox(self)
        buttons.addButton(_("Close"), QDialogButtonBox.ButtonRole.RejectRole)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 16)
        column.setSpacing(8)
        column.addWidget(title)
        column.addWidget(detail)
        column.addLayout(line)
        column.addWidget(self.view, 1)
        column.addWidget(self._note)
        column.addWidget(buttons)
        self._show(self._shown)

    def _show(self, take: Take) -> None:
        self._shown, text = take, self._texts[take]
        self.view.setPlainText(text[:MOST_SHOWN])
        note = ""
        if len(text) > MOST_SHOWN:
            note = _("The first {number} characters are shown. “Copy” takes all of them.").format(
                number=f"{MOST_SHOWN:,}"
            )
        elif not text:
            note = _("It is made when the question is sent.")
        self._note.setText(note)
        self._note.setVisible(bool(note))

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self._texts[self._shown])
