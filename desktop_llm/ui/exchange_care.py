"""Conversations exported to files and imported from them, with a way to stop."""

import re
import threading
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog

from desktop_llm.core.errors import DesktopLlmError, EnvironmentFault
from desktop_llm.services.exports import ExportCancelledError, FileForm
from desktop_llm.services.imports import Imported
from desktop_llm.ui.bridge import Bridge
from desktop_llm.ui.pages.exchange_dialogs import ExportDialog, ImportReport, Scope
from desktop_llm.ui.widgets.busy import Busy
from desktop_llm.ui.workspace import Page, Workspace
from desktop_llm.words import _, counted
from desktop_llm.words.exchange import export_words, problem_words
from desktop_llm.words.faults import word_fault

PATIENCE = 400  # milliseconds before a word about what takes long
SUFFIXES = {FileForm.JSON: "json", FileForm.MARKDOWN: "md", FileForm.HTML: "html",
            FileForm.PDF: "pdf"}  # fmt: skip
_NOT_IN_NAMES = re.compile(r'[\\/:*?"<>|\x00-\x1f]+')


class ExchangeCare(QObject):
    def __init__(self, workspace: Workspace, bridge: Bridge) -> None:
        super().__init__(workspace)
        self._workspace = workspace
        self._page = workspace.chat
        self._bridge = bridge
        self._stop = threading.Event()
        self._busy = False

    def cancel(self) -> None:
        """The window closes: nothing half-written is left."""
        self._stop.set()

    # --- out -----------------------------------------------------------------------------------

    def export(self, numbers: Sequence[int] = ()) -> None:
        """Ask what and how. `numbers`: of those that are meant; none: of what is shown."""
        if self._page.chat is None or self._busy:
            return
        self._page.shown.save_draft()
        meant = tuple(numbers)
        if not meant and self._page.shown.number is not None:
            meant = (self._page.shown.number,)
        scopes = []
        if len(meant) == 1:
            title = self._page.sidebar.model.title_of(meant[0])
            words = _("This conversation: {title}").format(title=_short(title))
            scopes.append(Scope(words, meant))
        elif meant:
            words = counted(
                "{number} conversation that is chosen",
                "{number} conversations that are chosen",
                len(meant),
            )
            scopes.append(Scope(words, meant))
        private = self._page.private
        everything = _("All private conversations") if private else _("All conversations")
        scopes.append(Scope(everything, None))
        dialog = ExportDialog(scopes, self._workspace)
        dialog.wanted.connect(self._ask_where)
        dialog.open()

    def _ask_where(self, numbers: tuple[int, ...] | None, form: FileForm) -> None:
        suffix = SUFFIXES[form]
        name = _("conversations")
        if numbers is not None and len(numbers) == 1:
            title = self._page.sidebar.model.title_of(numbers[0])
            name = " ".join(_NOT_IN_NAMES.sub(" ", title).split())[:60].strip(". ") or name
        dialog = QFileDialog(self._workspace, _("Export conversations"))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilter(f"{suffix.upper()} (*.{suffix})")
        dialog.setDefaultSuffix(suffix)
        dialog.selectFile(f"{name}.{suffix}")
        dialog.fileSelected.connect(lambda path: self.write(Path(path), numbers, form))
        dialog.open()

    def write(self, path: Path, numbers: tuple[int, ...] | None, form: FileForm) -> None:
        chat = self._page.chat
        if chat is None or self._busy:
            return
        busy, words = self._begin(_("Conversations are being exported …")), export_words()

        def progress(done: int, total: int) -> None:
            self._bridge.post(lambda: busy.show_part(done / max(1, total)))

        def work() -> int | None:
            try:
                return chat.exports.write(
                    path, numbers, form, words, progress, lambda: not self._stop.is_set()
                )
            except ExportCancelledError:
                return None

        def done(count: int | None) -> None:
            self._end(busy)
            if count is None:
                self._workspace.toasts.show(_("Nothing is exported."))
                return
            told = counted(
                "{number} conversation is exported.", "{number} conversations are exported.", count
            )
            folder = QUrl.fromLocalFile(str(path.parent))
            self._workspace.toasts.show(
                told, _("Open the folder"), lambda: QDesktopServices.openUrl(folder)
            )

        self._bridge.run(work, done, lambda fault: self._fail(busy, fault))

    # --- in ------------------------------------------------------------------------------------

    def choose_files(self) -> None:
        if self._page.chat is None or self._busy:
            return
        dialog = QFileDialog(self._workspace, _("Import conversations"))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.setNameFilters([_("Conversations") + " (*.json *.jsonl *.zip)", _("All files (*)")])
        dialog.filesSelected.connect(self.read)
        dialog.open()

    def read(self, paths: Sequence[str]) -> None:
        """One after the other; a file that is refused keeps no other out."""
        chat = self._page.chat
        if chat is None or self._busy or not paths:
            return
        busy = self._begin(_("Conversations are being imported …"))

        def work() -> tuple[list[int], list[str], bool]:
            numbers: list[int] = []
            lines: list[str] = []
            cancelled = False
            for at, path in enumerate(map(Path, paths)):

                def progress(done: int, total: int, at: int = at) -> None:
                    part = (at + done / max(1, total)) / len(paths)
                    self._bridge.post(lambda: busy.show_part(part))

                try:
                    found: Imported = chat.imports.read(
                        path, progress, lambda: not self._stop.is_set()
                    )
                except EnvironmentFault as fault:
                    lines.append(str(word_fault(fault)))
                    continue
                numbers += found.conversations
                lines += [f"{path.name}: {problem_words(each)}" for each in found.problems]
                cancelled = cancelled or found.cancelled
            return numbers, lines, cancelled

        def done(result: tuple[list[int], list[str], bool]) -> None:
            self._end(busy)
            self._tell(*result)

        self._bridge.run(work, done, lambda fault: self._fail(busy, fault))

    def _tell(self, numbers: list[int], lines: list[str], cancelled: bool) -> None:
        self._page.list.refresh()
        words = counted(
            "{number} conversation is imported.",
            "{number} conversations are imported.",
            len(numbers),
        )
        if cancelled:
            words += " " + _("You stopped before the end.")
        if lines:
            ImportReport(words, lines, self._workspace).open()
            return
        if not numbers:
            self._workspace.toasts.show(words)
            return

        def show() -> None:
            self._workspace.show_page(Page.CHAT)
            self._page.open(numbers[-1])

        self._workspace.toasts.show(words, _("Show the last one"), show)

    # --- what takes long -----------------------------------------------------------------------

    def _begin(self, words: str) -> Busy:
        self._busy = True
        self._stop.clear()
        busy = Busy(self._workspace, words, _("Cancel"), after=PATIENCE)
        busy.cancelled.connect(self._stop.set)
        return busy

    def _end(self, busy: Busy) -> None:
        self._busy = False
        busy.end()

    def _fail(self, busy: Busy, fault: DesktopLlmError) -> None:
        self._end(busy)
        self._workspace.show_page(Page.CHAT)
        self._page.show_fault(fault)


def _short(title: str) -> str:
    title = " ".join(title.split())
    return title if len(title) <= 48 else f"{title[:47]}…"
