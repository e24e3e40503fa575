"""The chat page: conversations at the left, the one that is open beside them.

What a person does becomes a call of the chat service, off the window's thread; what comes back is
shown in the sidebar and in the conversation's view.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QSplitter, QWidget

from desktop_llm.core.conversations import Conversation, StoredMessage
from desktop_llm.core.engine import TokenCount
from desktop_llm.core.errors import DesktopLlmError
from desktop_llm.core.messages import Role
from desktop_llm.core.replies import Answered, Asked, ReplyTask
from desktop_llm.ui.actions import Actions, Command
from desktop_llm.ui.bridge import Bridge
from desktop_llm.ui.code_colours import CodeColours
from desktop_llm.ui.icons import icon
from desktop_llm.ui.models.messages import entry_of, note_of
from desktop_llm.ui.pages.conversation import ConversationView, FaultAction
from desktop_llm.ui.pages.message_menus import MessageMenus
from desktop_llm.ui.pages.sidebar import Sidebar
from desktop_llm.ui.pages.token_gauge import TokenGauge
from desktop_llm.ui.replies import Replies
from desktop_llm.ui.theme import Tokens
from desktop_llm.ui.widgets.toasts import Toasts
from desktop_llm.words import _

if TYPE_CHECKING:
    from desktop_llm.services.chat import ChatService

DRAFT_MILLISECONDS = 400  # of quiet before a draft is saved
NARROW = 900  # pixels of the page under which the list folds away


class ChatPage(QSplitter):
    answered = Signal(object)  # the `StoredMessage` of a reply that has ended
    opened = Signal()  # a conversation, or an empty new one, is shown

    def __init__(
        self,
        bridge: Bridge,
        replies: Replies,
        actions: Actions,
        toasts: Toasts,
        tokens: Tokens,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._bridge = bridge
        self._replies = replies
        self._actions = actions
        self._toasts = toasts
        self._chat: ChatService | None = None
        self._conversation: Conversation | None = None
        self._branch: list[StoredMessage] = []
        self._model = ""  # for a conversation that names none
        self._view = 0  # counts what is shown: what was asked for an older one comes too late
        self._starting: int | None = None  # the view from which a question is on its way
        self.ways_out: Callable[[DesktopLlmError], list[FaultAction]] = lambda _fault: []
        self._lasting = False  # the fault that is shown is the program's
        self._list_wanted = False  # shown although the page is narrow
        self.sidebar = Sidebar(actions, self)
        self.view = ConversationView(tokens, actions, CodeColours(bridge), bridge.run, self)
        self.composer = self.view.composer
        self.composer.set_icons(icon("arrow-up"), icon("stop"))
        self._gauge = TokenGauge(bridge, self.composer, self._measure, self)
        self._draft_timer = QTimer(self)
        self._draft_timer.setSingleShot(True)
        self._draft_timer.setInterval(DRAFT_MILLISECONDS)
        self._draft_timer.timeout.connect(self.save_draft)
        self._connect()
        self.addWidget(self.sidebar)
        self.addWidget(self.view)
        self.setChildrenCollapsible(False)
        self.setHandleWidth(1)
        self.setSizes([248, 800])
        self.setStretchFactor(1, 1)
        self._set_ready(False)
        self._show(None, [])

    def _connect(self) -> None:
        view, sidebar, transcript = self.view, self.sidebar, self.view.transcript
        sidebar.model.is_running = lambda number: self._replies.live(number) is not None
        sidebar.chosen.connect(self.open)
        sidebar.search_wanted.connect(self._search)
        sidebar.rename_wanted.connect(self._rename)
        view.list_wanted.connect(self.toggle_list)
        MessageMenus(transcript, self._copy, self.retry, self._may_retry)
        self.composer.send_wanted.connect(self.send)
        self.composer.stop_wanted.connect(self.stop)
        self.composer.changed.connect(self._draft_timer.start)
        self._replies.asked.connect(self._asked)
        self._replies.grew.connect(self._grew)
        self._replies.progressed.connect(self._progressed)
        self._replies.ended.connect(self._ended)

    def start(self, chat: "ChatService", conversation: int | None = None) -> None:
        """The services are open: show a conversation, or the newest."""
        self._chat = chat

        def show_first() -> None:
            numbers = [row.id for row in self.sidebar.model.conversations()]
            if conversation in numbers and conversation is not None:
                self.open(conversation)
            elif numbers:
                self.open(numbers[0])
            else:
                self.new_conversation()

        self.refresh(then=show_first)

    def pause(self) -> None:
        """The services are about to close."""
        self.leave()
        self._chat = None
        self._set_ready(False)

    @property
    def ready(self) -> bool:
        """Whether a conversation, or an empty new one, is shown. Until then a fault may be shown,
        and nothing else done: what is typed too early would be replaced.
        """
        return self._ready

    def _set_ready(self, ready: bool) -> None:
        self._ready = ready
        self.sidebar.setEnabled(ready)
        self.view.set_ready(ready)

    @property
    def conversation(self) -> int | None:
        return None if self._conversation is None else self._conversation.id

    # --- what a person does --------------------------------------------------------------------

    def new_conversation(self) -> None:
        self.leave()
        self._view += 1
        self._show(None, [])
        self.composer.set_text("")
        self.composer.setFocus()

    def open(self, number: int, message: object = None) -> None:
        """Show a conversation, `message` of it at the upper edge."""
        if self._chat is None or (number == self.conversation and message is None):
            return
        if self.width() < NARROW and self._list_wanted:
            self.toggle_list()
        self.leave()
        self._view += 1
        chat, view = self._chat, self._view

        def show(opened: tuple[Conversation, list[StoredMessage]]) -> None:
            if view != self._view:
                return
            self._opened(*opened)
            if isinstance(message, int):
                self.view.transcript.restore_view(message, -24)

        self._bridge.run(lambda: chat.open(number), show, self.show_fault)

    def step(self, by: int) -> None:
        """To the next or previous conversation of the list."""
        number = self.sidebar.neighbour(self.conversation, by)
        if number is not None:
            self.open(number)

    def send(self, text: str) -> None:
        if self._chat is None or self._busy():
            return
        chat, wanted, view = self._chat, self.conversation, self._view
        parent = self._branch[-1].id if self._branch else None
        model = "" if self._conversation is None else self._conversation.model
        self._begin()

        def begin() -> tuple[Conversation, ReplyTask]:
            conversation = chat.conversation_for(wanted, model)
            return conversation, chat.send(conversation.id, text, parent)

        def failed(fault: DesktopLlmError) -> None:
            if view != self._view and wanted is not None:  # it no longer stands in the composer
                self._bridge.run(lambda: chat.save_draft(wanted, text), on_failure=self.show_fault)
            self._send_failed(view, fault)

        self._bridge.run(begin, partial(self._follow, view), failed)

    def retry(self) -> None:
        """Another reply to the last question."""
        if self._chat is None or self._busy() or not self._branch or self._conversation is None:
            return
        chat, reply, conversation = self._chat, self._branch[-1], self._conversation
        if reply.role is not Role.ASSISTANT:
            return
        self._branch.pop()
        self.view.transcript.remove_from(reply.id)
        self._begin()
        self._bridge.run(
            lambda: (conversation, chat.retry(reply)),
            partial(self._follow, self._view),
            partial(self._send_failed, self._view),
        )

    def stop(self) -> None:
        if self.conversation is not None:
            self._replies.stop(self.conversation)

    def copy_reply(self) -> None:
        replies = [message for message in self._branch if message.role is Role.ASSISTANT]
        if replies:
            self._copy(self.view.transcript.text_of(replies[-1].id))

    def rename(self) -> None:
        if self.conversation is not None:
            if self.sidebar.isHidden():
                self.toggle_list()
            self.sidebar.rename(self.conversation)

    def delete(self) -> None:
        """Put aside at once; a notice offers the way back."""
        chat, conversation = self._chat, self._conversation
        if chat is None or conversation is None:
            return
        self._draft_timer.stop()
        self._replies.stop(conversation.id)
        after = self.sidebar.neighbour(conversation.id, 1)
        if after == conversation.id:
            after = self.sidebar.neighbour(conversation.id, -1)
        number, title = conversation.id, conversation.title or _("New conversation")

        def deleted(_nothing: object) -> None:
            self._show(None, [])
            self.composer.set_text("")
            if after is not None and after != number:
                self.open(after)
            self.refresh()
            self._toasts.show(_("“{title}” is deleted.").format(title=title), _("Undo"), undo)

        def undo() -> None:
            self._bridge.run(lambda: chat.restore(number), restored, self.show_fault)

        def restored(_nothing: object) -> None:
            self.refresh()
            self.open(number)

        self._bridge.run(lambda: chat.delete(number), deleted, self.show_fault)

    def choose_model(self, name: str) -> None:
        """For this conversation, and for new ones."""
        self._model = name
        if self._conversation is not None and self._chat is not None:
            chat, number = self._chat, self._conversation.id
            self._conversation = replace(self._conversation, model=name)
            self._bridge.run(lambda: chat.choose_model(number, name), on_failure=self.show_fault)
        self._show_model()
        self._gauge.refresh()

    def toggle_list(self) -> None:
        self._list_wanted = self.sidebar.isHidden()
        self.sidebar.setVisible(self._list_wanted)

    def search(self) -> None:
        if self.sidebar.isHidden():
            self.toggle_list()
        self.sidebar.search.setFocus()
        self.sidebar.search.selectAll()

    def save_draft(self) -> None:
        chat, number, text = self._chat, self.conversation, self.composer.text()
        if chat is not None and number is not None and not self._asking():
            self._bridge.run(lambda: chat.save_draft(number, text), on_failure=self.show_fault)

    def leave(self) -> None:
        """Keep what is written before something else is shown; a draft alone makes a
        conversation.
        """
        self._draft_timer.stop()
        chat = self._chat
        if chat is None or self.conversation is not None or self._asking():
            self.save_draft()
        elif self.composer.has_text():
            text = self.composer.text()

            def keep() -> None:
                chat.save_draft(chat.conversation_for(None).id, text)

            self._bridge.run(keep, lambda _nothing: self.refresh(), self.show_fault)

    def restyle(self, tokens: Tokens) -> None:
        """Another theme or font size."""
        self.view.transcript.restyle(tokens)

    # --- a reply -------------------------------------------------------------------------------

    def _begin(self) -> None:
        self._starting = self._view
        self._show_running()
        self.show_fault(None)

    def _follow(self, view: int, begun: tuple[Conversation, ReplyTask]) -> None:
        conversation, task = begun
        if self._starting == view:
            self._starting = None
        self._replies.follow(conversation.id, task)
        if view == self._view and self.conversation != conversation.id:
            self._conversation = conversation

    def _send_failed(self, view: int, fault: DesktopLlmError) -> None:
        if self._starting == view:
            self._starting = None
        self._show_running()
        self.show_fault(fault)

    def _asked(self, number: int, asked: Asked) -> None:
        self.refresh()
        if number != self.conversation:
            return
        present = {message.id for message in self._branch}
        for message in (asked.question, asked.reply):
            if message.id not in present:
                self._branch.append(message)
                self.view.transcript.add(entry_of(message))
        if asked.question.id not in present:
            self.composer.clear()
            self._draft_timer.stop()  # the draft went with the question
        self.view.show_empty(False)
        self.view.transcript.stream(asked.reply.id, "")
        self.view.transcript.scroll_to_end()
        self._show_running()

    def _grew(self, number: int, text: str) -> None:
        live = self._replies.live(number)
        if number == self.conversation and live is not None and live.reply is not None:
            self.view.transcript.stream(live.reply, text)

    def _progressed(self, number: int, progress: object) -> None:
        if number == self.conversation:
            self.view.show_progress(progress)  # type: ignore[arg-type]  # Signal(object)

    def _ended(self, number: int, answer: Answered | None, fault: DesktopLlmError | None) -> None:
        self.sidebar.model.refresh(number)
        if answer is not None:
            self.answered.emit(answer.reply)
        if number != self.conversation:
            return
        self._show_running()
        self.view.show_progress(None)
        if answer is None:
            self._take_back(number)
        elif self._branch and self._branch[-1].id == answer.reply.id:
            self._branch[-1] = answer.reply
            self.view.transcript.finish(answer.reply.id, answer.reply.text, note_of(answer.reply))
        self.view.transcript.refresh_actions()
        self.show_fault(fault, retry=answer is not None)
        self._gauge.refresh()

    def _take_back(self, number: int) -> None:
        """The question was not kept, or was taken back: show what is stored, and in the composer
        the question again, before what was written since.
        """
        if self._chat is None:
            return
        chat, view, since = self._chat, self._view, self.composer.text()
        kept = [message.text for message in self._branch if message.role is Role.USER]

        def show(opened: tuple[Conversation, list[StoredMessage]]) -> None:
            if view != self._view:
                return
            stored = [message.text for message in opened[1] if message.role is Role.USER]
            lost = kept[len(stored) :]
            self._opened(*opened, keep_fault=True)
            self.composer.set_text("\n\n".join(text for text in (*lost, since) if text.strip()))

        self._bridge.run(lambda: chat.open(number), show, self.show_fault)

    def _copy(self, text: str) -> None:
        QGuiApplication.clipboard().setText(text)
        self._toasts.show(_("Copied."))

    def _may_retry(self, key: int) -> bool:
        last = self._branch[-1] if self._branch else None
        mine = last is None or last.id != key or last.role is not Role.ASSISTANT
        return not mine and not self._busy()

    def _measure(self, text: str) -> Callable[[], TokenCount | None] | None:
        """Not while a reply is written: the engine would answer only after it."""
        chat, number, model = self._chat, self.conversation, self._model
        if chat is None or self._busy() or len(self._replies):
            return None
        return lambda: chat.measure(number, text, model)

    def _asking(self) -> bool:
        """What stands in the composer is on its way; it is a draft again when that fails."""
        live = self._replies.live(self.conversation)
        return self._starting == self._view or (live is not None and live.reply is None)

    def _busy(self) -> bool:
        return self._starting == self._view or self._replies.live(self.conversation) is not None

    def _show_running(self) -> None:
        busy = self._busy()
        self.composer.set_running(busy)
        for command in (Command.STOP, Command.RETRY):
            self._actions[command].setEnabled(busy is (command is Command.STOP))
        if self.conversation is not None:
            self.sidebar.model.refresh(self.conversation)

    # --- showing -------------------------------------------------------------------------------

    def refresh(self, then: Callable[[], None] | None = None) -> None:
        """The list anew, e.g. because another process has changed it."""
        if self._chat is None:
            return

        def show(rows: list[Conversation]) -> None:
            self.sidebar.show_conversations(rows, self.conversation)
            for row in rows:
                if self._conversation is not None and row.id == self._conversation.id:
                    self._conversation = replace(row, model=self._conversation.model)
                    self.view.title.setText(row.title or _("New conversation"))
            if then is not None:
                then()

        self._bridge.run(self._chat.conversations, show, self.show_fault)

    def _search(self, query: str) -> None:
        if self._chat is not None:
            chat = self._chat
            self._bridge.run(
                lambda: chat.search(query),
                lambda hits: self.sidebar.show_hits(query, hits),
                self.show_fault,
            )

    def _rename(self, number: int, title: str) -> None:
        if self._chat is not None:
            chat = self._chat
            self._bridge.run(
                lambda: chat.rename(number, title), lambda _none: self.refresh(), self.show_fault
            )

    def _opened(
        self, conversation: Conversation, branch: list[StoredMessage], keep_fault: bool = False
    ) -> None:
        live = self._replies.live(conversation.id)
        if live is not None:  # newer than what was flushed
            branch = [
                replace(message, text=live.text) if message.id == live.reply else message
                for message in branch
            ]
        self._show(conversation, branch, keep_fault)
        self.composer.set_text(conversation.draft)
        self._draft_timer.stop()
        if live is not None:
            self.view.show_progress(live.progress)
            if live.reply is not None:
                self.view.transcript.stream(live.reply, "")

    def _show(
        self,
        conversation: Conversation | None,
        branch: list[StoredMessage],
        keep_fault: bool = False,
    ) -> None:
        self._conversation, self._branch = conversation, branch
        title = "" if conversation is None else conversation.title
        self.view.title.setText(title or _("New conversation"))
        self.view.transcript.show_entries([entry_of(message) for message in branch])
        self.view.show_empty(not branch)
        self.view.show_progress(None)
        self._gauge.clear()
        self.sidebar.mark(self.conversation)
        self._show_model()
        if not keep_fault and not self._lasting:
            self.show_fault(None)
        if self._chat is not None:
            if not self._ready:
                self._set_ready(True)
                self.composer.setFocus()
            self._show_running()
        self.opened.emit()

    def show_default_model(self, name: str) -> None:
        self._model = name
        self._show_model()

    def _show_model(self) -> None:
        own = self._conversation.model if self._conversation is not None else ""
        self.view.show_model(own or self._model)

    def show_fault(
        self,
        fault: DesktopLlmError | None,
        retry: bool = False,
        actions: list[FaultAction] | None = None,
        lasting: bool = False,
    ) -> None:
        """`lasting`: of the program, not of this conversation; stays when another is shown."""
        offered = list(actions or [])
        if fault is not None:
            offered += self.ways_out(fault)
        if retry and fault is not None:
            offered.append((_("Try again"), self.retry))
        self._lasting = lasting and fault is not None
        self.view.show_fault(fault, offered)

    def resizeEvent(self, event: QResizeEvent) -> None:
        narrow = event.size().width() < NARROW
        if narrow != (event.oldSize().width() < NARROW) or event.oldSize().width() < 0:
            self._list_wanted = False
            self.sidebar.setVisible(not narrow)
        super().resizeEvent(event)
