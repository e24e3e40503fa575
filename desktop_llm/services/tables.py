"""Text tools on whole tables: planned, tried on the first rows, begun as jobs, written again."""

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.jobs import Job, JobKind
from desktop_llm.core.settings import Settings
from desktop_llm.core.tables import (
    CellResult,
    Step,
    Table,
    TableFormat,
    TableWork,
)
from desktop_llm.core.tools import Output
from desktop_llm.services.jobs import JobService
from desktop_llm.services.models import ModelService, load_options
from desktop_llm.services.row_work import RowTexts, RowWorker, batch_of, read_source
from desktop_llm.services.tool_asking import model_key
from desktop_llm.services.tools import ToolService
from desktop_llm.storage.paths import Folders
from desktop_llm.storage.table_files import free_target, write_results
from desktop_llm.storage.table_runs import (
    TableRun,
    open_table_run,
)

PREVIEWED = 10


@dataclass(frozen=True, slots=True)
class Preview:
    """`results`: of the first rows, a list for each step."""

    table: Table
    column: str
    results: tuple[tuple[CellResult, ...], ...]
    seconds: float  # that the whole table is likely to take


class Tables:
    """What is wanted of tables, and what has come of it. Blocks on the disk. Raises
    EnvironmentFault.
    """

    def __init__(
        self, folders: Folders, jobs: JobService, models: ModelService, shelf: ToolService,
        settings: Callable[[], Settings],
    ) -> None:  # fmt: skip
        self._folders = folders
        self._jobs = jobs
        self._models = models
        self._shelf = shelf
        self._settings = settings

    def plan(
        self, source: Path, steps: Sequence[Step], column: str = "", model: str = "",
        target: Path | None = None, table: Table | None = None,
    ) -> TableWork:  # fmt: skip
        """`table`: of the source, where it was read already."""
        source = source.absolute()
        table = table or read_source(source)
        chosen = "" if table.form is TableFormat.FOLDER else column or table.text_column()
        if chosen:
            chosen = table.columns[table.column(chosen)]
        said: list[Any] = [str(source), state_of(source, table), chosen, str(target or "")]
        for step in steps:
            tool = self._shelf.find(step.tool)
            found = self._models.find(model or tool.model or self._settings().model)
            options = found.settings.applied_to(load_options(self._settings()))
            said += [repr(tool), dict(step.values), model_key(found, options)]
        key = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:32]
        if target is None:
            suffix = ".csv" if table.form is TableFormat.FOLDER else source.suffix
            known = self._targets().get(key)
            target = Path(known) if known else free_target(source, suffix)
        return TableWork(
            source=str(source), target=str(target.absolute()), column=chosen, steps=tuple(steps),
            model=model, key=key,
        )  # fmt: skip

    def start(self, work: TableWork) -> Job:
        """As a job; one that is the same goes on."""
        return self._jobs.add(JobKind.TABLE, Path(work.source).name, work.to_values())

    def preview(
        self, source: Path, steps: Sequence[Step], worker: RowWorker, column: str = "",
        on_done: Callable[[int, int], object] = lambda _done, _of: None,
    ) -> Preview:  # fmt: skip
        """The tools on the first rows, and how long all would take. `on_done` hears of how many
        results of how many.
        """
        table = read_source(source)
        chosen = "" if table.form is TableFormat.FOLDER else column or table.text_column()
        texts = RowTexts(source, table.form, table.column(chosen) if chosen else 0)
        rows = table.rows[:PREVIEWED]
        results, seconds = [], 0.0
        for at, step in enumerate(steps):
            tool, made = self._shelf.find(step.tool), list[CellResult]()
            worker.prepare(tool)
            begun = time.monotonic()
            most = batch_of(tool)
            for first in range(0, len(rows), most):
                made += worker.work(tool, step.values, texts, rows[first : first + most])
                on_done(at * len(rows) + len(made), len(steps) * len(rows))
            results.append(tuple(made))
            seconds += (time.monotonic() - begun) / max(1, len(rows)) * len(table.rows)
        return Preview(table, chosen, tuple(results), seconds)

    def retry_errors(self, work: TableWork) -> int:
        """Rows of it that failed are to be worked on again. Returns how many."""
        run = open_table_run(self._folders.tables, work.key)
        try:
            return run.forget_errors()
        finally:
            run.close()

    def open(self, job: Job) -> TableRun:
        """What there is of it, also while it runs. The caller closes it."""
        return open_table_run(self._folders.tables, TableWork.from_values(job.spec).key)

    def write(self, job: Job) -> Path:
        """The file anew, with what a person corrected."""
        work = TableWork.from_values(job.spec)
        run = self.open(job)
        try:
            return write_work(work, run, self._shelf)
        finally:
            run.close()

    def labels(self, work: TableWork) -> list[bool]:
        """Of each step, whether it gives labels."""
        return [self._shelf.find(step.tool).output is Output.LABELS for step in work.steps]

    def _targets(self) -> dict[str, str]:
        return {str(job.spec.get("key")): str(job.spec.get("target")) for job in self._jobs.all()
                if job.kind == JobKind.TABLE}  # fmt: skip


def write_work(work: TableWork, rows: TableRun, shelf: ToolService) -> Path:
    """The results so far, as the file that was asked for."""
    about = rows.about()
    if about is None:
        raise EnvironmentFault(FaultCode.TABLE_EMPTY, path=Path(work.source).name)
    steps = [(step.tool, shelf.find(step.tool).output is Output.LABELS) for step in work.steps]
    target = Path(work.target)
    write_results(target, about, steps, rows.pages(len(steps)))
    return target


def state_of(source: Path, table: Table) -> list[tuple[str, int, int]]:
    """Another one when a file of it is another: a folder does not change with what is in it."""
    names = [row.cells[0] for row in table.rows] if table.form is TableFormat.FOLDER else [""]
    try:
        return [
            (name, found.st_size, found.st_mtime_ns)
            for name in names for found in ((source / name).stat(),)
        ]  # fmt: skip
    except OSError as error:
        raise EnvironmentFault(
            FaultCode.FILE_UNREADABLE, path=str(source), reason=error.strerror or ""
        ) from error
