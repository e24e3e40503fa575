"""What stands in the window: a rail of pages, the page that is shown, one status line; the palette
and the dialogs. Built anew for another language; the window itself stays.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QSettings, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLineEdit,
    QMainWindow,
    QPlainTextEdit,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)
from shiboken6 import isValid

from desktop_llm.ui.actions import Actions, BeforeText, Command, shortcut_text
from desktop_llm.ui.bridge import Bridge
from desktop_llm.ui.drafts import Drafts
from desktop_llm.ui.icons import icon
from desktop_llm.ui.pages.chat import BRANCHES, CONTEXT, PARAMETERS, PROMPTS, REPLY, ChatPage
from desktop_llm.ui.rail import Rail
from desktop_llm.ui.replies import Live, Replies
from desktop_llm.ui.status_line import StatusLine
from desktop_llm.ui.theme import Tokens
from desktop_llm.ui.widgets.picker import Pick, Picker, over
from desktop_llm.ui.widgets.toasts import Toasts
from desktop_llm.words import _

if TYPE_CHECKING:
    from desktop_llm.services.chat import ChatService


class Page(Enum):
    """Its command; None: it is on no rail and in no list."""

    CHAT = Command.CHAT
    SETTINGS = Command.SETTINGS
    BACKUPS = Command.BACKUPS
    BIN = Command.BIN
    CORRECTIONS = Command.CORRECTIONS
    JOBS = Command.JOBS
    CONNECTIONS = Command.CONNECTIONS
    MODELS = Command.MODELS
    DISCOVER = Command.DISCOVER
    TOOLS = Command.TOOLS
    WELCOME = None


def _choose_model(chat: ChatPage) -> None:
    chat.view.model_wanted.emit()


def _go_to_newest(chat: ChatPage) -> None:
    chat.view.transcript.scroll_to_end()


_CHAT_CALLS: Mapping[Command, Callable[[ChatPage], None]] = {
    Command.NEW: ChatPage.new_conversation,
    Command.SEARCH: ChatPage.search,
    Command.FIND: lambda chat: chat.finder.open(),
    Command.RENAME: ChatPage.rename,
    Command.PIN: lambda chat: chat.keep(chat.organise.pin),
    Command.MOVE_TO_FOLDER: lambda chat: chat.keep(chat.organise.choose_folder),
    Command.TAGS: lambda chat: chat.keep(chat.organise.edit_tags),
    Command.NEW_FOLDER: lambda chat: chat.sidebar.name_folder(),
    Command.DELETE: ChatPage.delete,
    Command.RESTORE: lambda chat: chat.list.restore_last(),
    Command.PREVIOUS: lambda chat: chat.step(-1),
    Command.NEXT: lambda chat: chat.step(1),
    Command.STOP: ChatPage.stop,
    Command.RETRY: ChatPage.retry,
    Command.GO_ON: ChatPage.go_on,
    Command.EDIT: ChatPage.edit,
    Command.EARLIER_VERSION: lambda chat: chat.step_version(-1),
    Command.LATER_VERSION: lambda chat: chat.step_version(1),
    Command.FORK: ChatPage.fork,
    Command.ATTACH: lambda chat: chat.attachments.choose_files(),
    Command.COMPARE: lambda chat: chat.compare.set_up(),
    Command.BRANCHES: lambda chat: chat.toggle_side(BRANCHES),
    Command.CONTEXT: lambda chat: chat.toggle_side(CONTEXT),
    Command.PARAMETERS: lambda chat: chat.toggle_side(PARAMETERS),
    Command.REPLY: lambda chat: chat.toggle_side(REPLY),
    Command.PROMPTS: lambda chat: chat.toggle_side(PROMPTS),
    Command.COPY_REPLY: ChatPage.copy_reply,
    Command.NEWEST: _go_to_newest,
    Command.LIST: ChatPage.toggle_list,
    Command.MODEL: _choose_model,
}


class Workspace(QWidget):
    font_step_wanted = Signal(int)  # pixels; 0: back to the default
    page_shown = Signal(object)  # a `Page`

    def __init__(
        self,
        window: QMainWindow,
        bridge: Bridge,
        replies: Replies,
        drafts: Drafts,
        tokens: Tokens,
        state: QSettings,
        pages: Mapping[Page, Callable[[], QWidget]],
    ) -> None:
        """`pages` makes each page but the chat when it is first shown."""
        super().__init__(window)
        self._window = window
        self._state = state
        self._bridge = bridge
        self._make_page = pages
        self._made: dict[Page, QWidget] = {}
        self.commands = Actions(self)
        self.toasts = Toasts(self, icon("x"), _("Dismiss"))
        self._declare_actions()
        self.chat = ChatPage(bridge, replies, drafts, self.commands, self.toasts, tokens, self)
        self._made[Page.CHAT] = self.chat
        self._before_text = BeforeText(self)
        self._guard_keys(self.chat)
        self.chat.values.made.connect(lambda: self._guard_keys(self.chat.values))
        self.chat.library.made.connect(self._guard_keys)
        self.rail = Rail(
            self.commands,
            [Command.CHAT, Command.TOOLS, Command.MODELS, Command.CORRECTIONS, Command.JOBS],
            [Command.SETTINGS],
            self,
        )
        self._stack = QStackedWidget(self)
        self._stack.addWidget(self.chat)
        self.status = StatusLine(self)
        self.chat.shown.answered.connect(self.status.show_reply)
        self._palette: Picker | None = None
        row = QHBoxLayout()
        row.setSpacing(0)
        row.addWidget(self.rail)
        row.addWidget(self._stack, 1)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        rows.addLayout(row, 1)
        rows.addWidget(self.status)
        if isinstance(split := state.value("split"), QByteArray):
            self.chat.restoreState(split)
        self.show_page(Page.CHAT)

    def start(
        self, chat: "ChatService", conversation: int | None = None, waiting: Live | None = None
    ) -> None:
        self.chat.start(chat, conversation, waiting)
        if self.page is Page.CHAT:
            self.chat.composer.setFocus()

    # --- pages ---------------------------------------------------------------------------------

    @property
    def page(self) -> Page:
        shown = self._stack.currentWidget()
        return next(page for page, widget in self._made.items() if widget is shown)

    def made(self, page: Page) -> QWidget | None:
        """The page's widget, where it has been shown before."""
        return self._made.get(page)

    def show_page(self, page: Page) -> None:
        if page not in self._made:
            self._made[page] = self._make_page[page]()
            self._guard_keys(self._made[page])
            self._stack.addWidget(self._made[page])
        self._stack.setCurrentWidget(self._made[page])
        self.rail.mark(page.value)
        if page is Page.CHAT:
            self.chat.composer.setFocus()
        else:
            self._made[page].setFocus(Qt.FocusReason.OtherFocusReason)
        self.page_shown.emit(page)

    def _guard_keys(self, page: QWidget) -> None:
        for kind in (QPlainTextEdit, QLineEdit):
            for field in page.findChildren(kind):
                field.installEventFilter(self._before_text)

    # --- actions -------------------------------------------------------------------------------

    def _declare_actions(self) -> None:
        """Handlers look the chat page up when they run: its widgets show the actions' keys."""
        handle = self.commands.handle
        handle(Command.CHAT, lambda: self.show_page(Page.CHAT))
        handle(Command.SETTINGS, lambda: self.show_page(Page.SETTINGS))
        handle(Command.BACKUPS, lambda: self.show_page(Page.BACKUPS))
        handle(Command.BIN, lambda: self.show_page(Page.BIN))
        handle(Command.CORRECTIONS, lambda: self.show_page(Page.CORRECTIONS))
        handle(Command.JOBS, lambda: self.show_page(Page.JOBS))
        handle(Command.CONNECTIONS, lambda: self.show_page(Page.CONNECTIONS))
        handle(Command.MODELS, lambda: self.show_page(Page.MODELS))
        handle(Command.TOOLS, lambda: self.show_page(Page.TOOLS))
        handle(Command.DISCOVER, lambda: self.show_page(Page.DISCOVER))
        for command, step in ((Command.LARGER, 1), (Command.SMALLER, -1), (Command.NORMAL, 0)):
            handle(command, partial(self.font_step_wanted.emit, step))
        handle(Command.FULL_SCREEN, self._toggle_full_screen)
        handle(Command.PALETTE, self.open_palette)
        handle(Command.SHORTCUTS, self._show_shortcuts)
        handle(Command.ABOUT, self._show_about)
        for command, call in _CHAT_CALLS.items():
            handle(command, partial(self._in_chat, call))

    def _in_chat(self, call: Callable[[ChatPage], object]) -> None:
        if self.chat.ready:
            if self.page is not Page.CHAT:
                self.show_page(Page.CHAT)
            call(self.chat)

    def _toggle_full_screen(self) -> None:
        self._window.setWindowState(self._window.windowState() ^ Qt.WindowState.WindowFullScreen)

    def open_palette(self) -> Picker:
        """Every action by name, in both languages."""
        if self._palette is None:
            self._palette = Picker(_("What do you want to do?"), _("No such command"), self)
            self._palette.chosen.connect(lambda command: self.commands[command].trigger())
        picks = []
        for command, action in self.commands.all():
            if command is Command.PALETTE:
                continue
            keys, group = shortcut_text(command), _(command.value.group.value)
            picks.append(
                Pick(
                    command,
                    _(command.value.words),
                    keys[0] if keys else "",
                    action.icon(),
                    f"{command.value.words} {group}",
                    enabled=action.isEnabled(),
                )
            )
        self._palette.open(picks, over(self._window, 520, 420))
        return self._palette

    def _show_shortcuts(self) -> None:
        from desktop_llm.ui.pages.shortcuts import ShortcutsDialog

        ShortcutsDialog(self.commands, self).show()

    def _show_about(self) -> None:
        from desktop_llm.services.licences import Licence, third_party
        from desktop_llm.ui.pages.about import AboutDialog

        dialog = AboutDialog(self)
        dialog.show()

        def show(found: Sequence[Licence]) -> None:
            if isValid(dialog):  # it may be closed by now
                dialog.show_licences(found)

        self._bridge.run(third_party, show)

    def keep_state(self) -> None:
        """What is to be there again at the next start."""
        self._state.setValue("split", self.chat.saveState())
        self._state.sync()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self._close_topmost()
        else:
            super().keyPressEvent(event)

    def _close_topmost(self) -> None:
        """What lies over the rest goes first, then the way is back to the conversation."""
        if self.toasts.text():
            self.toasts.clear()
        elif self.page is not Page.CHAT:
            self.show_page(Page.CHAT)
        elif not self.chat.view.fault.isHidden():
            self.chat.view.fault.dismiss()
        elif self.chat.sidebar.search.text() or self.chat.view.transcript.marked_words:
            self.chat.sidebar.search.clear()
            self.chat.view.transcript.mark_words(())
            self.chat.composer.setFocus()
        else:
            self.chat.stop()
