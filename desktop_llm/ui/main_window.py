"""The window itself: where it stands, whether it may close, and its first picture.

It is shown before what stands in it is made (`workspace.py`): the program answers at once, and its
modules are imported behind a window that is already there. So this one imports little.
"""

from collections.abc import Callable

from PySide6.QtCore import QByteArray, QRect, QSettings, Signal
from PySide6.QtGui import QCloseEvent, QGuiApplication, QPaintEvent
from PySide6.QtWidgets import QMainWindow

LEAST_WIDTH, LEAST_HEIGHT = 560, 420


class MainWindow(QMainWindow):
    painted = Signal()  # the first picture is on the screen

    def __init__(self, state: QSettings) -> None:
        super().__init__()
        self._state = state
        self._painted = False
        self.close_guard: Callable[[], bool] = lambda: True  # whether the window may close
        self.setWindowTitle("desktop-llm")
        self.setMinimumSize(LEAST_WIDTH, LEAST_HEIGHT)
        self._restore()

    def raise_(self) -> None:
        """Before everything else, also from the tray or minimised."""
        self.setWindowState(self.windowState() & ~self.windowState().WindowMinimized)
        self.show()
        super().raise_()
        self.activateWindow()

    def keep_state(self, state: QSettings | None = None) -> None:
        """Where it stands; in another file from now on where one is given."""
        self._state = state or self._state
        self._state.setValue("geometry", self.saveGeometry())
        self._state.sync()

    def closeEvent(self, event: QCloseEvent) -> None:
        self.keep_state()
        if self.close_guard():
            super().closeEvent(event)
        else:
            event.ignore()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self._painted:
            self._painted = True
            self.painted.emit()

    def _restore(self) -> None:
        geometry = self._state.value("geometry")
        if not isinstance(geometry, QByteArray) or not self.restoreGeometry(geometry):
            room = QGuiApplication.primaryScreen().availableGeometry()
            self.resize(min(1100, room.width()), min(760, room.height()))
        self._keep_on_screen()

    def _keep_on_screen(self) -> None:
        """A screen that is gone takes no window with it."""
        screens = [screen.availableGeometry() for screen in QGuiApplication.screens()]
        own = self.geometry()
        if any(_shared(own, screen) > 0.25 for screen in screens) or not screens:
            return
        room = screens[0]
        self.resize(own.size().boundedTo(room.size()))
        self.move(room.center() - self.rect().center())


def _shared(own: QRect, screen: QRect) -> float:
    """The part of a rectangle that lies on a screen."""
    both = own.intersected(screen)
    area = max(1, own.width() * own.height())
    return max(0, both.width()) * max(0, both.height()) / area
