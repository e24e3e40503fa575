"""Text tools at work: one request for a short text, parts and their merging for a long one.

Each part is kept by what it was made of (model, question, sampling), so that a text that was begun
goes on where it was left, also after a crash. What was stopped keeps what is done.
"""

import hashlib
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from desktop_llm.core.engine import Finished, PromptProgress, TextDelta
from desktop_llm.core.errors import DesktopLlmError, EnvironmentFault, FaultCode, ProgramFault
from desktop_llm.core.evidence import Evidence
from desktop_llm.core.excerpts import Excerpts
from desktop_llm.core.generation import FinishReason, GenerationRequest
from desktop_llm.core.labels import Judgement, Unsure, UnsureRule
from desktop_llm.core.models import InstalledModel, LoadOptions
from desktop_llm.core.repetition import loop_start, without_loop
from desktop_llm.core.segments import Part, parts, sentences
from desktop_llm.core.settings import Settings
from desktop_llm.core.text import clean_text
from desktop_llm.core.text_tools import (
    Anew,
    Judged,
    JudgedSentence,
    PartDone,
    SaidSentence,
    ToolOutcome,
    ToolRequest,
    ToolTask,
)
from desktop_llm.core.tool_results import (
    clean_reply,
    joined_lists,
    joined_quotes,
    joined_tables,
    json_text,
    quotes_in,
)
from desktop_llm.core.tools import (
    Long,
    Output,
    Tool,
    VariableKind,
    instruction_for,
    instruction_language,
    prompt_of,
    request_for,
)
from desktop_llm.engine.arbiter import Priority
from desktop_llm.engine.client import CancelledError, EngineClient
from desktop_llm.services.engine_work import EngineWork
from desktop_llm.services.labelling import Labeller
from desktop_llm.services.language import LanguageTools
from desktop_llm.services.models import ModelService, load_options
from desktop_llm.services.translation import Translator
from desktop_llm.storage.tool_history import ToolHistory, ToolRun

logger = logging.getLogger(__name__)

LONGEST_TEXT = 10_000_000  # characters
SPARE = 16  # tokens that nobody has counted
PART_TOKENS = 1200  # of a part that is read; a small model overlooks much in a longer one
CHANGED_TOKENS = 400  # of a part that is written anew
LEAST_PART = 48  # tokens; a context that leaves less is too small
SENTIMENT = "sentiment"  # the tool that a lexicon stands beside
IDENTIFIED, JUDGED_BY_LEXICON = 4000, 100_000  # characters that are looked at
LEXICON_SECONDS = 30.0
JUDGED_TOKENS = 400  # of a part that is judged at once
MOST_JUDGED = 2000  # sentences that are judged by themselves
SPLIT = 0.4  # of the surely judged sentences that speak for another label
MERGES = 6  # steps at most, from many parts to one
LOOKED_EVERY = 400  # characters of a reply, whether it goes round in circles
TITLE = 60  # characters of a text that name it
_WRITTEN_ANEW = (Output.EDIT, Output.TRANSLATION)


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
        sound = {problem.unit for problem in outcome.problems}
        pairs = [pair for at, pair in enumerate(outcome.pairs) if at not in sound]
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


