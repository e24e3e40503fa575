"""One question to two models or presets: asked one after the other, shown beside each other, one
of them chosen to go on with. What is chosen is remembered.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from desktop_llm.core.conversations import StoredMessage
from desktop_llm.core.engine import LoadProgress, PromptProgress
from desktop_llm.core.errors import DesktopLlmError
from desktop_llm.core.presets import Parameters, Preset
from desktop_llm.core.replies import Answered
from desktop_llm.ui.bridge import Bridge
from desktop_llm.ui.conversation_care import ConversationCare
from desktop_llm.ui.pages.compare_setup import Side
from desktop_llm.ui.pages.compare_view import CompareView
from desktop_llm.ui.pages.conversation import ConversationView
from desktop_llm.ui.replies import Live, Replies
from desktop_llm.ui.widgets.toasts import Toasts
from desktop_llm.words import _

if TYPE_CHECKING:
    from desktop_llm.services.chat import ChatService


@dataclass(slots=True)
class _Comparison:
    """`sides`: None where two versions that were there are looked at."""

    conversation: int | None  # until the question is kept
    sides: tuple[Side, Side] | None = None
    at: int = 0  # the side whose turn it is
    replies: list[StoredMessage] = field(default_factory=list)


class CompareCare(QObject):
    def __init__(
        self,
        shown: ConversationCare,
        view: ConversationView,
        bridge: Bridge,
        replies: Replies,
        toasts: Toasts,
        chat: "Callable[[], ChatService | None]",
        models: Callable[[], list[str]],
        model: Callable[[], str],
    ) -> None:
        """`models`: their names; `model`: that would answer now."""
        super().__init__(view)
        self._shown = shown
        self._view = view
        self._bridge = bridge
        self._toasts = toasts
        self._chat = chat
        self._models = models
        self._model = model
        self._running: _Comparison | None = None
        view.comparison_made.connect(self._made)
        replies.asked.connect(self._asked)
        replies.grew.connect(self._grew)
        replies.progressed.connect(self._progressed)
        replies.ended.connect(self._ended)
        shown.left.connect(self._forget)
        shown.busy_changed.connect(self._offer)

    def retire(self, replies: Replies) -> None:
        """Another one takes this one's place."""
        for signal, slot in (
            (replies.asked, self._asked),
            (replies.grew, self._grew),
            (replies.progressed, self._progressed),
            (replies.ended, self._ended),
        ):
            signal.disconnect(slot)

    @property
    def asks(self) -> bool:
        """The next question is for two."""
        return self._view.asks_two

    def set_up(self) -> None:
        """Ask which two; again: not any more."""
        chat = self._chat()
        if self.asks:
            self._view.setup.dismiss()
            return
        if chat is None or self._running is not None:
            return

        def show(presets: list[Preset]) -> None:
            self._view.setup.ask(self._models(), self._model(), presets)
            self._view.composer.setFocus()

        self._bridge.run(chat.presets.presets, show, self._fail)

    def ask(self, text: str) -> None:
        """What stands in the composer, of both."""
        if self._running is not None or self._shown.busy:
            return
        sides = self._view.setup.sides
        self._running = _Comparison(self._shown.number, sides)
        self._view.comparison.begin(text.strip(), (sides[0].title, sides[1].title))
        if not self._shown.send_composed(text, sides[0].model, self._parameters(sides[0])):
            self._running = None
            return
        self._view.setup.dismiss()
        self._view.show_comparison(True)

    def look_at(self, one: int, other: int) -> None:
        """Two versions of a reply."""
        chat, number = self._chat(), self._shown.number
        if chat is None or number is None or self._shown.busy or self._running is not None:
            return

        def read() -> tuple[StoredMessage, StoredMessage, str]:
            found = chat.message(one), chat.message(other)
            parent = found[0].parent
            return *found, "" if parent is None else chat.message(parent).text

        def show(found: tuple[StoredMessage, StoredMessage, str]) -> None:
            if self._shown.number != number or self._shown.busy:
                return
            first, second, question = found
            self._running = _Comparison(number, at=2, replies=[first, second])
            titles = (first.model or _("edited by you"), second.model or _("edited by you"))
            self._view.comparison.begin(question, titles)
            for side, reply in zip(self._view.comparison.sides, (first, second), strict=True):
                side.show_reply(reply)
            self._view.show_comparison(True)
            self._offer()

        self._bridge.run(read, show, self._fail)

    def choose(self, at: int) -> None:
        """Go on with that one; the other stays as another version."""
        chat, running = self._chat(), self._running
        if chat is None or running is None or not self._may_choose():
            return
        taken = running.replies[at]
        others = [reply for reply in running.replies if reply is not taken]
        number = taken.conversation

        def work() -> list[StoredMessage]:
            for other in others:
                chat.corrections.prefer(taken.id, other.id)
            chat.tree.show_version(taken.id)
            return chat.open(number)[1]

        def show(branch: list[StoredMessage]) -> None:
            self._end()
            if self._shown.number == number and not self._shown.opening:
                self._shown.show_branch(branch, taken.id)
            self._view.composer.setFocus()
            if others:
                self._toasts.show(_("Your choice is remembered under “Corrections”."))

        self._bridge.write(work, show, self._fail)

    def leave(self) -> None:
        """Without a choice; what is being written goes on."""
        self._end()
        self._view.composer.setFocus()

    # --- the replies, in turn ------------------------------------------------------------------

    def _parameters(self, side: Side) -> Parameters:
        return self._shown.parameters if side.preset is None else side.preset.parameters

    def _ours(self, live: Live) -> bool:
        running = self._running
        if running is None or running.sides is None or running.at > 1:
            return False
        return live is self._shown.live or (
            live.conversation is not None and live.conversation == running.conversation
        )

    def _asked(self, live: Live) -> None:
        running = self._running
        if running is None or not self._ours(live) or live.asked is None:
            return
        running.conversation = live.asked.question.conversation
        side = self._view.comparison.sides[running.at]
        side.show_reply(live.asked.reply)
        side.say(_("begins …"))

    def _grew(self, live: Live, text: str, _first: bool) -> None:
        running = self._running
        if running is not None and self._ours(live):
            side = self._view.comparison.sides[running.at]
            if side.key == live.reply:
                side.grow(text)

    def _progressed(self, live: Live) -> None:
        running = self._running
        if running is None or not self._ours(live):
            return
        side = self._view.comparison.sides[running.at]
        if isinstance(live.progress, LoadProgress):
            side.say(_("Loading the model …"))
        elif isinstance(live.progress, PromptProgress):
            side.say(_("Reading the conversation …"))

    def _ended(self, live: Live, answer: Answered | None, _fault: object) -> None:
        running = self._running
        if running is None or not self._ours(live):
            return
        side = self._view.comparison.sides[running.at]
        if answer is None:  # refused: the question stands in the composer again
            self._end()
            return
        running.replies.append(answer.reply)
        side.finish(answer.reply)
        running.at += 1
        if running.at == 1 and not live.task.cancelled:
            self._bridge.post(self._ask_second)
        elif running.at == 1:
            self._view.comparison.sides[1].say(_("not asked: you stopped the first"))
            running.at = 2
        self._bridge.post(self._offer)

    def _ask_second(self) -> None:
        running = self._running
        if running is None or running.sides is None or running.at != 1:
            return
        side, first = running.sides[1], running.replies[0]
        if not self._shown.retry(first.id, side.model, self._parameters(side)):
            self._view.comparison.sides[1].say(_("could not be asked"))
            running.at = 2
            self._offer()

    def _may_choose(self) -> bool:
        running = self._running
        return running is not None and running.at > 1 and not self._shown.busy

    def _offer(self) -> None:
        if self._running is not None:
            self._view.comparison.offer(self._may_choose())

    def _made(self, comparison: CompareView) -> None:
        comparison.chosen.connect(self.choose)
        comparison.left.connect(self.leave)

    def _forget(self) -> None:
        """Another conversation is about to be shown; what is being written goes on there."""
        if self.asks:
            self._view.setup.dismiss()
        self._end()

    def _end(self) -> None:
        self._running = None
        self._view.show_comparison(False)

    def _fail(self, fault: DesktopLlmError) -> None:
        self._shown.faulted.emit(fault, False)
