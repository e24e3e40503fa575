"""Where there is nothing yet: an icon, a sentence, what to do."""

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QIcon, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from desktop_llm.ui.widgets.plain_text import plain_label
from desktop_llm.ui.widgets.wrapping_button import WrappingButton

BUTTONS = 440  # pixels of their column


class EmptyState(QWidget):
    def __init__(self, icon: QIcon, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._icon = icon
        self._picture = plain_label(parent=self)
        self._picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._title = plain_label(parent=self)
        self._title.setProperty("heading", True)
        self._sentence = plain_label(parent=self)
        self._sentence.setProperty("muted", True)
        self._column = QWidget(self)
        self._column.setMaximumWidth(BUTTONS)
        self._buttons = QVBoxLayout(self._column)
        self._buttons.setContentsMargins(0, 0, 0, 0)
        self._buttons.setSpacing(8)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(self._column, 1000)
        row.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 24, 24, 24)
        layout.setSpacing(8)
        layout.addStretch(2)
        layout.addWidget(self._picture)
        for label in (self._title, self._sentence):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            label.setWordWrap(True)
            layout.addWidget(label)
        layout.addSpacing(16)
        layout.addLayout(row)
        layout.addStretch(3)

    def set_words(self, title: str, sentence: str) -> None:
        self._title.setText(title)
        self._sentence.setText(sentence)
        self._picture.setPixmap(self._icon.pixmap(40, 40))

    def set_buttons(self, buttons: list[tuple[str, Callable[[], object]]]) -> None:
        while (item := self._buttons.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        for text, call in buttons:
            button = WrappingButton(text, self)
            button.clicked.connect(lambda _on=False, call=call: call())
            self._buttons.addWidget(button)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Where there is little room, as above a long fault, whole things go and none is cut."""
        layout = self.layout()
        assert layout is not None
        spare = (self._picture, self._column)
        for widget in spare:
            widget.setVisible(True)
        for widget in spare:
            if layout.totalHeightForWidth(self.width()) <= self.height():
                break
            widget.setVisible(False)
