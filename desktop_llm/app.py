"""Composition root of the window: the data folder's lock, the application, the program in it.

The window is shown first, empty; the modules of what stands in it are imported behind it.
"""

import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSettings, QTimer
from PySide6.QtWidgets import QApplication

from desktop_llm.core.errors import DesktopLlmError, EnvironmentFault, FaultCode, ProgramFault
from desktop_llm.storage.instance import InstanceLock
from desktop_llm.storage.ledger import refuse_and_record_unasked
from desktop_llm.storage.paths import Folders, resolve_folders
from desktop_llm.storage.settings import SettingsFile
from desktop_llm.ui import theme
from desktop_llm.ui.main_window import MainWindow

if TYPE_CHECKING:
    from desktop_llm.ui.program import Program

ARENA_MAX = -8  # of mallopt(3)
RESTART = 123  # the event loop's result
SWITCH_SECONDS = 0.001  # that the window waits while another thread runs Python: usually 0.005
UNSEEN_MILLISECONDS = 1000  # a window that is never painted, e.g. minimised, is furnished too


def _share_one_arena() -> None:
    """glibc gives each thread an arena of memory of its own: 3 MB in all for those of a window,
    which rarely allocate at the same time.
    """
    if sys.platform == "linux":
        import ctypes

        with suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL(None).mallopt(ARENA_MAX, 1)


def main(data_dir: Path | None = None, wish: str = "") -> int:
    """`wish`: what is to be done once the window is there; see `storage.instance`."""
    sys.setswitchinterval(SWITCH_SECONDS)
    _share_one_arena()
    os.umask(0o077)  # nobody else reads what is written here
    folders = resolve_folders(data_dir)
    refuse_and_record_unasked(folders.logs)
    settings = SettingsFile(folders.settings_file)
    lock = InstanceLock(folders.data)
    application = QApplication(sys.argv[:1])
    application.setApplicationName("desktop-llm")
    application.setDesktopFileName("desktop-llm")
    application.setQuitOnLastWindowClosed(False)  # it may stay in the tray
    try:
        folders.ensure()
        if not lock.acquire():
            if lock.ask_holder(wish=wish or "show"):
                print("desktop-llm: it is open already; its window comes to the front.")  # noqa: T201
                return 0
            raise EnvironmentFault(FaultCode.ALREADY_RUNNING, path=str(folders.data))
    except DesktopLlmError as fault:
        _say(fault, settings)
        return 1
    theme.apply(application, settings.current.theme, settings.current.font_size)
    state = QSettings(str(folders.data / "window.ini"), QSettings.Format.IniFormat)
    window = MainWindow(state)
    inside = _Inside(application, folders, settings, window, lock, wish)
    window.painted.connect(lambda: QTimer.singleShot(0, inside.furnish))
    QTimer.singleShot(UNSEEN_MILLISECONDS, inside.furnish)
    window.show()
    try:
        result = application.exec()
    finally:
        inside.close()
        lock.release()
        inside.stop_logging()  # not where closing fails: the exception is logged on its way out
    if result == RESTART:
        os.execv(sys.executable, [sys.executable, "-m", "desktop_llm"])
    return result


class _Inside:
    """The program behind a window that is already shown."""

    def __init__(
        self,
        application: QApplication,
        folders: Folders,
        settings: SettingsFile,
        window: MainWindow,
        lock: InstanceLock,
        wish: str = "",
    ) -> None:
        self._lock = lock
        self._wish = wish
        self._application = application
        self._folders = folders
        self._settings = settings
        self._window = window
        self._begun = False
        self._program: Program | None = None
        self._stop_logs: list[Callable[[], None]] = []

    def furnish(self) -> None:
        """Once, whoever calls first. Where it fails the program says why and ends."""
        if self._begun:
            return
        self._begun = True
        try:
            self._furnish()
        except Exception as error:
            logging.getLogger(__name__).exception("the window cannot be furnished")
            fault = error if isinstance(error, DesktopLlmError) else _bug(error)
            _say(fault, self._settings)
            self._application.exit(1)

    def _furnish(self) -> None:
        from PySide6.QtCore import qVersion

        from desktop_llm import __version__
        from desktop_llm.storage.logs import log_crashes, start_logging
        from desktop_llm.ui.icons import app_icon
        from desktop_llm.ui.program import Program
        from desktop_llm.ui.single_instance import SingleInstance

        self._stop_logs = [start_logging(self._folders.logs), log_crashes(self._folders.logs)]
        logger = logging.getLogger(__name__)
        logger.info("the window of %s opens with Qt %s", __version__, qVersion())
        self._application.setWindowIcon(app_icon())
        self._program = Program(
            self._application,
            self._folders,
            self._settings,
            on_quit=self._application.quit,
            on_restart=lambda: self._application.exit(RESTART),
            window=self._window,
        )
        SingleInstance(self._lock, self._asked, self._window)
        if self._wish:
            self._asked(self._wish)

    def _asked(self, wish: str) -> None:
        """By a second start."""
        self._window.raise_()
        if wish == "clipboard" and self._program is not None:
            self._program.work_on_clipboard()

    def close(self) -> None:
        if self._program is not None:
            self._program.close()
            logging.getLogger(__name__).info("the window is closed")

    def stop_logging(self) -> None:
        for stop in self._stop_logs:
            stop()


def _bug(error: Exception) -> ProgramFault:
    return ProgramFault(FaultCode.BUG, detail=f"{type(error).__name__}: {error}")


def _say(fault: DesktopLlmError, settings: SettingsFile) -> None:
    """On the terminal; and in a window where there is none that anybody would look at."""
    from PySide6.QtCore import Qt
    from PySide6.QtGui import QGuiApplication
    from PySide6.QtWidgets import QMessageBox

    from desktop_llm.words import use_language
    from desktop_llm.words.faults import word_fault

    use_language(settings.current.language)
    words = word_fault(fault)
    print(f"desktop-llm: {words}", file=sys.stderr)  # noqa: T201
    if QGuiApplication.platformName() != "offscreen" and not sys.stderr.isatty():
        box = QMessageBox()
        box.setIcon(QMessageBox.Icon.Warning)
        box.setWindowTitle("desktop-llm")
        box.setTextFormat(Qt.TextFormat.PlainText)  # paths and reasons are not ours
        box.setText(f"{words.what}\n\n{words.next_step}")
        box.exec()