@dataclass(slots=True)
class _Made:
    text: str
    finish: FinishReason
    known: bool = False


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
        self._model_key = ""
        self._language = instruction_language(request.text)
        self._done: list[str] = []  # of the parts, for what was stopped
        self._parts = self._known = 0
        self._cut_off = self._shortened = False
        self._streamed = ""  # of the request that runs
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
        self._model_key = _model_key(model, options)
        if tool.output is Output.LABELS:
            outcome = replace(self._label(text), model=model.name, seconds=time.monotonic() - begun)
            return replace(outcome, run=self._keep(text, outcome, model.name))
        if tool.output is Output.TRANSLATION:
            outcome = replace(
                self._translate(text), model=model.name, seconds=time.monotonic() - begun
            )
            return replace(outcome, run=self._keep(text, outcome, model.name))
        complete = True
        try:
            made = self._apply(text)
        except CancelledError:
            if not self._done and not self._streamed.strip():
                raise
            complete = False
            made = self._joined([*self._done, clean_reply(self._streamed, "")])
        outcome = replace(
            outcome_of(tool, text, made), complete=complete, cut_off=self._cut_off,
            shortened=self._shortened, parts=max(1, self._parts), known_parts=self._known,
            model=model.name, seconds=time.monotonic() - begun,
        )  # fmt: skip
        return replace(outcome, run=self._keep(text, outcome, model.name))

    # --- labels ----------------------------------------------------------------------------------

    def _label(self, text: str) -> ToolOutcome:
        """The text as a whole, by its parts where it is long, and each of its sentences."""
        labeller = Labeller(self._work, self._request.tool, self._request.values, self._language)
        spans = sentences(text)
        found = parts(text, spans, JUDGED_TOKENS, self._work.count)
        several = spans[:MOST_JUDGED] if len(spans) > 1 else []
        pieces = [part.span.of(text) for part in found] + [span.of(text) for span in several]
        self._parts = len(pieces)

        def tell(done: int) -> None:
            self.task.post(PartDone(done, len(pieces)))

        judgements = labeller.judge(pieces, tell)
        own = judgements[len(found) :]
        judged = tuple(
            JudgedSentence(span, each.label, each.probability, each.unsure)
            for span, each in zip(several, own, strict=True)
        )
        lengths = [part.span.end - part.span.start for part in found]
        whole = together(judgements[: len(found)], lengths, own)
        label = labeller.labels[whole.label]
        said_in, lexicon = self._by_lexicon(text)
        return ToolOutcome(
            text=label.value, parts=len(found),
            judged=Judged(labeller.labels, whole, judged, said_in, lexicon),
            shortened=len(spans) > MOST_JUDGED,
        )  # fmt: skip

    def _by_lexicon(self, text: str) -> tuple[str, float | None]:
        """The language of a text, and how positive a lexicon finds it, -1 … 1, where it is English;
        for the sentiment tool alone. What is missing costs nothing else.
        """
        tools = self._language_tools() if self._request.tool.id == SENTIMENT else None
        if tools is None:
            return "", None
        try:
            found = tools.identify(text[:IDENTIFIED]).result(LEXICON_SECONDS)
            language = found[0].code if found else ""
            if language != "en":
                return language, None
            polarity = tools.vader(text[:JUDGED_BY_LEXICON]).result(LEXICON_SECONDS)
            return language, polarity[0].compound if polarity else None
        except (DesktopLlmError, TimeoutError) as fault:
            logger.info("the lexicon could not be asked: %s", type(fault).__name__)
            return "", None

    # --- translation -----------------------------------------------------------------------------

    def _translate(self, text: str) -> ToolOutcome:
        def tell(said: str, done: int, of: int) -> None:
            if said:
                self.task.post(TextDelta(said, 0))
            self.task.post(PartDone(done, of))

        def ask(request: GenerationRequest, source: str) -> str:
            return self._ask(request, source, Priority.BATCH, shown=False).text

        translator = Translator(
            self._request.tool, self._request.values, self._language, ask, self._history, tell
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
            refused=translator.refused, parts=max(1, len(made.pairs)), known_parts=self._known,
        )  # fmt: skip

    # --- asking ----------------------------------------------------------------------------------

    def _apply(self, text: str) -> str:
        tool, values = self._request.tool, self._request.values
        instruction = instruction_for(tool, values, self._language)
        begun = tool.begun.within(self._language)
        schema = tool.schema or next(
            (
                values.get(each.name) or each.default
                for each in tool.variables
                if each.kind is VariableKind.SCHEMA
            ),
            "",
        )

        def ask(piece: str, before: str = "") -> GenerationRequest:
            said = instruction if not before else _refined(instruction, before, self._language)
            return request_for(tool, prompt_of(said, piece), begun, schema)

        room = self._room(ask(""))
        long = tool.how_long(values)
        (size,) = self._work.count([text]) if len(text) < 8 * room * 4 else (room + 1,)
        anew = tool.output in _WRITTEN_ANEW
        if size <= (min(room, CHANGED_TOKENS) if anew else room):
            return self._ask(ask(text), text).text
        if long in (Long.PASSAGES, Long.END, Long.BEGINNING):
            return self._ask(ask(self._chosen(text, long, room, size)), text).text
        spans = sentences(text)
        most = min(room, CHANGED_TOKENS if anew else PART_TOKENS)
        found = parts(text, spans, most, self._work.count)
        if not found:
            raise EnvironmentFault(FaultCode.INPUT_EMPTY)
        self._parts = len(found)
        self.task.post(PartDone(0, len(found)))
        if long is Long.REFINE:
            return self._refine(text, found, ask)
        made = [self._part(at, text, part, ask, anew) for at, part in enumerate(found)]
        if long is Long.PARTS or tool.output in (Output.LIST, Output.QUOTES, Output.TABLE):
            return self._joined(made)
        return self._merge(made, ask, room)

    def _room(self, request: GenerationRequest) -> int:
        """Tokens of a text that fit beside the question and its answer."""
        loaded = self._work.engine.model
        context = loaded.context_length if loaded else self._settings().context_length
        counted = self._work.watch(self._work.engine.count_tokens(request.messages)).result()
        self._work.check()
        free = context - int(counted.tokens) - SPARE
        answer = min(self._request.tool.max_tokens, max(64, free // 3))
        room = free - answer
        if self._request.tool.output in _WRITTEN_ANEW:
            room = min(room, int(free / 2.5))  # it comes out about as long as it went in
        if room < LEAST_PART:
            raise EnvironmentFault(
                FaultCode.PROMPT_TOO_LONG, tokens=int(counted.tokens), context=context
            )
        return room

    def _chosen(self, text: str, long: Long, room: int, size: int) -> str:
        self._shortened = True
        if long is Long.PASSAGES:
            question = " ".join(self._request.values.values())
            share = len(text.encode()) * min(1.0, room / max(1, self._tokens_of(text, size)))
            return Excerpts(text).best(question, int(0.9 * share))
        spans = sentences(text)
        length = int(len(text) * 0.9 * room / max(1, self._tokens_of(text, size)))
        if long is Long.END:
            start = next(
                (span.start for span in spans if span.start >= len(text) - length),
                len(text) - length,
            )
            return text[start:]
        end = next((span.end for span in reversed(spans) if span.end <= length), length)
        return text[:end]

    def _tokens_of(self, text: str, size: int) -> int:
        """About; counted on a piece where the whole would take long."""
        sample = text[:20_000]
        (tokens,) = self._work.count([sample])
        return max(size, round(tokens * len(text) / max(1, len(sample))))

    def _part(
        self,
        at: int,
        text: str,
        part: Part,
        ask: Callable[..., GenerationRequest],
        anew: bool,
    ) -> str:
        piece = part.span.of(text)
        made = self._ask(ask(piece), piece, Priority.BATCH)
        said = made.text
        if anew:  # what stood between the parts stands there still
            after = text[part.span.end :]
            gap = after[: len(after) - len(after.lstrip())] if at + 1 < self._parts else ""
            said += gap
            self.task.post(TextDelta(gap, 0))
        elif at + 1 < self._parts:
            self.task.post(TextDelta("\n\n", 0))
        self._note_done(said, made.known)
        return said

    def _note_done(self, said: str, known: bool) -> None:
        self._done.append(said)
        self._known += known
        self._streamed = ""
        self.task.post(PartDone(len(self._done), self._parts, known))

    def _refine(
        self, text: str, found: Sequence[Part], ask: Callable[..., GenerationRequest]
    ) -> str:
        """The summary so far and the next part, again and again."""
        so_far = ""
        for at, part in enumerate(found):
            piece = part.span.of(text)
            if so_far:
                self.task.post(Anew())
            made = self._ask(ask(piece, so_far), piece, Priority.BATCH)
            so_far = made.text or so_far
            self._done = [so_far]
            self._known += made.known
            self._streamed = ""
            self.task.post(PartDone(at + 1, len(found), made.known))
        return so_far

    def _merge(self, made: list[str], ask: Callable[..., GenerationRequest], room: int) -> str:
        """What came of the parts, as a text of its own, which the same is asked of."""
        for _ in range(MERGES):
            whole = "\n\n".join(each for each in made if each.strip())
            (size,) = self._work.count([whole])
            self.task.post(Anew())
            if size <= room:
                return self._ask(ask(whole), whole, Priority.BATCH).text or whole
            spans = sentences(whole)
            groups = parts(whole, spans, room, self._work.count)
            if len(groups) >= len(made):
                break
            made = [
                self._ask(ask(each.span.of(whole)), whole, Priority.BATCH).text for each in groups
            ]
        return "\n\n".join(made)

    def _ask(
        self,
        request: GenerationRequest,
        source: str,
        priority: Priority = Priority.CHAT,
        shown: bool = True,
    ) -> _Made:
        """One request, or what it made the last time; `shown`: as it comes."""
        self._work.check()
        self._streamed = ""
        key = self._key(request)
        if self._history is not None and not self._request.fresh and priority is Priority.BATCH:
            known = self._known_part(key)
            if known is not None:
                if shown:
                    self.task.post(TextDelta(known, 0))
                else:
                    self._known += 1
                return _Made(known, FinishReason.STOP, known=True)
        task = self._work.watch(self._work.engine.generate(request, priority))
        looked, loops = 0, False
        for event in task.wait_events():
            if isinstance(event, TextDelta):
                self._streamed += event.text
                if shown:
                    self.task.post(event)
                if len(self._streamed) - looked > LOOKED_EVERY:
                    looked = len(self._streamed)
                    if not loops and loop_start(self._streamed) is not None:
                        loops = True
                        task.cancel()  # it would go on until its limit
            elif isinstance(event, PromptProgress):
                self.task.post(event)
        finished: Finished = task.result()
        if finished.reason is FinishReason.CANCELLED and not loops:
            raise CancelledError
        self._cut_off |= finished.reason in (FinishReason.LENGTH, FinishReason.CONTEXT)
        said = clean_reply(clean_text(self._streamed), source)
        if self._request.tool.output is not Output.JSON:
            said = without_loop(said)[0]
        if priority is Priority.BATCH and self._history is not None:
            try:
                self._history.keep_part(key, said)
            except EnvironmentFault as fault:
                logger.info("a part could not be kept: %s", fault.code.value)
        return _Made(said, finished.reason)

    def _known_part(self, key: bytes) -> str | None:
        assert self._history is not None
        try:
            return self._history.part(key)
        except EnvironmentFault:
            return None

    def _key(self, request: GenerationRequest) -> bytes:
        """Of all that makes an answer what it is, but for chance."""
        said = [self._model_key, [message.text for message in request.messages],
                repr(request.sampling), request.max_tokens, request.continues]  # fmt: skip
        return hashlib.sha256(json.dumps(said, ensure_ascii=False).encode()).digest()

    # --- what came of it -------------------------------------------------------------------------

    def _joined(self, made: Sequence[str]) -> str:
        output = self._request.tool.output
        if output is Output.LIST:
            return joined_lists(made)
        if output is Output.QUOTES:
            return joined_quotes(made)
        if output is Output.TABLE:
            return joined_tables(made)
        between = "" if output in _WRITTEN_ANEW else "\n\n"
        return between.join(each for each in made if each.strip())

    def _keep(self, text: str, outcome: ToolOutcome, model: str) -> int:
        if self._history is None:
            return 0
        request = self._request
        title = request.title or " ".join(text[: 4 * TITLE].split())[:TITLE]
        run = ToolRun(
            tool=request.tool.id, title=title, source=text, choices=dict(request.values),
            result=outcome.text, details=details_of(outcome), model=model,
        )  # fmt: skip
        try:
            return self._history.add(run)
        except EnvironmentFault as fault:
            logger.info("a result is not in the history: %s", fault.code.value)
            return 0


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


def together(
    found: Sequence[Judgement], lengths: Sequence[int], sentences_of_it: Sequence[Judgement]
) -> Judgement:
    """Parts of one text as one judgement: by length; split where surely judged sentences differ."""
    total = sum(lengths)
    count = len(found[0].probabilities)
    shares = tuple(
        sum(each.probabilities[at] * length for each, length in zip(found, lengths, strict=True))
        / total
        for at in range(count)
    )
    best = max(range(count), key=shares.__getitem__)
    second = max(share for at, share in enumerate(shares) if at != best)
    unsure = found[0].unsure if len(found) == 1 else Unsure.NO
    rule = UnsureRule()
    if shares[best] - second < rule.least_margin:
        unsure = Unsure.CLOSE
    elif not unsure:
        sure = [each.label for each in sentences_of_it if each.unsure is Unsure.NO]
        others = sum(label != best for label in sure)
        if others >= max(1, SPLIT * len(sure)):
            unsure = Unsure.SPLIT
    return Judgement(best, shares, unsure)


def details_of(outcome: ToolOutcome) -> Mapping[str, Any]:
    """What is not in the words of a result, for the history."""
    return {"complete": outcome.complete, "seconds": round(outcome.seconds, 2)}


_GO_ON = {
    "en": "{instruction}\n\nThis is what came of the text so far:\n{before}\n\nImprove it and add"
    " to it what the next piece of the text says.",
    "zh_CN": "{instruction}\n\n目前的结果：\n{before}\n\n请用文字的下一部分补充和改进它。",
}


def _refined(instruction: str, before: str, language: str) -> str:
    words = _GO_ON[language]
    return words.replace("{instruction}", instruction).replace("{before}", before)


def _model_key(model: InstalledModel, options: LoadOptions) -> str:
    """Another one for another file, or another way of loading it."""
    try:
        found = Path(model.path).stat()
        state = (found.st_size, found.st_mtime_ns)
    except OSError:
        state = (0, 0)
    return repr((model.path, state, options.template, options.context_length))
