"""The tools page at work: files read, tools run, the history opened again."""

from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from desktop_llm.core.documents import Document
from desktop_llm.core.errors import DesktopLlmError
from desktop_llm.core.tools import Tool
from desktop_llm.ui.bridge import Bridge
from desktop_llm.ui.pages.tools import ToolsPage
from desktop_llm.ui.tool_runner import TextTarget, ToolRunner
from desktop_llm.ui.tools_care import ToolsCare, default_values
from desktop_llm.ui.workspace import Workspace
from desktop_llm.words import _
from desktop_llm.words.faults import word_fault

if TYPE_CHECKING:
    from desktop_llm.services.bundle import Services
    from desktop_llm.services.tools import Shelf
    from desktop_llm.storage.tool_history import ToolRun

FIRST = "summarise"  # that is chosen where nobody has


class ToolsPageCare(QObject):
    def __init__(
        self,
        page: ToolsPage,
        workspace: Workspace,
        bridge: Bridge,
        services: "Callable[[], Services | None]",
        tools: ToolsCare,
    ) -> None:
        super().__init__(page)
        self._page = page
        self._workspace = workspace
        self._bridge = bridge
        self._services = services
        self._tools = tools
        self._tool = ""
        self._title = ""  # of the text
        self._traceless = False
        self._reading: Event | None = None  # set: give it up
        self._values: dict[str, dict[str, str]] = {}
        view = page.view
        self.runner = ToolRunner(view, bridge, services, self._target)
        page.tool_chosen.connect(self.choose)
        page.files_given.connect(self._take_files)
        page.table_wanted.connect(lambda: tools.table_wanted.emit(""))
        page.open_wanted.connect(self._choose_file)
        page.history_wanted.connect(self._show_history)
        page.analysis_wanted.connect(self.analyse)
        page.manage_wanted.connect(tools.manage)
        tools.changed.connect(self._show_tools)
        page.text_edited.connect(self._edited)
        view.replace_wanted.connect(self._replace)
        view.chat_wanted.connect(tools.to_chat)
        for field in (page.source, view.result):
            tools.watch(field)
        self.refresh()

    def refresh(self) -> None:
        """The tools may be others by now."""

        def show(shelf: "Shelf") -> None:
            if not self._tool and shelf.tools:
                self._tool = FIRST if shelf.get(FIRST) else shelf.tools[0].id
                self.choose(self._tool)
            self._page.show_tools(shelf.tools, self._tool)

        self._tools.read(show)

    def _show_tools(self) -> None:
        self._page.show_tools(self._tools.tools, self._tool)

    def take(self, tool: Tool, values: Mapping[str, str], target: TextTarget) -> None:
        """From the popup over a text."""
        self._title, self._traceless = target.title, target.traceless
        self._page.show_text(target.text, target.title)
        self._open(tool, values)
        self.runner.run()

    def choose(self, identity: str) -> None:
        tool = next((each for each in self._tools.tools if each.id == identity), None)
        if tool is not None:
            known = {
                **default_values(tool, self._page.text()[:4000]),
                **self._values.get(tool.id, {}),
            }
            self._open(tool, known)

    def _open(self, tool: Tool, values: Mapping[str, str]) -> None:
        if self._tool and self._page.view.form is not None:
            self._values[self._tool] = self._page.view.values()
        self._tool = tool.id
        self.runner.open(tool, values)
        self._page.mark_tool(tool.id)

    def _target(self) -> TextTarget:
        page = self._page
        return TextTarget(
            page.text(), replace=self._replace, title=self._title, traceless=self._traceless,
        )  # fmt: skip

    def _replace(self, text: str) -> None:
        """In the left pane; one step to undo."""
        source = self._page.source
        if source.isReadOnly():
            self._page.show_text(text, self._title)
            return
        cursor = source.textCursor()
        cursor.select(cursor.SelectionType.Document)
        cursor.insertText(text)

    def _edited(self) -> None:
        """What was written from nothing is a text of its own; what was changed is still that."""
        if self._page.source.document().isEmpty():
            self._title, self._traceless = "", False

    # --- files -----------------------------------------------------------------------------------

    def _choose_file(self) -> None:
        from PySide6.QtCore import Qt
        from PySide6.QtWidgets import QFileDialog

        dialog = QFileDialog(self._page, _("Open"))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.filesSelected.connect(self._read_files)
        dialog.open()

    def _take_files(self, paths: list[str]) -> None:
        """A table or a folder is worked on row by row; anything else is a text."""
        from desktop_llm.core.tables import SUFFIXES

        if paths and (Path(paths[0]).is_dir() or Path(paths[0]).suffix.lower() in SUFFIXES):
            self._tools.table_wanted.emit(paths[0])
        else:
            self._read_files(paths)

    def _read_files(self, paths: list[str]) -> None:
        """One text at a time: the first."""
        if not paths:
            return
        if len(paths) > 1:
            words = _("One text at a time: “{name}” is opened.")
            self._workspace.toasts.show(words.format(name=Path(paths[0]).name))
        if self._reading is not None:
            self._reading.set()
        path, cancelled = Path(paths[0]), Event()
        self._reading = cancelled
        self._page.show_state(_("“{name}” is being read …").format(name=path.name))

        def read() -> Document | None:
            from desktop_llm.ingest.reader import CancelledError, read_document

            try:
                return read_document(path, cancelled)
            except CancelledError:
                return None

        def show(document: Document | None) -> None:
            if document is None or self._reading is not cancelled:
                return
            self._reading = None
            self._title, self._traceless = document.name, False
            about = document.name
            if document.left_out:
                about = _("{name}: more than could be read").format(name=about)
            self._page.show_text(document.text, about)
            self._page.view.clear()

        def fail(fault: DesktopLlmError) -> None:
            if self._reading is cancelled:
                self._reading = None
                words = word_fault(fault)
                self._page.show_state("")
                self._page.view.show_fault(words.what, words.next_step, [])

        self._bridge.run(read, show, fail)

    # --- the analysis ----------------------------------------------------------------------------

    def analyse(self) -> None:
        """What the text is made of, in a dialog of its own."""
        from desktop_llm.ui.analysis_care import AnalysisCare

        services, text = self._services(), self._page.text()
        if services is None:
            return
        if not text.strip():
            self._workspace.toasts.show(_("Write or open a text first."))
            return
        AnalysisCare(text, services.tools, self._bridge, self._page).open()

    # --- the history -----------------------------------------------------------------------------

    def _show_history(self) -> None:
        from desktop_llm.ui.pages.tool_history import ToolHistoryDialog

        dialog = ToolHistoryDialog(self._page)
        dialog.search_wanted.connect(lambda words: self._search(dialog, words))
        dialog.chosen.connect(self._reopen)
        dialog.delete_wanted.connect(lambda run: self._forget(dialog, run))
        dialog.clear_wanted.connect(lambda: self._forget(dialog, None))
        self._search(dialog, "")
        dialog.open()

    def _search(self, dialog: "QObject", words: str) -> None:
        from desktop_llm.ui.pages.tool_history import ToolHistoryDialog

        services = self._services()
        assert isinstance(dialog, ToolHistoryDialog)
        if services is None:
            return
        names = {tool.id: tool for tool in self._tools.tools}

        def read() -> "list[ToolRun]":
            history = services.tools.history()
            return history.all(words.split()) if history is not None else []

        self._bridge.run(read, lambda runs: dialog.show_runs(words, runs, names), self._fail)

    def _forget(self, dialog: "QObject", run: int | None) -> None:
        services = self._services()
        if services is None:
            return

        def forget() -> None:
            history = services.tools.history()
            if history is not None and run is None:
                history.clear()
            elif history is not None and run is not None:
                history.delete(run)

        self._bridge.write(forget, lambda _done: self._search(dialog, ""), self._fail)

    def _reopen(self, number: int) -> None:
        services = self._services()
        if services is None:
            return

        def read() -> "ToolRun | None":
            history = services.tools.history()
            return None if history is None else history.get(number)

        def show(run: "ToolRun | None") -> None:
            if run is None:
                return
            self._title, self._traceless = run.title, False
            self._page.show_text(run.source, run.title)
            tool = next((each for each in self._tools.tools if each.id == run.tool), None)
            if tool is not None:
                self._open(tool, run.choices)
            self.runner.show_again(run.source, run.result)

        self._bridge.run(read, show, self._fail)

    def _fail(self, fault: DesktopLlmError) -> None:
        words = word_fault(fault)
        self._page.view.show_fault(words.what, words.next_step, [])
