"""The services of one running program, opened and closed together."""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from desktop_llm.core.errors import DesktopLlmError, EnvironmentFault, FaultCode
from desktop_llm.core.models import StateCache
from desktop_llm.core.settings import Settings
from desktop_llm.engine.client import EngineClient
from desktop_llm.services.chat import ChatService
from desktop_llm.services.maintenance import Maintenance
from desktop_llm.services.models import ModelService
from desktop_llm.services.titles import Titles
from desktop_llm.storage.backups import Backups
from desktop_llm.storage.conversations import Conversations
from desktop_llm.storage.database import Database, MemoryDatabase
from desktop_llm.storage.kv_files import KvFiles
from desktop_llm.storage.library import Library
from desktop_llm.storage.logs import ENGINE_LOG, LANGUAGE_LOG, rotate
from desktop_llm.storage.paths import Folders
from desktop_llm.storage.settings import SettingsFile
from desktop_llm.storage.watch import ChangeWatch

if TYPE_CHECKING:
    from desktop_llm.engine.language_client import LanguageClient
    from desktop_llm.services.jobs import JobService
    from desktop_llm.services.language import LanguageTools
    from desktop_llm.services.language_packs import LanguagePacks
    from desktop_llm.services.row_work import RowWorker
    from desktop_llm.services.tables import Tables
    from desktop_llm.services.text_tools import TextTools
    from desktop_llm.services.tools import ToolService
    from desktop_llm.storage.tool_history import ToolHistory

STATES_IN_MEMORY = 256_000_000  # bytes, in the engine


