"""Chat: a question goes in, a reply streams out, and nothing of either is lost.

The question is committed before the model hears of it. While the reply streams, what there is of it
is written at least every `FLUSH_SECONDS`. However the reply ends, the message says how.

A disk that fails meanwhile costs nothing that was shown: the reply goes on in memory, is given to
the caller with the fault, stays part of its conversation, and is stored when that works again.
"""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from desktop_llm.core.conversations import Conversation, SearchHit, StoredMessage
from desktop_llm.core.engine import (
    Event,
    Finished,
    LoadProgress,
    PromptProgress,
    TextDelta,
    TokenCount,
)
from desktop_llm.core.errors import DesktopLlmError, EnvironmentFault, FaultCode, ProgramFault
from desktop_llm.core.generation import (
    FinishReason,
    GenerationRequest,
    GenerationStats,
    Sampling,
)
from desktop_llm.core.messages import Message, MessageState, Role
from desktop_llm.core.models import LoadedModel, LoadOptions
from desktop_llm.core.replies import Answered, Asked, ReplyTask
from desktop_llm.core.settings import Settings
from desktop_llm.core.tasks import Task
from desktop_llm.core.text import clean_text
from desktop_llm.engine.client import CancelledError, EngineClient
from desktop_llm.services.models import ModelService
from desktop_llm.storage.conversations import Conversations

logger = logging.getLogger(__name__)

REPEAT_PENALTY = 1.1
FLUSH_SECONDS = 0.25  # half of what a crash may cost: a busy machine is late


