"""Models: what is installed, what it says of itself, and loading it."""

import threading
from collections.abc import Callable
from pathlib import Path

from desktop_llm.core.engine import Event
from desktop_llm.core.errors import DesktopLlmError, EnvironmentFault, FaultCode
from desktop_llm.core.generation import GenerationStats
from desktop_llm.core.memory import context_of, estimate, largest_context
from desktop_llm.core.model_facts import ModelKind
from desktop_llm.core.models import InstalledModel, LoadedModel, LoadOptions, StateCache
from desktop_llm.core.settings import Settings
from desktop_llm.core.tasks import Task
from desktop_llm.engine.client import EngineClient
from desktop_llm.engine.memory import free_memory
from desktop_llm.services.model_library import ModelLibrary, Surveyed
from desktop_llm.storage.library import Library, Removal
from desktop_llm.storage.load_marker import LoadMarker

TELLING_PROMPT, TELLING_REPLY = 256, 32  # tokens from which a speed says something
_DEATHS = (FaultCode.MODEL_CRASHED_LOADING, FaultCode.MODEL_OUT_OF_MEMORY)


def load_options(settings: Settings) -> LoadOptions:
    """As they are for every model that has none of its own."""
    return LoadOptions(context_length=settings.context_length, threads=settings.threads or None)


class ModelService:
    """Reads files; call it off a window's thread."""

    def __init__(
        self,
        library: Library,
        engine: EngineClient,
        marker: Path | None = None,
        states: Callable[[], StateCache] = StateCache,
    ) -> None:
        """`marker`: where to remember, across a crash, what was being loaded. `states`: where the
        engine is to keep KV states.
        """
        self._states = states
        self.library = ModelLibrary(library)
        self._engine = engine
        self._marker = None if marker is None else LoadMarker(marker)
        self._options: LoadOptions | None = None  # that the last load was asked with
        self._lock = threading.Lock()  # of the next
        self._loading: tuple[tuple[str, LoadOptions], Task[Event, LoadedModel]] | None = None

    def installed(self) -> list[InstalledModel]:
        """Every usable model that writes text."""
        return [model for model, fault in self.survey() if fault is None]

    def survey(self) -> Surveyed:
        """Every model that writes text, and why it cannot be used where it cannot."""
        return [
            (model, fault)
            for model, fault in self.library.all()
            if fault is not None or model.kind is ModelKind.CHAT
        ]

    def find(self, name: str) -> InstalledModel:
        """One that writes text, by name or path, its header checked; the first of them where
        `name` is empty. Raises EnvironmentFault.
        """
        model = self.library.find(name)
        if model.kind is not ModelKind.CHAT:
            raise EnvironmentFault(
                FaultCode.MODEL_OTHER_KIND, path=model.path, detail=model.kind.value
            )
        return model

    def is_loaded(self, model: InstalledModel, options: LoadOptions) -> bool:
        """That file, with these options."""
        loaded = self._engine.model
        return loaded is not None and loaded.path == model.path and self._options == options

    def load(
        self, model: InstalledModel, options: LoadOptions, idle_unload_seconds: int = 0
    ) -> Task[Event, LoadedModel]:
        """Start loading, or join in where the same is being loaded: a cancel is everybody's then.
        Raises EnvironmentFault: a broken header, or too little memory.
        """
        wanted = (model.path, options)
        with self._lock:
            task = self._loading[1] if self._loading and self._loading[0] == wanted else None
            if task is None or task.done or task.cancelled:
                task = self._load(model.path, options, idle_unload_seconds)
                self._loading = (wanted, task)
        return task

    def _load(
        self, path: str, options: LoadOptions, idle_unload_seconds: int
    ) -> Task[Event, LoadedModel]:
        self._check_memory(path, options)
        self._options = options
        marker = self._marker
        if marker is not None:
            marker.begin(path)
        task = self._engine.load(Path(path), options, idle_unload_seconds, states=self._states())
        if marker is not None:
            task.on_end(lambda error: _note_end(marker, path, error))
        return task

    def current(self) -> LoadedModel | None:
        return self._engine.model

    def remove(self, model: InstalledModel) -> Removal:
        """Delete its files, or forget its link; it is unloaded first. Raises EnvironmentFault."""
        loaded = self._engine.model
        if loaded is not None and loaded.path in model.all_files:
            self._engine.unload().result()
        return self.library.files.remove(model)

    def note_reply(self, stats: GenerationStats) -> None:
        """Remember that the model was used, and how fast it was where that says something."""
        if (model := self._engine.model) is None:
            return
        read = stats.prompt_tokens - stats.reused_tokens
        prompt_rate = read / stats.prompt_seconds if stats.prompt_seconds > 0 else 0.0
        self.library.note_use(
            model.path,
            prompt_rate if read >= TELLING_PROMPT else 0.0,
            stats.tokens_per_second if stats.completion_tokens >= TELLING_REPLY else 0.0,
        )

    def suspect(self) -> str:
        """The file that crashed when it was loaded last, also before this start; else empty.

        Not to be loaded unasked. That it loads when a person asks for it clears it.
        """
        return "" if self._marker is None else self._marker.suspect

    def _check_memory(self, path: str, options: LoadOptions) -> None:
        header = self.library.header(path)
        needed = estimate(header, options)
        free = free_memory(self._engine.worker_pid, loading=path)
        if needed > free:
            raise EnvironmentFault(
                FaultCode.MODEL_TOO_LARGE,
                path=path,
                context=context_of(header, options),
                needed_bytes=needed,
                free_bytes=free,
                fits=largest_context(header, options, free),
            )


def _note_end(marker: LoadMarker, path: str, error: BaseException | None) -> None:
    crashed = isinstance(error, DesktopLlmError) and error.code in _DEATHS
    marker.end(path, crashed, loaded=error is None)