class PrivateSpace:
    """Conversations in memory alone, while it is open. Blocks."""

    def __init__(self, make: Callable[[Database], ChatService]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._open: tuple[Database, ChatService] | None = None

    @property
    def chat(self) -> ChatService | None:
        return None if self._open is None else self._open[1]

    def open(self) -> ChatService:
        with self._lock:
            if self._open is None:
                memory = MemoryDatabase()
                self._open = (memory, self._make(memory))
            return self._open[1]

    def close(self) -> None:
        """Everything in it is gone."""
        with self._lock:
            opened, self._open = self._open, None
            if opened is not None:
                opened[1].close()
                opened[0].close()


class JobsOnDemand:
    """Most computers have none most of the time: what works on them is imported when there are."""

    def __init__(self, folders: Folders) -> None:
        self._folders = folders
        self._lock = threading.Lock()
        self._service: JobService | None = None
        self._closed = False

    def may_exist(self) -> bool:
        return self._service is not None or self._folders.jobs_database.exists()

    def service(self) -> "JobService":
        from desktop_llm.services.jobs import JobService

        with self._lock:
            if self._service is None:
                self._service = JobService(self._folders)
                if self._closed:
                    self._service.close()
            return self._service

    def close(self) -> None:
        """What is asked for later is closed too."""
        with self._lock:
            self._closed = True
            service = self._service
        if service is not None:
            service.close()


class ToolsOnDemand:
    """Text tools, their history and what works with them: imported when they are first used."""

    def __init__(
        self,
        folders: Folders,
        engine: EngineClient,
        models: ModelService,
        settings: Callable[[], Settings],
    ) -> None:
        self._folders = folders
        self._engine = engine
        self._models = models
        self._settings = settings
        self._lock = threading.Lock()
        self._shelf: ToolService | None = None
        self._work: TextTools | None = None
        self._history: ToolHistory | None = None
        self._language: tuple[LanguageClient, LanguagePacks, LanguageTools] | None = None
        self._closed = False

    @property
    def shelf(self) -> "ToolService":
        from desktop_llm.services.tools import ToolService

        with self._lock:
            if self._shelf is None:
                self._shelf = ToolService(self._folders)
            return self._shelf

    @property
    def work(self) -> "TextTools":
        from desktop_llm.services.text_tools import TextTools

        with self._lock:
            if self._work is None:
                self._work = TextTools(
                    self._engine, self._models, self._settings, self.history, self.language
                )
            return self._work

    def tables(self, jobs: "JobService") -> "Tables":
        """Holds nothing open."""
        from desktop_llm.services.tables import Tables

        return Tables(self._folders, jobs, self._models, self.shelf, self._settings)

    def row_worker(self, say: Callable[[DesktopLlmError], str]) -> "RowWorker":
        """For one preview, which it can be cancelled with. `say`: a fault in a sentence."""
        from desktop_llm.services.row_work import RowWorker

        return RowWorker(self._engine, self._models, self._settings, self.work, "", say)

    def language(self) -> "LanguageTools | None":
        """None once they are closed. Its process starts with the first call, and ends when it is
        idle.
        """
        made = self._with_language()
        return None if made is None else made[2]

    @property
    def packs(self) -> "LanguagePacks":
        """Raises EnvironmentFault once they are closed."""
        made = self._with_language()
        if made is None:
            raise EnvironmentFault(FaultCode.LANGUAGE_STOPPED, reason="shutdown")
        return made[1]

    def _with_language(self) -> "tuple[LanguageClient, LanguagePacks, LanguageTools] | None":
        from desktop_llm.engine.language_client import LanguageClient
        from desktop_llm.services.language import LanguageTools
        from desktop_llm.services.language_packs import LanguagePacks

        with self._lock:
            if self._closed:
                return None
            if self._language is None:
                client = LanguageClient(self._folders.logs / LANGUAGE_LOG, rotate=rotate)
                packs = LanguagePacks(self._folders.language_packs, client)
                self._language = (client, packs, LanguageTools(client, packs.pack_of))
            return self._language

    def history(self) -> "ToolHistory | None":
        """None once they are closed. Blocks on the disk. Raises EnvironmentFault."""
        from desktop_llm.storage.tool_history import open_tool_history

        with self._lock:
            if self._closed:
                return None
            if self._history is None:
                self._history = open_tool_history(self._folders.tools_database)
                self._history.forget_old_parts()
            return self._history

    def close(self) -> None:
        """After the engine."""
        with self._lock:
            work, language = self._work, self._language
        if language is not None:
            client, packs, language_tools = language
            language_tools.close()
            packs.close()
            client.close()
        if work is not None:
            work.close()
        with self._lock:
            self._closed = True
            history, self._history = self._history, None
        if history is not None:
            history.close()


@dataclass(frozen=True, slots=True)
class Services:
    folders: Folders
    database: Database
    engine: EngineClient
    models: ModelService
    chat: ChatService
    titles: Titles
    backups: Backups
    maintenance: Maintenance
    watch: ChangeWatch
    private: "PrivateSpace"
    tools: "ToolsOnDemand"
    _jobs: "JobsOnDemand"

    @classmethod
    def open(
        cls,
        folders: Folders,
        settings: SettingsFile,
        on_change: Callable[[], object] = lambda: None,
    ) -> "Services":
        """Blocks on the disk. `on_change` is called, on another thread, when another process has
        changed the conversations, or the model has given one a title. Raises EnvironmentFault.
        """
        folders.ensure()
        backups = Backups(folders.backups, folders.database)

        def current() -> Settings:
            return settings.current

        with ExitStack() as opened:
            database = Database(folders.database, lambda _path: backups.create("migration"))
            opened.callback(database.close)
            Conversations(database).mark_interrupted()
            folders.models.mkdir(exist_ok=True, mode=0o700)
            engine = EngineClient(folders.logs / ENGINE_LOG, rotate=rotate)
            opened.callback(engine.close)
            kv_files = KvFiles(folders.sessions)

            def states_bytes() -> int:
                return current().state_cache_megabytes * 1_000_000

            def states() -> StateCache:
                return StateCache(
                    folder=str(kv_files.folder),
                    disk_bytes=states_bytes(),
                    memory_bytes=STATES_IN_MEMORY,
                )

            models = ModelService(Library(folders), engine, folders.loading_model, states)
            titles = Titles(database, models, engine, current, lambda _conversation: on_change())
            opened.callback(titles.close)
            chat = ChatService(database, models, engine, current, titles, kv_files)
            chat.attachments.forget_removed()
            maintenance = Maintenance(folders, database, chat.bin, backups, kv_files, states_bytes)
            maintenance.start()
            opened.callback(maintenance.close)
            watch = ChangeWatch(folders.database, on_change, others=database.others_version)
            opened.pop_all()
        private = PrivateSpace(
            lambda memory: ChatService(memory, models, engine, current, beside=chat)
        )
        return cls(
            folders, database, engine, models, chat, titles, backups, maintenance, watch, private,
            ToolsOnDemand(folders, engine, models, current), JobsOnDemand(folders),
        )  # fmt: skip

    @property
    def jobs(self) -> "JobService":
        return self._jobs.service()

    @property
    def tables(self) -> "Tables":
        return self.tools.tables(self.jobs)

    def may_have_jobs(self) -> bool:
        """Blocks on the disk."""
        return self._jobs.may_exist()

    def stop(self) -> None:
        """End whatever runs; the database stays open for what is still to be kept."""
        self.watch.close()
        self._jobs.close()
        self.engine.close()
        self.tools.close()
        self.titles.close()
        self.maintenance.close()
        self.private.close()
        self.chat.close()

    def close(self) -> None:
        """May be called after `stop`, and again."""
        self.stop()
        self.database.close()
