"""Text tools at work, each run on a thread of its own, and what came of them kept in a history.

Each part of a long text is kept by what it was made of (`services.tool_asking`), so that one that
was begun goes on where it was left, also after a crash. What was stopped keeps what is done.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from desktop_llm.core.aspects import JudgedAspect, found_aspects, typed_aspects
from desktop_llm.core.engine import TextDelta
from desktop_llm.core.errors import DesktopLlmError, EnvironmentFault, FaultCode, ProgramFault
from desktop_llm.core.evidence import Evidence
from desktop_llm.core.generation import GenerationRequest, Sampling
from desktop_llm.core.messages import Message, Role
from desktop_llm.core.segments import sentences
from desktop_llm.core.settings import Settings
from desktop_llm.core.text import clean_text
from desktop_llm.core.text_tools import (
    PartDone,
    SaidSentence,
    ToolOutcome,
    ToolRequest,
    ToolTask,
)
from desktop_llm.core.tool_results import (
    items_of,
    joined_lists,
    joined_tables,
    json_text,
    quotes_in,
)
from desktop_llm.core.tools import (
    Output,
    Tool,
    delimited,
    instruction_language,
)
from desktop_llm.engine.client import CancelledError, EngineClient
from desktop_llm.services.engine_work import EngineWork
from desktop_llm.services.labelling import Labeller
from desktop_llm.services.language import LanguageTools
from desktop_llm.services.language_hints import language_of, lexicon_of
from desktop_llm.services.long_texts import LongText
from desktop_llm.services.models import ModelService, load_options
from desktop_llm.services.tool_asking import ToolAsker, model_key
from desktop_llm.services.translation import FROM, Translator
from desktop_llm.storage.tool_history import ToolHistory, ToolRun

logger = logging.getLogger(__name__)

LONGEST_TEXT = 10_000_000  # characters
SENTIMENT = "sentiment"  # the tool that a lexicon stands beside
ASPECTS, FIND_ASPECTS, FIND = "aspects", "find", "yes"  # its variables, and the choice
ASPECTS_READ = 2000  # characters at most that the model is asked for aspects of
ASPECT_TOKENS = 64  # of its answer
TITLE = 60  # characters of a text that name it


class TextTools:
    """Any thread. `history` is asked for when it is first needed."""

    def __init__(
        self,
        engine: EngineClient,
        models: ModelService,
        settings: Callable[[], Settings],
        history: Callable[[], ToolHistory | None],
        language: Callable[[], LanguageTools | None] = lambda: None,
    ) -> None:
        self._language = language
        self._engine = engine
        self._models = models
        self._settings = settings
        self._history = history
        self._lock = threading.Lock()
        self._running: set[_ToolJob] = set()

    def run(self, request: ToolRequest) -> ToolTask:
        job = _ToolJob(
            request, self._engine, self._models, self._settings,
            None if request.traceless else self._history, self._ended, self._language,
        )  # fmt: skip
        with self._lock:
            self._running.add(job)
        job.thread.start()
        return job.task

    def accept(self, outcome: ToolOutcome, to: str) -> None:
        """A person took the translation: the memory grows. Blocks on the disk."""
        flawed = {problem.unit for problem in outcome.problems}
        pairs = [pair for at, pair in enumerate(outcome.pairs) if at not in flawed]
        history = self._history()
        if history is not None and pairs and to:
            history.remember(pairs, to)

    def close(self) -> None:
        """After the engine."""
        with self._lock:
            running = list(self._running)
        for job in running:
            job.task.cancel()
        for job in running:
            job.thread.join()

    def _ended(self, job: "_ToolJob") -> None:
        with self._lock:
            self._running.discard(job)


class _ToolJob:
    """One run, on a thread of its own."""

    def __init__(
        self,
        request: ToolRequest,
        engine: EngineClient,
        models: ModelService,
        settings: Callable[[], Settings],
        history: Callable[[], ToolHistory | None] | None,
        on_end: Callable[["_ToolJob"], object],
        language_tools: Callable[[], LanguageTools | None],
    ) -> None:
        self._language_tools = language_tools
        self._request = request
        self._models = models
        self._settings = settings
        self._open_history = history
        self._history: ToolHistory | None = None
        self._on_end = on_end
        self._work = EngineWork(engine, models)
        self._language = instruction_language(request.text)
        self.task: ToolTask = ToolTask(on_cancel=self._work.cancel)
        self.thread = threading.Thread(target=self._run, name="text-tool", daemon=True)

    def _run(self) -> None:
        try:
            outcome = self._outcome()
        except CancelledError:
            nothing = ToolOutcome(text="", complete=False)
            end: Callable[[], object] = lambda: self.task.finish(nothing)  # noqa: E731
        except DesktopLlmError as error:
            fault = error
            end = lambda: self.task.fail(fault)  # noqa: E731
        except Exception as error:
            logger.exception("a text tool failed")
            bug = ProgramFault(FaultCode.BUG, detail=f"{type(error).__name__}: {error}")
            end = lambda: self.task.fail(bug)  # noqa: E731
        else:
            end = lambda: self.task.finish(outcome)  # noqa: E731
        self._on_end(self)
        end()

    def _outcome(self) -> ToolOutcome:
        """Raises faults, and CancelledError where nothing was made."""
        request, tool = self._request, self._request.tool
        text = clean_text(request.text)
        if not text.strip():
            raise EnvironmentFault(FaultCode.INPUT_EMPTY)
        if len(text) > LONGEST_TEXT:
            raise EnvironmentFault(FaultCode.TEXT_TOO_LONG, length=len(text), most=LONGEST_TEXT)
        if tool.adapter:
            raise EnvironmentFault(FaultCode.NO_ADAPTER, name=tool.adapter)
        begun = time.monotonic()
        if self._open_history is not None:
            try:
                self._history = self._open_history()
            except EnvironmentFault as fault:  # the work matters, not its history
                logger.info("the history of the tools is not there: %s", fault.code.value)
        model = self._models.find(request.model or tool.model or self._settings().model)
        options = model.settings.applied_to(load_options(self._settings()))
        self._work.load(model, options, self._settings().idle_unload_minutes * 60, self.task.post)
        asker = ToolAsker(
            self._work, self.task.post, model_key(model, options), self._history,
            request.fresh, may_repeat=tool.output is Output.JSON,
        )  # fmt: skip
        if tool.output is Output.LABELS:
            outcome = self._label(text, asker)
        elif tool.output is Output.TRANSLATION:
            outcome = self._translate(text, asker)
        else:
            outcome = self._write(text, asker)
        outcome = replace(
            outcome, cut_off=asker.cut_off, known_parts=asker.known, model=model.name,
            seconds=time.monotonic() - begun,
        )  # fmt: skip
        return replace(outcome, run=self._keep(text, outcome, model.name))

    # --- kinds of results ------------------------------------------------------------------------

    def _label(self, text: str, asker: ToolAsker) -> ToolOutcome:
        tool, values = self._request.tool, self._request.values
        labeller = Labeller(self._work, tool, values, self._language)

        def tell(done: int, of: int) -> None:
            self.task.post(PartDone(done, of))

        judged, parts, shortened = labeller.judge_text(text, tell)
        if tool.id == SENTIMENT:
            language, lexicon = lexicon_of(text, self._language_tools(), self._work)
            judged = replace(judged, language=language, lexicon=lexicon)
        aspects, dropped, cut = self._aspects(text, labeller, asker, tell)
        judged = replace(judged, aspects=aspects)
        word = judged.labels[judged.judgement.label].value
        return ToolOutcome(
            text=word, parts=parts, judged=judged, shortened=shortened or cut, dropped=dropped
        )

    def _aspects(
        self,
        text: str,
        labeller: Labeller,
        asker: ToolAsker,
        tell: Callable[[int, int], object],
    ) -> tuple[tuple[JudgedAspect, ...], int, bool]:
        """What was typed and, where a person wants that, what is found; how many that the model
        named do not stand in the text; whether not all clauses were judged.
        """
        values = self._request.tool.values(self._request.values)
        typed = typed_aspects(items_of(values.get(ASPECTS, "")))
        found: list[str] = []
        dropped = 0
        if values.get(FIND_ASPECTS) == FIND:
            beginning = text[:ASPECTS_READ]
            asked = _ASPECTS_ASKED[self._language].format(text=delimited(beginning))
            request = GenerationRequest(
                messages=(Message(Role.USER, asked),),
                sampling=Sampling(temperature=0),
                max_tokens=ASPECT_TOKENS,
            )
            # A list that reaches its limit is no loss: at most a few of it are taken.
            cut_off = asker.cut_off
            said = asker.ask_part(request, beginning, shown=False).text
            asker.cut_off = cut_off
            found, dropped = found_aspects(items_of(said), text, typed)
        if not typed and not found:
            return (), dropped, False
        aspects, cut = labeller.judge_aspects(text, typed, found, tell)
        return aspects, dropped, cut

    def _translate(self, text: str, asker: ToolAsker) -> ToolOutcome:
        def tell(said: str, done: int, of: int) -> None:
            if said:
                self.task.post(TextDelta(said, 0))
            self.task.post(PartDone(done, of))

        def ask(request: GenerationRequest, source: str) -> str:
            return asker.ask_part(request, source, shown=False).text

        values, found = dict(self._request.values), None
        if not values.get(FROM):
            found = language_of(text, self._language_tools(), self._work)
            if found is not None and found.sure:
                values[FROM] = found.code
        translator = Translator(
            self._request.tool, values, self._language, ask, self._history, tell
        )
        complete = True
        try:
            translator.translate(text)
        except CancelledError:
            if not translator.so_far.pairs:
                raise
            complete = False
        made = translator.so_far
        return ToolOutcome(
            text=made.text, complete=complete, pairs=tuple(made.pairs),
            problems=tuple(made.problems), remembered=made.remembered, score=made.score,
            refused=translator.refused, parts=max(1, len(made.pairs)), language=found,
        )  # fmt: skip

    def _write(self, text: str, asker: ToolAsker) -> ToolOutcome:
        tool = self._request.tool
        long = LongText(
            tool, self._request.values, self._language, self._work, asker, self.task.post
        )
        complete = True
        try:
            made = long.apply(text)
        except CancelledError:
            complete, made = False, long.so_far()
            if not made.strip():
                raise
        return replace(
            outcome_of(tool, text, made), complete=complete, parts=max(1, long.parts),
            shortened=long.shortened,
        )  # fmt: skip

    def _keep(self, text: str, outcome: ToolOutcome, model: str) -> int:
        if self._history is None:
            return 0
        request = self._request
        title = request.title or " ".join(text[: 4 * TITLE].split())[:TITLE]
        run = ToolRun(
            tool=request.tool.id, title=title, source=text, choices=dict(request.values),
            result=outcome.text,
            details={"complete": outcome.complete, "seconds": round(outcome.seconds, 2)},
            model=model,
        )  # fmt: skip
        try:
            return self._history.add(run)
        except EnvironmentFault as fault:
            logger.info("a result is not in the history: %s", fault.code.value)
            return 0


_ASPECTS_ASKED = {
    "en": "Which things does this review talk about? Answer with a list of single words from it,"
    " separated by commas.\n\n{text}",
    "zh_CN": "这段评价谈到了哪些方面？只用原文中的词回答，用逗号分隔。\n\n{text}",
}


def outcome_of(tool: Tool, text: str, made: str) -> ToolOutcome:
    """What a model made of a text, as the tool's kind of result."""
    output = tool.output
    if output is Output.SUMMARY:
        sources = sentences(text)
        evidence = Evidence([span.of(text) for span in sources])
        said = tuple(SaidSentence(span, evidence.of(span.of(made))) for span in sentences(made))
        return ToolOutcome(text=made, said=said, sources=tuple(sources))
    if output is Output.QUOTES:
        shown, dropped = quotes_in(made, text)
        return ToolOutcome(text=shown, dropped=dropped)
    if output is Output.JSON:
        return ToolOutcome(text=json_text(made))
    if output is Output.LIST:
        return ToolOutcome(text=joined_lists([made]))
    if output is Output.TABLE:
        return ToolOutcome(text=joined_tables([made]) or made)
    return ToolOutcome(text=made)
