"""A person's text tools kept: added, changed, ordered, imported and exported, and tried out."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt
from shiboken6 import isValid

from desktop_llm.core.errors import DesktopLlmError
from desktop_llm.core.tools import Tool
from desktop_llm.ui.bridge import Bridge
from desktop_llm.ui.pages.tool_editor import ToolEditor
from desktop_llm.ui.tool_runner import TextTarget, ToolRunner
from desktop_llm.ui.tools_care import ToolsCare
from desktop_llm.ui.workspace import Workspace
from desktop_llm.words import _, counted
from desktop_llm.words.faults import word_fault
from desktop_llm.words.tools import problem_words

if TYPE_CHECKING:
    from desktop_llm.core.tool_files import ToolProblem
    from desktop_llm.services.bundle import Services
    from desktop_llm.services.tools import Shelf


class ToolManager(QObject):
    def __init__(
        self,
        workspace: Workspace,
        bridge: Bridge,
        services: "Callable[[], Services | None]",
        tools: ToolsCare,
    ) -> None:
        self._dialog = dialog = ToolEditor(workspace)
        super().__init__(dialog)
        self._workspace = workspace
        self._bridge = bridge
        self._services = services
        self._tools = tools
        self._tried: Tool | None = None
        self._runner = ToolRunner(
            dialog.view, bridge, services,
            lambda: TextTarget(dialog.sample.toPlainText(), traceless=True),
        )  # fmt: skip
        dialog.save_wanted.connect(self._save)
        dialog.delete_wanted.connect(self._delete)
        dialog.order_wanted.connect(self._order)
        dialog.import_wanted.connect(self._choose_files)
        dialog.export_wanted.connect(self._choose_folder)
        dialog.try_wanted.connect(self._try)
        dialog.chosen.connect(lambda tool: self._runner.open(tool, {}))
        dialog.finished.connect(lambda _result: self._runner.stop())

    def open(self) -> ToolEditor:
        self._read()
        self._dialog.open()
        return self._dialog

    def _read(self, current: str = "", refused: "Sequence[ToolProblem]" = ()) -> None:
        """`refused`: what could not be taken just now."""

        def show(shelf: "Shelf") -> None:
            if isValid(self._dialog):
                problems = [problem_words(problem) for problem in (*shelf.problems, *refused)]
                self._dialog.show_tools(shelf.tools, problems, current)
            self._tools.changed.emit()

        self._tools.read(show)

    def _write(self, change: "Callable[[Services], object]", current: str = "") -> None:
        services = self._services()
        if services is None:
            return
        self._bridge.write(lambda: change(services), lambda _done: self._read(current), self._fail)

    def _save(self, tool: Tool) -> None:
        services = self._services()
        if services is None:
            return
        self._bridge.write(
            lambda: services.tools.shelf.save(tool),
            lambda saved: self._read(saved.id),
            self._fail,
        )

    def _delete(self, tool: Tool) -> None:
        def deleted() -> None:
            words = _("“{name}” is deleted.").format(name=tool.name.en or tool.name.zh_CN)
            self._workspace.toasts.show(words, _("Undo"), lambda: self._save(tool))

        self._write(lambda services: services.tools.shelf.delete(tool))
        deleted()

    def _order(self, identities: list[str]) -> None:
        self._write(lambda services: services.tools.shelf.set_order(identities))

    def _try(self, tool: Tool) -> None:
        values = self._dialog.view.values() if self._tried == tool else {}
        self._tried = tool
        self._runner.open(tool, values)
        if self._dialog.view.form is None or not self._dialog.view.form.lacks():
            self._runner.run(fresh=True)

    def _choose_files(self) -> None:
        from PySide6.QtWidgets import QFileDialog

        dialog = QFileDialog(self._dialog, _("Import tools"))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.setNameFilters([_("Text tools (*.toml)"), _("All files (*)")])
        dialog.filesSelected.connect(lambda names: self.import_files([Path(n) for n in names]))
        dialog.open()

    def import_files(self, paths: list[Path]) -> None:
        services = self._services()
        if services is None:
            return

        def told(found: "tuple[list[Tool], list[ToolProblem]]") -> None:
            taken, problems = found
            words = counted("{number} tool imported.", "{number} tools imported.", len(taken))
            self._workspace.toasts.show(words)
            self._read(taken[-1].id if taken else "", problems)

        self._bridge.write(lambda: services.tools.shelf.import_files(paths), told, self._fail)

    def _choose_folder(self, tools: list[Tool]) -> None:
        from PySide6.QtWidgets import QFileDialog

        dialog = QFileDialog(self._dialog, _("Export tools"))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(lambda name: self.export(tools, Path(name)))
        dialog.open()

    def export(self, tools: list[Tool], folder: Path) -> None:
        services = self._services()
        if services is None:
            return

        def told(written: list[Path]) -> None:
            words = counted("{number} tool exported.", "{number} tools exported.", len(written))
            self._workspace.toasts.show(words)

        self._bridge.write(lambda: services.tools.shelf.export(tools, folder), told, self._fail)

    def _fail(self, fault: DesktopLlmError) -> None:
        if isValid(self._dialog):
            self._dialog.say(str(word_fault(fault)))
        else:
            self._workspace.toasts.show(str(word_fault(fault)))
