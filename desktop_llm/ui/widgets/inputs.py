"""A choice and a number whose arrows follow the theme; a wheel that passes by leaves them alone."""

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QIcon, QPainter, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import QComboBox, QSpinBox, QStyledItemDelegate, QWidget

ARROW = 12  # pixels


class Choice(QComboBox):
    def __init__(self, arrow: QIcon, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._arrow = arrow
        self.setItemDelegate(QStyledItemDelegate(self))  # which the style sheet reaches
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        box = QRect(self.width() - ARROW - 10, (self.height() - ARROW) // 2, ARROW, ARROW)
        self._arrow.paint(painter, box)
        painter.end()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """The page scrolls; a value changes only where the person put the focus."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class Number(QSpinBox):
    def __init__(self, up: QIcon, down: QIcon, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._icons = (up, down)
        self.lineEdit().setTextMargins(7, 0, 0, 0)  # where a `Choice` begins
        self.setKeyboardTracking(False)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        for at, arrow in enumerate(self._icons):
            middle = self.height() * (1 + 2 * at) // 4
            box = QRect(self.width() - ARROW - 10, middle - ARROW // 2 + 1 - at, ARROW, ARROW)
            arrow.paint(painter, box)
        painter.end()

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()
