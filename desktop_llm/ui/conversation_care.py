"""The conversation that is shown: its messages, the reply that is being written, its draft.

Between the click on another one and its messages the one before is still seen, but the composer is
that of the other already: what is typed meanwhile is its own.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from desktop_llm.core.conversations import Conversation, Listing, StoredMessage, is_private
from desktop_llm.core.details import ReplyDetails
from desktop_llm.core.errors import DesktopLlmError
from desktop_llm.core.messages import Made, Role
from desktop_llm.core.presets import NOTHING_SET, Parameters
from desktop_llm.core.replies import Answered
from desktop_llm.ui.bridge import Bridge
from desktop_llm.ui.drafts import Drafts, Edit, joined
from desktop_llm.ui.pages.conversation import ConversationView
from desktop_llm.ui.pages.sidebar import Sidebar
from desktop_llm.ui.replies import Live, Replies
from desktop_llm.ui.shown_branch import ShownBranch
from desktop_llm.ui.widgets.announce import announce
from desktop_llm.ui.widgets.toasts import Toasts
from desktop_llm.words import _
from desktop_llm.words.faults import word_fault

if TYPE_CHECKING:
    from desktop_llm.services.chat import ChatService

DRAFT_MILLISECONDS = 400  # of quiet before a draft is saved
ABOVE = 24  # pixels above a message that was searched for


class ConversationCare(QObject):
    answered = Signal(object)  # the `StoredMessage` of a reply that has ended, whatever is shown
    began = Signal()  # the first words of a reply are there, whatever is shown
    settling = Signal()  # what is still being set has to be told: it is needed, or is to go
    first_asked = Signal(int, object)  # a new one is a conversation now; its first `Parameters`
    left = Signal()  # something else is about to be shown
    composed_taken = Signal()  # what stood in the composer is on its way
    drafts_changed = Signal()  # a draft has become a question, or a question a draft
    opened = Signal()  # a conversation, or an empty new one, is shown
    number_changed = Signal(int)  # of what is shown, or about to be; 0: a new conversation
    withdrawn = Signal(int)  # a message that stands in the branch which is to be shown again
    edit_returned = Signal(int)  # the message; its new text stands in the drafts
    busy_changed = Signal()  # a reply has begun or ended in what is shown
    list_changed = Signal()  # the list of conversations is out of date
    branch_changing = Signal()  # other messages of the conversation are about to be shown
    branch_changed = Signal()  # other messages of the conversation are shown, or more
    parameters_changed = Signal()  # of what is shown
    faulted = Signal(object, bool)  # a fault or None; whether to offer another reply

    def __init__(
        self,
        view: ConversationView,
        sidebar: Sidebar,
        bridge: Bridge,
        replies: Replies,
        drafts: Drafts,
        toasts: Toasts,
    ) -> None:
        super().__init__(view)
        self._view = view
        self._composer = view.composer
        self._sidebar = sidebar
        self._bridge = bridge
        self._replies = replies
        self._drafts = drafts
        self._toasts = toasts
        self._chat: ChatService | None = None
        self._number: int | None = None  # of the conversation that is shown; None: a new one
        self._waiting: Live | None = None  # the first question of the new one that is shown
        self._refused: Live | None = None  # see `take_refused`
        self._opening: int | None = None  # the conversation that is being read
        self._wanted: tuple[int | None, Sequence[str]] = (None, ())  # message and words of it
        self._opened_before = 0  # what was asked for an older one comes too late
        self._shown = False  # something is: a conversation, or a new one
        self._branch = ShownBranch(view)
        self.model = ""  # that the conversation names
        self.title = ""
        self.parameters = NOTHING_SET
        self._sent_with: Parameters | None = None  # the first question of the new one
        self._chosen: tuple[int, str] | None = None  # a model, for one that is being read
        self.attached: Callable[[], tuple[int, ...]] = lambda: ()  # to what is written
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(DRAFT_MILLISECONDS)
        self._timer.timeout.connect(self.save_draft)
        self._composer.changed.connect(self._timer.start)
        replies.asked.connect(self._asked)
        replies.grew.connect(self._grew)
        replies.progressed.connect(self._progressed)
        replies.ended.connect(self._ended)
        self._show_new()

    def start(
        self,
        chat: "ChatService",
        listing: Listing,
        new_draft: str,
        wanted: int | None,
        waiting: Live | None,
    ) -> None:
        """The services are open: show a conversation, 0: a new one, None: the newest. `waiting`:
        the first question of the new one.
        """
        self._chat = chat
        self._drafts.private = chat.private
        self._drafts.know(None, new_draft)
        if waiting is not None and waiting.conversation is not None:
            self._load(waiting.conversation)  # perhaps younger than the list
            return
        numbers = [row.id for row in listing.conversations]
        if wanted != 0 and numbers:
            self._load(wanted if wanted in numbers else numbers[0])
            return
        self.new()
        if waiting is not None and waiting in self._replies:
            self._waiting = waiting
            self.busy_changed.emit()

    def pause(self) -> None:
        """The services are about to close: what is shown is out of date then."""
        self.leave()
        self._opened_before += 1
        self._chat = self._number = self._waiting = self._opening = None
        self._shown = False

    def retire(self) -> Live | None:
        """Another one takes this one's place. Returns the question on its way from a new
        conversation.
        """
        self.leave()
        self._opened_before += 1
        for signal, slot in (
            (self._replies.asked, self._asked),
            (self._replies.grew, self._grew),
            (self._replies.progressed, self._progressed),
            (self._replies.ended, self._ended),
        ):
            signal.disconnect(slot)
        return self._waiting

    @property
    def number(self) -> int | None:
        """Of the conversation that is shown, or about to be; None: a new one."""
        return self._number if self._opening is None else self._opening

    @property
    def seen(self) -> int | None:
        """As `number`, but the one before while another is being read."""
        return self._number

    @property
    def branch(self) -> list[StoredMessage]:
        """The messages that are shown."""
        return self._branch.messages

    def message(self, key: int | None) -> StoredMessage | None:
        """One of them."""
        return self._branch.message(key)

    @property
    def live(self) -> Live | None:
        """The reply that is being written in what is shown."""
        return self._waiting or self._replies.live(self._number)

    @property
    def busy(self) -> bool:
        """Nothing can be asked now."""
        return self.opening or self.live is not None

    @property
    def opening(self) -> bool:
        """A conversation is being read; the one before is still seen."""
        return self._opening is not None

    # --- what a person does --------------------------------------------------------------------

    def new(self) -> None:
        self.leave()
        self._opened_before += 1
        self._show_new()
        self._set_composer(self._drafts.new)
        self._composer.setFocus()

    def open(self, number: int, message: int | None = None, words: Sequence[str] = ()) -> None:
        """Show a conversation, `message` of it at the upper edge, and `words` marked in it. One
        that is private, or not, is not shown where the other kind is.
        """
        if self._chat is not None and is_private(number) != self._chat.private:
            return
        shown = number == self._number and self._opening is None
        if self._chat is not None and not (shown and message is None and not words):
            self.leave()
            self._load(number, message, words)

    def send(
        self,
        text: str,
        attached: Sequence[int] = (),
        model: str = "",
        parameters: Parameters | None = None,
    ) -> bool:
        """Ask what does not stand in the composer; `model` and `parameters`: for this once.
        Returns whether it is on its way.
        """
        parent, number = self._branch.last, self._number

        def ask(chat: "ChatService") -> Live:
            new = self.beginning
            if new is not None:
                self._sent_with = new.parameters
            wanted = self.parameters if parameters is None else parameters  # settled by now
            return self._replies.send(
                chat, number, text, parent, model or self.model, new, wanted, attached
            )

        return self._begin(ask)

    @property
    def beginning(self) -> Conversation | None:
        """How the conversation begins that there is none of yet; None: there is."""
        if self._number is not None:
            return None
        return Conversation(id=0, title="", model=self._drafts.new_model, leaf=None, draft="",
                            created=0, changed=0, parameters=self.parameters)  # fmt: skip

    def send_composed(
        self, text: str, model: str = "", parameters: Parameters | None = None
    ) -> bool:
        """As `send`, with what is attached."""
        sent = self.send(text, self.attached(), model, parameters)
        if sent:
            self._drafts.taken(self._number)
            self._composer.clear()
            self.composed_taken.emit()
        return sent

    def send_edited(self, key: int, text: str) -> None:
        """Ask another version of a question."""
        question = self.message(key)
        if question is not None and self._begin(
            lambda chat: self._replies.send_edited(
                chat, question, text, self.model, self.parameters
            )
        ):
            self._drafts.taken(Edit(key))
            self._view.transcript.close_editor()

    def retry(
        self, key: int | None = None, model: str = "", parameters: Parameters | None = None
    ) -> bool:
        """Another reply in the place of that one, or one to that question; None: of the last.
        Returns whether it is on its way.
        """
        message = self.message(self._branch.last if key is None else key)
        if message is None or not self.may_retry(message.id):
            return False

        def ask(chat: "ChatService") -> Live:
            values = self.parameters if parameters is None else parameters  # settled by now
            return self._replies.retry(chat, message, model or self.model, values)

        return self._begin(ask)

    def go_on(self, key: int | None = None) -> None:
        """Go on with that reply; None: with the last."""
        reply = self.message(self._branch.last if key is None else key)
        if reply is not None and self.may_go_on(reply.id):
            self._begin(lambda chat: self._replies.go_on(chat, reply, self.model, self.parameters))

    def replay(self, key: int, details: ReplyDetails) -> None:
        """Make that reply again as it was made, to see whether it is the same."""
        reply = self.message(key)
        if reply is not None and self.may_retry(key):
            self._begin(lambda chat: self._replies.replay(chat, reply, details))

    def _begin(self, start: "Callable[[ChatService], Live]") -> bool:
        if self._chat is None or self.busy:
            return False
        self.settling.emit()
        try:
            live = start(self._chat)
        except DesktopLlmError as fault:
            self.faulted.emit(fault, False)
            return False
        if self._number is None:
            self._waiting = live
        self.faulted.emit(None, False)
        self.busy_changed.emit()
        return True

    def may_retry(self, key: int) -> bool:
        """It is a reply to something, or a question without one."""
        message = self.message(key)
        if message is None or self.busy:
            return False
        if message.role is Role.USER:
            return key == self._branch.last
        return message.role is Role.ASSISTANT and message.parent is not None

    def may_go_on(self, key: int) -> bool:
        message = self.message(key)
        begun = message is not None and message.role is Role.ASSISTANT and bool(message.text)
        return begun and self.may_retry(key)

    def stop(self) -> None:
        if (live := self.live) is not None:
            live.task.cancel()

    def choose_model(self, name: str) -> None:
        chat, number = self._chat, self.number
        if number is None and self._drafts.new_model:
            self._drafts.new_model = self.model = name
        if chat is None or number is None:
            return
        if self._opening is None:
            self.model = name
        else:
            self._chosen = (number, name)
        self._bridge.write(lambda: chat.choose_model(number, name), on_failure=self._fail)

    def choose_new_model(self, name: str) -> None:
        """For the new conversation that is shown, and no other; empty: as all."""
        if self._number is None:
            self._drafts.new_model = self.model = name

    def take_parameters(self, parameters: Parameters) -> None:
        """They were changed; those of a new conversation are kept for its first question."""
        self.parameters = parameters
        if self._number is None:
            self._drafts.new_parameters = parameters
        self.parameters_changed.emit()

    def deleted(self, number: int, after: int | None) -> None:
        """A conversation was; `after` is its neighbour."""
        self._replies.stop(number)
        if number != self.number:
            return
        if after is None:
            self.new()
        else:
            self.open(after)

    def listed(self, listing: Listing) -> None:
        """Its title may have changed."""
        for row in listing.conversations:
            if row.id == self._number:
                self._show_title(row.title)

    def leave(self) -> None:
        """Keep what is written before something else is shown."""
        self.settling.emit()
        self.left.emit()
        self._timer.stop()
        if self._opening is not None and self._shown:
            if self._composer.has_text():
                self._drafts.add(self._opening, self._composer.text())
            self._set_composer("")
        else:
            self.save_draft()

    def save_draft(self) -> None:
        text = self._composer.text()
        if self._shown and self._opening is None and text != self._drafts.text(self._number, ""):
            self._drafts.note(self._number, text)

    # --- a reply -------------------------------------------------------------------------------

    def _shows(self, live: Live) -> bool:
        return self._opening is None and live is self.live

    def _asked(self, live: Live) -> None:
        self.list_changed.emit()
        first, shown = live is self._waiting, self._shows(live)
        if self._opening is not None and live.conversation == self._opening:
            self._load(self._opening, *self._wanted)  # what is being read may be older
        if shown:
            assert live.conversation is not None
            self._number, self._waiting = live.conversation, None
            self.number_changed.emit(live.conversation)
            if first:
                self.first_asked.emit(live.conversation, self._sent_with)
            self._bring_in(live)
            self._view.transcript.scroll_to_end()
            self._show_progress(live)
            self.busy_changed.emit()
        self.drafts_changed.emit()
        if live.new:
            self._drafts.new_made()
        if live.edits is not None:  # a save of it may have come after it was taken
            self._drafts.note(Edit(live.edits), "")
        if not live.question or live.edits is not None:
            return
        if shown:  # the stored draft went with the question, what stands here since did not
            self._drafts.note(self._number, self._composer.text())
        elif live.new:
            self._drafts.note(None, self._drafts.new)
        else:
            self._drafts.note(live.conversation, self._drafts.text(live.conversation, ""))
        if shown and first:
            self._drafts.note(None, "")

    def _bring_in(self, live: Live) -> None:
        """Its question and its reply into the branch that is shown."""
        assert live.asked is not None
        self.branch_changing.emit()
        if self._branch.take_in(live.asked):
            self.branch_changed.emit()
        else:  # another branch was chosen meanwhile
            self._load(live.asked.question.conversation)

    def _grew(self, live: Live, text: str, first: bool) -> None:
        if first:
            self.began.emit()
        if self._shows(live) and live.reply in self._branch.keys:
            assert live.reply is not None
            self._view.transcript.stream(live.reply, text)
            if first:
                self._show_progress(live)

    def _progressed(self, live: Live) -> None:
        if self._shows(live):
            self._show_progress(live)

    def _show_progress(self, live: Live) -> None:
        self._view.show_progress(live.progress, waits=not live.begun and len(self._replies) > 1)

    def _ended(self, live: Live, answer: Answered | None, fault: DesktopLlmError | None) -> None:
        number = live.conversation
        if number is not None:
            self._sidebar.model.refresh(number)
        if answer is not None:
            self.answered.emit(answer.reply)
        own = live is self._waiting or (number is not None and number == self._number)
        if not own or self._opening is not None:
            self._ended_elsewhere(live, answer, fault)
            return
        self._waiting = None
        self._view.show_progress(None)
        if answer is None:
            self._take_back(live)
        elif self._branch.finish(answer.reply):
            announce(self._view.transcript, _("The reply has ended."))
        self._view.transcript.refresh_actions()
        self._refused = live if answer is None else None
        self.faulted.emit(fault, answer is not None)
        self.busy_changed.emit()

    def take_refused(self) -> Live | None:
        """The reply that was refused last, to be asked for again; once."""
        live, self._refused = self._refused, None
        return live

    def repeat(self, live: Live) -> None:
        """Ask for what was refused again, another way."""
        if live.edits is not None:
            text = self._drafts.text(Edit(live.edits), live.question)
            self.send_edited(live.edits, text)
        elif live.question:
            self.send_composed(self._composer.text())
        elif live.asked is not None and live.asked.reply.made is Made.CONTINUED:
            self.go_on(live.replaces)
        elif live.asked is not None:
            self.retry(live.replaces or live.asked.question.id)

    def _take_back(self, live: Live) -> None:
        """The question is not stored: it stands in the composer again."""
        if not live.question:  # the reply is withdrawn
            if live.asked is not None and live.reply in self._branch.keys:
                self.withdrawn.emit(live.replaces or live.asked.question.id)
            return
        if live.edits is not None:
            self._drafts.note(Edit(live.edits), live.question)
            self.edit_returned.emit(live.edits)
            return
        if live.asked is not None and live.asked.question.id in self._branch.keys:
            self._branch.take_out(live.asked.question.id)
            self.list_changed.emit()
        self._set_composer(joined(live.question, self._composer.text()))
        self.save_draft()
        self.drafts_changed.emit()

    def _ended_elsewhere(
        self, live: Live, answer: Answered | None, fault: DesktopLlmError | None
    ) -> None:
        number = live.conversation
        taken_back = answer is None and bool(live.question)
        if taken_back and live.edits is not None:
            self._drafts.note(Edit(live.edits), live.question)
        elif taken_back and number is None and self._shown and self.number is None:
            self._take_back(live)
        elif taken_back:
            self._drafts.note(number, joined(live.question, self._drafts.text(number, "")))
        if number is not None and number == self._opening:
            self._load(number, *self._wanted)  # what is being read may be older
        elif fault is not None and (taken_back or self._chat is not None):
            title = self._sidebar.model.title_of(number)
            words = _("{title}: {what}").format(title=title, what=word_fault(fault).what)
            if number is None:
                self._toasts.show(words)
            else:
                self._toasts.show(words, _("Open"), lambda: self.open(number))
        self.busy_changed.emit()  # the engine is free for a count
        if (waiting := self.live) is not None and not self.opening:
            self._show_progress(waiting)

    # --- showing -------------------------------------------------------------------------------

    def _load(self, number: int, message: int | None = None, words: Sequence[str] = ()) -> None:
        """Read a conversation, then show it."""
        chat = self._chat
        if chat is None:
            return
        if self._opening is None and self._shown:
            self._set_composer("")
        self._opened_before += 1
        self._opening, self._wanted, nth = number, (message, words), self._opened_before
        self._sidebar.mark(number)
        self.number_changed.emit(number)
        self.busy_changed.emit()

        def read() -> tuple[Conversation, list[StoredMessage]]:
            with suppress(DesktopLlmError):  # was said when it failed first
                self._drafts.settle(number)
            return chat.open(number, message)

        def show(found: tuple[Conversation, list[StoredMessage]]) -> None:
            if nth == self._opened_before:
                self._opened(*found)
                if message is not None and message in self._branch.keys:
                    self._view.transcript.restore_view(message, -ABOVE)
                self._view.transcript.mark_words(words, message)

        def failed(fault: DesktopLlmError) -> None:
            if nth == self._opened_before:
                self.new()
                self._fail(fault)

        self._bridge.run(read, show, failed)

    def _opened(self, conversation: Conversation, branch: list[StoredMessage]) -> None:
        number, typed = conversation.id, self._composer.text() if self._shown else ""
        live = self._replies.live(number)
        branch = self._with_live(branch)
        model = conversation.model
        if self._chosen is not None and self._chosen[0] == number:
            model = self._chosen[1]
        self._chosen = None
        self._show(number, conversation.title, model, branch, conversation.parameters)
        draft = self._drafts.text(number, conversation.draft)
        self._drafts.know(number, draft)
        self._set_composer(joined(draft, typed) if typed.strip() else draft)
        self.save_draft()
        if live is not None:
            self._show_progress(live)
            if live.asked is not None and live.reply in self._branch.keys:
                self._bring_in(live)

    def _with_live(self, branch: list[StoredMessage]) -> list[StoredMessage]:
        """What there is of a reply on its way is newer than what was flushed."""
        live = self._replies.live(branch[0].conversation) if branch else None
        if live is None:
            return branch
        return [
            replace(message, text=live.text) if message.id == live.reply else message
            for message in branch
        ]

    def show_branch(self, branch: list[StoredMessage], at: int | None = None) -> None:
        """Another branch of the same conversation; `at`: the message that is to be seen."""
        self.branch_changing.emit()
        self._branch.change(self._with_live(branch), at)
        live = self.live
        if live is not None and live.reply is not None and live.reply in self._branch.keys:
            self._view.transcript.stream(live.reply, "")
        self.branch_changed.emit()
        self.busy_changed.emit()

    def _set_composer(self, text: str) -> None:
        self._composer.set_text(text)
        self._timer.stop()

    def _show_new(self) -> None:
        self._show(None, "", self._drafts.new_model, [], self._drafts.new_parameters)

    def _show(
        self,
        number: int | None,
        title: str,
        model: str,
        branch: list[StoredMessage],
        parameters: Parameters,
    ) -> None:
        self.settling.emit()
        self._number, self.model, self.parameters = number, model, parameters
        self._waiting = self._opening = None
        self._shown = self._chat is not None
        self._show_title(title)
        self._branch.show(branch)
        self._view.show_progress(None)
        self._sidebar.mark(number)
        if self._shown:
            self.number_changed.emit(number or 0)
        self.opened.emit()

    def _show_title(self, title: str) -> None:
        self.title = title or _("New conversation")
        self._view.title.setText(self.title)

    def _fail(self, fault: DesktopLlmError) -> None:
        self.faulted.emit(fault, False)
