"""Text tools in the window: their menu over every text, their popup, their page."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QPoint, QSettings, Qt, Signal
from PySide6.QtGui import QAction, QContextMenuEvent, QKeySequence
from PySide6.QtWidgets import QApplication, QLineEdit, QMenu, QPlainTextEdit, QTextEdit
from shiboken6 import isValid

from desktop_llm.core.errors import DesktopLlmError
from desktop_llm.ui.actions import Command
from desktop_llm.ui.bridge import Bridge
from desktop_llm.ui.icons import icon
from desktop_llm.ui.widgets.plain_text import plain_caption
from desktop_llm.ui.workspace import Page, Workspace
from desktop_llm.words import _

if TYPE_CHECKING:
    from desktop_llm.core.tools import Tool
    from desktop_llm.services.bundle import Services
    from desktop_llm.services.tools import Shelf
    from desktop_llm.ui.pages.tool_editor import ToolEditor
    from desktop_llm.ui.pages.tool_popup import ToolPopup
    from desktop_llm.ui.pages.tools import ToolsPage
    from desktop_llm.ui.tool_runner import TextTarget
    from desktop_llm.ui.tools_page_care import ToolsPageCare

SHORTCUTS = "tool_shortcuts"  # key of the window's state: "id=keys", as they were last

Target = Callable[[], "TextTarget"]


class ToolsCare(QObject):
    changed = Signal()  # the tools may be others
    table_wanted = Signal(str)  # a table or a folder; empty: to be asked for

    def __init__(
        self,
        workspace: Workspace,
        bridge: Bridge,
        services: "Callable[[], Services | None]",
        fail: Callable[[DesktopLlmError], object],
        state: Callable[[], QSettings],
    ) -> None:
        """`state`: of the window; the shortcuts are kept there, so that the tools need not be read
        at every start.
        """
        super().__init__(workspace)
        self._state = state
        self._workspace = workspace
        self._bridge = bridge
        self._services = services
        self._fail = fail
        self._shelf: Shelf | None = None
        self._shortcuts: list[QAction] = []
        self._popup: ToolPopup | None = None
        self._last: dict[str, dict[str, str]] = {}  # values of each tool, as used last
        self._page: ToolsPageCare | None = None  # made with the page
        workspace.commands.handle(Command.USE_TOOL, self.choose)
        workspace.commands.handle(Command.MANAGE_TOOLS, self.manage)
        workspace.commands.handle(Command.ANALYSE, self.analyse)
        chat = workspace.chat
        chat.branches.add_tools = self._add_for_message
        chat.attachments.watch_text = self.watch
        chat.sidebar.found_menu_wanted.connect(self._show_menu_of_found)
        self.watch(chat.composer.editor)

    def start(self) -> None:
        """The services are open."""
        kept = self._state().value(SHORTCUTS)
        if isinstance(kept, str) and kept:
            self._make_shortcuts([tuple(each.split("=", 1)) for each in kept.split("\n")])
        else:
            self.read()  # the first time

    # --- the tools -------------------------------------------------------------------------------

    def read(self, then: "Callable[[Shelf], object]" = lambda _shelf: None) -> None:
        services = self._services()
        if services is None:
            return

        def show(shelf: "Shelf") -> None:
            self._shelf = shelf
            found = [(tool.id, tool.shortcut) for tool in shelf.tools if tool.shortcut]
            self._make_shortcuts(found)
            self._keep_shortcuts("\n".join("=".join(each) for each in found))
            then(shelf)

        self._bridge.run(lambda: services.tools.shelf.shelf(), show, self._fail)

    @property
    def tools(self) -> "Sequence[Tool]":
        """As far as they are known."""
        return () if self._shelf is None else self._shelf.tools

    def _keep_shortcuts(self, text: str) -> None:
        def keep() -> None:
            state = self._state()
            if state.value(SHORTCUTS) != text:
                state.setValue(SHORTCUTS, text)
                state.sync()

        self._bridge.write(keep)

    def _make_shortcuts(self, found: Sequence[tuple[str, ...]]) -> None:
        """Of pairs of a tool's id and its keys."""
        for action in self._shortcuts:
            self._workspace.removeAction(action)
            action.deleteLater()
        self._shortcuts = []
        taken = {keys for command in Command for keys in command.value.keys}
        for pair in found:
            if len(pair) != 2 or pair[1] in taken or QKeySequence(pair[1]).isEmpty():
                continue
            taken.add(pair[1])
            action = QAction(pair[0], self._workspace)
            action.setShortcut(QKeySequence(pair[1]))
            action.triggered.connect(lambda _on=False, tool=pair[0]: self._use_on_focus(tool))
            self._workspace.addAction(action)
            self._shortcuts.append(action)

    # --- menus -----------------------------------------------------------------------------------

    def watch(self, field: QPlainTextEdit | QTextEdit) -> None:
        """Its context menu gets the tools: by the mouse over what is in it, by the key on it."""
        field.installEventFilter(self)
        field.viewport().installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ContextMenu and isinstance(event, QContextMenuEvent):
            field = watched if isinstance(watched, QPlainTextEdit | QTextEdit) else watched.parent()
            if isinstance(field, QPlainTextEdit | QTextEdit):
                self._show_menu_of(field, event.globalPos())
                return True
        return super().eventFilter(watched, event)

    def _show_menu_of(self, field: QPlainTextEdit | QTextEdit, where: QPoint) -> None:
        menu = field.createStandardContextMenu()
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addSeparator()
        self.fill(menu, lambda: self.target_of(field))
        menu.popup(where)

    def _show_menu_of_found(self, message: int, where: QPoint) -> None:
        """Of a message that a search found: its text is read first."""
        chat = self._workspace.chat.chat
        if chat is None:
            return
        private, sidebar = chat.private, self._workspace.chat.sidebar

        def show(text: str) -> None:
            from desktop_llm.ui.tool_runner import TextTarget

            menu = QMenu(self._workspace)
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            self.fill(menu, lambda: TextTarget(text, traceless=private, owner=sidebar))
            menu.popup(where)

        self._bridge.run(lambda: chat.message(message).text, show, self._fail)

    def fill(self, menu: QMenu, target: Target) -> QMenu:
        """Adds the submenu of the tools. `target` is asked when one is chosen."""
        tools = menu.addMenu(icon("magic-wand"), _("Text tools"))
        if self._shelf is not None:
            self._fill(tools, target)
        else:
            tools.addAction(_("The tools are being read …")).setEnabled(False)

            def fill(_shelf: "Shelf") -> None:
                if isValid(tools):
                    tools.clear()
                    self._fill(tools, target)

            self.read(fill)
        return tools

    def _fill(self, menu: QMenu, target: Target) -> None:
        from desktop_llm.ui.pages.tool_popup import tool_icon
        from desktop_llm.ui.pages.tool_view import tool_title

        for tool in self.tools:
            caption = plain_caption(tool_title(tool))
            choices = menu_choices(tool)
            if choices:
                sub = menu.addMenu(icon(tool_icon(tool)), caption)
                for words, values in choices:
                    sub.addAction(plain_caption(words), partial(self.use, tool, target, values))
            else:
                action = menu.addAction(icon(tool_icon(tool)), caption)
                action.triggered.connect(lambda _on=False, tool=tool: self.use(tool, target, {}))
                if tool.shortcut:
                    action.setShortcut(QKeySequence(tool.shortcut))
                    action.setShortcutVisibleInContextMenu(True)
                    # It is shown there; the window's own action has it.
                    action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        menu.addSeparator()
        menu.addAction(icon("sliders-horizontal"), _("Manage tools …"), self.manage)

    def target_of(self, field: QPlainTextEdit | QTextEdit) -> "TextTarget":
        from dataclasses import replace

        from desktop_llm.ui.tool_runner import target_of

        chat, holder = self._workspace.chat, field.parentWidget()
        while holder is not None and holder is not chat:  # through dialogs, too
            holder = holder.parentWidget()
        return replace(target_of(field), traceless=chat.private and holder is chat)

    def _add_for_message(self, menu: QMenu, key: int) -> None:
        transcript = self._workspace.chat.view.transcript

        def target() -> "TextTarget":
            from desktop_llm.ui.tool_runner import TextTarget

            chosen = transcript.selected_text() if transcript.has_selection else ""
            return TextTarget(
                chosen or transcript.text_of(key), traceless=self._workspace.chat.private,
                owner=transcript,
            )  # fmt: skip

        self.fill(menu, target)

    # --- using -----------------------------------------------------------------------------------

    def choose(self) -> None:
        """Any tool, by name, on the text that the keyboard is at."""
        target = self._focused()
        if target is None:
            self._workspace.toasts.show(_("Put the cursor into a text first, or select some."))
            return
        menu = QMenu(self._workspace)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        focus = QApplication.focusWidget() or self._workspace
        place = focus.mapToGlobal(QPoint(24, min(24, focus.height())))
        if self._shelf is None:
            self.read(lambda _shelf: self.choose())
            return
        self._fill(menu, lambda: target)
        menu.popup(place)

    def _use_on_focus(self, identity: str) -> None:
        if self._shelf is None:
            self.read(lambda _shelf: self._use_on_focus(identity))
            return
        tool, target = self._shelf.get(identity), self._focused()
        if tool is None:
            return
        if target is None:
            self._workspace.toasts.show(_("Put the cursor into a text first, or select some."))
        else:
            self.use(tool, lambda: target, self._last.get(tool.id, {}))

    def _focused(self) -> "TextTarget | None":
        from desktop_llm.ui.tool_runner import TextTarget

        focus = QApplication.focusWidget()
        transcript = self._workspace.chat.view.transcript
        if transcript.has_selection and self._workspace.page is Page.CHAT:
            return TextTarget(
                transcript.selected_text(), traceless=self._workspace.chat.private,
                owner=transcript,
            )  # fmt: skip
        if isinstance(focus, QPlainTextEdit | QTextEdit):
            target = self.target_of(focus)
            return target if target.text.strip() else None
        if isinstance(focus, QLineEdit):
            return None
        key = transcript.current
        if self._workspace.page is Page.CHAT and key is not None:
            return TextTarget(
                transcript.text_of(key), traceless=self._workspace.chat.private, owner=transcript
            )
        return None

    def use(self, tool: "Tool", target: Target, values: Mapping[str, str]) -> "ToolPopup":
        """Over the window, at once where nothing must be typed first."""
        from desktop_llm.ui.pages.tool_form import needs_answers
        from desktop_llm.ui.pages.tool_popup import ToolPopup
        from desktop_llm.ui.tool_runner import ToolRunner

        if self._popup is not None and isValid(self._popup):
            self._popup.close()
        given = target()
        popup = ToolPopup(tool, given.owner.window() if given.owner else self._workspace)
        self._popup = popup
        runner = ToolRunner(popup.view, self._bridge, self._services, lambda: given)
        known = {**default_values(tool, given.text), **self._last.get(tool.id, {}), **values}
        runner.open(tool, known)
        view = popup.view

        def done(call: Callable[[str], object] | None, text: str) -> None:
            popup.close()
            if call is not None:
                call(text)

        def remember() -> None:
            self._last[tool.id] = view.values()

        def closed() -> None:
            remember()
            runner.stop()
            if given.owner is not None and isValid(given.owner):
                given.owner.setFocus(Qt.FocusReason.OtherFocusReason)

        view.replace_wanted.connect(lambda text: done(given.replace, text))
        view.insert_wanted.connect(lambda text: done(given.insert, text))
        view.chat_wanted.connect(lambda text: done(self.to_chat, text))
        popup.closed.connect(closed)

        def to_page() -> None:
            now = view.values()
            popup.close()
            self.open_on_page(tool, now, given)

        popup.page_wanted.connect(to_page)
        if not needs_answers(tool) or all(known.get(v.name) for v in tool.variables if v.required):
            runner.run()
        popup.appear()
        return popup

    def to_chat(self, text: str) -> None:
        self._workspace.show_page(Page.CHAT)
        self._workspace.chat.composer.insert(text)
        self._workspace.chat.composer.setFocus()

    def manage(self) -> "ToolEditor":
        """Add, change, order a person's own."""
        from desktop_llm.ui.tool_manager import ToolManager

        return ToolManager(self._workspace, self._bridge, self._services, self).open()

    # --- the page --------------------------------------------------------------------------------

    def make_page(self) -> "ToolsPage":
        from desktop_llm.ui.pages.tools import ToolsPage
        from desktop_llm.ui.tools_page_care import ToolsPageCare

        page = ToolsPage()
        self._page = ToolsPageCare(page, self._workspace, self._bridge, self._services, self)
        return page

    def analyse(self) -> None:
        """Of the text on the page."""
        self._workspace.show_page(Page.TOOLS)
        if self._page is not None:
            self._page.analyse()

    def open_on_page(self, tool: "Tool", values: Mapping[str, str], target: "TextTarget") -> None:
        self._workspace.show_page(Page.TOOLS)
        if self._page is not None:
            self._page.take(tool, values, target)


