"""One reply on its way: asked for, loaded for, generated, flushed, ended, kept.

The question is committed before the model hears of it. While the reply streams, what there is of it
is written at least every `FLUSH_SECONDS`. However the reply ends, the message says how.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from desktop_llm import __version__
from desktop_llm.core.attachments import Attachment, Take
from desktop_llm.core.context import Care
from desktop_llm.core.conversations import Conversation, StoredMessage, is_private, state_name
from desktop_llm.core.details import ReplyDetails, sha256_of
from desktop_llm.core.engine import (
    Finished,
    LoadProgress,
    PromptProgress,
    TextDelta,
    TokenCount,
)
from desktop_llm.core.errors import DesktopLlmError, EnvironmentFault, FaultCode, ProgramFault
from desktop_llm.core.generation import FinishReason, GenerationStats
from desktop_llm.core.messages import THINKS, THOUGHT, Message, MessageState
from desktop_llm.core.models import InstalledModel, LoadOptions
from desktop_llm.core.presets import Parameters
from desktop_llm.core.replies import Answered, Asked, ReplyTask, Summarising
from desktop_llm.core.scores import TokenScore, fitting
from desktop_llm.core.settings import Settings
from desktop_llm.core.tasks import Task
from desktop_llm.core.text import clean_text
from desktop_llm.engine.client import CancelledError, EngineClient
from desktop_llm.services import summaries
from desktop_llm.services.contexts import Contexts, Manner, Prepared, ToSummarise
from desktop_llm.services.digests import Count, Digests, bytes_per_token, excerpt_tokens
from desktop_llm.services.engine_work import EngineWork
from desktop_llm.services.file_hashes import FileHashes, state_of
from desktop_llm.services.kept_replies import KeptReplies
from desktop_llm.services.models import ModelService, load_options
from desktop_llm.services.prompts import Prompts
from desktop_llm.storage.attachments import Attachments
from desktop_llm.storage.conversations import Conversations
from desktop_llm.storage.records import Records
from desktop_llm.storage.tree import Tree

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 0.25  # half of what a crash may cost: a busy machine is late

TOO_LONG = (FaultCode.PROMPT_TOO_LONG, FaultCode.CONTEXT_OVERFLOW, FaultCode.REQUEST_TOO_LARGE)
NO_SUMMARY = "(none)"  # the model had nothing to say: it is not asked again

# Puts a question and an empty reply, or one that is begun, on disk; gets the model's name.
Ask = Callable[[str], tuple[StoredMessage, StoredMessage]]


@dataclass(frozen=True, slots=True)
class Means:
    """What every reply is made with."""

    store: Conversations
    tree: Tree
    kept: KeptReplies
    models: ModelService
    engine: EngineClient
    prompts: Prompts
    contexts: Contexts
    attachments: Attachments
    digests: Digests
    records: Records
    hashes: FileHashes
    settings: Callable[[], Settings]

    def options(self, model: InstalledModel | None = None) -> LoadOptions:
        """As the settings have them, and those of the model before them."""
        options = load_options(self.settings())
        return options if model is None else model.settings.applied_to(options)

    def idle_seconds(self) -> int:
        return self.settings().idle_unload_minutes * 60


class Thinking:
    """How long a model thinks aloud, as it writes it."""

    def __init__(self) -> None:
        self._begun = 0.0
        self._text: str | None = ""  # until that is known; its last letters while it thinks
        self.seconds = 0.0

    def hear(self, text: str) -> None:
        if self._text is None:
            return
        now = time.monotonic()
        if not self._begun:
            self._text += text
            start = self._text.lstrip()
            if start.startswith(THINKS):
                self._begun = now
            elif start and not THINKS.startswith(start):
                self._text = None
                return
        else:
            self._text = self._text[-len(THOUGHT) :] + text
        if self._begun and THOUGHT in self._text:
            self.seconds = max(0.001, now - self._begun)  # 0 is none
            self._text = None


class ReplyJob:
    """On a thread of its own."""

    def __init__(
        self,
        means: Means,
        conversation: int | None,
        ask: Ask,
        model: str,
        parameters: Parameters | None,
        new_question: bool,
        on_end: Callable[["ReplyJob"], object],
        replays: int | None = None,
    ) -> None:
        """`model`: empty for that of the conversation; `parameters`: None for its own.
        `new_question`: it is taken back where it is too long. `replays`: the reply that this one is
        to be the same as.
        """
        self._means = means
        self._model = model
        self._parameters = parameters
        self._new_question = new_question
        self._on_end = on_end
        self._ask = ask
        self._work = EngineWork(means.engine, means.models)
        self._like: Conversation  # as it was when the reply was begun
        self._unseen = 0  # messages that the model does not see
        self._replays = replays
        self._details: ReplyDetails | None = None  # once the model is asked
        self._scores: list[TokenScore] = []
        self.conversation = conversation  # None: a new one, until the question is kept
        self.task: ReplyTask = Task(on_cancel=self._work.cancel)
        self.thread = threading.Thread(target=self._run, name="chat-reply", daemon=True)

    def _run(self) -> None:
        try:
            answer = self._answer()
        except DesktopLlmError as fault:
            self._on_end(self)
            self.task.fail(fault)
        except Exception as error:
            logger.exception("a reply could not be kept")
            self._on_end(self)
            self.task.fail(ProgramFault(FaultCode.BUG, detail=f"{type(error).__name__}: {error}"))
        else:
            self._on_end(self)
            self.task.finish(answer)

    def _answer(self) -> Answered:
        means, store = self._means, self._means.store
        chosen = self._model
        if not chosen and self.conversation is not None:
            chosen = store.get(self.conversation).model
        wanted = chosen or means.settings().model
        name = wanted
        with suppress(EnvironmentFault):  # said below, when the question is safe
            name = means.models.find(wanted).name
        with suppress(EnvironmentFault):  # a question that cannot be stored either will say it
            means.kept.store_again()
        question, reply = self._ask(name)
        self.conversation = question.conversation
        self.task.post(Asked(question, reply))
        pieces = [reply.text] if reply.text else []
        state, finish = MessageState.COMPLETE, ""
        stats: GenerationStats | None = None
        fault: DesktopLlmError | None = None
        notice: DesktopLlmError | None = None
        try:
            self._load(wanted)
            finished = self._generate(question, reply, pieces)
            stats, finish = finished.stats, finished.reason.value
            if finished.reason is FinishReason.CANCELLED:
                state = MessageState.STOPPED
            if finished.template_fault:
                notice = EnvironmentFault(FaultCode.TEMPLATE_FAILED, reason=finished.template_fault)
        except CancelledError:
            state = MessageState.STOPPED
        except DesktopLlmError as error:
            if error.code in TOO_LONG and not "".join(pieces[1:]):
                if self._new_question:
                    store.take_back(question.id, reply.id)  # a draft again: it can be shortened
                else:
                    store.withdraw(reply.id)
                raise
            state, fault = MessageState.INTERRUPTED, error
            logger.info("a reply ended early: %s", error.code.value)
        ended = replace(
            reply,
            text=clean_text("".join(pieces)),
            state=state,
            reason="" if fault is None else fault.code.value,
            finish=finish,
            stats=stats,
            unseen=self._unseen,
        )
        answered = Answered(ended, fault, notice, self._finish(ended))
        if self._details is not None and stats is not None:
            self._record(self._details, ended, "".join(pieces), reply.text, notice is not None)
        if stats is not None and not is_private(ended.conversation):
            means.models.note_reply(stats)
        return answered

    def _record(
        self, details: ReplyDetails, ended: StoredMessage, text: str, begun: str, fallback: bool
    ) -> None:
        """What it was made with. A disk that does not take it costs no reply."""
        assert ended.stats is not None
        parameters = replace(details.parameters, seed=ended.stats.seed)
        template = "" if fallback else details.template_sha256
        details = replace(details, parameters=parameters, template_sha256=template)
        exact = ended.text == text  # else characters were taken out, and the scores do not fit
        scores = fitting(self._scores, len(text) - len(begun)) if exact else ()
        try:
            self._means.records.keep(ended.id, details, scores)
        except EnvironmentFault as fault:
            logger.info("what a reply was made with is not stored: %s", fault.code.value)
        self._means.hashes.want(details.file)

    def _finish(self, ended: StoredMessage) -> DesktopLlmError | None:
        """Store the end, at the second attempt if need be. Returns why it is not stored."""
        try:
            try:
                self._means.kept.keep(ended)
            except EnvironmentFault as fault:
                logger.info("a reply is stored at the second attempt: %s", fault.code.value)
                time.sleep(FLUSH_SECONDS)
                self._means.kept.keep(ended)
        except DesktopLlmError as fault:
            logger.info("a reply could not be stored: %s", fault.code.value)
            return fault
        except Exception as error:
            logger.exception("a reply could not be stored")
            return ProgramFault(FaultCode.BUG, detail=f"{type(error).__name__}: {error}")
        return None

    def _load(self, wanted: str) -> None:
        """Load the model wanted unless it is the one loaded."""
        means = self._means
        model = means.models.find(wanted)
        self._work.load(model, means.options(model), means.idle_seconds(), self.task.post)

    def _generate(
        self, question: StoredMessage, reply: StoredMessage, pieces: list[str]
    ) -> Finished:
        means = self._means
        self._like = means.store.get(question.conversation)
        if self._parameters is not None:  # newer than what is stored
            self._like = replace(self._like, parameters=self._parameters)
        prepared = self._prepare(question, reply)
        self._unseen = prepared.unseen
        state = state_name(question.conversation)
        request = means.prompts.request(
            prepared.messages,
            self._like.parameters,
            state,
            continues=bool(reply.text),
            scores=means.settings().note_confidence,
        )
        self._details = self._describe(prepared.messages)
        begun = time.monotonic()
        first = 0.0  # seconds until there was text
        news = threading.Event()
        task = self._work.watch(means.engine.generate(request))
        task.set_wake(news.set)
        flushed = time.monotonic()
        unsaved, thinking = False, Thinking()
        while True:
            news.wait(FLUSH_SECONDS if unsaved else None)
            news.clear()
            done = task.done
            for event in task.take_events():
                if isinstance(event, TextDelta):
                    first = first or max(0.001, time.monotonic() - begun)
                    self._scores += event.scores
                    pieces.append(event.text)
                    thinking.hear(event.text)
                    unsaved = True
                if isinstance(event, TextDelta):
                    self.task.post(TextDelta(event.text, event.tokens))
                elif isinstance(event, PromptProgress | LoadProgress):
                    self.task.post(event)
            if done:
                finished: Finished = task.result()
                stats = replace(
                    finished.stats, thinking_seconds=thinking.seconds, first_token_seconds=first
                )
                return replace(finished, stats=stats)
            if unsaved and time.monotonic() - flushed >= FLUSH_SECONDS:
                unsaved = not self._flush(reply.id, "".join(pieces))
                flushed = time.monotonic()

    def _describe(self, messages: tuple[Message, ...]) -> ReplyDetails | None:
        """What the reply is about to be made with; None where the file is gone meanwhile."""
        means = self._means
        loaded, own = means.engine.model, self._like.parameters
        if loaded is None:
            return None
        try:
            file = state_of(Path(loaded.path))
        except OSError:
            return None
        system = own.system_prompt
        given = means.settings().system_prompt if system is None else system
        return ReplyDetails(
            file=file,
            template_sha256=loaded.template_sha256 if loaded.has_template else "",
            parameters=replace(own, system_prompt=given),
            prompt_sha256=sha256_of(messages),
            context_length=loaded.context_length,
            program=__version__,
            runtime=loaded.runtime,
            replays=self._replays,
        )

    def _prepare(self, question: StoredMessage, reply: StoredMessage) -> Prepared:
        """The prompt, with a summary of what does not fit into it where that is wanted. Raises
        EnvironmentFault where it does not fit and nothing may be dropped.
        """
        means = self._means
        loaded = means.engine.model
        context = loaded.context_length if loaded else means.options().context_length
        manner = Manner(self._like.policy, self._like.parameters)
        path = means.kept.within(means.tree.path(question.id))

        def count(messages: tuple[Message, ...]) -> TokenCount:
            counted: TokenCount = self._work.watch(means.engine.count_tokens(messages)).result()
            self._work.check()
            return counted

        if self._digest(path, context, count):
            path = means.kept.within(means.tree.path(question.id))
        prepared = means.contexts.prepare(path, manner, context, reply.text, count)
        if prepared.to_summarise is not None:
            self._summarise(prepared.to_summarise, reply.model, context)
            prepared = means.contexts.prepare(path, manner, context, reply.text, count)
        if prepared.overflows:
            code = FaultCode.PROMPT_TOO_LONG if prepared.hopeless else FaultCode.CONTEXT_OVERFLOW
            raise EnvironmentFault(code, tokens=prepared.tokens, context=context)
        return prepared

    def _digest(self, path: Sequence[StoredMessage], context: int, count: Count) -> bool:
        """Make what the model gets of documents that it does not get whole, and keep it: later
        questions go on from the same words. Returns whether there was something to make.
        """
        means, made = self._means, False
        for message in path:
            tokens = excerpt_tokens(message.attachments, context)
            for attachment in message.attachments:
                if attachment.said is not None or message.care is Care.EXCLUDED:
                    continue
                if attachment.take is Take.EXCERPT:
                    said = means.digests.excerpt(attachment, message.text, tokens, count)
                else:
                    said = self._summary_of(attachment, context, count)
                means.attachments.keep_said(attachment.id, said)
                made = True
        return made

    def _summary_of(self, attachment: Attachment, context: int, count: Count) -> str:
        whole, summary = self._means.attachments.whole(attachment.id), ""
        pieces = summaries.document_pieces(whole, context, bytes_per_token(whole, count))
        for step, text in enumerate(pieces, 1):
            self.task.post(Summarising(document=attachment.name, step=step, of=len(pieces)))
            summary = self._work.say(summaries.document_request(summary, text)) or summary
        return summary or NO_SUMMARY

    def _summarise(self, wanted: ToSummarise, model: str, context: int) -> None:
        """Each part of it in one request, which goes on where the one before ended."""
        self.task.post(Summarising(len(wanted.messages)))
        summary = wanted.previous
        for text in summaries.pieces(wanted.messages, context):
            summary = self._work.say(summaries.request(summary, text)) or summary
        self._means.store.save_summary(wanted.before, summary or NO_SUMMARY, model)

    def _flush(self, reply: int, text: str) -> bool:
        """A disk that fails now may work again before the reply ends; its end will tell."""
        try:
            self._means.store.flush(reply, text)
        except EnvironmentFault as fault:
            logger.info("a partial reply could not be stored: %s", fault.code.value)
            return False
        return True
