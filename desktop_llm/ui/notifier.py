"""A notice of the desktop when something that took long has ended while the window is away.

It says that a reply is there, and nothing of it: notices are shown on locked screens and kept by
the desktop.
"""

import time
from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtWidgets import QApplication, QSystemTrayIcon, QWidget

from desktop_llm.core.replies import Answered
from desktop_llm.ui.main_window import MainWindow
from desktop_llm.ui.replies import Live, Replies
from desktop_llm.words import _

LONG = 10.0  # seconds; who waits less is still here
SHOWN_MILLISECONDS = 20_000


class Notifier(QObject):
    def __init__(
        self,
        window: MainWindow,
        replies: Replies,
        wanted: Callable[[], bool],
        parent: QWidget,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`wanted`: whether the person has it on."""
        super().__init__(parent)
        self._window = window
        self._wanted = wanted
        self._clock = clock
        self._begun: dict[Live, float] = {}
        self._tray: QSystemTrayIcon | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SHOWN_MILLISECONDS)
        self._timer.timeout.connect(self._put_away)
        replies.begun.connect(self._reply_begun)
        replies.ended.connect(self._reply_ended)

    def tell(self, title: str, words: str, seconds: float) -> bool:
        """`seconds` that it took. Returns whether the person was told."""
        if seconds < LONG or not self._wanted() or self._is_here():
            return False
        QApplication.alert(self._window)
        if QSystemTrayIcon.isSystemTrayAvailable():
            self._show(title, words)
        return True

    def _is_here(self) -> bool:
        return self._window.isVisible() and self._window.isActiveWindow()

    def _show(self, title: str, words: str) -> None:
        """Only an icon in the tray may say something."""
        if self._tray is None:
            self._tray = QSystemTrayIcon(self._window.windowIcon(), self)
            self._tray.setToolTip("desktop-llm")
            for clicked in (self._tray.messageClicked, self._tray.activated):
                clicked.connect(self._come_back)
        self._tray.show()
        self._tray.showMessage(title, words, self._window.windowIcon(), SHOWN_MILLISECONDS)
        self._timer.start()

    def _put_away(self) -> None:
        if self._tray is not None:
            self._tray.hide()

    def _come_back(self) -> None:
        self._put_away()
        self._window.setWindowState(self._window.windowState() & ~Qt.WindowState.WindowMinimized)
        self._window.show()
        self._window.raise_()
        self._window.activateWindow()

    def _reply_begun(self, live: Live) -> None:
        self._begun[live] = self._clock()

    def _reply_ended(self, live: Live, answer: Answered | None, fault: object) -> None:
        begun = self._begun.pop(live, None)
        if begun is None or live.task.cancelled:
            return
        failed = answer is None or fault is not None
        words = _("A reply has ended early.") if failed else _("The reply is there.")
        self.tell("desktop-llm", words, self._clock() - begun)
