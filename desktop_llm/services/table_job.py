"""The job that applies text tools to a table.

Every batch of results is on the disk before the next begins, so that a kill at any moment costs the
batch in flight at most, and what is there is never made again.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from desktop_llm.core.errors import DesktopLlmError, EnvironmentFault
from desktop_llm.core.jobs import Job, JobKind, JobPhase, JobProgress, JobState
from desktop_llm.core.tables import (
    Row,
    TableWork,
)
from desktop_llm.engine.client import CancelledError, EngineClient
from desktop_llm.services.models import ModelService
from desktop_llm.services.row_work import RowTexts, RowWorker, batch_of, read_source
from desktop_llm.services.runner import JobRun, Lane
from desktop_llm.services.tables import write_work
from desktop_llm.services.text_tools import TextTools
from desktop_llm.services.tools import ToolService
from desktop_llm.storage.library import Library
from desktop_llm.storage.paths import Folders
from desktop_llm.storage.settings import SettingsFile
from desktop_llm.storage.table_runs import (
    TableRun,
    open_table_run,
    remove_table_run,
    table_run_keys,
)


class TableJob:
    """The kind of job that applies tools to a table."""

    lane = Lane.COMPUTE

    def __init__(
        self,
        folders: Folders,
        say: Callable[[DesktopLlmError], str],
        jobs: Callable[[], Sequence[Job]],
        make_engine: Callable[[], EngineClient] = EngineClient,
    ) -> None:
        """`say`: a fault in a sentence; `jobs`: all that are listed."""
        self._folders = folders
        self._say = say
        self._jobs = jobs
        self._make_engine = make_engine

    def run(self, run: JobRun) -> Mapping[str, Any]:
        """Raises EnvironmentFault."""
        work = TableWork.from_values(run.job.spec)
        settings = SettingsFile(self._folders.settings_file)
        engine = self._make_engine()
        models = ModelService(Library(self._folders), engine)
        text_tools = TextTools(engine, models, lambda: settings.current, lambda: None)
        worker = RowWorker(
            engine, models, lambda: settings.current, text_tools, work.model, self._say
        )

        def stop() -> None:
            worker.cancel()
            engine.close()

        run.on_stop(stop)
        rows = open_table_run(self._folders.tables, work.key)
        try:
            return self._work(run, work, rows, worker, ToolService(self._folders))
        except (EnvironmentFault, CancelledError):
            run.check()  # the engine was ended because the job is to stop
            raise
        finally:
            rows.close()
            engine.close()
            text_tools.close()

    def discard(self, job: Job) -> None:
        """Unless another job, which may have ended, has the same results."""
        key = TableWork.from_values(job.spec).key
        if key not in self._keys(but=job.id):
            remove_table_run(self._folders.tables, key)

    def tidy(self) -> None:
        """What belongs to no job that is listed goes."""
        kept = self._keys()
        for key in table_run_keys(self._folders.tables):
            if key not in kept:
                remove_table_run(self._folders.tables, key)

    def _keys(self, but: int = 0) -> set[str]:
        return {
            str(job.spec.get("key")) for job in self._jobs()
            if job.kind == JobKind.TABLE and job.id != but and job.state is not JobState.CANCELLED
        }  # fmt: skip

    def _work(
        self, run: JobRun, work: TableWork, rows: TableRun, worker: RowWorker, shelf: ToolService
    ) -> dict[str, Any]:
        source = Path(work.source)
        if rows.about() is None:
            run.report(JobProgress(phase=JobPhase.READING))
            rows.take(read_source(source))
        about = rows.about()
        assert about is not None
        steps = len(work.steps)
        pace = _Pace(sum(map(rows.done, range(steps))), about.rows, steps)
        texts = RowTexts(source, about.form, about.columns.index(work.column) if work.column else 0)
        for at, step in enumerate(work.steps):
            tool = shelf.find(step.tool)
            for batch in _batches(rows, at, batch_of(tool)):
                run.check()
                made = worker.work(tool, step.values, texts, [row for _number, row in batch])
                results = dict(zip((number for number, _row in batch), made, strict=True))
                rows.add(at, results)
                run.report(pace.after(len(results)))
        run.report(JobProgress(about.rows, about.rows, 0.0, JobPhase.PLACING))
        target = write_work(work, rows, shelf)
        tallies = [rows.tally(at) for at in range(len(work.steps))]
        return {
            "target": str(target), "rows": about.rows, "ragged": about.ragged,
            "errors": sum(errors for errors, _doubted, _corrected in tallies),
            "doubted": sum(doubted for _errors, doubted, _corrected in tallies),
        }  # fmt: skip


def _batches(rows: TableRun, step: int, most: int) -> Iterator[list[tuple[int, Row]]]:
    after = -1
    while batch := rows.pending(step, after, most):
        yield batch
        after = batch[-1][0]


class _Pace:
    """How far the work is, and how fast: a row counts when all steps have worked on it."""

    def __init__(self, done: int, rows: int, steps: int) -> None:
        """`done`: results of all steps together."""
        self._begun = time.monotonic()
        self._before, self._done, self._rows, self._steps = done, done, rows, steps

    def after(self, rows: int) -> JobProgress:
        self._done += rows
        seconds = time.monotonic() - self._begun
        rate = (self._done - self._before) / seconds / self._steps if seconds > 0 else 0.0
        return JobProgress(self._done // self._steps, self._rows, rate, JobPhase.WORKING)
