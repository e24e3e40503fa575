"""Tables in the window: set up, begun as jobs, their results looked at and put right."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from shiboken6 import isValid

from desktop_llm.core.errors import DesktopLlmError
from desktop_llm.core.jobs import JobKind
from desktop_llm.ui.actions import Command
from desktop_llm.ui.bridge import Bridge
from desktop_llm.ui.workspace import Workspace
from desktop_llm.words import _, counted
from desktop_llm.words.amounts import about_words
from desktop_llm.words.faults import word_fault

if TYPE_CHECKING:
    from desktop_llm.core.jobs import Job
    from desktop_llm.core.tables import Table
    from desktop_llm.core.tools import Tool
    from desktop_llm.services.bundle import Services
    from desktop_llm.services.row_work import RowWorker
    from desktop_llm.services.tables import Preview
    from desktop_llm.ui.models.table_rows import ShownRow, ShownStep
    from desktop_llm.ui.pages.table_results import TableResults
    from desktop_llm.ui.pages.table_setup import Source, TableSetup


class TableCare(QObject):
    job_begun = Signal()

    def __init__(
        self,
        workspace: Workspace,
        bridge: Bridge,
        services: "Callable[[], Services | None]",
        fail: Callable[[DesktopLlmError], object],
    ) -> None:
        super().__init__(workspace)
        self._workspace = workspace
        self._bridge = bridge
        self._services = services
        self._fail = fail
        self._setup: TableSetup | None = None
        self._table: tuple[Path, Table] | None = None  # as it was read for the setup
        self._worker: RowWorker | None = None  # of the preview that is being made
        self._results: dict[int, TableResults] = {}  # of jobs
        workspace.commands.handle(Command.TABLE, self.open)

    # --- setting up ------------------------------------------------------------------------------

    def open(self, path: str = "") -> None:
        """`path`: of a table or a folder; empty: to be chosen there."""
        services = self._services()
        if services is None:
            return
        if self._setup is None or not isValid(self._setup):
            self._setup = self._make_setup(services)
        dialog = self._setup
        dialog.show()
        dialog.raise_()
        dialog.activateWindow()
        if path:
            self._read(dialog, path)

    def _make_setup(self, services: "Services") -> "TableSetup":
        from desktop_llm.ui.pages.table_setup import TableSetup
        from desktop_llm.ui.tools_care import default_values

        dialog = TableSetup(self._workspace)
        dialog.source_given.connect(lambda path: self._read(dialog, path))
        dialog.preview_wanted.connect(lambda: self._preview(dialog))
        dialog.stop_wanted.connect(self._stop)
        dialog.start_wanted.connect(lambda: self._start(dialog))
        dialog.finished.connect(lambda _result: self._closed())

        def read() -> "list[Tool]":
            from desktop_llm.services.row_work import for_rows

            return [for_rows(tool) for tool in services.tools.shelf.shelf().tools]

        def show(tools: "list[Tool]") -> None:
            if isValid(dialog):
                dialog.show_tools(tools, {tool.id: default_values(tool, "") for tool in tools})

        self._bridge.run(read, show, lambda fault: self._tell(dialog, fault))
        return dialog

    def _closed(self) -> None:
        self._stop()
        self._setup = self._table = None

    def _read(self, dialog: "TableSetup", given: str) -> None:
        path = Path(given)
        self._stop()
        self._table = None
        dialog.show_reading(path)

        def read() -> "tuple[Table, Source]":
            from desktop_llm.core.tables import TableFormat
            from desktop_llm.services.row_work import read_source
            from desktop_llm.storage.table_files import free_target
            from desktop_llm.ui.pages.table_setup import Source

            table = read_source(path.absolute())
            folder = table.form is TableFormat.FOLDER
            target = free_target(path.absolute(), ".csv" if folder else path.suffix)
            return table, Source(
                path=path, columns=() if folder else table.columns,
                column="" if folder else table.text_column(), rows=len(table.rows),
                ragged=table.ragged, target=target,
            )  # fmt: skip

        def show(found: "tuple[Table, Source]") -> None:
            if isValid(dialog) and dialog.name.text() == path.name:
                self._table = (path, found[0])
                dialog.show_source(found[1])

        self._bridge.run(read, show, lambda fault: self._tell(dialog, fault))

    def _ready(self, dialog: "TableSetup") -> bool:
        if lacking := dialog.lacks():
            dialog.show_fault(_("“{name}” is empty.").format(name=lacking), _("Fill it in."))
        return dialog.source is not None and not lacking

    def _preview(self, dialog: "TableSetup") -> None:
        services, source = self._services(), dialog.source
        if services is None or source is None or not self._ready(dialog):
            return
        steps, column = dialog.steps(), dialog.chosen_column()
        worker = services.tools.row_worker(_say)
        self._worker = worker
        dialog.show_busy(True)

        def heard(done: int, of: int) -> None:
            self._bridge.post(lambda: worked(done, of))

        def worked(done: int, of: int) -> None:
            if self._worker is worker and isValid(dialog):
                dialog.show_part(done, of)

        def make() -> "tuple[Preview, list[ShownStep]] | None":
            from desktop_llm.engine.client import CancelledError
            from desktop_llm.ui.shown_steps import shown_step

            try:
                found = services.tables.preview(source.path, steps, worker, column, heard)
            except CancelledError:
                return None
            return found, [shown_step(services, step) for step in steps]

        def show(made: "tuple[Preview, list[ShownStep]] | None") -> None:
            if self._worker is not worker or not isValid(dialog):
                return
            self._worker = None
            if made is None:
                dialog.show_stopped()
            else:
                dialog.show_preview(made[1], _preview_rows(made[0]), _estimate_words(made[0]))

        def fail(fault: DesktopLlmError) -> None:
            if self._worker is worker:
                self._worker = None
                self._tell(dialog, fault)

        self._bridge.detached(make, show, fail)

    def _stop(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            self._bridge.run(worker.cancel)
        if self._setup is not None and isValid(self._setup):
            self._setup.show_stopped()

    def _start(self, dialog: "TableSetup") -> None:
        services, source = self._services(), dialog.source
        if services is None or source is None or not self._ready(dialog):
            return
        steps, column, target = dialog.steps(), dialog.chosen_column(), dialog.chosen_target()
        table = self._table[1] if self._table and self._table[0] == source.path else None

        def begin() -> "Job":
            from desktop_llm.core.errors import EnvironmentFault, FaultCode

            if target is not None and target.exists():
                raise EnvironmentFault(FaultCode.FILE_EXISTS, path=str(target))
            tables = services.tables
            return tables.start(tables.plan(source.path, steps, column, "", target, table))

        def begun(job: "Job") -> None:
            self.job_begun.emit()
            if isValid(dialog):
                dialog.accept()
            self.show_results(job.id)

        self._bridge.write(begin, begun, lambda fault: self._tell(dialog, fault))

    # --- results ---------------------------------------------------------------------------------

    def show_results(self, number: int) -> None:
        """Of a job, also while it runs."""
        services = self._services()
        if services is None:
            return

        def show(job: "Job") -> None:
            self._show_results(services, job)

        self._bridge.run(lambda: services.jobs.get(number), show, self._fail)

    def show_results_of(self, key: str) -> None:
        """Of the work with that key, where a job of it is still listed."""
        services = self._services()
        if services is None:
            return

        def find() -> "Job | None":
            jobs = services.jobs.all() if services.may_have_jobs() else []
            found = [job for job in jobs if job.kind == JobKind.TABLE]
            return next((job for job in found if job.spec.get("key") == key), None)

        def show(job: "Job | None") -> None:
            if job is None:
                self._workspace.toasts.show(_("The work on this table is no longer listed."))
            else:
                self._show_results(services, job)

        self._bridge.run(find, show, self._fail)

    def _show_results(self, services: "Services", job: "Job") -> None:
        from desktop_llm.core.tables import TableWork
        from desktop_llm.ui.pages.table_results import TableResults
        from desktop_llm.ui.table_results_care import ResultsCare

        known = self._results.get(job.id)
        if known is not None and isValid(known):
            known.raise_()
            known.activateWindow()
            return
        try:
            work = TableWork.from_values(job.spec)
        except DesktopLlmError as fault:
            self._fail(fault)
            return
        dialog = TableResults(job.title, self._workspace)
        care = ResultsCare(dialog, self._bridge, services, job, work)
        self._results[job.id] = dialog
        dialog.finished.connect(lambda _result: self._results.pop(job.id, None))
        care.job_begun.connect(lambda now: self._retried(dialog, job, now))
        care.look()
        dialog.show()

    def _retried(self, dialog: "TableResults", job: "Job", now: "Job") -> None:
        self.job_begun.emit()
        if isValid(dialog) and now.id == job.id:
            dialog.look_wanted.emit()
            return
        if isValid(dialog):
            dialog.reject()
        self.show_results(now.id)

    def _tell(self, dialog: "TableSetup", fault: DesktopLlmError) -> None:
        if isValid(dialog):
            words = word_fault(fault)
            dialog.show_fault(words.what, words.next_step)


def _say(fault: DesktopLlmError) -> str:
    return str(word_fault(fault))


def _preview_rows(found: "Preview") -> "list[ShownRow]":
    from desktop_llm.ui.models.table_rows import ShownRow
    from desktop_llm.ui.shown_steps import TEXT

    table = found.table
    place = table.column(found.column) if found.column else 0
    return [
        ShownRow(
            at, (row.raw or row.cells[place])[:TEXT], tuple(each[at] for each in found.results)
        )
        for at, row in enumerate(table.rows[: len(found.results[0])])
    ]


def _estimate_words(found: "Preview") -> str:
    rows = counted("{number} row", "{number} rows", len(found.table.rows))
    words = _("All of it, {rows}, will take {time}.")
    return words.format(rows=rows, time=about_words(found.seconds))
