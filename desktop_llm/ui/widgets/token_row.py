"""An access token: given, kept or not, taken back; never shown."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from desktop_llm.ui.widgets.plain_text import plain_label
from desktop_llm.words import _


class TokenRow(QWidget):
    given = Signal(str, bool)  # the token; whether it is to be kept in the keyring
    taken_back = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.field = QLineEdit(self)
        self.field.setEchoMode(QLineEdit.EchoMode.Password)
        self.field.setPlaceholderText("hf_…")
        self.field.setAccessibleName(_("Access token"))
        self.field.setInputMethodHints(Qt.InputMethodHint.ImhSensitiveData)
        self.keep_button = QPushButton(_("Keep"), self)
        self.keep_button.setToolTip(_("In the keyring of this computer"))
        self.session_button = QPushButton(_("Only now"), self)
        self.session_button.setToolTip(_("Until this program ends"))
        self.forget_button = QPushButton(_("Forget it"), self)
        self.state = plain_label(parent=self)
        self.state.setProperty("small", True)
        self.state.setWordWrap(True)
        self.keep_button.clicked.connect(lambda: self._give(True))
        self.session_button.clicked.connect(lambda: self._give(False))
        self.forget_button.clicked.connect(self.taken_back)
        self.field.returnPressed.connect(lambda: self._give(True))
        self.field.textChanged.connect(lambda _text: self._show_buttons())
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.field, 1)
        for button in (self.keep_button, self.session_button, self.forget_button):
            row.addWidget(button)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(4)
        rows.addLayout(row)
        rows.addWidget(self.state)
        self.show_state("", held=False)

    def show_state(self, words: str, held: bool) -> None:
        """`held`: there is one."""
        self.state.setText(words)
        self.state.setVisible(bool(words))
        self.forget_button.setVisible(held)
        self._show_buttons()

    def _give(self, lasting: bool) -> None:
        token = self.field.text().strip()
        if token:
            self.field.clear()
            self.given.emit(token, lasting)

    def _show_buttons(self) -> None:
        there = bool(self.field.text().strip())
        self.keep_button.setEnabled(there)
        self.session_button.setEnabled(there)
