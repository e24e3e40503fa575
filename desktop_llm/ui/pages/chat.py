"""The chat page: conversations at the left, the one that is open beside them."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from PySide6.QtCore import QModelIndex, QPoint, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QCursor, QDesktopServices, QGuiApplication
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QListView,
    QMenu,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from desktop_llm.core.conversations import Conversation, StoredMessage
from desktop_llm.core.engine import TextDelta
from desktop_llm.core.errors import DesktopLlmError, EnvironmentFault, FaultCode
from desktop_llm.core.messages import MessageState, Role
from desktop_llm.services.chat import Answered, Asked, ChatEvent, ChatService, ReplyTask
from desktop_llm.ui.bridge import Bridge
from desktop_llm.ui.models.conversations import ID_ROLE, ConversationsModel
from desktop_llm.ui.theme import Tokens
from desktop_llm.ui.widgets.composer import Composer
from desktop_llm.ui.widgets.eliding import ElidingDelegate
from desktop_llm.ui.widgets.transcript import Entry, Transcript
from desktop_llm.words import _
from desktop_llm.words.faults import word_fault

DRAFT_MILLISECONDS = 400  # of quiet before a draft is saved


@dataclass(slots=True)
class _Live:
    """A reply that is being written, followed also while another conversation is shown."""

    task: ReplyTask
    reply: int | None = None
    text: str = ""


class ChatPage(QSplitter):
    answered = Signal(object)  # the `StoredMessage` of a reply that has ended

    def __init__(self, bridge: Bridge, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._bridge = bridge
        self._chat: ChatService | None = None
        self._conversation: Conversation | None = None
        self._branch: list[StoredMessage] = []
        self._live: dict[int, _Live] = {}  # by conversation
        self._starting = False
        self._model = ConversationsModel(self)
        self._list = QListView(self)
        self._list.setModel(self._model)
        self._list.setItemDelegate(ElidingDelegate(self._list))
        self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._list.setAccessibleName(_("Conversations"))
        self._list.selectionModel().currentChanged.connect(self._row_chosen)
        self._new = QPushButton(_("New conversation"), self)
        self._new.setToolTip("Ctrl+N")
        self._new.clicked.connect(self.new_conversation)
        self._title = QLabel(self)
        self._title.setProperty("heading", True)
        self._title.setTextFormat(Qt.TextFormat.PlainText)
        self._transcript = Transcript(tokens, self)
        self._transcript.setAccessibleName(_("Messages"))
        self._transcript.menu_wanted.connect(self._show_menu)
        self._transcript.link_activated.connect(self._show_link)
        self._error = QLabel(self)
        self._error.setProperty("danger", True)
        self._error.setTextFormat(Qt.TextFormat.PlainText)
        self._error.setWordWrap(True)
        self._retry = QPushButton(_("Try again"), self)
        self._retry.clicked.connect(self.retry)
        self.composer = Composer(self)
        self.composer.set_words(_("Ask anything …"), _("Your message"), _("Send"), _("Stop"))
        self.composer.send_wanted.connect(self.send)
        self.composer.stop_wanted.connect(self.stop)
        self._draft_timer = QTimer(self)
        self._draft_timer.setSingleShot(True)
        self._draft_timer.setInterval(DRAFT_MILLISECONDS)
        self._draft_timer.timeout.connect(self.save_draft)
        self.composer.changed.connect(self._draft_timer.start)
        self._arrange()
        self.setEnabled(False)
        self.show_fault(None)

    def start(self, chat: ChatService) -> None:
        """The services are open: show what there is."""
        self._chat = chat
        self.setEnabled(True)
        self._refresh(then=self._open_newest)

    # --- what a person does --------------------------------------------------------------------

    def new_conversation(self) -> None:
        self.leave()
        self._show(None, [])
        self._list.setCurrentIndex(QModelIndex())
        self.composer.set_text("")
        self._show_running()
        self.composer.editor.setFocus()

    def send(self, text: str) -> None:
        if self._chat is None or self._busy():
            return
        chat, wanted = self._chat, self._conversation
        parent = self._branch[-1].id if self._branch else None
        self._starting = True
        self._show_running()
        self.show_fault(None)

        def begin() -> tuple[Conversation, ReplyTask]:
            conversation = chat.conversation_for(None if wanted is None else wanted.id)
            return conversation, chat.send(conversation.id, text, parent)

        self._bridge.run(begin, self._follow, self._send_failed)

    def retry(self) -> None:
        if self._chat is None or self._busy() or not self._branch:
            return
        chat, reply, conversation = self._chat, self._branch[-1], self._conversation
        if reply.role is not Role.ASSISTANT or conversation is None:
            return
        self._branch.pop()
        self._show(conversation, self._branch)
        self._starting = True
        self._show_running()
        self._bridge.run(lambda: (conversation, chat.retry(reply)), self._follow, self._send_failed)

    def stop(self) -> None:
        if (live := self._running()) is not None:
            live.task.cancel()

    def _show_menu(self, key: int, where: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        copy = menu.addAction(_("Copy selection"), self._transcript.copy)
        copy.setEnabled(bool(self._transcript.selected_text()))
        text = self._transcript.text_of(key)
        menu.addAction(_("Copy message"), lambda: QGuiApplication.clipboard().setText(text))
        if not self._busy() and self._branch and key == self._branch[-1].id:
            menu.addAction(_("Another reply"), self.retry)
        menu.popup(where)

    def _show_link(self, address: str) -> None:
        """The full address first: a link's text can say anything."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction(address).setEnabled(False)
        menu.addSeparator()
        menu.addAction(_("Open in the browser"), lambda: QDesktopServices.openUrl(QUrl(address)))
        menu.addAction(_("Copy address"), lambda: QGuiApplication.clipboard().setText(address))
        menu.popup(QCursor.pos())

    def save_draft(self) -> None:
        chat, conversation, text = self._chat, self._conversation, self.composer.text()
        if chat is not None and conversation is not None and not self._busy():
            self._bridge.run(
                lambda: chat.save_draft(conversation.id, text), on_failure=self.show_fault
            )

    def leave(self) -> None:
        """Keep what is written before something else is shown; a draft alone makes a
        conversation.
        """
        self._draft_timer.stop()
        chat, text = self._chat, self.composer.text()
        if chat is not None and self._conversation is None and text.strip() and not self._busy():
            self._bridge.run(
                lambda: chat.save_draft(chat.conversation_for(None).id, text),
                lambda _: self._refresh(),
                self.show_fault,
            )
        else:
            self.save_draft()

    def _busy(self) -> bool:
        return self._starting or self._running() is not None

    def restyle(self, tokens: Tokens) -> None:
        """Another theme or font size."""
        self._transcript.restyle(tokens)

    # --- a reply -------------------------------------------------------------------------------

    def _follow(self, begun: tuple[Conversation, ReplyTask]) -> None:
        conversation, task = begun
        self._starting = False
        self._conversation = conversation
        number = conversation.id
        self._live[number] = _Live(task)
        self._bridge.follow(
            task,
            lambda event: self._event(number, event),
            lambda answer: self._ended(number, answer, answer.unstored or answer.fault),
            lambda fault: self._ended(number, None, fault),
        )

    def _event(self, number: int, event: ChatEvent) -> None:
        live, shown = self._live[number], self._shows(number)
        if isinstance(event, Asked):
            live.reply = event.reply.id
            self._refresh()
            if shown:
                self._show_asked(event)
        elif isinstance(event, TextDelta):
            live.text += event.text
            if shown and live.reply is not None:
                self._transcript.stream(live.reply, event.text)

    def _show_asked(self, event: Asked) -> None:
        present = {message.id for message in self._branch}
        for message in (event.question, event.reply):
            if message.id not in present:
                self._branch.append(message)
                self._transcript.add(_entry(message))
        if event.question.id not in present:
            self.composer.clear()
        self._transcript.scroll_to_end()

    def _ended(self, number: int, answer: Answered | None, fault: DesktopLlmError | None) -> None:
        del self._live[number]
        if self._shows(number):
            self._show_running()
            if answer is not None and self._branch and self._branch[-1].id == answer.reply.id:
                self._branch[-1] = answer.reply
                self._transcript.finish(answer.reply.id, answer.reply.text, _note(answer.reply))
            self.show_fault(fault)
        if answer is not None:
            self.answered.emit(answer.reply)

    def _shows(self, number: int) -> bool:
        return self._conversation is not None and self._conversation.id == number

    def _running(self) -> _Live | None:
        return None if self._conversation is None else self._live.get(self._conversation.id)

    def _show_running(self) -> None:
        self.composer.set_running(self._starting or self._running() is not None)

    def _send_failed(self, fault: DesktopLlmError) -> None:
        self._starting = False
        self._show_running()
        self.show_fault(fault)

    # --- showing -------------------------------------------------------------------------------

    def _refresh(self, then: Callable[[], None] | None = None) -> None:
        assert self._chat is not None
        chat = self._chat

        def show(rows: list[Conversation]) -> None:
            self._model.show(rows)
            if self._conversation is not None:
                self._select(self._conversation.id)
                for row in rows:
                    if row.id == self._conversation.id:
                        self._title.setText(row.title)
            if then is not None:
                then()

        self._bridge.run(chat.conversations, show, self.show_fault)

    def _open_newest(self) -> None:
        if self._model.rowCount():
            self._list.setCurrentIndex(self._model.index(0, 0))
        else:
            self.new_conversation()

    def _select(self, conversation: int) -> None:
        row = self._model.row_of(conversation)
        if row is not None:
            self._list.selectionModel().blockSignals(True)
            self._list.setCurrentIndex(self._model.index(row, 0))
            self._list.selectionModel().blockSignals(False)

    def _row_chosen(self, index: QModelIndex, _before: QModelIndex) -> None:
        number = index.data(ID_ROLE)
        if self._chat is None or number is None:
            return
        if self._conversation is not None and number == self._conversation.id:
            return
        self.leave()
        chat = self._chat
        self._bridge.run(
            lambda: chat.open(number), lambda opened: self._opened(*opened), self.show_fault
        )

    def _opened(self, conversation: Conversation, branch: list[StoredMessage]) -> None:
        live = self._live.get(conversation.id)
        if live is not None:  # newer than what was flushed
            branch = [
                replace(message, text=live.text) if message.id == live.reply else message
                for message in branch
            ]
        self._show(conversation, branch)
        self.composer.set_text(conversation.draft)
        self._show_running()

    def _show(self, conversation: Conversation | None, branch: list[StoredMessage]) -> None:
        self._conversation, self._branch = conversation, branch
        title = "" if conversation is None else conversation.title
        self._title.setText(title or _("New conversation"))
        self._transcript.show_entries([_entry(message) for message in branch])
        self.show_fault(None)

    def show_fault(self, fault: DesktopLlmError | None) -> None:
        self._error.setText("" if fault is None else str(word_fault(fault)))
        self._error.setVisible(fault is not None)
        self._retry.setVisible(fault is not None and bool(self._branch))

    def _arrange(self) -> None:
        side = QWidget(self)
        side.setObjectName("sidebar")
        column = QVBoxLayout(side)
        column.setContentsMargins(12, 12, 12, 12)
        column.setSpacing(8)
        column.addWidget(self._new)
        column.addWidget(self._list)
        main = QFrame(self)
        main.setObjectName("page")
        rows = QVBoxLayout(main)
        rows.setContentsMargins(0, 0, 0, 12)
        rows.setSpacing(8)
        self._title.setContentsMargins(24, 12, 24, 0)
        rows.addWidget(self._title)
        rows.addWidget(self._transcript, 1)
        fault = QHBoxLayout()
        fault.setContentsMargins(24, 0, 24, 0)
        fault.addWidget(self._error, 1)
        fault.addWidget(self._retry)
        rows.addLayout(fault)
        foot = QHBoxLayout()
        foot.setContentsMargins(24, 0, 24, 0)
        foot.addStretch(1)
        self.composer.setMaximumWidth(744)
        foot.addWidget(self.composer, 1000)
        foot.addStretch(1)
        rows.addLayout(foot)
        self.addWidget(side)
        self.addWidget(main)
        self.setChildrenCollapsible(False)
        self.setHandleWidth(1)
        self.setSizes([240, 760])
        self.setStretchFactor(1, 1)


def _entry(message: StoredMessage) -> Entry:
    return Entry(message.id, message.text, message.role is Role.USER, _note(message))


def _note(message: StoredMessage) -> str:
    """One line below a reply: its model and speed, or why it is not whole."""
    if message.role is not Role.ASSISTANT or message.state is MessageState.STREAMING:
        return ""
    parts = [message.model] if message.model else []
    if message.stats is not None and message.stats.tokens_per_second:
        speed = _("{number} tok/s").format(number=f"{message.stats.tokens_per_second:,.0f}")
        parts.append(speed)
    if message.state is MessageState.STOPPED:
        parts.append(_("stopped by you"))
    elif message.state is MessageState.INTERRUPTED:
        reason = _reason(message.reason)
        parts.append(_("interrupted") + (f": {reason}" if reason else ""))
    return " · ".join(parts)


def _reason(code: str) -> str:
    try:
        return word_fault(EnvironmentFault(FaultCode(code))).what
    except ValueError:
        return ""
