"""Replies that are being written, followed whatever the window shows.

The one place that takes a reply's events; pages show what this says. It outlives a page that is
built anew for another language.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from desktop_llm.core.conversations import Conversation, StoredMessage
from desktop_llm.core.details import ReplyDetails
from desktop_llm.core.engine import LoadProgress, PromptProgress, TextDelta
from desktop_llm.core.errors import DesktopLlmError
from desktop_llm.core.messages import Role
from desktop_llm.core.presets import Parameters
from desktop_llm.core.replies import Answered, Asked, ChatEvent, ReplyTask, Summarising
from desktop_llm.ui.bridge import Bridge

if TYPE_CHECKING:
    from desktop_llm.services.chat import ChatService


@dataclass(slots=True, eq=False)
class Live:
    """One of them."""

    task: ReplyTask
    conversation: int | None  # None: a new one, until the question is kept
    question: str = ""  # that it answers; empty for another reply to one that is kept
    replaces: int | None = None  # the message whose place is taken, by the question or the reply
    new: bool = False  # it begins a conversation
    asked: Asked | None = None  # the question is kept
    text: str = ""  # so far
    begun: bool = False  # something of it was made
    progress: LoadProgress | Summarising | PromptProgress | None = None
    drain: Callable[[], None] = lambda: None

    @property
    def reply(self) -> int | None:
        return None if self.asked is None else self.asked.reply.id

    @property
    def edits(self) -> int | None:
        """The question that this one is another version of."""
        return self.replaces if self.question else None


class Replies(QObject):
    """Signals carry the `Live` first."""

    begun = Signal(object)  # it was asked for
    asked = Signal(object)  # question and empty reply are on disk
    grew = Signal(object, str, bool)  # more text; whether it is the first
    progressed = Signal(object)  # `progress` is another; None: text comes
    ended = Signal(object, object, object)  # `Answered` or None, fault or None

    def __init__(self, bridge: Bridge, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self._live: list[Live] = []

    def __len__(self) -> int:
        return len(self._live)

    def __contains__(self, live: Live) -> bool:
        return live in self._live

    def live(self, conversation: int | None) -> Live | None:
        """That of a conversation."""
        found = (live for live in self._live if live.conversation == conversation)
        return None if conversation is None else next(found, None)

    def send(
        self,
        chat: "ChatService",
        conversation: int | None,
        text: str,
        parent: int | None,
        model: str = "",
        new: Conversation | None = None,
        parameters: Parameters | None = None,
        attached: Sequence[int] = (),
    ) -> Live:
        """Ask; None: in a new conversation, with the model and parameters of `new`. `attached`: of
        what stands with the draft. This and the next three raise DesktopLlmError where it is
        refused at once.
        """
        task = chat.send(
            conversation, text, parent, model, new=new, parameters=parameters, attached=attached
        )
        return self._follow(Live(task, conversation, question=text, new=conversation is None))

    def send_edited(
        self,
        chat: "ChatService",
        question: StoredMessage,
        text: str,
        model: str = "",
        parameters: Parameters | None = None,
    ) -> Live:
        """Ask another version of that question."""
        number = question.conversation
        task = chat.send(
            number, text, question.parent, model, edits=question.id, parameters=parameters
        )
        return self._follow(Live(task, number, question=text, replaces=question.id))

    def retry(
        self,
        chat: "ChatService",
        message: StoredMessage,
        model: str = "",
        parameters: Parameters | None = None,
    ) -> Live:
        """Make another reply in the place of that one, or one to that question."""
        replaced = message.id if message.role is Role.ASSISTANT else None
        task = chat.retry(message, model, parameters)
        return self._follow(Live(task, message.conversation, replaces=replaced))

    def go_on(
        self,
        chat: "ChatService",
        reply: StoredMessage,
        model: str = "",
        parameters: Parameters | None = None,
    ) -> Live:
        """Go on with that reply, in its place."""
        task = chat.go_on(reply, model, parameters)
        return self._follow(Live(task, reply.conversation, replaces=reply.id))

    def replay(self, chat: "ChatService", reply: StoredMessage, details: ReplyDetails) -> Live:
        """Make that reply again, in its place."""
        task = chat.replay(reply, details)
        return self._follow(Live(task, reply.conversation, replaces=reply.id))

    def stop(self, conversation: int) -> None:
        for live in self._live:
            if live.conversation == conversation:
                live.task.cancel()

    def drain(self) -> None:
        """Take now whatever has happened, without waiting for the event loop."""
        for live in list(self._live):
            live.drain()

    def _follow(self, live: Live) -> Live:
        self._live.append(live)
        self.begun.emit(live)
        live.drain = self._bridge.follow(
            live.task,
            lambda event: self._event(live, event),
            lambda answer: self._end(
                live, answer, answer.unstored or answer.fault or answer.notice
            ),
            lambda fault: self._end(live, None, fault),
        )
        return live

    def _event(self, live: Live, event: ChatEvent) -> None:
        if isinstance(event, Asked):
            live.asked, live.conversation = event, event.question.conversation
            live.text = event.reply.text
            self.asked.emit(live)
        elif isinstance(event, TextDelta):
            if live.progress is not None:
                live.progress = None
                self.progressed.emit(live)
            live.text += event.text
            first, live.begun = not live.begun, True
            self.grew.emit(live, event.text, first)
        else:
            live.progress = event
            self.progressed.emit(live)

    def _end(self, live: Live, answer: Answered | None, fault: DesktopLlmError | None) -> None:
        self._live.remove(live)
        self.ended.emit(live, answer, fault)