class ChatService:
    """Every method but `send` and `retry` blocks on the database."""

    def __init__(
        self,
        conversations: Conversations,
        models: ModelService,
        engine: EngineClient,
        settings: Callable[[], Settings],
    ) -> None:
        self._store = conversations
        self._models = models
        self._engine = engine
        self._settings = settings
        self._lock = threading.Lock()
        self._replies: set[_Reply] = set()  # that are being written
        self._unstored: dict[int, StoredMessage] = {}  # ended replies that are not on disk

    def send(
        self, conversation: int | None, text: str, parent: int | None, model: str = ""
    ) -> ReplyTask:
        """Ask `text` after message `parent`; None: in a new conversation. `model`: other than the
        one that is stored with it. The task ends with the finished reply.

        It fails where the question could not be kept, or is too long and stands in the draft again;
        any other fault of the model is the state and reason of the reply.
        """
        text = clean_text(text)
        if not text.strip():
            raise EnvironmentFault(FaultCode.INPUT_EMPTY)
        return self._start(
            conversation,
            lambda name: self._store.ask(conversation, text, parent, name),
            model,
            new_question=True,
        )

    def retry(self, reply: StoredMessage, model: str = "") -> ReplyTask:
        """Make another reply to the same question, as a new branch."""

        def again(name: str) -> tuple[StoredMessage, StoredMessage]:
            assert reply.parent is not None
            question = self._store.message(reply.parent)
            fresh = self._store.add(
                reply.conversation,
                Role.ASSISTANT,
                "",
                parent=question.id,
                state=MessageState.STREAMING,
                model=name,
            )
            return question, fresh

        return self._start(reply.conversation, again, model)

    def measure(self, conversation: int | None, text: str, model: str = "") -> TokenCount | None:
        """Tokens of the prompt that sending `text` would make. Blocks, and loads the model where
        that is not the one loaded; None where that was stopped, or for a file that crashed when it
        was loaded last.
        """
        chosen = "" if conversation is None else self._store.get(conversation).model
        wanted = self._models.find(chosen or model or self._settings().model)
        if not self._models.is_loaded(wanted, self._options()):
            if self._models.suspect() == wanted.path:
                return None
            with suppress(CancelledError):  # by the reply that joined in
                self._models.load(wanted, self._options(), self._idle_seconds()).result()
            if not self._models.is_loaded(wanted, self._options()):
                return None
        branch = [] if conversation is None else self._branch(conversation)
        return self._engine.count_tokens(self._prompt(branch, Message(Role.USER, text))).result()

    def conversations(self) -> list[Conversation]:
        return self._store.all()

    def open(self, conversation: int) -> tuple[Conversation, list[StoredMessage]]:
        """A conversation and the branch of it that is shown."""
        return self._store.get(conversation), self._branch(conversation)

    def search(self, query: str) -> list[SearchHit]:
        return self._store.search(query)

    def rename(self, conversation: int, title: str) -> None:
        self._store.rename(conversation, title)

    def choose_model(self, conversation: int, model: str) -> None:
        self._store.choose_model(conversation, model)

    def delete(self, conversation: int) -> None:
        """Put aside; `restore` brings it back until it is purged."""
        self._store.delete(conversation)

    def restore(self, conversation: int) -> None:
        self._store.restore(conversation)

    def restore_last(self) -> int | None:
        """The conversation that was deleted last, which is there again; None: there is none."""
        conversation = self._store.last_deleted()
        if conversation is not None:
            self._store.restore(conversation)
        return conversation

    def show_branch(self, conversation: int, leaf: int) -> None:
        """From now on the branch that ends with this message is shown."""
        self._store.show_branch(conversation, leaf)

    def save_draft(self, conversation: int | None, text: str) -> None:
        """None: what is written before there is a conversation for it."""
        self._store.save_draft(conversation, text)

    def add_to_draft(self, conversation: int, text: str) -> None:
        """After what stands there."""
        self._store.add_to_draft(conversation, text)

    def new_draft(self) -> str:
        return self._store.new_draft()

    def store_again(self) -> None:
        """Write the replies that could not be written. Raises EnvironmentFault."""
        with self._lock:
            unstored = list(self._unstored.values())
        for reply in unstored:
            self._finish(reply)

    def close(self) -> None:
        """Stop every reply and wait until its text is on disk. The engine must be closed first."""
        with self._lock:
            replies = list(self._replies)
        for reply in replies:
            reply.task.cancel()
        for reply in replies:
            reply.thread.join()
        with suppress(EnvironmentFault):  # was said when it failed first
            self.store_again()

    # --- inside --------------------------------------------------------------------------------

    def _start(
        self,
        conversation: int | None,
        ask: Callable[[str], tuple[StoredMessage, StoredMessage]],
        model: str,
        new_question: bool = False,
    ) -> ReplyTask:
        reply = _Reply(self, conversation, ask, model, new_question)
        with self._lock:
            if conversation is not None and any(
                other.conversation == conversation for other in self._replies
            ):
                raise ProgramFault(FaultCode.BUG, detail="a reply is already being written")
            self._replies.add(reply)
        reply.thread.start()
        return reply.task

    def _ended(self, reply: "_Reply") -> None:
        with self._lock:
            self._replies.discard(reply)

    def _options(self) -> LoadOptions:
        settings = self._settings()
        return LoadOptions(context_length=settings.context_length, threads=settings.threads or None)

    def _idle_seconds(self) -> int:
        return self._settings().idle_unload_minutes * 60

    def _branch(self, conversation: int) -> list[StoredMessage]:
        """The branch that is shown; an ended reply that could not be stored stands in it."""
        with self._lock:
            unstored = dict(self._unstored)
        branch = self._store.branch(conversation)
        return [unstored.get(message.id, message) for message in branch]

    def _finish(self, reply: StoredMessage) -> None:
        """Store how a reply ended. Raises EnvironmentFault and holds it then."""
        with self._lock:
            self._unstored[reply.id] = reply
        self._store.finish(
            reply.id,
            reply.text,
            reply.state,
            reason=reply.reason,
            finish=reply.finish,
            stats=reply.stats,
        )
        with self._lock:
            self._unstored.pop(reply.id, None)

    def request(self, prompt: tuple[Message, ...]) -> GenerationRequest:
        """How a reply is made: small models would repeat themselves without end."""
        return GenerationRequest(messages=prompt, sampling=Sampling(repeat_penalty=REPEAT_PENALTY))

    def _prompt(self, branch: list[StoredMessage], *more: Message) -> tuple[Message, ...]:
        system = self._settings().system_prompt.strip()
        head = (Message(Role.SYSTEM, system),) if system else ()
        said = tuple(
            stored.message
            for stored in branch
            if stored.text and stored.state is not MessageState.STREAMING
        )
        return (*head, *said, *more)


