"""A fault where it happened: what and why, the next step, and buttons that take it."""

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from desktop_llm.ui.widgets.announce import announce
from desktop_llm.ui.widgets.passing_card import PassingCard
from desktop_llm.ui.widgets.plain_text import plain_label


class InlineFault(PassingCard):
    def __init__(self, warning: QIcon, close: QIcon, parent: QWidget | None = None) -> None:
        super().__init__("fault", parent)
        self._what = _label()
        self._what.setProperty("strong", True)
        self._next = _label()
        sign = plain_label(parent=self)
        sign.setPixmap(warning.pixmap(20, 20))
        self._sign, self._warning = sign, warning
        self._close = QToolButton(self)
        self._close.setIcon(close)
        self._close.clicked.connect(self.dismiss)
        row = QWidget(self)
        row.hide()  # an empty layout in its place would squeeze the text
        self._buttons = QHBoxLayout(row)
        self._buttons.setContentsMargins(0, 0, 0, 0)
        self._buttons.setSpacing(8)
        self._row = row
        text = QVBoxLayout()
        text.setSpacing(4)
        text.addWidget(self._what)
        text.addWidget(self._next)
        text.addWidget(row)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 12, 8, 12)
        layout.setSpacing(12)
        layout.addWidget(sign, 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(text, 1)
        layout.addWidget(self._close, 0, Qt.AlignmentFlag.AlignTop)

    def set_words(self, close: str) -> None:
        self._close.setAccessibleName(close)
        self._close.setToolTip(close)

    def show_fault(
        self,
        what: str,
        next_step: str,
        actions: list[tuple[str, Callable[[], object]]] | None = None,
    ) -> None:
        """The first action is the one most likely wanted."""
        self._clear_buttons()
        self._what.setText(what)
        self._next.setText(next_step)
        self._next.setVisible(bool(next_step))
        self.setAccessibleName(what)
        self.setAccessibleDescription(next_step)
        for text, call in actions or []:
            button = QPushButton(text, self)
            button.clicked.connect(lambda _on=False, call=call: call())
            self._buttons.addWidget(button)
        self._buttons.addStretch()
        self._row.setVisible(bool(actions))
        self._sign.setPixmap(self._warning.pixmap(20, 20))
        self.show()
        announce(self, f"{what} {next_step}".strip())

    def text(self) -> str:
        return f"{self._what.text()} {self._next.text()}".strip() if not self.isHidden() else ""

    def _clear_buttons(self) -> None:
        while (item := self._buttons.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()


def _label() -> QLabel:
    label = plain_label()
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
