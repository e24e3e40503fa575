"""Says that nothing of what is shown is stored, and leads out of it."""

from PySide6.QtCore import QEvent, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QWidget

from desktop_llm.ui.icons import icon
from desktop_llm.ui.widgets.plain_text import plain_label
from desktop_llm.words import _

PICTURE = 18  # pixels


class PrivateNotice(QFrame):
    left = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self._picture = plain_label(parent=self)
        self._draw()
        words = plain_label(
            _("Private: nothing here is stored, and all of it is gone when you leave."), self
        )
        words.setWordWrap(True)
        leave = QPushButton(_("Leave"), self)
        leave.setToolTip(_("Back to your conversations"))
        leave.clicked.connect(self.left)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 6, 8, 6)
        row.setSpacing(10)
        row.addWidget(self._picture)
        row.addWidget(words, 1)
        row.addWidget(leave)

    def _draw(self) -> None:
        self._picture.setPixmap(icon("eye-slash").pixmap(PICTURE, PICTURE))

    def changeEvent(self, event: QEvent) -> None:
        """A picture on a label keeps the colours it was drawn in."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._draw()
