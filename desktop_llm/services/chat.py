"""Chat: a question goes in, a reply streams out, and nothing of either is lost.

A disk that fails meanwhile costs nothing that was shown: the reply goes on in memory, is given to
the caller with the fault, stays part of its conversation, and is stored when that works again.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from desktop_llm.core.attachments import Attachment, Take
from desktop_llm.core.context import Care, Policy
from desktop_llm.core.conversations import Conversation, SearchHit, StoredMessage, state_name
from desktop_llm.core.details import ReplyDetails
from desktop_llm.core.documents import Document
from desktop_llm.core.engine import RenderedPrompt
from desktop_llm.core.errors import EnvironmentFault, FaultCode, ProgramFault
from desktop_llm.core.messages import Made, MessageState, Role
from desktop_llm.core.outlook import Outlook
from desktop_llm.core.presets import NOTHING_SET, Parameters
from desktop_llm.core.replies import ReplyTask
from desktop_llm.core.settings import Settings
from desktop_llm.core.text import clean_text
from desktop_llm.engine.client import CancelledError, EngineClient
from desktop_llm.services.contexts import Contexts, Manner
from desktop_llm.services.correction_files import CorrectionFiles
from desktop_llm.services.digests import Digests
from desktop_llm.services.documents import DocumentReader
from desktop_llm.services.file_hashes import FileHashes
from desktop_llm.services.kept_replies import KeptReplies
from desktop_llm.services.models import ModelService
from desktop_llm.services.prompts import Prompts
from desktop_llm.services.reply import Ask, Means, ReplyJob
from desktop_llm.services.titles import Titles
from desktop_llm.storage.attachments import Attachments
from desktop_llm.storage.bin import Bin
from desktop_llm.storage.conversations import Conversations
from desktop_llm.storage.corrections import Corrections
from desktop_llm.storage.database import Database
from desktop_llm.storage.kv_files import KvFiles
from desktop_llm.storage.organiser import Organiser
from desktop_llm.storage.presets import Presets
from desktop_llm.storage.records import Records
from desktop_llm.storage.tree import Tree

if TYPE_CHECKING:
    from desktop_llm.services.exports import Exports
    from desktop_llm.services.imports import Imports

LONGEST_TOKENS = 4.5  # bytes, on average, of text that a model knows well
WHOLE_SHARE = 0.5  # of the context that a document may take without a question


class ChatService:
    """Every method but those that return a task blocks on the database."""

    def __init__(
        self,
        database: Database,
        models: ModelService,
        engine: EngineClient,
        settings: Callable[[], Settings],
        titles: Titles | None = None,
        kv_files: KvFiles | None = None,
        beside: "ChatService | None" = None,
    ) -> None:
        """`titles`: that make way for whatever is asked here. `kv_files`: states that go with their
        conversations. `beside`: whose presets, prompts and known files serve here too, where
        nothing is stored.
        """
        self.private = beside is not None
        self._titles = titles
        self._kv_files = kv_files
        self.tree = Tree(database, self._forget_state)
        self.bin = Bin(database, self._forget_state)
        self.organiser = Organiser(database)
        self.presets: Presets = Presets(database) if beside is None else beside.presets
        self.prompts = Prompts(settings)
        self.attachments = Attachments(database)
        self.documents = DocumentReader()
        self._database = database
        self._store = store = Conversations(database)
        self._kept = KeptReplies(store)
        self.corrections = Corrections(database)
        self.correction_files = CorrectionFiles(store, self.tree, self.prompts, self.corrections)
        digests = Digests(self.attachments)
        self.records = Records(database)
        self.hashes: FileHashes = (
            FileHashes(self.records, lambda: bool(self._replies))
            if beside is None
            else beside.hashes
        )
        self._contexts = Contexts(store, self.prompts, engine, digests)
        self._means = Means(
            store, self.tree, self._kept, models, engine, self.prompts, self._contexts,
            self.attachments, digests, self.records, self.hashes, settings,
        )  # fmt: skip
        self._lock = threading.Lock()
        self._replies: set[ReplyJob] = set()  # that are being written

    @cached_property
    def exports(self) -> "Exports":
        """Imported when it is first used, as `imports` are: most days nobody does."""
        from desktop_llm.services.exports import Exports
        from desktop_llm.storage.exchange import Exchange

        return Exports(Exchange(self._database))

    @cached_property
    def imports(self) -> "Imports":
        from desktop_llm.services.imports import Imports
        from desktop_llm.storage.exchange import Exchange

        return Imports(Exchange(self._database))

    # --- replies -------------------------------------------------------------------------------

    def send(
        self,
        conversation: int | None,
        text: str,
        parent: int | None,
        model: str = "",
        edits: int | None = None,
        new: Conversation | None = None,
        parameters: Parameters | None = None,
        attached: Sequence[int] = (),
    ) -> ReplyTask:
        """Ask `text` after message `parent`; None: in a new conversation, with the model and
        parameters of `new`. `model` and `parameters`: other than those that are stored with it.
        `edits`: the question that this one is another version of. `attached`: what goes with it of
        the draft's attachments. The task ends with the finished reply.

        It fails where the question could not be kept, or is too long and stands in the draft again;
        any other fault of the model is the state and reason of the reply.
        """
        text = clean_text(text)
        if not text.strip():
            raise EnvironmentFault(FaultCode.INPUT_EMPTY)
        return self._start(
            conversation,
            lambda name: self._store.ask(conversation, text, parent, name, edits, new, attached),
            model,
            parameters,
            new_question=True,
        )

    def retry(
        self, message: StoredMessage, model: str = "", parameters: Parameters | None = None
    ) -> ReplyTask:
        """Make another reply to the same question, or one to this question, as a new branch."""
        question = message.id if message.role is Role.USER else message.parent
        return self._start(
            message.conversation,
            lambda name: self._begin(question, name, None),
            model,
            parameters,
        )

    def go_on(
        self, reply: StoredMessage, model: str = "", parameters: Parameters | None = None
    ) -> ReplyTask:
        """Go on where a reply ended, in another version of it."""
        return self._start(
            reply.conversation,
            lambda name: self._begin(reply.parent, name, reply),
            model,
            parameters,
        )

    def replay(self, reply: StoredMessage, details: ReplyDetails) -> ReplyTask:
        """Make a reply again as it was made, in reproducible mode, as another version of it; the
        details of that name the reply.
        """
        parameters = replace(details.parameters, reproducible=True)
        return self._start(
            reply.conversation,
            lambda name: self._begin_like(reply, name),
            reply.model,
            parameters,
            replays=reply.id,
        )

    def _begin_like(self, reply: StoredMessage, model: str) -> tuple[StoredMessage, StoredMessage]:
        if reply.parent is None:
            raise ProgramFault(FaultCode.BUG, detail="a reply without a question")
        begun = ""
        if reply.made is Made.CONTINUED and reply.origin is not None:
            begun = self._store.message(reply.origin).text
        question = self._store.message(reply.parent)
        again = self._store.add(
            question.conversation,
            Role.ASSISTANT,
            begun,
            parent=reply.parent,
            state=MessageState.STREAMING,
            model=model,
            origin=reply.id,
            made=Made.REPLAYED,
        )
        return question, again

    def _begin(
        self, parent: int | None, model: str, begun: StoredMessage | None
    ) -> tuple[StoredMessage, StoredMessage]:
        if parent is None:
            raise ProgramFault(FaultCode.BUG, detail="a reply without a question")
        question = self._store.message(parent)
        reply = self._store.add(
            question.conversation,
            Role.ASSISTANT,
            begun.text if begun else "",
            parent=parent,
            state=MessageState.STREAMING,
            model=model,
            origin=begun.id if begun else None,
            made=Made.CONTINUED if begun else Made.ANEW,
        )
        return question, reply

    def _start(
        self,
        conversation: int | None,
        ask: Ask,
        model: str,
        parameters: Parameters | None,
        new_question: bool = False,
        replays: int | None = None,
    ) -> ReplyTask:
        job = ReplyJob(
            self._means, conversation, ask, model, parameters, new_question, self._ended, replays
        )
        with self._lock:
            if conversation is not None and any(
                other.conversation == conversation for other in self._replies
            ):
                raise ProgramFault(FaultCode.BUG, detail="a reply is already being written")
            self._replies.add(job)
        if self._titles is not None:
            self._titles.pause()
        job.thread.start()
        return job.task

    def _ended(self, job: ReplyJob) -> None:
        with self._lock:
            self._replies.discard(job)
        if self._titles is not None:
            self._titles.go_on(job.conversation)

    def outlook(
        self,
        conversation: int | None,
        draft: str,
        model: str = "",
        new: Parameters = NOTHING_SET,
        after: int | None = None,
        like: int | None = None,
    ) -> Outlook | None:
        """What sending `draft` now would send; `new`: for a new conversation; `after`: not below
        what is shown but below that message, 0: as the first; `like`: with what is attached to that
        message, not with what stands with the draft. Blocks, and loads the
        model where that is not the one loaded; None where that was stopped, or for a file that
        crashed when it was loaded last.
        """
        with self._titles_paused():
            if not self._ensure_loaded(conversation, model):
                return None
            branch, manner = self._asked_with(conversation, new)
            if after is not None:
                branch = self._kept.within(self.tree.path(after)) if after else []
            attached: Sequence[Attachment] = (
                self.attachments.of_draft(conversation)
                if like is None
                else self._store.message(like).attachments
            )
            return self._contexts.outlook(branch, draft, manner, attached)

    def rendered(
        self,
        conversation: int | None,
        draft: str,
        model: str = "",
        new: Parameters = NOTHING_SET,
    ) -> RenderedPrompt | None:
        """The prompt that sending `draft` now would make, to the letter. As `outlook` else."""
        with self._titles_paused():
            if not self._ensure_loaded(conversation, model):
                return None
            branch, manner = self._asked_with(conversation, new)
            attached = self.attachments.of_draft(conversation)
            prompt = self._contexts.prompt_of(branch, draft, manner, attached)
            return self._means.engine.render_prompt(prompt).result()

    def _asked_with(
        self, conversation: int | None, new: Parameters
    ) -> tuple[list[StoredMessage], Manner]:
        if conversation is None:
            return [], Manner(parameters=new)
        like = self._store.get(conversation)
        return self._branch(conversation), Manner(like.policy, like.parameters)

    @contextmanager
    def _titles_paused(self) -> Iterator[None]:
        if self._titles is None:
            yield
            return
        self._titles.pause()
        try:
            yield
        finally:
            self._titles.go_on()

    def _ensure_loaded(self, conversation: int | None, model: str) -> bool:
        means = self._means
        models = means.models
        chosen = "" if conversation is None else self._store.get(conversation).model
        wanted = models.find(chosen or model or means.settings().model)
        options = means.options(wanted)
        if models.is_loaded(wanted, options):
            return True
        if models.suspect() == wanted.path:
            return False
        with suppress(CancelledError):  # by the reply that joined in
            models.load(wanted, options, means.idle_seconds()).result()
        return models.is_loaded(wanted, options)

    def _forget_state(self, conversation: int) -> None:
        """Of the model's reading of it: first in the engine, which could write it anew."""
        engine, files = self._means.engine, self._kv_files

        def remove(_error: object = None) -> None:
            if files is not None:
                files.remove(conversation)

        remove()
        if engine.worker_pid is not None:  # which may be about to write it, e.g. to unload
            engine.forget_state(state_name(conversation)).on_end(remove)

    # --- conversations -------------------------------------------------------------------------

    def conversations(self) -> list[Conversation]:
        return self._store.all()

    def open(
        self, conversation: int, message: int | None = None
    ) -> tuple[Conversation, list[StoredMessage]]:
        """A conversation and the branch of it that is shown; from now on one with `message`, where
        that is still there.
        """
        branch = self._branch(conversation)
        if message is not None and all(shown.id != message for shown in branch):
            with suppress(KeyError):
                self.tree.show_version(message)
            branch = self._branch(conversation)
        return self._store.get(conversation), branch

    def message(self, message: int) -> StoredMessage:
        """Raises KeyError."""
        return self._kept.within([self._store.message(message)])[0]

    def search(self, query: str) -> list[SearchHit]:
        return self._store.search(query)

    def rename(self, conversation: int, title: str) -> None:
        self._store.rename(conversation, title)

    def choose_model(self, conversation: int, model: str) -> None:
        self._store.choose_model(conversation, model)

    def choose_policy(self, conversation: int, policy: Policy) -> None:
        """For when it has become too long for the model."""
        self._store.choose_policy(conversation, policy)

    def set_parameters(self, conversation: int, parameters: Parameters) -> None:
        self._store.set_parameters(conversation, parameters)

    def take_care(self, message: int, care: Care) -> None:
        """Whether the model is always, or never, to see a message."""
        self._store.take_care(message, care)

    def edit_reply(self, reply: StoredMessage, text: str) -> StoredMessage:
        """Another version of a reply, in the person's words; it is shown."""
        return self._store.add(
            reply.conversation,
            reply.role,
            text,
            parent=reply.parent,
            model=reply.model,
            origin=reply.id,
            made=Made.EDITED,
        )

    def attach(self, conversation: int | None, document: Document) -> Attachment:
        """To a draft: whole, or an excerpt where it is too long for that. Blocks."""
        context = self.context_length
        least = len(document.text.encode()) / LONGEST_TOKENS
        take = Take.WHOLE if least <= WHOLE_SHARE * context else Take.EXCERPT
        return self.attachments.add(conversation, document, take)

    @property
    def context_length(self) -> int:
        """Of the model that is loaded, else that is set."""
        loaded = self._means.engine.model
        return loaded.context_length if loaded else self._means.options().context_length

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
        self._kept.store_again()

    def close(self) -> None:
        """Stop every reply and wait until its text is on disk. The engine must be closed first."""
        self.documents.close()
        if not self.private:
            self.hashes.close()
        with self._lock:
            replies = list(self._replies)
        for job in replies:
            job.task.cancel()
        for job in replies:
            job.thread.join()
        with suppress(EnvironmentFault):  # was said when it failed first
            self.store_again()

    def _branch(self, conversation: int) -> list[StoredMessage]:
        """The branch that is shown; an ended reply that could not be stored stands in it."""
        return self._kept.within(self._store.branch(conversation))
