"""The chat page: conversations at the left, the one that is open beside them.

What a person does becomes a call of the chat service, off the window's thread.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QMimeData, Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QSplitter, QWidget

from desktop_llm.core.conversations import Listing
from desktop_llm.core.errors import DesktopLlmError
from desktop_llm.core.messages import Role
from desktop_llm.core.search import parse_query
from desktop_llm.rendering.plain_text import plain_text
from desktop_llm.rendering.portions import parse_to_show
from desktop_llm.ui.actions import Actions, Command
from desktop_llm.ui.attachments_care import AttachmentsCare
from desktop_llm.ui.branch_care import BranchCare, edit_words
from desktop_llm.ui.bridge import Bridge
from desktop_llm.ui.code_colours import CodeColours
from desktop_llm.ui.compare_care import CompareCare
from desktop_llm.ui.context_care import ContextCare
from desktop_llm.ui.conversation_care import ABOVE, ConversationCare
from desktop_llm.ui.drafts import Drafts
from desktop_llm.ui.find_care import FindCare
from desktop_llm.ui.icons import ON_ACCENT, icon
from desktop_llm.ui.icons import Role as IconRole
from desktop_llm.ui.list_care import ListCare
from desktop_llm.ui.models.branches import BranchesModel, map_words
from desktop_llm.ui.organise_care import OrganiseCare
from desktop_llm.ui.pages.compare_view import CompareView
from desktop_llm.ui.pages.context_panel import ContextPanel
from desktop_llm.ui.pages.conversation import ConversationView, FaultAction
from desktop_llm.ui.pages.list_menus import ListMenus
from desktop_llm.ui.pages.message_menus import MessageMenus
from desktop_llm.ui.pages.parameters_panel import ParametersPanel
from desktop_llm.ui.pages.prompts_panel import PromptsPanel
from desktop_llm.ui.pages.reply_panel import ReplyPanel
from desktop_llm.ui.pages.sidebar import Sidebar
from desktop_llm.ui.parameters_care import ParametersCare
from desktop_llm.ui.prompts_care import PromptsCare
from desktop_llm.ui.replies import Live, Replies
from desktop_llm.ui.theme import Tokens
from desktop_llm.ui.trust_care import TrustCare
from desktop_llm.ui.widgets.branch_map import BranchMap
from desktop_llm.ui.widgets.message_bar import MessageAction
from desktop_llm.ui.widgets.side_panel import SidePanel
from desktop_llm.ui.widgets.toasts import Toasts
from desktop_llm.words import _

if TYPE_CHECKING:
    from desktop_llm.services.chat import ChatService

BRANCHES, CONTEXT = "branches", "context"  # pages of the panel at the side
PARAMETERS, PROMPTS, REPLY = "parameters", "prompts", "reply"
NARROW = 900  # pixels of the page under which the list folds away


class ChatPage(QSplitter):
    export_wanted = Signal(list)  # numbers of conversations; none: what is shown

    def __init__(
        self,
        bridge: Bridge,
        replies: Replies,
        drafts: Drafts,
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
        self._model = ""  # for a conversation that names none
        self.ways_out: Callable[[DesktopLlmError], list[FaultAction]] = lambda _fault: []
        self._lasting = False  # the fault that is shown is the program's
        self._first_question = ""  # asked before the page was ready
        self._starting_with: Live | None = None  # see `start`
        self._list_wanted = False  # shown although the page is narrow
        self.sidebar = Sidebar(actions, self)
        self.view = ConversationView(tokens, actions, CodeColours(bridge), bridge.run, self)
        self.composer = self.view.composer
        self.composer.set_icons(icon("arrow-up", ON_ACCENT), icon("stop", ON_ACCENT))
        self.shown = ConversationCare(self.view, self.sidebar, bridge, replies, drafts, toasts)
        self.list = ListCare(
            self.sidebar, bridge, toasts, lambda: self._chat, lambda: self.conversation
        )
        self.organise = OrganiseCare(self.sidebar, self.list, bridge, toasts, lambda: self._chat)
        self.organise.export_wanted.connect(self.export_wanted)
        ListMenus(self.sidebar, self.organise)
        self.side = SidePanel(icon("x"), _("Close"), self)
        self.side.after = self.composer
        self.map = BranchMap(BranchesModel(), icon("git-branch", IconRole.PlaceholderText), self)
        self.map.set_words(map_words())
        self.side.add(BRANCHES, _("Versions and branches"), self.map)
        self.branches = BranchCare(
            self.shown, self.view.transcript, self.map, bridge, drafts, toasts,
            lambda: self._chat, self._copy, self._copy_formatted,
        )  # fmt: skip
        self.finder = FindCare(self.view.finder, self.view.transcript, self.shown)
        self.inspector = ContextPanel(self)
        self.side.add(CONTEXT, _("What is sent"), self.inspector)
        self.context = ContextCare(
            self.shown, self.view, self.inspector, bridge, replies,
            lambda: self._chat, lambda: self.shown.model or self._model,
        )  # fmt: skip
        self.values = ParametersPanel(self)
        self.side.add(PARAMETERS, _("Parameters and presets"), self.values)
        self.parameters = ParametersCare(
            self.shown, self.values, bridge, toasts, lambda: self._chat,
            lambda: self.branches.models, lambda: self.view.model_name, self._choose_for_this,
        )  # fmt: skip
        self.about = ReplyPanel(self)
        self.side.add(REPLY, _("About this reply"), self.about)
        self.trust = TrustCare(
            self.shown, self.about, bridge, toasts, lambda: self._chat, self._current_reply
        )
        self.library = PromptsPanel(self)
        self.side.add(PROMPTS, _("Prompts"), self.library)
        self.prompts = PromptsCare(
            self.view, self.library, bridge, toasts, lambda: self._chat, drafts.prompts
        )
        self.prompts.failed.connect(self.show_fault)
        self.attachments = AttachmentsCare(
            self.shown, self.view, bridge, toasts, lambda: self._chat, self.context.forget
        )
        self.context.counted.connect(self.attachments.count)
        clip = MessageAction(
            icon("paperclip"), actions.hint(Command.ATTACH), self.attachments.choose_files
        )
        self.composer.add_tool(clip, _("Attach files"))
        self.compare = CompareCare(
            self.shown, self.view, bridge, replies, toasts, lambda: self._chat,
            lambda: self.branches.models, lambda: self.view.model_name,
        )  # fmt: skip
        hint = actions.hint(Command.PROMPTS)
        tool = MessageAction(icon("notebook"), hint, lambda: self.toggle_side(PROMPTS))
        self.composer.add_tool(tool, _("Prompts"))
        columns = MessageAction(icon("columns"), actions.hint(Command.COMPARE), self.compare.set_up)
        self.composer.add_tool(columns, _("Compare two replies"))
        self._connect(drafts)
        self.addWidget(self.sidebar)
        self.addWidget(self.view)
        self.addWidget(self.side)
        self.setChildrenCollapsible(False)
        self.setHandleWidth(1)
        self.setSizes([248, 800])
        self.setStretchFactor(1, 1)
        self.setStretchFactor(2, 0)
        self._set_ready(False)

    def _connect(self, drafts: Drafts) -> None:
        shown, sidebar = self.shown, self.sidebar
        sidebar.model.is_running = lambda number: self._replies.live(number) is not None
        sidebar.chosen.connect(self._open_found)
        sidebar.wanted.connect(self._show_list)
        self.list.listed.connect(shown.listed)
        self.list.deleted.connect(shown.deleted)
        self.list.restored.connect(shown.open)
        self.list.failed.connect(self.show_fault)
        self.view.list_wanted.connect(self.toggle_list)
        menus = MessageMenus(self.view.transcript, self.branches)
        self.view.comparison_made.connect(lambda made: self._comparison_made(made, menus))
        self.branches.open_attachment = self.attachments.open
        self.branches.tell_about = self._tell_about
        self.branches.compare = self.compare.look_at
        self.branches.take_care = self.context.take_care
        self.branches.forked.connect(self._forked)
        self.map.message_chosen.connect(self.branches.show_message)
        self.map.delete_wanted.connect(self.branches.delete)
        self.side.opened.connect(lambda _key: self._side_opened())
        self.parameters.stored.connect(self.context.refresh)
        self.composer.send_wanted.connect(self._send_composed)
        self.composer.bar.clicked.connect(lambda: self.toggle_side(CONTEXT))
        self.inspector.message_chosen.connect(self._show_message)
        self.composer.stop_wanted.connect(shown.stop)
        shown.opened.connect(self._opened)
        shown.busy_changed.connect(self._show_busy)
        shown.list_changed.connect(self.list.refresh)
        shown.faulted.connect(self.show_fault)
        drafts.failed.connect(self.show_fault)

    def _comparison_made(self, comparison: CompareView, menus: MessageMenus) -> None:
        for side in comparison.sides:
            side.transcript.link_activated.connect(menus.show_link)
            side.transcript.editor.set_words(edit_words(asks=False))  # nothing is edited there

    def start(
        self, chat: "ChatService", conversation: int | None = None, waiting: Live | None = None
    ) -> None:
        """The services are open: show a conversation, 0: a new one, None: the newest. `waiting`:
        the first question of the new one.
        """
        self._chat, self._starting_with = chat, waiting
        self.view.show_private(chat.private)

        def read() -> tuple[Listing, str]:
            return chat.organiser.listing(), chat.new_draft()

        def show(found: tuple[Listing, str]) -> None:
            listing, new_draft = found
            self._starting_with = None
            self.list.show(listing)
            self.shown.start(chat, listing, new_draft, conversation, waiting)

        def failed(fault: DesktopLlmError) -> None:
            again = (_("Try again"), lambda: self.start(chat, conversation, waiting))
            self.show_fault(fault, actions=[again], lasting=True)

        self._bridge.run(read, show, failed)

    def pause(self) -> None:
        """The services are about to close."""
        self.shown.pause()
        self.parameters.pause()
        self._toasts.clear()
        self._chat = None
        self._set_ready(False)

    def retire(self) -> Live | None:
        """Another page takes this one's place. Returns the question on its way from a new
        conversation.
        """
        self.prompts.retire()
        self.compare.retire(self._replies)
        return self.shown.retire() or self._starting_with

    @property
    def ready(self) -> bool:
        """Whether a conversation, or an empty new one, is shown. Until then a fault may be shown,
        and nothing else done.
        """
        return self._ready

    def _set_ready(self, ready: bool) -> None:
        self._ready = ready
        self.sidebar.setEnabled(ready)
        self.view.set_ready(ready)

    @property
    def chat(self) -> "ChatService | None":
        """Of what is shown; None while the services are closed."""
        return self._chat

    @property
    def private(self) -> bool:
        """Nothing of what is shown is stored."""
        return self._chat is not None and self._chat.private

    @property
    def conversation(self) -> int | None:
        """That is shown, or about to be; None: a new one."""
        return self.shown.number

    # --- what a person does --------------------------------------------------------------------

    def new_conversation(self) -> None:
        self.sidebar.search.clear()  # it will stand in the list, not in what was found
        self.shown.new()

    def open(self, number: int, message: object = None, words: Sequence[str] = ()) -> None:
        """Show a conversation, `message` of it at the upper edge, `words` marked in it."""
        if self.width() < NARROW and self._list_wanted:
            self.toggle_list()
        self.shown.open(number, message if isinstance(message, int) else None, words)

    def _open_found(self, number: int, message: object) -> None:
        """With the words that are searched for, if any, marked."""
        words = parse_query(self.sidebar.search.text()).words
        self.open(number, message, words)

    def step(self, by: int) -> None:
        """To the next or previous conversation of the list."""
        number = self.sidebar.neighbour(self.conversation, by)
        if number is not None:
            self.shown.open(number)

    def _send_composed(self, text: str) -> None:
        if self.compare.asks:
            self.compare.ask(text)
        else:
            self.context.send(text)

    def send(self, text: str) -> None:
        """Ask what does not stand in the composer."""
        self.shown.send(text)

    def ask_first(self, question: str) -> None:
        """In a new conversation, as soon as the page is ready."""
        if not self._ready:
            self._first_question = question
            return
        if self.shown.branch or self.shown.busy:
            self.shown.new()
        self.shown.send(question)

    def retry(self) -> None:
        self.shown.retry(self._current_reply())

    def go_on(self) -> None:
        self.shown.go_on(self._current_reply())

    def edit(self) -> None:
        self.branches.edit(self.view.transcript.current)

    def step_version(self, by: int) -> None:
        """Of the message the keyboard is at, else of the last that has versions."""
        key = self.view.transcript.current or self.branches.forked_last()
        if key is not None:
            self.branches.step_version(key, by)

    def fork(self) -> None:
        self.branches.fork(self.view.transcript.current)

    def toggle_side(self, page: str) -> None:
        if self.side.shown == page:
            self.side.close_panel()
        else:
            self.side.open(page)

    def _tell_about(self, key: int) -> None:
        self.side.open(REPLY)
        self.trust.look_at(key)

    def _current_reply(self) -> int | None:
        """That the keyboard is at; None: the last."""
        key = self.view.transcript.current
        message = self.shown.message(key)
        return key if message is not None and message.role is Role.ASSISTANT else None

    def _side_opened(self) -> None:
        self.branches.refresh_map()
        self.context.refresh()
        if self.side.shown == PARAMETERS:
            self.parameters.refresh()
        elif self.side.shown == REPLY:
            self.trust.look_at(None)

    def _show_message(self, key: int) -> None:
        self.view.transcript.restore_view(key, -ABOVE)

    def _forked(self, number: int) -> None:
        self.list.refresh()
        self.open(number)
        self._toasts.show(_("This is a new conversation. The other one is as it was."))

    def stop(self) -> None:
        self.shown.stop()

    def copy_reply(self) -> None:
        replies = [message for message in self.shown.branch if message.role is Role.ASSISTANT]
        if replies:
            self._copy(self.view.transcript.text_of(replies[-1].id))

    def rename(self) -> None:
        if self.conversation is not None:
            self.sidebar.rename(self.conversation)

    def delete(self) -> None:
        self.list.delete(self.sidebar.meant_by_keys(self.conversation))

    def keep(self, act: Callable[[Sequence[int]], object]) -> None:
        """Pin, move or tag what is open, or what is chosen in the list."""
        if numbers := self.sidebar.meant_by_keys(self.conversation):
            act(numbers)
        else:
            self._toasts.show(_("Ask something first: only then is there a conversation to keep."))

    def choose_model(self, name: str) -> None:
        """For this conversation, and for new ones."""
        self._model = name
        self.shown.choose_model(name)
        self._show_model()
        self.context.refresh()

    def _choose_for_this(self, name: str) -> None:
        """For this conversation alone."""
        if self.shown.number is None:
            self.shown.choose_new_model(name)
        else:
            self.shown.choose_model(name)
        self._show_model()
        self.context.refresh()

    def _show_list(self) -> None:
        if self.sidebar.isHidden():
            self.toggle_list()

    def toggle_list(self) -> None:
        self._list_wanted = self.sidebar.isHidden()
        self.sidebar.setVisible(self._list_wanted)

    def search(self) -> None:
        self._show_list()
        self.sidebar.search.setFocus()
        self.sidebar.search.selectAll()

    def restyle(self, tokens: Tokens) -> None:
        """Another theme or font size."""
        self.view.restyle(tokens)

    def _copy_formatted(self, markdown: str) -> None:
        """For programs that take formatted text, and for those that take Markdown or plain text."""

        def make() -> tuple[str, str]:
            from desktop_llm.rendering.html import to_html

            blocks = parse_to_show(markdown)
            return to_html(blocks), plain_text(blocks)

        def put(made: tuple[str, str]) -> None:
            html, plain = made
            data = QMimeData()
            data.setHtml(html)
            data.setText(plain)
            data.setData("text/markdown", markdown.encode())
            QGuiApplication.clipboard().setMimeData(data)
            self._toasts.show(_("Copied."))

        self._bridge.run(make, put, self.show_fault)

    def _copy(self, text: str) -> None:
        QGuiApplication.clipboard().setText(text)
        self._toasts.show(_("Copied."))

    # --- showing -------------------------------------------------------------------------------

    def _opened(self) -> None:
        self.context.clear()
        self._show_model()
        if not self._lasting:
            self.show_fault(None)
        if self._chat is not None and not self._ready:
            self._set_ready(True)
            self.prompts.refresh()
            self.composer.setFocus()
            question, self._first_question = self._first_question, ""
            if question:
                QTimer.singleShot(0, self, lambda: self.ask_first(question))
        self._show_busy()

    def _show_busy(self) -> None:
        running = self.shown.live is not None
        self.composer.set_held(self.shown.opening)
        self.composer.set_running(running)
        self._actions[Command.STOP].setEnabled(running)
        self._actions[Command.RETRY].setEnabled(not running)
        if (number := self.shown.number) is not None:
            self.sidebar.model.refresh(number)
        if not running:
            self.context.refresh()

    def show_models(self, default: str, names: list[str]) -> None:
        """`default`: for a conversation that names none."""
        self._model, self.branches.models = default, names
        self._show_model()

    def _show_model(self) -> None:
        self.view.show_model(self.shown.model or self._model)

    def show_fault(
        self,
        fault: DesktopLlmError | None,
        retry: bool = False,
        actions: list[FaultAction] | None = None,
        lasting: bool = False,
    ) -> None:
        """`lasting`: of the program, not of this conversation; stays when another is shown."""
        if fault is not None and self.context.takes(fault):
            return
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
