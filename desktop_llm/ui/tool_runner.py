"""Runs a tool for a view that shows it: the popup's or the page's."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QPlainTextEdit, QTextEdit, QWidget
from shiboken6 import isValid

from desktop_llm.core.errors import DesktopLlmError
from desktop_llm.core.text_tools import ToolEvent, ToolOutcome, ToolRequest, ToolTask
from desktop_llm.core.tools import Output, Tool
from desktop_llm.rendering.differences import Piece, differences
from desktop_llm.ui.bridge import Bridge
from desktop_llm.ui.pages.tool_view import ToolView
from desktop_llm.words import _
from desktop_llm.words.faults import word_fault

if TYPE_CHECKING:
    from desktop_llm.services.bundle import Services

LONGEST_DIFFERENCE = 130_000  # characters; more is shown as text


@dataclass(frozen=True, slots=True, eq=False)
class TextTarget:
    """A text that a tool works on, and what can be done with what comes of it."""

    text: str
    replace: Callable[[str], object] | None = None
    insert: Callable[[str], object] | None = None
    title: str = ""
    traceless: bool = False  # a private conversation's
    owner: QWidget | None = None  # gets the focus back


class ToolRunner(QObject):
    def __init__(
        self,
        view: ToolView,
        bridge: Bridge,
        services: "Callable[[], Services | None]",
        target: Callable[[], TextTarget],
    ) -> None:
        super().__init__(view)
        self._view = view
        self._bridge = bridge
        self._services = services
        self._target = target
        self._tool: Tool | None = None
        self._task: ToolTask | None = None
        self._asked = 0  # runs; of an older one nothing is shown
        view.run_wanted.connect(self.run)
        view.stop_wanted.connect(self.stop)
        view.accepted.connect(self._accept)
        self._shown: tuple[ToolRequest, ToolOutcome] | None = None

    def open(self, tool: Tool, values: Mapping[str, str]) -> None:
        self.stop()
        self._tool = tool
        target = self._target()
        self._view.open(
            tool, target.text, values, target.replace is not None, target.insert is not None
        )

    def run(self, fresh: bool = False) -> None:
        services, tool = self._services(), self._tool
        if services is None or tool is None:
            return
        self.stop()
        view, target = self._view, self._target()
        if view.form is not None and (lacking := view.form.lacks()):
            view.show_fault(_("“{name}” is empty.").format(name=lacking), _("Fill it in."), [])
            return
        self._task = None
        self._asked += 1
        nth = self._asked
        view.began(target.text)
        request = ToolRequest(
            tool=tool, text=target.text, values=view.values(), title=target.title, fresh=fresh,
            traceless=target.traceless,
        )  # fmt: skip

        def begin() -> ToolTask:
            return services.tools.work.run(request)

        def follow(task: ToolTask) -> None:
            if self._asked != nth or not isValid(self._view):  # nobody looks any more
                task.cancel()
                return
            self._task = task
            self._bridge.follow(
                task,
                lambda event: self._heard(task, event),
                lambda outcome: self._done(task, request, outcome),
                lambda fault: self._failed(task, fault),
            )

        def failed(fault: DesktopLlmError) -> None:
            if self._asked == nth:
                self._failed(None, fault)

        self._bridge.run(begin, follow, failed)

    def _heard(self, task: ToolTask, event: ToolEvent) -> None:
        if self._task is task and isValid(self._view):
            self._view.show_event(event)

    def stop(self) -> None:
        self._asked += 1
        if self._task is not None:
            self._task.cancel()
        elif self._view.running:
            self._view.ended_without()

    @property
    def running(self) -> bool:
        return self._task is not None

    def show_again(self, source: str, result: str) -> None:
        """From the history: with what it rests on, and its changes, but without the model."""
        tool = self._tool
        if tool is None:
            return
        self.stop()
        self._task = None
        self._view.began(source)

        def work() -> tuple[ToolOutcome, list[Piece]]:
            from desktop_llm.services.text_tools import outcome_of

            made = outcome_of(tool, source, result)
            anew = tool.output is Output.EDIT and len(source) <= LONGEST_DIFFERENCE
            return made, differences(source.strip("\n"), result) if anew else []

        self._bridge.run(work, lambda found: self._show(*found))

    def _done(self, task: ToolTask, request: ToolRequest, outcome: ToolOutcome) -> None:
        if self._task is not task or not isValid(self._view):
            return
        self._task = None
        if not outcome.text and not outcome.complete:
            self._view.ended_without()
            return
        self._shown = (request, outcome)
        anew = request.tool.output is Output.EDIT and len(request.text) <= LONGEST_DIFFERENCE
        if not anew:
            self._show(outcome, [])
            return
        self._bridge.run(
            lambda: differences(request.text.strip("\n"), outcome.text),
            lambda pieces: self._show(outcome, pieces),
        )

    def _show(self, outcome: ToolOutcome, pieces: list[Piece]) -> None:
        if not isValid(self._view):
            return
        self._view.show_outcome(outcome, pieces)

    def _accept(self) -> None:
        """A translation that a person takes is remembered."""
        services, shown = self._services(), self._shown
        if services is None or shown is None:
            return
        request, outcome = shown
        if outcome.pairs and not request.traceless:
            to = request.values.get("to", "")
            self._bridge.write(lambda: services.tools.work.accept(outcome, to))

    def _failed(self, task: ToolTask | None, fault: DesktopLlmError) -> None:
        if self._task is not task or not isValid(self._view):
            return
        self._task = None
        words = word_fault(fault)
        again: list[tuple[str, Callable[[], object]]] = [(_("Try again"), lambda: self.run())]
        self._view.show_fault(words.what, words.next_step, again)


def target_of(editor: QPlainTextEdit | QTextEdit, title: str = "") -> TextTarget:
    """What is chosen in a field, or all of it. Replacing it is one step to undo."""
    cursor = QTextCursor(editor.textCursor())
    if not cursor.hasSelection():
        cursor.select(QTextCursor.SelectionType.Document)
    text = cursor.selection().toPlainText()
    if editor.isReadOnly():
        return TextTarget(text, title=title, owner=editor)

    def replace(new: str) -> None:
        cursor.insertText(new)
        _show_end(editor, cursor)

    def insert(new: str) -> None:
        after = QTextCursor(cursor)
        after.setPosition(cursor.selectionEnd())
        joined = text[-1:].isspace() or not text
        after.insertText(new if joined else f" {new}" if "\n" not in new else f"\n\n{new}")
        _show_end(editor, after)

    return TextTarget(text, replace, insert, title=title, owner=editor)


def _show_end(editor: QPlainTextEdit | QTextEdit, cursor: QTextCursor) -> None:
    end = QTextCursor(editor.document())
    end.setPosition(cursor.position())
    editor.setTextCursor(end)
    editor.setFocus(Qt.FocusReason.OtherFocusReason)