class _Reply:
    """One reply, on a thread of its own."""

    def __init__(
        self,
        service: ChatService,
        conversation: int | None,
        ask: Callable[[str], tuple[StoredMessage, StoredMessage]],
        model: str,
        new_question: bool,
    ) -> None:
        self._model = model
        self._new_question = new_question
        self._service = service
        self._ask = ask
        self._lock = threading.Lock()
        self._engine_task: Task[Event, Any] | None = None
        self.conversation = conversation  # None: a new one, until the question is kept
        self.task: ReplyTask = Task(on_cancel=self._cancel)
        self.thread = threading.Thread(target=self._run, name="chat-reply", daemon=True)

    def _run(self) -> None:
        try:
            answer = self._answer()
        except DesktopLlmError as fault:
            self._service._ended(self)
            self.task.fail(fault)
        except Exception as error:
            logger.exception("a reply could not be kept")
            self._service._ended(self)
            self.task.fail(ProgramFault(FaultCode.BUG, detail=f"{type(error).__name__}: {error}"))
        else:
            self._service._ended(self)
            self.task.finish(answer)

    def _answer(self) -> Answered:
        store = self._service._store
        chosen = self._model
        if not chosen and self.conversation is not None:
            chosen = store.get(self.conversation).model
        wanted = chosen or self._service._settings().model
        name = wanted
        with suppress(EnvironmentFault):  # said below, when the question is safe
            name = self._service._models.find(wanted).name
        with suppress(EnvironmentFault):  # a question that cannot be stored either will say it
            self._service.store_again()
        question, reply = self._ask(name)
        self.conversation = question.conversation
        self.task.post(Asked(question, reply))
        pieces: list[str] = []
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
            too_long = error.code in (FaultCode.PROMPT_TOO_LONG, FaultCode.REQUEST_TOO_LARGE)
            if too_long and self._new_question:
                store.take_back(question.id, reply.id)  # a draft again: it can be shortened
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
        )
        return Answered(ended, fault, notice, self._finish(ended))

    def _finish(self, ended: StoredMessage) -> DesktopLlmError | None:
        """Store the end, at the second attempt if need be. Returns why it is not stored."""
        try:
            try:
                self._service._finish(ended)
            except EnvironmentFault as fault:
                logger.info("a reply is stored at the second attempt: %s", fault.code.value)
                time.sleep(FLUSH_SECONDS)
                self._service._finish(ended)
        except DesktopLlmError as fault:
            logger.info("a reply could not be stored: %s", fault.code.value)
            return fault
        except Exception as error:
            logger.exception("a reply could not be stored")
            return ProgramFault(FaultCode.BUG, detail=f"{type(error).__name__}: {error}")
        return None

    def _load(self, wanted: str) -> None:
        """Load the model wanted unless it is the one loaded."""
        service = self._service
        model, options = service._models.find(wanted), service._options()
        while not service._models.is_loaded(model, options):
            task: Task[Event, LoadedModel] = self._watch(
                service._models.load(model, options, service._idle_seconds())
            )
            for event in task.wait_events():
                if isinstance(event, LoadProgress):
                    self.task.post(event)
            try:
                task.result()
            except CancelledError:  # perhaps by another reply that waited for the same
                if self.task.cancelled:
                    raise
            else:
                return

    def _generate(
        self, question: StoredMessage, reply: StoredMessage, pieces: list[str]
    ) -> Finished:
        service = self._service
        branch = service._branch(question.conversation)
        prompt = service._prompt([stored for stored in branch if stored.id != reply.id])
        news = threading.Event()
        task = self._watch(service._engine.generate(service.request(prompt)))
        task.set_wake(news.set)
        flushed = time.monotonic()
        unsaved = False
        while True:
            news.wait(FLUSH_SECONDS if unsaved else None)
            news.clear()
            done = task.done
            for event in task.take_events():
                if isinstance(event, TextDelta):
                    pieces.append(event.text)
                    unsaved = True
                if isinstance(event, TextDelta | PromptProgress | LoadProgress):
                    self.task.post(event)
            if done:
                finished: Finished = task.result()
                return finished
            if unsaved and time.monotonic() - flushed >= FLUSH_SECONDS:
                unsaved = not self._flush(reply.id, "".join(pieces))
                flushed = time.monotonic()

    def _flush(self, reply: int, text: str) -> bool:
        """A disk that fails now may work again before the reply ends; its end will tell."""
        try:
            self._service._store.flush(reply, text)
        except EnvironmentFault as fault:
            logger.info("a partial reply could not be stored: %s", fault.code.value)
            return False
        return True

    def _watch(self, task: Task[Event, Any]) -> Task[Event, Any]:
        """From now on a cancel goes to this engine call."""
        with self._lock:
            self._engine_task = task
            cancelled = self.task.cancelled
        if cancelled:
            task.cancel()
        return task

    def _cancel(self) -> None:
        with self._lock:
            task = self._engine_task
        if task is not None:
            task.cancel()
