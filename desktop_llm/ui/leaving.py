"""What closing the window does: quit, stay in the tray, or ask while something runs."""

from collections.abc import Callable

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QMenu, QSystemTrayIcon, QWidget

from desktop_llm.core.settings import OnClose
from desktop_llm.ui.close_question import CloseQuestion
from desktop_llm.ui.main_window import MainWindow
from desktop_llm.words import _


class Leaving(QObject):
    def __init__(
        self,
        window: MainWindow,
        running: Callable[[], bool],
        choice: Callable[[], OnClose],
        remember: Callable[[OnClose], object],
        leave: Callable[[], object],
        parent: QWidget,
    ) -> None:
        """`leave` ends the program, once the window has closed for good; `parent` is what stands
        in the window.
        """
        super().__init__(parent)
        self._parent = parent
        self._window = window
        self._running = running
        self._choice = choice
        self._remember = remember
        self._leave = leave
        self._decided: OnClose | None = None
        self.in_tray: Callable[[], bool] = lambda: False
        self._tray: QSystemTrayIcon | None = None
        self.question: CloseQuestion | None = None
        window.close_guard = self._may_close

    def quit(self) -> None:
        """By the person's command: never into the tray."""
        if self._running() and self._choice() is OnClose.ASK:
            self._ask()
        else:
            self._decide(OnClose.QUIT)

    def _may_close(self) -> bool:
        choice = self._decided or self._choice()
        self._decided = None
        if choice is OnClose.TRAY and self._go_to_tray():
            return False
        if choice is OnClose.ASK and self._running():
            self._ask()
            return False
        self._leave()
        return True

    def _ask(self) -> None:
        self.question = CloseQuestion(QSystemTrayIcon.isSystemTrayAvailable(), self._window)
        self.question.answered.connect(self._answered)
        self.question.open()

    def _answered(self, choice: OnClose, remember: bool) -> None:
        if remember:
            self._remember(choice)
        self._decide(choice)

    def _decide(self, choice: OnClose) -> None:
        self._decided = choice
        self._window.close()

    def _go_to_tray(self) -> bool:
        """False where the system has none."""
        if not QSystemTrayIcon.isSystemTrayAvailable():
            return False
        if self.in_tray():  # there is an icon already
            self._window.hide()
            return True
        if self._tray is None:
            self._tray = QSystemTrayIcon(self._window.windowIcon(), self)
            menu = QMenu(self._parent)
            menu.addAction(_("Show the window"), self._come_back)
            menu.addAction(_("Quit"), self.quit)
            self._tray.setContextMenu(menu)
            self._tray.setToolTip("desktop-llm")
            self._tray.activated.connect(lambda _reason: self._come_back())
        self._tray.show()
        self._window.hide()
        return True

    def _come_back(self) -> None:
        self._window.raise_()
        if self._tray is not None:
            self._tray.hide()
