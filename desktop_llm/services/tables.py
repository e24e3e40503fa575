"""Text tools on whole tables: what is wanted is planned here, and done by a job.

Every batch of results is on the disk before the next begins, so that a kill at any moment costs the
batch in flight at most, and what is there is never made again.
"""

import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from desktop_llm.core.documents import TABLE_CHARACTERS
from desktop_llm.core.errors import DesktopLlmError, EnvironmentFault, FaultCode
from desktop_llm.core.jobs import Job, JobKind, JobPhase, JobProgress, JobState
from desktop_llm.core.settings import Settings
from desktop_llm.core.tables import (
    CellResult,
    Row,
    Step,
    Table,
    TableFormat,
    TableWork,
    format_of,
    read_table,
)
from desktop_llm.core.text import clean_text
from desktop_llm.core.text_tools import ToolRequest
from desktop_llm.core.tools import Output, Tool, instruction_language
from desktop_llm.engine.client import CancelledError, EngineClient
from desktop_llm.ingest.reader import read_document
from desktop_llm.services.engine_work import EngineWork
from desktop_llm.services.jobs import JobService
from desktop_llm.services.labelling import Labeller
from desktop_llm.services.models import ModelService, load_options
from desktop_llm.services.runner import JobRun, Lane
from desktop_llm.services.text_tools import ASPECTS, FIND_ASPECTS, TextTools
from desktop_llm.services.tool_asking import model_key
from desktop_llm.services.tools import ToolService
from desktop_llm.storage.library import Library
from desktop_llm.storage.paths import Folders
from desktop_llm.storage.settings import SettingsFile
from desktop_llm.storage.table_files import free_target, write_results
from desktop_llm.storage.table_runs import (
    TableRun,
    open_table_run,
    remove_table_run,
    table_run_keys,
)

logger = logging.getLogger(__name__)

BATCH = 64  # rows that are judged together
WRITTEN_BATCH = 1  # rows of a tool that writes: each may take seconds
LONG = 1200  # characters; a longer row is judged by its parts
PREVIEWED = 10
DOCUMENTS = (".txt", ".md", ".pdf", ".docx", ".srt", ".html", ".htm")
# What is wrong with a row, not with the work. A row that ends the worker is left out as well; one
# that dies whatever it is given ends the work by its limit of starts.
OF_A_ROW = frozenset({
    FaultCode.WORKER_CRASHED,
    FaultCode.ROW_EMPTY, FaultCode.TEXT_TOO_LONG, FaultCode.PROMPT_TOO_LONG,
    FaultCode.FILE_UNREADABLE, FaultCode.FILE_TOO_LARGE, FaultCode.DOCUMENT_DAMAGED,
    FaultCode.DOCUMENT_IS_IMAGE, FaultCode.DOCUMENT_LOCKED, FaultCode.DOCUMENT_NOT_TEXT,
    FaultCode.DOCUMENT_WITHOUT_TEXT, FaultCode.DOCUMENT_TOO_MUCH,
})  # fmt: skip


def read_source(path: Path) -> Table:
    """A table's file, or a folder of documents. Blocks. Raises EnvironmentFault."""
    if path.is_dir():
        try:
            names = sorted(
                each.name for each in path.iterdir()
                if each.suffix.lower() in DOCUMENTS and each.is_file() and each.name[0] != "."
            )  # fmt: skip
        except OSError as error:
            raise EnvironmentFault(
                FaultCode.FILE_UNREADABLE, path=str(path), reason=error.strerror or ""
            ) from error
        if not names:
            raise EnvironmentFault(FaultCode.TABLE_EMPTY, path=path.name)
        return Table(TableFormat.FOLDER, ("file",), tuple(Row((name,)) for name in names))
    form = format_of(path)
    document = read_document(path, most=TABLE_CHARACTERS)
    if document.left_out:
        raise EnvironmentFault(FaultCode.TABLE_LONG, path=path.name, most=TABLE_CHARACTERS)
    return read_table(document.text, form, path.name)


@dataclass(frozen=True, slots=True)
class RowTexts:
    """What the tools read of rows. `place`: of the column with the texts."""

    source: Path
    form: TableFormat
    place: int

    def of(self, row: Row) -> str:
        """Blocks where it is a document. Raises EnvironmentFault for what cannot be read."""
        if row.flaw:
            raise EnvironmentFault(FaultCode.ROW_BROKEN, reason=row.flaw)
        if self.form is TableFormat.FOLDER:
            return read_document(self.source / row.cells[0]).text
        return clean_text(row.cells[self.place])


def for_rows(tool: Tool) -> Tool:
    """As it works on a row: a label for all of it, not for what it speaks of."""
    kept = tuple(each for each in tool.variables if each.name not in (ASPECTS, FIND_ASPECTS))
    return replace(tool, variables=kept)


@dataclass(frozen=True, slots=True)
class Preview:
    """`results`: of the first rows, a list for each step."""

    table: Table
    column: str
    results: tuple[tuple[CellResult, ...], ...]
    seconds: float  # that the whole table is likely to take


