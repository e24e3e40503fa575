"""A piece of work that asks the engine several things, one after the other, and can be cancelled at
any of them.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from desktop_llm.core.engine import Event, LoadProgress, TextDelta
from desktop_llm.core.generation import FinishReason, GenerationRequest
from desktop_llm.core.messages import Message, Role
from desktop_llm.core.models import InstalledModel, LoadedModel, LoadOptions
from desktop_llm.core.tasks import Task
from desktop_llm.core.text import clean_text
from desktop_llm.engine.arbiter import Priority
from desktop_llm.engine.client import CancelledError, EngineClient
from desktop_llm.services.models import ModelService

E = TypeVar("E")
R = TypeVar("R")


class EngineWork:
    """Its methods raise CancelledError once it is cancelled, and EnvironmentFault."""

    def __init__(self, engine: EngineClient, models: ModelService) -> None:
        self.engine = engine
        self._models = models
        self._lock = threading.Lock()
        self._task: Task[Any, Any] | None = None
        self._cancelled = False

    @property
    def cancelled(self) -> bool:
        return self._cancelled

    def cancel(self) -> None:
        with self._lock:
            self._cancelled = True
            task = self._task
        if task is not None:
            task.cancel()

    def watch(self, task: Task[E, R]) -> Task[E, R]:
        """From now on a cancel goes to this call."""
        with self._lock:
            self._task = task
            cancelled = self._cancelled
        if cancelled:
            task.cancel()
        return task

    def check(self) -> None:
        if self._cancelled:
            raise CancelledError

    def load(
        self,
        model: InstalledModel,
        options: LoadOptions,
        idle_seconds: int = 0,
        on_progress: Callable[[LoadProgress], object] = lambda _: None,
    ) -> None:
        """Load it unless it is the one loaded."""
        while not self._models.is_loaded(model, options):
            task: Task[Event, LoadedModel] = self.watch(
                self._models.load(model, options, idle_seconds)
            )
            for event in task.wait_events():
                if isinstance(event, LoadProgress):
                    on_progress(event)
            try:
                task.result()
            except CancelledError:  # perhaps by another one that waited for the same
                self.check()
            else:
                return

    def say(self, request: GenerationRequest, priority: Priority = Priority.CHAT) -> str:
        """All that the model answers to that."""
        task = self.watch(self.engine.generate(request, priority))
        made = [event.text for event in task.wait_events() if isinstance(event, TextDelta)]
        if task.result().reason is FinishReason.CANCELLED:
            raise CancelledError
        return clean_text("".join(made)).strip()

    def count(self, texts: Sequence[str]) -> Sequence[int]:
        """Tokens of each text, by the loaded model's own tokenizer."""
        messages = tuple(Message(Role.USER, text) for text in texts)
        counted = self.watch(self.engine.count_tokens(messages, bare=True)).result()
        self.check()
        parts: Sequence[int] = counted.parts
        return parts
