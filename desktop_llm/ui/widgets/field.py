"""A setting as a person sees it: its name, a plain explanation, its control, and a way back."""

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from desktop_llm.ui.widgets.announce import announce
from desktop_llm.ui.widgets.plain_text import plain_label


class Field(QWidget):
    """Beside each other; the control below where it is wide."""

    def __init__(self, name: str, explanation: str, control: QWidget, wide: bool = False) -> None:
        super().__init__()
        self.control = control
        self.reset: QToolButton | None = None
        self._below: QHBoxLayout | None = None
        self._wrong: QLabel | None = None
        label = plain_label(name, self)
        label.setBuddy(control)
        label.setWordWrap(True)
        about = plain_label(explanation, self)
        about.setProperty("small", True)
        about.setWordWrap(True)
        if not control.accessibleName():
            control.setAccessibleName(name)
        control.setAccessibleDescription(explanation)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(label)
        if explanation:
            words.addWidget(about)
        self._row = row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        row.addLayout(words, 1)
        if not wide:
            row.addWidget(control, 0, Qt.AlignmentFlag.AlignVCenter)
        self._rows = layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 8, 0, 8)
        layout.setSpacing(8)
        layout.addLayout(row)
        if wide:
            self._below = QHBoxLayout()
            self._below.setSpacing(12)
            self._below.addWidget(control, 1)
            layout.addLayout(self._below)

    def complain(self, words: str) -> None:
        """What is wrong with what was entered; empty: nothing."""
        if self._wrong is None:
            if not words:
                return
            self._wrong = plain_label(parent=self)
            self._wrong.setProperty("danger", True)
            self._wrong.setWordWrap(True)
            self._rows.addWidget(self._wrong)
        self._wrong.setText(words)
        self._wrong.setVisible(bool(words))
        if words:
            announce(self._wrong, words)

    def offer_reset(self, icon: QIcon, words: str, reset: Callable[[], object]) -> None:
        """A button that is shown while the value is not the default; its room is kept."""
        self.reset = QToolButton(self)
        self.reset.setIcon(icon)
        self.reset.setToolTip(words)
        self.reset.setAccessibleName(words)
        self.reset.clicked.connect(reset)
        policy = self.reset.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.reset.setSizePolicy(policy)
        self.reset.hide()
        row = self._row if self._below is None else self._below
        row.addWidget(self.reset, 0, Qt.AlignmentFlag.AlignTop if row is self._below
                      else Qt.AlignmentFlag.AlignVCenter)  # fmt: skip

    def keep_room(self, width: int) -> None:
        """As much at the right as the others have for their way back."""
        row = self._row if self._below is None else self._below
        row.addSpacing(width + row.spacing())
