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

    def installed(self) -> list[InstalledModel]:
        """Every usable model file; those with a broken header are left out."""
        models = []
        for model in self._library.models():
            try:
                models.append(_described(model))
            except EnvironmentFault:
                continue
        return models

    def find(self, name: str) -> InstalledModel:
        """By name or path, its header checked. Raises EnvironmentFault."""
        return _described(self._library.find(name))

    def load(
        self, model: InstalledModel, options: LoadOptions, idle_unload_seconds: int = 0
    ) -> Task[Event, LoadedModel]:
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
