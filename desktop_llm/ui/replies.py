"""Replies that are being written, followed whatever the window shows.

The one place that takes a reply's events; pages show what this says. It outlives a page that is
built anew for another language.
"""

from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal

from desktop_llm.core.engine import LoadProgress, PromptProgress, TextDelta
from desktop_llm.core.errors import DesktopLlmError
from desktop_llm.core.replies import Answered, Asked, ChatEvent, ReplyTask
from desktop_llm.ui.bridge import Bridge


@dataclass(slots=True)
class Live:
    """One of them: the reply's number once the question is kept, and its text so far."""

    task: ReplyTask
    reply: int | None = None
    text: str = ""
    progress: LoadProgress | PromptProgress | None = None


class Replies(QObject):
    """Signals carry the conversation first."""

    asked = Signal(int, object)  # `Asked`: question and empty reply are on disk
    grew = Signal(int, str)  # more text
    progressed = Signal(int, object)  # `LoadProgress` or `PromptProgress`; None: text comes
    ended = Signal(int, object, object)  # `Answered` or None, fault or None

    def __init__(self, bridge: Bridge, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self._live: dict[int, Live] = {}

    def __len__(self) -> int:
        return len(self._live)

    def live(self, conversation: int | None) -> Live | None:
        return None if conversation is None else self._live.get(conversation)

    def follow(self, conversation: int, task: ReplyTask) -> None:
        self._live[conversation] = Live(task)
        self._bridge.follow(
            task,
            lambda event: self._event(conversation, event),
            lambda answer: self._end(
                conversation, answer, answer.unstored or answer.fault or answer.notice
            ),
            lambda fault: self._end(conversation, None, fault),
        )

    def stop(self, conversation: int | None = None) -> None:
        """That one, or all."""
        for number, live in self._live.items():
            if conversation in (None, number):
                live.task.cancel()

    def _event(self, conversation: int, event: ChatEvent) -> None:
        live = self._live[conversation]
        if isinstance(event, Asked):
            live.reply = event.reply.id
            self.asked.emit(conversation, event)
        elif isinstance(event, TextDelta):
            if live.progress is not None:
                live.progress = None
                self.progressed.emit(conversation, None)
            live.text += event.text
            self.grew.emit(conversation, event.text)
        else:
            live.progress = event
            self.progressed.emit(conversation, event)

    def _end(
        self, conversation: int, answer: Answered | None, fault: DesktopLlmError | None
    ) -> None:
        del self._live[conversation]
        self.ended.emit(conversation, answer, fault)