def menu_choices(tool: "Tool") -> list[tuple[str, dict[str, str]]]:
    """Entries of a tool's own menu: of the choices of one of its variables."""
    from desktop_llm.core.languages import LANGUAGES
    from desktop_llm.core.tools import VariableKind
    from desktop_llm.ui.pages.tool_form import language_name
    from desktop_llm.words import current_language

    for variable in tool.variables:
        if not variable.menu:
            continue
        if variable.kind is VariableKind.LANGUAGE:
            return [(language_name(each.code), {variable.name: each.code}) for each in LANGUAGES]
        language = current_language().value
        return [
            (choice.title.within(language), {variable.name: choice.value})
            for choice in variable.choices
        ]
    return []


def default_values(tool: "Tool", text: str) -> dict[str, str]:
    """A translation is into the program's language, or out of it."""
    from desktop_llm.core.languages import is_mostly_chinese
    from desktop_llm.core.tools import VariableKind
    from desktop_llm.words import current_language

    own = "zh" if current_language().value == "zh_CN" else "en"
    if is_mostly_chinese(text):
        own = "en"
    elif own == "en" and text.isascii():
        own = "zh"
    return {
        variable.name: own
        for variable in tool.variables
        if variable.kind is VariableKind.LANGUAGE and variable.default  # else it is found out
    }
