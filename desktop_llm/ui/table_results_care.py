"""Results of tables in the window: read page by page, put right, written and exported."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from shiboken6 import isValid

from desktop_llm.core.errors import DesktopLlmError, EnvironmentFault, FaultCode
from desktop_llm.core.tables import TableWork
from desktop_llm.ui.bridge import Bridge
from desktop_llm.ui.models.table_rows import PAGE, ShownRow
from desktop_llm.ui.pages.table_results import Looked, TableResults
from desktop_llm.ui.shown_steps import TEXT, shown_step
from desktop_llm.words import _, counted
from desktop_llm.words.faults import word_fault

if TYPE_CHECKING:
    from desktop_llm.core.jobs import Job
    from desktop_llm.services.bundle import Services
    from desktop_llm.storage.table_runs import TableRun


class ResultsCare(QObject):
    """Of one job, while its window is open."""

    job_begun = Signal(object)  # the `Job` that works on its failed rows again

    def __init__(
        self, dialog: TableResults, bridge: Bridge, services: "Services", job: "Job",
        work: TableWork,
    ) -> None:  # fmt: skip
        super().__init__(dialog)
        self._dialog = dialog
        self._bridge = bridge
        self._services = services
        self._job = job
        self._work = work
        self._run = run = _HeldRun(lambda: services.tables.open(job))
        dialog.rows.documents = not work.column
        dialog.look_wanted.connect(self.look)
        dialog.rows.page_wanted.connect(self._read_page)
        dialog.rows.corrected.connect(self._correct)
        dialog.write_wanted.connect(self._write)
        dialog.retry_wanted.connect(self._retry)
        dialog.export_wanted.connect(self._export)
        dialog.folder_wanted.connect(self._open_folder)
        dialog.finished.connect(lambda _result: bridge.write(run.close))
        dialog.destroyed.connect(lambda: run.close())

    def look(self) -> None:
        by, job, work, services = self._dialog.sorted_by, self._job, self._work, self._services

        def look() -> Looked:
            now = services.jobs.get(job.id)
            steps = [shown_step(services, step) for step in work.steps]
            run = self._run.get()
            about = run.about()
            return Looked(
                job=now, steps=steps, rows=0 if about is None else about.rows,
                sorted_rows=0 if by is None else run.done(by),
                tallies=[run.tally(at) for at in range(len(steps))],
                counts=[run.counts(at) if each.labels else {} for at, each in enumerate(steps)],
            )  # fmt: skip

        def show(state: Looked) -> None:
            if isValid(self._dialog) and self._dialog.sorted_by == by:
                self._dialog.show_state(state)

        def fail(fault: DesktopLlmError) -> None:
            if isValid(self._dialog):
                self._dialog.stop_looking()
            self._tell(fault)

        self._bridge.run(look, show, fail)

    def _read_page(self, reading: int, page: int) -> None:
        by, work = self._dialog.sorted_by, self._work

        def read() -> list[ShownRow]:
            run = self._run.get()
            about = run.about()
            place = about.columns.index(work.column) if about and work.column else 0
            return [
                ShownRow(number, (row.raw or row.cells[place])[:TEXT], tuple(results))
                for number, row, results in run.rows(len(work.steps), page * PAGE, PAGE, by)
            ]

        def show(rows: list[ShownRow]) -> None:
            if isValid(self._dialog):
                self._dialog.rows.show_page(reading, page, rows)

        def fail(fault: DesktopLlmError) -> None:
            if isValid(self._dialog):
                self._dialog.rows.fail_page(reading)
            self._tell(fault)

        self._bridge.run(read, show, fail)

    def _correct(self, step: int, row: int, value: str) -> None:
        def corrected(_done: None) -> None:
            if isValid(self._dialog):
                self.look()

        def work() -> None:
            from desktop_llm.services.table_corrections import correct

            services = self._services
            correct(
                services.chat.corrections, self._run.get(), self._work, services.tools.shelf, step,
                row, value,
            )  # fmt: skip

        self._bridge.write(work, corrected, self._tell)

    def _write(self) -> None:
        def written(path: Path) -> None:
            if isValid(self._dialog):
                self._dialog.show_written()
                self._dialog.toasts.show(_("Saved: {name}").format(name=path.name))

        self._bridge.write(lambda: self._services.tables.write(self._job), written, self._tell)

    def _retry(self) -> None:
        def again() -> "Job":
            tables = self._services.tables
            tables.retry_errors(self._work)
            return tables.start(self._work)

        self._bridge.write(again, self.job_begun.emit, self._tell)

    def _export(self) -> None:
        from PySide6.QtCore import Qt
        from PySide6.QtWidgets import QFileDialog

        source = Path(self._work.source)
        start = source.with_name(f"{source.stem}.corrections.jsonl")
        chooser = QFileDialog(self._dialog, _("Export corrections"), str(start), "JSONL (*.jsonl)")
        chooser.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        chooser.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        chooser.setDefaultSuffix("jsonl")
        chooser.fileSelected.connect(self.export)
        chooser.open()

    def export(self, path: str) -> None:
        def write() -> int:
            from desktop_llm.services.table_corrections import export_corrections

            corrections = self._services.chat.corrections
            return export_corrections(Path(path), corrections, self._work.key)

        def done(lines: int) -> None:
            words = counted(
                "{number} correction is exported.", "{number} corrections are exported.", lines
            )
            if isValid(self._dialog):
                self._dialog.toasts.show(words)

        self._bridge.run(write, done, self._tell)

    def _open_folder(self) -> None:
        from PySide6.QtCore import QUrl
        from PySide6.QtGui import QDesktopServices

        QDesktopServices.openUrl(QUrl.fromLocalFile(str(Path(self._work.target).parent)))

    def _tell(self, fault: DesktopLlmError) -> None:
        if isValid(self._dialog):
            words = word_fault(fault)
            self._dialog.show_fault(words.what, words.next_step)


class _HeldRun:
    """Stays open with its window: a database that is opened while another connection to it
    closes waits for that one's lock. Any thread.
    """

    def __init__(self, open_run: "Callable[[], TableRun]") -> None:
        self._open = open_run
        self._lock = threading.Lock()
        self._run: TableRun | None = None
        self._closed = False

    def get(self) -> "TableRun":
        """Raises EnvironmentFault, also after `close`."""
        with self._lock:
            if self._closed:
                raise EnvironmentFault(FaultCode.NO_JOB, number=0)
            if self._run is None:
                self._run = self._open()
            return self._run

    def close(self) -> None:
        with self._lock:
            run, self._run, self._closed = self._run, None, True
        if run is not None:
            run.close()
