"""Corrections: replies rated and marked in the conversation, reviewed on their page, exported."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFileDialog

from desktop_llm.core.conversations import StoredMessage
from desktop_llm.core.corrections import (
    CellCorrection,
    Correction,
    CorrectionKind,
    ExportForm,
    Rating,
)
from desktop_llm.core.errors import DesktopLlmError
from desktop_llm.ui.bridge import Bridge
from desktop_llm.ui.workspace import Page, Workspace
from desktop_llm.words import _, counted

if TYPE_CHECKING:
    from desktop_llm.services.chat import ChatService
    from desktop_llm.ui.pages.corrections import CorrectionsPage

FILE_NAMES = {ExportForm.CHAT: "training-chat.jsonl", ExportForm.PREFERENCE: "preferences.jsonl"}


class CorrectionsCare(QObject):
    table_wanted = Signal(str)  # the key of the work on it

    def __init__(
        self, workspace: Workspace, bridge: Bridge, chat: "Callable[[], ChatService | None]"
    ) -> None:
        """`chat`: of what is stored; None while the services are closed."""
        super().__init__(workspace)
        self._workspace = workspace
        self._bridge = bridge
        self._chat = chat
        self._page: CorrectionsPage | None = None
        self._asked = 0
        self._texts_asked = 0
        workspace.chat.branches.rate = self.rate
        workspace.chat.branches.use_for_training = self.use_for_training

    def connect_page(self, page: "CorrectionsPage") -> None:
        self._page = page
        page.wanted.connect(self._mark)
        page.selected.connect(self._show_texts)
        page.export_wanted.connect(self._export)
        page.open_wanted.connect(self._open)
        page.delete_wanted.connect(self._delete)

    def refresh(self) -> None:
        chat, page = self._chat(), self._page
        if chat is None or page is None or self._workspace.page is not Page.CORRECTIONS:
            return
        self._asked += 1
        nth = self._asked

        def show(corrections: list[Correction]) -> None:
            if nth == self._asked:
                page.show_corrections(corrections)

        self._bridge.run(chat.corrections.all, show, page.show_fault)

    # --- in the conversation -------------------------------------------------------------------

    def rate(self, reply: int, rating: Rating) -> None:
        self._change(lambda chat: chat.corrections.rate(reply, rating))

    def use_for_training(self, reply: int, wanted: bool) -> None:
        self._change(lambda chat: chat.corrections.use([reply], wanted))

    def _change(self, change: "Callable[[ChatService], object]") -> None:
        """Something about a message that is shown; private ones too."""
        page = self._workspace.chat
        chat, number = page.chat, page.shown.number
        if chat is None or number is None:
            return

        def work() -> list[StoredMessage]:
            change(chat)
            return chat.open(number)[1]

        def show(branch: list[StoredMessage]) -> None:
            if page.shown.number == number and not page.shown.opening:
                page.shown.show_branch(branch)

        self._bridge.write(work, show, page.show_fault)

    # --- on the page ---------------------------------------------------------------------------

    def _mark(self, corrections: list[Correction], wanted: bool) -> None:
        chat, page = self._chat(), self._page
        if chat is None or page is None:
            return
        replies = [each.chosen for each in corrections if each.kind is not CorrectionKind.CELL]
        cells = [each.chosen for each in corrections if each.kind is CorrectionKind.CELL]
        self._bridge.write(
            lambda: chat.corrections.use(replies, wanted, cells),
            lambda _nothing: self.refresh(),
            page.show_fault,
        )

    def _show_texts(self, correction: Correction | None) -> None:
        chat, page = self._chat(), self._page
        if page is None:
            return
        self._texts_asked += 1
        nth = self._texts_asked
        if chat is None or correction is None:
            page.show_texts("", "", "")
            return

        def read() -> tuple[str, str, str]:
            try:
                return chat.correction_files.sides(correction)
            except KeyError:  # erased meanwhile
                return "", "", ""

        def show(texts: tuple[str, str, str]) -> None:
            if nth == self._texts_asked:
                page.show_texts(*texts)

        self._bridge.run(read, show, page.show_fault)

    def _export(self, form: ExportForm) -> None:
        chat, page = self._chat(), self._page
        if chat is None or page is None:
            return
        name, _kind = QFileDialog.getSaveFileName(
            page, _("Export corrections"), FILE_NAMES[form], "JSONL (*.jsonl)"
        )
        if not name:
            return
        path, marked = Path(name), page.for_training
        if not path.suffix:
            path = path.with_suffix(".jsonl")

        def done(lines: int) -> None:
            words = counted(
                "{number} correction is exported.", "{number} corrections are exported.", lines
            )
            self._workspace.toasts.show(words)

        self._bridge.run(lambda: chat.correction_files.export(path, marked, form), done, self._fail)

    def _delete(self, corrections: list[Correction]) -> None:
        chat, page = self._chat(), self._page
        if chat is None or page is None:
            return
        numbers = [each.chosen for each in corrections]

        def undo(cells: list[CellCorrection]) -> None:
            self._bridge.write(
                lambda: chat.corrections.keep_cells(cells), lambda _nothing: self.refresh(),
                page.show_fault,
            )  # fmt: skip

        def deleted(cells: list[CellCorrection]) -> None:
            self.refresh()
            words = counted(
                "{number} correction is deleted.", "{number} corrections are deleted.", len(cells)
            )
            self._workspace.toasts.show(words, _("Undo"), lambda: undo(cells))

        self._bridge.write(lambda: chat.corrections.forget_cells(numbers), deleted, page.show_fault)

    def _open_table(self, chat: "ChatService", number: int) -> None:
        def show(cell: CellCorrection | None) -> None:
            if cell is not None:
                self.table_wanted.emit(cell.key)

        self._bridge.run(lambda: chat.corrections.cell(number), show, self._fail)

    def _open(self, correction: Correction | None) -> None:
        chat = self._chat()
        if correction is not None and correction.kind is CorrectionKind.CELL:
            if chat is not None:
                self._open_table(chat, correction.chosen)
        elif correction is not None:
            self._workspace.show_page(Page.CHAT)
            self._workspace.chat.open(correction.conversation, correction.chosen)

    def _fail(self, fault: DesktopLlmError) -> None:
        if self._page is not None:
            self._page.show_fault(fault)
