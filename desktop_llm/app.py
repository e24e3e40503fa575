"""Composition root of the window: builds the services, hands them down, orders the shutdown."""

import sys
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QApplication

from desktop_llm.core.errors import DesktopLlmError, EnvironmentFault, FaultCode
from desktop_llm.core.settings import Settings, valid
from desktop_llm.engine.client import EngineClient
from desktop_llm.services.chat import ChatService
from desktop_llm.services.models import ModelService
from desktop_llm.storage.backups import Backups
from desktop_llm.storage.conversations import Conversations
from desktop_llm.storage.database import Database
from desktop_llm.storage.instance import InstanceLock
from desktop_llm.storage.library import Library
from desktop_llm.storage.paths import Folders, resolve_folders
from desktop_llm.storage.settings import SettingsFile
from desktop_llm.ui import theme
from desktop_llm.ui.bridge import Bridge
from desktop_llm.ui.main_window import MainWindow
from desktop_llm.words import use_language
from desktop_llm.words.faults import word_fault


@dataclass(frozen=True, slots=True)
class Services:
    database: Database
    engine: EngineClient
    chat: ChatService

    @classmethod
    def open(cls, folders: Folders, settings: SettingsFile) -> "Services":
        """Blocks on the disk. Raises EnvironmentFault."""
        backups = Backups(folders.backups, folders.database)
        database = Database(folders.database, lambda _path: backups.create("migration"))
        conversations = Conversations(database)
        conversations.mark_interrupted()
        backups.daily()
        folders.logs.mkdir(exist_ok=True, mode=0o700)
        engine = EngineClient(folders.logs / "engine.log")
        models = ModelService(Library(folders), engine, folders.loading_model)
        chat = ChatService(conversations, models, engine, lambda: settings.current)
        return cls(database, engine, chat)

    def close(self) -> None:
        self.engine.close()
        self.chat.close()
        self.database.close()


class Program:
    """The window and what stands behind it. `close` ends all of it."""

    def __init__(self, application: QApplication, folders: Folders, settings: SettingsFile) -> None:
        self._application = application
        self._settings = settings
        current = self._settings.current
        use_language(current.language)
        tokens = theme.apply(application, current.theme, current.font_size)
        self.bridge = Bridge()
        state = QSettings(str(folders.data / "window.ini"), QSettings.Format.IniFormat)
        self.window = MainWindow(self.bridge, tokens, state)
        self.window.font_step_wanted.connect(self._step_font)
        self.services: Services | None = None
        if settings.fault is not None:
            self.window.show_fault(settings.fault)
        self.window.show()
        self.bridge.run(lambda: self._open(folders), self._opened, self.window.show_fault)

    def close(self) -> None:
        self.window.close()
        self.bridge.close()
        if self.services is not None:
            self.services.close()

    def _step_font(self, step: int) -> None:
        """Scale the text by a pixel, or back to the default; kept for the next start."""
        wanted = self._settings.current.font_size + step if step else Settings().font_size
        if valid("font_size", wanted):
            theme_now = self._settings.current.theme
            self.window.chat.restyle(theme.apply(self._application, theme_now, wanted))
            self._settings.set(font_size=wanted)
            self.bridge.run(self._settings.save, on_failure=self.window.show_fault)

    def _open(self, folders: Folders) -> Services:
        """Kept at once: a window closed meanwhile still has to close them."""
        self.services = Services.open(folders, self._settings)
        return self.services

    def _opened(self, services: Services) -> None:
        self.window.start(services.chat)


def main(data_dir: Path | None = None) -> int:
    folders = resolve_folders(data_dir)
    settings = SettingsFile(folders.settings_file)
    use_language(settings.current.language)
    lock = InstanceLock(folders.data)
    try:
        folders.ensure()
        if not lock.acquire():
            raise EnvironmentFault(FaultCode.ALREADY_RUNNING, path=str(folders.data))
    except DesktopLlmError as fault:
        print(f"desktop-llm: {word_fault(fault)}", file=sys.stderr)  # noqa: T201
        return 1
    application = QApplication(sys.argv[:1])
    application.setApplicationName("desktop-llm")
    application.setDesktopFileName("desktop-llm")
    program = Program(application, folders, settings)
    try:
        return application.exec()
    finally:
        program.close()
        lock.release()
