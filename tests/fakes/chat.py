"""The services a window gets, on a real database, with a worker whose faults are scripted."""

import sys
from collections.abc import Callable
from pathlib import Path

from desktop_llm.core.settings import Settings
from desktop_llm.engine.client import EngineClient
from desktop_llm.services.chat import ChatService
from desktop_llm.services.models import ModelService
from desktop_llm.services.titles import Titles
from desktop_llm.storage.database import Database
from desktop_llm.storage.library import Library
from desktop_llm.storage.paths import Folders
from tests.fakes.gguf_files import gguf


class Chat:
    """`steps`: what the worker does with each question, see `desktop_llm.worker.fake`."""

    def __init__(
        self,
        folder: Path,
        *steps: str,
        hangs_at_load: int = 0,
        quiet_seconds: float | None = None,
        on_title: Callable[[int], object] = lambda _conversation: None,
    ) -> None:
        """`quiet_seconds`: before the model writes a title; None: it writes none."""
        folders = Folders(folder / "data", folder / "cache")
        folders.models.mkdir(parents=True)
        (folders.models / "a-model.gguf").write_bytes(gguf())
        self.database = Database(folders.data / "conversations.db")
        script = [argument for step in steps for argument in ("--step", step)]
        state = ("--state", str(folder / "state"))
        hangs = ("--hangs-at-load", str(hangs_at_load)) if hangs_at_load else ()
        command = (sys.executable, "-m", "desktop_llm.worker.fake", *state, *hangs, *script)
        self.engine = EngineClient(folder / "worker.log", command, back_off=(0.0, 0.0, 0.0))
        self.models = ModelService(Library(folders), self.engine)
        self.settings = Settings(model="a-model")
        given = (self.database, self.models, self.engine, lambda: self.settings)
        self.titles = None
        if quiet_seconds is not None:
            self.titles = Titles(*given, on_title, quiet_seconds)
        self.service = ChatService(*given, self.titles)
        self.store = self.service._store

    def close(self) -> None:
        self.engine.close()
        if self.titles is not None:
            self.titles.close()
        self.service.close()
        self.database.close()
