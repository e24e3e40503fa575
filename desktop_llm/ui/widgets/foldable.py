"""A group that is folded away behind its name until it is wanted."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QHBoxLayout, QToolButton, QVBoxLayout, QWidget

OUTSET = 7  # pixels of the button around what is drawn in it, which aligns with the rest


class Foldable(QWidget):
    toggled = Signal(bool)

    def __init__(
        self, name: str, closed: QIcon, opened: QIcon, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._icons = (closed, opened)
        self.button = QToolButton(self)
        self.button.setText(name)
        self.button.setAccessibleName(name)
        self.button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.button.setCheckable(True)
        self.button.setObjectName("foldable")
        self.button.toggled.connect(self._fold)
        self.inside = QWidget(self)
        self.rows = QVBoxLayout(self.inside)
        self.rows.setContentsMargins(0, 12, 0, 0)
        self.rows.setSpacing(16)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        head = QHBoxLayout()
        head.setContentsMargins(-OUTSET, 0, 0, 0)
        head.addWidget(self.button, 0, Qt.AlignmentFlag.AlignLeft)
        column.addLayout(head)
        column.addWidget(self.inside)
        self._fold(False)

    def set_open(self, wanted: bool) -> None:
        self.button.setChecked(wanted)

    def _fold(self, opened: bool) -> None:
        self.button.setIcon(self._icons[opened])
        self.inside.setVisible(opened)
        self.toggled.emit(opened)
