"""Short notices at the head of a window: what happened, and one action such as Undo."""

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QTimer, Signal
from PySide6.QtGui import QEnterEvent, QIcon
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QToolButton, QWidget

from desktop_llm.ui.widgets.announce import announce
from desktop_llm.ui.widgets.plain_text import plain_label

SHOWN_MILLISECONDS = 8000
HEAD = 56  # pixels below the window's upper edge: clear of titles, and of all that is written in
BETWEEN = 8  # pixels between two
WIDEST = 560
MOST = 3  # at a time


class Toasts(QObject):
    """Over `window`, the newest below. A new one takes the place of those that offer nothing;
    those that offer a way back stay for their time.
    """

    def __init__(self, window: QWidget, close_icon: QIcon, close_words: str) -> None:
        super().__init__(window)
        self._window = window
        self._close = (close_icon, close_words)
        self._shown: list[_Toast] = []
        window.installEventFilter(self)

    def show(self, text: str, action: str = "", call: Callable[[], object] = lambda: None) -> None:
        for old in list(self._shown):
            if not old.offers:
                old.end()
        if len(self._shown) >= MOST:
            self._shown[0].end()
        toast = _Toast(self._window, text, action, call, self._close)
        toast.ended.connect(lambda: self._gone(toast))
        self._shown.append(toast)
        self._place()
        toast.show()
        toast.raise_()
        announce(toast, text)

    def clear(self) -> None:
        for toast in list(self._shown):
            toast.end()

    def text(self) -> str:
        """Of those that are shown, one a line."""
        return "\n".join(toast.words.text() for toast in self._shown)

    def act(self) -> None:
        """What the button of the newest that has one does."""
        offers = [toast for toast in self._shown if toast.offers]
        if offers:
            offers[-1].act()

    def _gone(self, toast: "_Toast") -> None:
        if toast in self._shown:
            self._shown.remove(toast)
            self._place()

    def _place(self) -> None:
        room, top = self._window.size(), HEAD
        for toast in self._shown:
            toast.setMaximumWidth(min(WIDEST, room.width() - 48))
            toast.adjustSize()
            toast.move((room.width() - toast.width()) // 2, top)
            top += toast.height() + BETWEEN

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize:
            self._place()
        return super().eventFilter(watched, event)


class _Toast(QFrame):
    ended = Signal()

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
        self.offers = bool(action)
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
        self.ended.emit()
        self.deleteLater()

    def enterEvent(self, event: QEnterEvent) -> None:
        self._timer.stop()  # read in peace
        super().enterEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        self._timer.start()
        super().leaveEvent(event)
