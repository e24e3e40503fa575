"""One question of a tool to the model after the other: streamed, cut where it goes round in
circles, and kept by what made it.
"""

import hashlib
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from desktop_llm.core.engine import Finished, PromptProgress, TextDelta
from desktop_llm.core.errors import EnvironmentFault
from desktop_llm.core.generation import FinishReason, GenerationRequest
from desktop_llm.core.models import InstalledModel, LoadOptions
from desktop_llm.core.repetition import loop_start, without_loop
from desktop_llm.core.text import clean_text
from desktop_llm.core.text_tools import ToolEvent
from desktop_llm.core.tool_results import clean_reply
from desktop_llm.engine.arbiter import Priority
from desktop_llm.engine.client import CancelledError
from desktop_llm.services.engine_work import EngineWork
from desktop_llm.storage.tool_history import ToolHistory

logger = logging.getLogger(__name__)

LOOKED_EVERY = 400  # characters of a reply, whether it goes round in circles


@dataclass(frozen=True, slots=True)
class Answer:
    text: str
    known: bool = False  # it had been made before


class ToolAsker:
    """`known`: answers that had been made before; `cut_off`: one came to its limit; `streamed`:
    what there is of the one that runs.
    """

    def __init__(
        self,
        work: EngineWork,
        post: Callable[[ToolEvent], object],
        model_key: str,
        history: ToolHistory | None,
        fresh: bool = False,
        may_repeat: bool = False,
    ) -> None:
        """`history`: where parts are kept; `fresh`: none is taken from there. `may_repeat`: what
        is repeated is not taken for a loop.
        """
        self._work = work
        self._post = post
        self._model_key = model_key
        self._history = history
        self._fresh = fresh
        self._may_repeat = may_repeat
        self.known = 0
        self.cut_off = False
        self.streamed = ""

    def ask(self, request: GenerationRequest, source: str, shown: bool = True) -> Answer:
        """For a person who waits. `shown`: as it comes. Raises CancelledError and faults."""
        return self._ask(request, source, Priority.CHAT, shown)

    def ask_part(self, request: GenerationRequest, source: str, shown: bool = True) -> Answer:
        """One of many: a chat goes first, and what was made of it is kept."""
        self.streamed = ""
        key = self._key(request)
        if (known := self._kept(key)) is not None:
            self._work.check()
            self.known += 1
            if shown:
                self._post(TextDelta(known, 0))
            return Answer(known, known=True)
        made = self._ask(request, source, Priority.BATCH, shown)
        if self._history is not None:
            try:
                self._history.keep_part(key, made.text)
            except EnvironmentFault as fault:
                logger.info("a part could not be kept: %s", fault.code.value)
        return made

    def _ask(
        self, request: GenerationRequest, source: str, priority: Priority, shown: bool
    ) -> Answer:
        self._work.check()
        self.streamed = ""
        task = self._work.watch(self._work.engine.generate(request, priority))
        looked, loops = 0, False
        for event in task.wait_events():
            if isinstance(event, TextDelta):
                self.streamed += event.text
                if shown:
                    self._post(event)
                if len(self.streamed) - looked > LOOKED_EVERY and not loops:
                    looked = len(self.streamed)
                    loops = self._loops()
                    if loops:
                        task.cancel()  # it would go on until its limit
            elif isinstance(event, PromptProgress):
                self._post(event)
        finished: Finished = task.result()
        self._work.check()
        if finished.reason is FinishReason.CANCELLED and not loops:
            raise CancelledError
        self.cut_off |= finished.reason in (FinishReason.LENGTH, FinishReason.CONTEXT)
        said = clean_reply(clean_text(self.streamed), source)
        return Answer(said if self._may_repeat else without_loop(said)[0])

    def _loops(self) -> bool:
        return not self._may_repeat and loop_start(self.streamed) is not None

    def _kept(self, key: bytes) -> str | None:
        if self._history is None or self._fresh:
            return None
        try:
            return self._history.part(key)
        except EnvironmentFault:  # it is made anew
            return None

    def _key(self, request: GenerationRequest) -> bytes:
        """Of all that makes an answer what it is, but for chance."""
        said = [self._model_key, [message.text for message in request.messages],
                repr(request.sampling), request.max_tokens, request.stop,
                request.continues]  # fmt: skip
        return hashlib.sha256(json.dumps(said, ensure_ascii=False).encode()).digest()


def model_key(model: InstalledModel, options: LoadOptions) -> str:
    """Another one for another file, or another way of loading it."""
    try:
        found = Path(model.path).stat()
        state = (found.st_size, found.st_mtime_ns)
    except OSError:
        state = (0, 0)
    return repr((model.path, state, options.template, options.context_length))
