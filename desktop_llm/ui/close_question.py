"""Asked once when the window is closed while something runs; the answer can be kept."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from desktop_llm.core.settings import OnClose
from desktop_llm.ui.widgets.plain_text import plain_label
from desktop_llm.words import _


class CloseQuestion(QDialog):
    answered = Signal(object, bool)  # OnClose.TRAY or QUIT; whether it is to be remembered

    def __init__(self, may_stay: bool, parent: QWidget) -> None:
        """`may_stay`: there is a tray to stay in."""
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowModality(Qt.WindowModality.WindowModal)
        self.setWindowTitle(_("A reply is being written"))
        title = plain_label(_("A reply is still being written."), self)
        title.setProperty("section", True)
        sentence = plain_label(_("If you quit, it stops; what is written so far is kept."), self)
        sentence.setProperty("muted", True)
        sentence.setWordWrap(True)
        self.remember = QCheckBox(_("Do not ask again"), self)
        self.cancel = QPushButton(_("Cancel"), self)
        self.stay = QPushButton(_("Keep running in the tray"), self)
        self.stay.setVisible(may_stay)
        self.quit = QPushButton(_("Quit"), self)
        self.quit.setProperty("primary", True)
        self.quit.setDefault(True)
        self.cancel.clicked.connect(self.reject)
        self.stay.clicked.connect(lambda: self._answer(OnClose.TRAY))
        self.quit.clicked.connect(lambda: self._answer(OnClose.QUIT))
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addStretch()
        for button in (self.cancel, self.stay, self.quit):
            buttons.addWidget(button)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(24, 24, 24, 16)
        rows.setSpacing(12)
        for widget in (title, sentence, self.remember):
            rows.addWidget(widget)
        rows.addSpacing(8)
        rows.addLayout(buttons)

    def _answer(self, choice: OnClose) -> None:
        self.accept()
        self.answered.emit(choice, self.remember.isChecked())