class RowWorker:
    """Tools on rows, with an engine and tools that are lent. Raises EnvironmentFault and
    CancelledError.
    """

    def __init__(
        self,
        engine: EngineClient,
        models: ModelService,
        settings: Callable[[], Settings],
        text_tools: TextTools,
        model: str,
        say: Callable[[DesktopLlmError], str],
    ) -> None:
        """`say`: a fault in a sentence."""
        self._work = EngineWork(engine, models)
        self._models = models
        self._settings = settings
        self._tools = text_tools
        self._model = model
        self._say = say
        self._labellers: dict[tuple[str, str], Labeller] = {}

    def cancel(self) -> None:
        self._work.cancel()

    def prepare(self, tool: Tool) -> None:
        """Loads the model."""
        model = self._models.find(self._model or tool.model or self._settings().model)
        options = model.settings.applied_to(load_options(self._settings()))
        self._work.load(model, options)

    def work(
        self, tool: Tool, values: Mapping[str, str], texts: RowTexts, rows: Sequence[Row]
    ) -> list[CellResult]:
        """One result a row, whatever is wrong with it."""
        results: list[CellResult | None] = [None] * len(rows)
        read: dict[int, str] = {}
        for at, row in enumerate(rows):
            try:
                read[at] = texts.of(row)
            except EnvironmentFault as fault:
                results[at] = self._flawed(fault)
        made = self._apply(tool, values, list(read.values()))
        for at, result in zip(read, made, strict=True):
            results[at] = result
        return [result for result in results if result is not None]

    def _apply(
        self, tool: Tool, values: Mapping[str, str], texts: Sequence[str]
    ) -> list[CellResult]:
        """One result a text, whatever is wrong with it."""
        if tool.adapter:
            raise EnvironmentFault(FaultCode.NO_ADAPTER, name=tool.adapter)
        if tool.output is not Output.LABELS:
            return [self._written(tool, values, text) for text in texts]
        results: list[CellResult | None] = [None] * len(texts)
        groups: dict[str, list[int]] = {}
        for at, text in enumerate(texts):
            if not text.strip():
                results[at] = self._flawed(EnvironmentFault(FaultCode.ROW_EMPTY))
            elif len(text) > LONG:
                results[at] = self._judged_long(tool, values, text)
            else:
                groups.setdefault(instruction_language(text), []).append(at)
        for language, places in groups.items():
            found = self._judged(tool, values, language, [texts[at] for at in places])
            for at, result in zip(places, found, strict=True):
                results[at] = result
        return [result for result in results if result is not None]

    def _judged(
        self, tool: Tool, values: Mapping[str, str], language: str, texts: Sequence[str]
    ) -> list[CellResult]:
        labeller = self._labeller(tool, values, language)
        try:
            unique = list(dict.fromkeys(texts))  # the same words get the same label
            known = dict(zip(unique, labeller.judge(unique), strict=True))
        except EnvironmentFault as fault:
            self._raise_of_work(fault)
            if len(texts) == 1:
                return [self._flawed(fault)]
            return [self._judged(tool, values, language, [text])[0] for text in texts]
        return [
            CellResult(labeller.labels[each.label].value, each.probability, each.unsure.value)
            for each in (known[text] for text in texts)
        ]

    def _judged_long(self, tool: Tool, values: Mapping[str, str], text: str) -> CellResult:
        labeller = self._labeller(tool, values, instruction_language(text))
        try:
            judged, _parts, _shortened = labeller.judge_text(text)
        except EnvironmentFault as fault:
            self._raise_of_work(fault)
            return self._flawed(fault)
        whole = judged.judgement
        return CellResult(judged.labels[whole.label].value, whole.probability, whole.unsure.value)

    def _written(self, tool: Tool, values: Mapping[str, str], text: str) -> CellResult:
        self._work.check()
        if not text.strip():
            return self._flawed(EnvironmentFault(FaultCode.ROW_EMPTY))
        request = ToolRequest(
            tool=tool, text=text, values=dict(values), model=self._model, traceless=True
        )
        try:
            outcome = self._work.watch(self._tools.run(request)).result()
        except EnvironmentFault as fault:
            self._raise_of_work(fault)
            return self._flawed(fault)
        self._work.check()
        if not outcome.complete:
            raise CancelledError
        return CellResult(outcome.text)

    def _labeller(self, tool: Tool, values: Mapping[str, str], language: str) -> Labeller:
        """The prompt of a step in a language is calibrated once."""
        self.prepare(tool)
        key = (json.dumps([tool.id, dict(values)], sort_keys=True), language)
        if key not in self._labellers:
            self._labellers[key] = Labeller(self._work, tool, values, language)
        return self._labellers[key]

    def _raise_of_work(self, fault: EnvironmentFault) -> None:
        """Raises it where the row is not what is wrong."""
        self._work.check()  # the engine may have been ended because this is to stop
        if fault.code not in OF_A_ROW:
            raise fault

    def _flawed(self, fault: EnvironmentFault) -> CellResult:
        return CellResult("", error=self._say(fault))


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


def write_work(work: TableWork, rows: TableRun, shelf: ToolService) -> Path:
    """The results so far, as the file that was asked for."""
    about = rows.about()
    if about is None:
        raise EnvironmentFault(FaultCode.TABLE_EMPTY, path=Path(work.source).name)
    steps = [(step.tool, shelf.find(step.tool).output is Output.LABELS) for step in work.steps]
    target = Path(work.target)
    write_results(target, about, steps, rows.pages(len(steps)))
    return target


def batch_of(tool: Tool) -> int:
    """How many rows are worked on before any of their results is kept."""
    return BATCH if tool.output is Output.LABELS else WRITTEN_BATCH


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
