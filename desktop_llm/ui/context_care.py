"""What the model will see of the conversation: counted while a person types, shown before it is
sent, and asked about where it has become too long.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from desktop_llm.core.context import Care, Policy
from desktop_llm.core.engine import RenderedPrompt
from desktop_llm.core.errors import DesktopLlmError, FaultCode
from desktop_llm.core.outlook import Outlook
from desktop_llm.ui.bridge import Bridge
from desktop_llm.ui.conversation_care import ConversationCare
from desktop_llm.ui.pages.context_panel import ContextPanel
from desktop_llm.ui.pages.conversation import ConversationView
from desktop_llm.ui.replies import Replies
from desktop_llm.ui.widgets.choice_card import Answer
from desktop_llm.words import _, counted

if TYPE_CHECKING:
    from desktop_llm.services.chat import ChatService

QUIET_MILLISECONDS = 300  # before the tokens of what is typed are counted
NEARLY_FULL = 0.8  # of the context
OFFERED = (Policy.NEWEST, Policy.FIRST_AND_NEWEST, Policy.SUMMARY)


class ContextCare(QObject):
    """Counts one text at a time, off the window's thread, and never while a reply is written: the
    engine would answer only after it.
    """

    counted = Signal(object)  # an `Outlook`

    def __init__(
        self,
        shown: ConversationCare,
        view: ConversationView,
        panel: ContextPanel,
        bridge: Bridge,
        replies: Replies,
        chat: "Callable[[], ChatService | None]",
        model: Callable[[], str],
    ) -> None:
        """`model`: for a conversation that names none."""
        super().__init__(view)
        self._shown = shown
        self._view = view
        self._composer = view.composer
        self._panel = panel
        self._bridge = bridge
        self._replies = replies
        self._chat = chat
        self._model = model
        self._counting = False
        self._stale = False  # what is being counted
        self._latest: tuple[int | None, str, Outlook] | None = None  # conversation, text
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(QUIET_MILLISECONDS)
        self._timer.timeout.connect(self._count)
        self._composer.changed.connect(self.refresh)
        panel.policy_wanted.connect(self.choose_policy)
        panel.care_wanted.connect(self.take_care)
        panel.rendered_wanted.connect(self._render)
        shown.branch_changed.connect(self.refresh)

    def refresh(self) -> None:
        self._timer.start()

    def forget(self) -> None:
        """What is attached, or something else that is sent, has changed."""
        self._latest = None
        self.refresh()

    @property
    def _composed(self) -> bool:
        """There is something in the composer."""
        return bool(self._composer.text().strip()) or len(self._composer.attachments) > 0

    def clear(self) -> None:
        """Another conversation is shown."""
        self._timer.stop()
        self._latest = None
        self._composer.set_gauge("")
        self._view.choices.dismiss()
        self._panel.show_outlook(None)
        self.refresh()

    @property
    def outlook(self) -> Outlook | None:
        """Of what stands in the composer, where that is counted."""
        if self._latest is None or self._latest[:2] != (self._shown.number, self._composer.text()):
            return None
        return self._latest[2]

    # --- counting ------------------------------------------------------------------------------

    def _count(self) -> None:
        text, number = self._composer.text(), self._shown.number
        wanted = self._composed or self._panel.isVisible()
        if not wanted:
            self._composer.set_gauge("")
        chat = self._chat()
        self._stale = self._stale or (wanted and self._counting)
        if not wanted or self._counting or chat is None or self._shown.busy or len(self._replies):
            return
        self._counting, self._stale = True, False
        self._panel.show_outlook(self._latest[2] if self._latest else None, busy=True)
        model, new = self._model(), self._shown.parameters

        def show(outlook: Outlook | None) -> None:
            self._counting = False
            if self._stale or (text, number) != (self._composer.text(), self._shown.number):
                self._timer.start()
            elif outlook is not None:
                self._latest = (number, text, outlook)
                self._show(outlook)

        self._bridge.run(
            lambda: chat.outlook(number, text, model, new), show, lambda _fault: show(None)
        )

    def _show(self, outlook: Outlook) -> None:
        self._panel.show_outlook(outlook)
        self.counted.emit(outlook)
        if not self._composed:
            return
        used, room = f"{outlook.tokens:,}", f"{outlook.context_length:,}"
        hopeless = outlook.overflows and not self._helpful(outlook)
        crowded = outlook.tokens > NEARLY_FULL * outlook.context_length
        short = _("{used} / {room} tokens").format(used=used, room=room)
        if hopeless:
            hint = _("Too long: {used} tokens, and {room} fit. Shorten it to send it.")
        elif outlook.overflows:
            hint = _("{used} of {room} tokens: not all of the conversation fits any more.")
        elif outlook.unseen:
            hint = counted(
                "{number} earlier message is not sent.",
                "{number} earlier messages are not sent.",
                outlook.unseen,
            )
            short = f"{short} · {hint}"
        elif crowded:
            hint = _("{used} of {room} tokens: little room is left for the reply.")
        else:
            hint = _("{used} of the {room} tokens that the model can look at")
        hint = hint.replace("{used}", used).replace("{room}", room)
        words = hint if outlook.overflows or (crowded and not outlook.unseen) else short
        self._composer.set_gauge(words, hint, hopeless)
        self._composer.bar.set_parts(
            outlook.tokens, outlook.reply_room, outlook.context_length, hint
        )

    # --- too long ------------------------------------------------------------------------------

    def send(self, text: str) -> None:
        """What stands in the composer, unless a choice has to be made first."""
        outlook = self.outlook
        if outlook is not None and outlook.overflows and self._helpful(outlook):
            self._ask(outlook, lambda: self._shown.send_composed(text))
        else:
            self._shown.send_composed(text)

    def takes(self, fault: DesktopLlmError) -> bool:
        """A fault that a choice mends: of the reply that was refused last, which is asked for again
        then, whatever stands in the composer.
        """
        if fault.code is not FaultCode.CONTEXT_OVERFLOW:
            return False
        chat, number, live = self._chat(), self._shown.number, self._shown.take_refused()
        if chat is None or number is None or live is None or live.asked is None:
            return False
        model, question = self._model(), live.asked.question
        like = live.edits if live.question else question.id  # else they are the draft's again

        def ask(outlook: Outlook | None) -> None:
            if outlook is not None and self._shown.number == number:
                self._ask(outlook, lambda: self._shown.repeat(live))

        self._bridge.run(
            lambda: chat.outlook(
                number, question.text, model, after=question.parent or 0, like=like
            ),
            ask,
            self._fail,
        )
        return True

    @staticmethod
    def _helpful(outlook: Outlook) -> list[tuple[Policy, int]]:
        """The policies with which it would fit, and how many messages they leave out."""
        known = dict(outlook.choices)
        return [(policy, unseen) for policy in OFFERED if (unseen := known.get(policy)) is not None]

    def _ask(self, outlook: Outlook, go_on: Callable[[], object]) -> None:
        number = self._shown.number

        def choose(policy: Policy) -> None:
            if self._shown.number == number:
                self.choose_policy(policy, go_on)

        answers = [
            Answer(_words(policy, unseen), _hint(policy), lambda policy=policy: choose(policy))  # type: ignore[misc]
            for policy, unseen in self._helpful(outlook)
        ]
        answers.append(Answer(_("Send nothing"), "", lambda: None))
        self._view.choices.ask(
            _("The conversation has become too long for the model."),
            _("{used} tokens, and {room} fit with room for a reply. What is it to see?").format(
                used=f"{outlook.tokens:,}",
                room=f"{outlook.context_length - outlook.reply_room:,}",
            ),
            answers,
            _("Your choice is kept for this conversation. “What is sent” (Ctrl+I) shows it."),
        )

    def choose_policy(self, policy: Policy, then: Callable[[], object] = lambda: None) -> None:
        chat, number = self._chat(), self._shown.number
        if chat is None or number is None:
            return

        def chosen(_nothing: object) -> None:
            self._latest = None
            if self._shown.number == number:
                then()
            self.refresh()

        self._bridge.write(lambda: chat.choose_policy(number, policy), chosen, self._fail)

    def take_care(self, message: int, care: Care) -> None:
        """Whether the model is always, or never, to see a message."""
        chat, number = self._chat(), self._shown.number
        if chat is None or number is None:
            return

        def work() -> list[object]:
            chat.take_care(message, care)
            return list(chat.open(number)[1])

        def taken(branch: list[object]) -> None:
            self._latest = None
            if self._shown.number == number and not self._shown.opening:
                self._shown.show_branch(branch)  # type: ignore[arg-type]
            self.refresh()

        def failed(fault: DesktopLlmError) -> None:
            self.refresh()  # the panel shows it as done
            self._fail(fault)

        self._bridge.write(work, taken, failed)

    def _render(self) -> None:
        chat, number, text = self._chat(), self._shown.number, self._composer.text()
        if chat is None or self._shown.busy or len(self._replies):
            self._panel.show_rendered(None)
            return
        model, new = self._model(), self._shown.parameters

        def show(rendered: RenderedPrompt | None) -> None:
            self._panel.show_rendered(rendered if self._shown.number == number else None)

        def failed(fault: DesktopLlmError) -> None:
            self._panel.show_rendered(None)
            self._fail(fault)

        self._bridge.run(lambda: chat.rendered(number, text, model, new), show, failed)

    def _fail(self, fault: DesktopLlmError) -> None:
        self._shown.faulted.emit(fault, False)


def _words(policy: Policy, unseen: int) -> str:
    if policy is Policy.SUMMARY:
        return counted(
            "A summary of the oldest message, and the rest",
            "A summary of the {number} oldest messages, and the rest",
            unseen,
        )
    if policy is Policy.FIRST_AND_NEWEST:
        return counted(
            "The first question and the newest: {number} message is left out",
            "The first question and the newest: {number} messages are left out",
            unseen,
        )
    return counted(
        "The newest: {number} message is left out",
        "The newest: {number} messages are left out",
        unseen,
    )


def _hint(policy: Policy) -> str:
    return {
        Policy.SUMMARY: _("The model writes the summary first, which takes its time."),
        Policy.FIRST_AND_NEWEST: _("Good where the first message holds the task or the text."),
        Policy.NEWEST: _("Good for a chat that goes from one thing to the next."),
    }[policy]
