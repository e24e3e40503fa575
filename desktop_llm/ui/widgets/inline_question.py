"""A question where it arose, before something is lost. Nothing waits for its answer."""

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from desktop_llm.ui.widgets.announce import announce
from desktop_llm.ui.widgets.passing_card import PassingCard
from desktop_llm.ui.widgets.plain_text import plain_label


class InlineQuestion(PassingCard):
    """Esc says no, and so does the button that has the focus at first."""

    def __init__(self, yes: str, no: str, parent: QWidget | None = None) -> None:
        super().__init__("question", parent)
        self._call: Callable[[], object] = lambda: None
        self._words = plain_label(parent=self)
        self._words.setProperty("strong", True)
        self._about = plain_label(parent=self)
        self._about.setProperty("muted", True)
        for label in (self._words, self._about):
            label.setWordWrap(True)
        self.no_button = QPushButton(no, self)
        self.no_button.clicked.connect(self.dismiss)
        self.yes_button = QPushButton(yes, self)
        self.yes_button.setProperty("danger", True)
        self.yes_button.clicked.connect(self._yes)
        text = QVBoxLayout()
        text.setSpacing(4)
        text.addWidget(self._words)
        text.addWidget(self._about)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 12, 12, 12)
        row.setSpacing(8)
        row.addLayout(text, 1)
        for button in (self.no_button, self.yes_button):
            button.setAutoDefault(True)  # Enter presses it too
            row.addWidget(button, 0, Qt.AlignmentFlag.AlignVCenter)

    def ask(self, words: str, about: str, call: Callable[[], object]) -> None:
        self._words.setText(words)
        self._about.setText(about)
        self._call = call
        self.setAccessibleName(words)
        self.setAccessibleDescription(about)
        self.show()
        self.no_button.setFocus(Qt.FocusReason.OtherFocusReason)
        announce(self, f"{words} {about}")

    def text(self) -> str:
        return self._words.text() if not self.isHidden() else ""

    def _yes(self) -> None:
        self.dismiss()
        self._call()
