"""Over a window while something long must be alone with the files: what, how far, and a way out
where there is one.
"""

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QProgressBar, QPushButton, QVBoxLayout, QWidget

from desktop_llm.ui.widgets.announce import announce
from desktop_llm.ui.widgets.plain_text import plain_label

WIDTH = 420


class Busy(QWidget):
    cancelled = Signal()

    def __init__(self, window: QWidget, words: str, cancel: str = "", after: int = 0) -> None:
        """Shown `after` so many milliseconds: what is over by then needs no word. Without `cancel`
        it cannot be ended early.
        """
        super().__init__(window)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)  # no key reaches what lies below
        self.setAccessibleName(words)
        self._window = window
        self._ended = False
        self._card = QFrame(self)
        self._card.setObjectName("toast")
        self._card.setFixedWidth(WIDTH)
        label = plain_label(words, self._card)
        label.setWordWrap(True)
        self._bar = QProgressBar(self._card)
        self._bar.setRange(0, 0)  # how far is not known yet
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName(words)
        self._button = QPushButton(cancel, self._card)
        self._button.clicked.connect(self._cancel)
        self._button.setVisible(bool(cancel))
        rows = QVBoxLayout(self._card)
        rows.setContentsMargins(24, 20, 24, 16)
        rows.setSpacing(12)
        rows.addWidget(label)
        rows.addWidget(self._bar)
        rows.addWidget(self._button, 0, Qt.AlignmentFlag.AlignRight)
        window.installEventFilter(self)
        self.hide()
        QTimer.singleShot(after, self, self._appear)

    def _appear(self) -> None:
        if not self._ended:
            self._place()
            self.show()
            self.raise_()
            focus = self if self._button.isHidden() else self._button
            focus.setFocus()
            announce(self, self.accessibleName())

    def show_part(self, fraction: float) -> None:
        self._bar.setRange(0, 1000)
        self._bar.setValue(round(1000 * fraction))

    def end(self) -> None:
        self._ended = True
        self._window.removeEventFilter(self)
        self.hide()
        self.deleteLater()

    def _cancel(self) -> None:
        self._button.setEnabled(False)
        self.cancelled.emit()

    def _place(self) -> None:
        self.setGeometry(self._window.rect())
        self._card.adjustSize()
        self._card.move(self.rect().center() - self._card.rect().center())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize:
            self._place()
        return super().eventFilter(watched, event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        veil = QColor(self.palette().window().color())
        veil.setAlpha(180)
        painter.fillRect(self.rect(), veil)
        painter.end()
