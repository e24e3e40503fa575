"""A question with several answers where it arose, each with what it would do."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from desktop_llm.ui.widgets.announce import announce
from desktop_llm.ui.widgets.passing_card import PassingCard
from desktop_llm.ui.widgets.plain_text import plain_caption, plain_label


@dataclass(frozen=True, slots=True)
class Answer:
    words: str
    hint: str
    call: Callable[[], object]


class ChoiceCard(PassingCard):
    """Esc chooses none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("choices", parent)
        self._words = plain_label(parent=self)
        self._words.setProperty("strong", True)
        self._about = plain_label(parent=self)
        self._about.setProperty("muted", True)
        self._note = plain_label(parent=self)
        self._note.setProperty("small", True)
        for label in (self._words, self._about, self._note):
            label.setWordWrap(True)
        self._answers = QVBoxLayout()
        self._answers.setSpacing(4)
        self.buttons: list[QPushButton] = []
        rows = QVBoxLayout(self)
        rows.setContentsMargins(16, 12, 16, 12)
        rows.setSpacing(4)
        rows.addWidget(self._words)
        rows.addWidget(self._about)
        rows.addSpacing(4)
        rows.addLayout(self._answers)
        rows.addWidget(self._note)

    def ask(self, words: str, about: str, answers: Sequence[Answer], note: str = "") -> None:
        """The first answer has the focus."""
        self._words.setText(words)
        self._about.setText(about)
        self._note.setText(note)
        self._note.setVisible(bool(note))
        for button in self.buttons:
            button.deleteLater()
        self.buttons = [self._button(answer) for answer in answers]
        self.setAccessibleName(words)
        self.setAccessibleDescription(about)
        self.show()
        self.buttons[0].setFocus(Qt.FocusReason.OtherFocusReason)
        announce(self, f"{words} {about}")

    def _button(self, answer: Answer) -> QPushButton:
        button = QPushButton(plain_caption(answer.words), self)
        button.setProperty("answer", True)
        button.setToolTip(answer.hint)
        button.setAccessibleDescription(answer.hint)
        button.setAutoDefault(True)  # Enter presses it too
        button.clicked.connect(lambda: self._choose(answer))
        self._answers.addWidget(button)
        return button

    def text(self) -> str:
        return self._words.text() if not self.isHidden() else ""

    def _choose(self, answer: Answer) -> None:
        self.dismiss()
        answer.call()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self.focusNextPrevChild(event.key() == Qt.Key.Key_Down)
        else:
            super().keyPressEvent(event)
