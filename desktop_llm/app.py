"""Composition root of the window: the data folder's lock, the application, the program in it."""

import logging
import os
import sys
from pathlib import Path

from PySide6.QtCore import qVersion
from PySide6.QtWidgets import QApplication

from desktop_llm import __version__
from desktop_llm.core.errors import DesktopLlmError, EnvironmentFault, FaultCode
from desktop_llm.storage.instance import InstanceLock
from desktop_llm.storage.logs import log_crashes, start_logging
from desktop_llm.storage.paths import resolve_folders
from desktop_llm.storage.settings import SettingsFile
from desktop_llm.ui.icons import app_icon
from desktop_llm.ui.program import Program
from desktop_llm.words import use_language
from desktop_llm.words.faults import word_fault

RESTART = 123  # the event loop's result

logger = logging.getLogger(__name__)


def main(data_dir: Path | None = None) -> int:
    folders = resolve_folders(data_dir)
    settings = SettingsFile(folders.settings_file)
    use_language(settings.current.language)
    lock = InstanceLock(folders.data)
    application = QApplication(sys.argv[:1])
    application.setApplicationName("desktop-llm")
    application.setDesktopFileName("desktop-llm")
    application.setWindowIcon(app_icon())
    application.setQuitOnLastWindowClosed(False)  # it may stay in the tray
    try:
        folders.ensure()
        if not lock.acquire():
            from desktop_llm.ui.single_instance import raise_first

            if raise_first(folders.data):
                return 0
            raise EnvironmentFault(FaultCode.ALREADY_RUNNING, path=str(folders.data))
    except DesktopLlmError as fault:
        print(f"desktop-llm: {word_fault(fault)}", file=sys.stderr)  # noqa: T201
        return 1
    stop_logging, stop_crash_log = start_logging(folders.logs), log_crashes(folders.logs)
    logger.info("the window of %s opens with Qt %s", __version__, qVersion())
    program = Program(
        application,
        folders,
        settings,
        on_quit=application.quit,
        on_restart=lambda: application.exit(RESTART),
    )
    program.listen_for_starts()
    try:
        result = application.exec()
    finally:
        program.close()
        logger.info("the window is closed")
        lock.release()
        stop_logging()  # not where closing fails: the exception is logged on its way out
        stop_crash_log()
    if result == RESTART:
        os.execv(sys.executable, [sys.executable, "-m", "desktop_llm"])
    return result
