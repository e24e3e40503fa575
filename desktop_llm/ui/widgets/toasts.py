"""Short notices at the foot of a window: what happened, and one action such as Undo."""

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QEnterEvent, QIcon
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QToolButton, QWidget

from desktop_llm.ui.widgets.plain_text import plain_label

SHOWN_MILLISECONDS = 8000
FOOT = 96  # pixels above the window's lower edge: clear of the composer's button
WIDEST = 560


class Toasts(QObject):
    """One at a time over `window`; a new one takes the place of the one before."""

    def __init__(self, window: QWidget, close_icon: QIcon, close_words: str) -> None:
        super().__init__(window)
        self._window = window
        self._close = (close_icon, close_words)
        self._toast: _Toast | None = None
        window.installEventFilter(self)

    def show(self, text: str, action: str = "", call: Callable[[], object] = lambda: None) -> None:
        self.clear()
        self._toast = _Toast(self._window, text, action, call, self._close)
        self._toast.destroyed.connect(self._gone)
        self._place()
        self._toast.show()
        self._toast.raise_()
        if QAccessible.isActive():
            QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self._toast, text))

    def clear(self) -> None:
        if self._toast is not None:
            self._toast.end()
            self._toast = None

    def text(self) -> str:
        return "" if self._toast is None else self._toast.words.text()

    def act(self) -> None:
        """What the button of the notice does."""
        if self._toast is not None:
            self._toast.act()

    def _gone(self) -> None:
        self._toast = None

    def _place(self) -> None:
        if self._toast is None:
            return
        room = self._window.size()
        self._toast.setMaximumWidth(min(WIDEST, room.width() - 48))
        self._toast.adjustSize()
        size = self._toast.size()
        self._toast.move((room.width() - size.width()) // 2, room.height() - size.height() - FOOT)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize:
            self._place()
        return super().eventFilter(watched, event)


class _Toast(QFrame):
    def __init__(
        self,
        parent: QWidget,
        text: str,
        action: str,
        call: Callable[[], object],
        close: tuple[QIcon, str],
    ) -> None:
        super().__init__(parent)
        self.setObjectName("toast")
        self.setAccessibleName(text)
        self.words = plain_label(text, self)
        self.words.setWordWrap(len(text) > 60)
        self._call = call
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SHOWN_MILLISECONDS)
        self._timer.timeout.connect(self.end)
        self._timer.start()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(16, 8, 8, 8)
        layout.setSpacing(12)
        layout.addWidget(self.words, 1)
        if action:
            button = QPushButton(action, self)
            button.clicked.connect(self.act)
            layout.addWidget(button)
        shut = QToolButton(self)
        shut.setIcon(close[0])
        shut.setAccessibleName(close[1])
        shut.setToolTip(close[1])
        shut.clicked.connect(self.end)
        layout.addWidget(shut)

    def act(self) -> None:
        self.end()
        self._call()

    def end(self) -> None:
        self._timer.stop()
        self.hide()
        self.deleteLater()

    def enterEvent(self, event: QEnterEvent) -> None:
        self._timer.stop()  # read in peace
        super().enterEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        self._timer.start()
        super().leaveEvent(event)
