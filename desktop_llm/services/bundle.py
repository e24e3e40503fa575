"""The services of one running program, opened and closed together."""

from dataclasses import dataclass

from desktop_llm.core.settings import Settings
from desktop_llm.engine.client import EngineClient
from desktop_llm.services.chat import ChatService
from desktop_llm.services.models import ModelService
from desktop_llm.storage.backups import Backups
from desktop_llm.storage.conversations import Conversations
from desktop_llm.storage.database import Database
from desktop_llm.storage.library import Library
from desktop_llm.storage.logs import ENGINE_LOG, rotate
from desktop_llm.storage.paths import Folders
from desktop_llm.storage.settings import SettingsFile


@dataclass(frozen=True, slots=True)
class Services:
    folders: Folders
    database: Database
    engine: EngineClient
    models: ModelService
    chat: ChatService
    backups: Backups

    @classmethod
    def open(cls, folders: Folders, settings: SettingsFile) -> "Services":
        """Blocks on the disk. Raises EnvironmentFault."""
        backups = Backups(folders.backups, folders.database)
        database = Database(folders.database, lambda _path: backups.create("migration"))
        conversations = Conversations(database)
        conversations.mark_interrupted()
        backups.daily()
        folders.models.mkdir(exist_ok=True, mode=0o700)
        engine = EngineClient(folders.logs / ENGINE_LOG, rotate=rotate)
        models = ModelService(Library(folders), engine)

        def current() -> Settings:
            return settings.current

        chat = ChatService(conversations, models, engine, current)
        return cls(folders, database, engine, models, chat, backups)

    def close(self) -> None:
        self.engine.close()
        self.chat.close()
        self.database.close()
