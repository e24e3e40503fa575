"""Language packs: installed from a file, tried, listed, removed."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Never, TypeVar

from desktop_llm.core.errors import DesktopLlmError, EnvironmentFault, FaultCode, ProgramFault
from desktop_llm.core.language import Analyse, Part
from desktop_llm.core.language_packs import LanguagePack
from desktop_llm.core.tasks import Task
from desktop_llm.engine.language_client import LanguageClient
from desktop_llm.storage.language_packs import LanguagePackFiles

R = TypeVar("R")
_OF_THE_PACK = (FaultCode.PACK_DAMAGED, FaultCode.PACK_REFUSED, FaultCode.PACK_NEEDS)


class LanguagePacks:
    def __init__(self, folder: Path, client: LanguageClient) -> None:
        self._files = LanguagePackFiles(folder)
        self._client = client
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="language-packs")
        self._lock = threading.Lock()  # of what follows
        self._serving: dict[str, str] | None = None

    def installed(self) -> tuple[LanguagePack, ...]:
        """Blocks on the disk."""
        return self._files.installed()

    def pack_of(self, language: str) -> str:
        """The folder of the pack that serves a language; empty where there is none.

        Of several the largest is taken: it knows most.
        """
        with self._lock:
            if self._serving is None:
                packs = sorted(self.installed(), key=lambda pack: pack.size_bytes)
                self._serving = {pack.language: pack.folder for pack in packs}
            return self._serving.get(language, "")

    def install(
        self, wheel: Path, sha256: str = "", origin: str = ""
    ) -> "Task[Never, LanguagePack]":
        """From the file of a wheel, wherever it came from. One that does not load is removed."""
        return self._begin(lambda: self._install(wheel, sha256, origin))

    def remove(self, name: str) -> "Task[Never, None]":
        """`name`: `<name>-<version>`. The language process ends first: it may hold the files."""
        return self._begin(lambda: self._remove(name))

    def close(self) -> None:
        """Waits for what is being installed."""
        self._pool.shutdown()

    def _install(self, wheel: Path, sha256: str, origin: str) -> LanguagePack:
        self._files.sweep()
        pack = self._files.install(wheel, sha256, origin)
        try:
            self._client.ask(Analyse("1", pack.language, (Part.TOKENS,), pack.folder))
        except EnvironmentFault as fault:
            if fault.code in _OF_THE_PACK:
                self._remove(Path(pack.folder).name)
            raise
        finally:
            self._forget()
        return pack

    def _remove(self, name: str) -> None:
        self._client.end()
        try:
            self._files.remove(name)
        finally:
            self._forget()

    def _forget(self) -> None:
        with self._lock:
            self._serving = None

    def _begin(self, work: Callable[[], R]) -> "Task[Never, R]":
        task: Task[Never, R] = Task()

        def run() -> None:
            try:
                result = work()
            except DesktopLlmError as fault:
                task.fail(fault)
            except Exception as error:  # noqa: BLE001  # said as a bug where it is shown
                task.fail(ProgramFault(FaultCode.BUG, detail=f"{type(error).__name__}: {error}"))
            else:
                task.finish(result)

        self._pool.submit(run)
        return task
