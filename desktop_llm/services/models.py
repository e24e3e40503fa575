"""Models: what is installed, what it says of itself, and loading it."""

from dataclasses import replace
from pathlib import Path

from desktop_llm.core.engine import Event
from desktop_llm.core.errors import EnvironmentFault
from desktop_llm.core.models import InstalledModel, LoadedModel, LoadOptions
from desktop_llm.core.tasks import Task
from desktop_llm.engine.client import EngineClient
from desktop_llm.hub.gguf import read_header
from desktop_llm.storage.library import Library


class ModelService:
    """Reads files; call it off a window's thread."""

    def __init__(self, library: Library, engine: EngineClient) -> None:
        self._library = library
        self._engine = engine
        self._options: LoadOptions | None = None  # that the last load was asked with

    def installed(self) -> list[InstalledModel]:
        """Every usable model file."""
        return [model for model, fault in self.survey() if fault is None]

    def survey(self) -> list[tuple[InstalledModel, EnvironmentFault | None]]:
        """Every model file, and why it cannot be used where it cannot."""
        found: list[tuple[InstalledModel, EnvironmentFault | None]] = []
        for model in self._library.models():
            try:
                found.append((_described(model), None))
            except EnvironmentFault as fault:
                found.append((model, fault))
        return found

    def find(self, name: str) -> InstalledModel:
        """By name or path, its header checked. Raises EnvironmentFault."""
        return _described(self._library.find(name))

    def is_loaded(self, model: InstalledModel, options: LoadOptions) -> bool:
        """That file, with these options."""
        loaded = self._engine.model
        return loaded is not None and loaded.path == model.path and self._options == options

    def suspect(self) -> str:
        """The file that crashed when it was loaded last: not to be loaded unasked."""
        return ""

    def load(
        self, model: InstalledModel, options: LoadOptions, idle_unload_seconds: int = 0
    ) -> Task[Event, LoadedModel]:
        self._options = options
        return self._engine.load(Path(model.path), options, idle_unload_seconds)

    def current(self) -> LoadedModel | None:
        return self._engine.model


def _described(model: InstalledModel) -> InstalledModel:
    header = read_header(Path(model.path))
    return replace(
        model,
        architecture=header.architecture,
        parameters=header.parameters,
        quantization=header.quantization,
        context_length=header.context_length,
    )
