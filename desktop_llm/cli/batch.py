"""`batch`: text tools on every row of a table, or every document of a folder."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from desktop_llm.cli.following import follow
from desktop_llm.cli.tool_values import checked_value
from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.jobs import Job
from desktop_llm.core.tables import Step
from desktop_llm.engine.client import EngineClient
from desktop_llm.services.jobs import JobService
from desktop_llm.services.models import ModelService
from desktop_llm.services.row_work import RowWorker, for_rows
from desktop_llm.services.tables import Tables
from desktop_llm.services.text_tools import TextTools
from desktop_llm.services.tools import ToolService
from desktop_llm.storage.library import Library
from desktop_llm.storage.logs import ENGINE_LOG, rotate
from desktop_llm.storage.paths import resolve_folders
from desktop_llm.storage.settings import SettingsFile
from desktop_llm.words import _, counted
from desktop_llm.words.amounts import about_words
from desktop_llm.words.faults import word_fault


def register(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, help="CSV, TSV, XLSX, JSONL, or a folder")
    parser.add_argument("--tool", action="append", default=[], metavar="NAME[:VARIABLE=VALUE;…]",
                        help="for each row; several are possible; else sentiment")  # fmt: skip
    parser.add_argument("--column", default="", help="with the texts, by name or number")
    parser.add_argument("--output", type=Path, help="a new file; beside the table by default")
    parser.add_argument("--model", default="", help="name or path")
    parser.add_argument("--preview", action="store_true",
                        help="the first ten rows, and how long all would take")  # fmt: skip
    parser.add_argument("--no-wait", action="store_true", help="it goes on in the background")
    parser.add_argument("--retry-errors", action="store_true", help="rows that failed, again")
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    folders = resolve_folders(options.data_dir)
    folders.ensure()
    settings = SettingsFile(folders.settings_file)
    engine = EngineClient(folders.logs / ENGINE_LOG, rotate=rotate)
    models = ModelService(Library(folders), engine)
    shelf, jobs = ToolService(folders), JobService(folders)
    tables = Tables(folders, jobs, models, shelf, lambda: settings.current)
    text_tools = TextTools(engine, models, lambda: settings.current, lambda: None)
    try:
        steps = [_step(shelf, given) for given in options.tool or ["sentiment"]]
        if options.preview:
            worker = RowWorker(
                engine, models, lambda: settings.current, text_tools, options.model, _say
            )
            return _preview(tables, steps, worker, options)
        if options.output is not None and options.output.exists():
            raise EnvironmentFault(FaultCode.FILE_EXISTS, path=str(options.output))
        work = tables.plan(options.source, steps, options.column, options.model, options.output)
        if options.retry_errors:
            tables.retry_errors(work)
        job = tables.start(work)
        if options.no_wait:
            return _say_begun(job, options.json)
        return _say_done(follow(jobs, job.id, sys.stderr), options.json)
    finally:
        jobs.close()
        engine.close()
        text_tools.close()


def _step(shelf: ToolService, given: str) -> Step:
    """Raises EnvironmentFault for a tool, a variable or a choice that is not there."""
    name, _sign, rest = given.partition(":")
    tool = for_rows(shelf.find(name))
    values = {}
    for each in filter(None, rest.split(";")):
        variable, _sign, value = each.partition("=")
        values[variable.strip()] = checked_value(tool, variable.strip(), value.strip())
    return Step(tool.id, values)


def _preview(
    tables: Tables, steps: list[Step], worker: RowWorker, options: argparse.Namespace
) -> int:
    found = tables.preview(options.source, steps, worker, options.column)
    rows: list[dict[str, Any]] = []
    for at in range(len(found.results[0])):
        row: dict[str, Any] = dict(
            zip(found.table.columns, found.table.rows[at].cells, strict=True)
        )
        for step, results in zip(steps, found.results, strict=True):
            result = results[at]
            row[step.tool] = result.value
            if result.confidence is not None:
                row[f"{step.tool}_confidence"] = round(result.confidence, 4)
                row[f"{step.tool}_unsure"] = result.unsure
            if result.error:
                row[f"{step.tool}_error"] = result.error
        rows.append(row)
    if options.json:
        print(json.dumps({"rows": rows, "seconds": round(found.seconds, 1)}, ensure_ascii=False))
        return 0
    for row in rows:
        print(json.dumps(row, ensure_ascii=False))
    count = counted("{number} row", "{number} rows", len(found.table.rows))
    print(f"desktop-llm: {count}: {about_words(found.seconds)}", file=sys.stderr)
    if found.table.ragged:
        print(f"desktop-llm: {ragged_words(found.table.ragged)}", file=sys.stderr)
    return 0


def ragged_words(rows: int) -> str:
    return counted(
        "{number} row had more or fewer cells than the first.",
        "{number} rows had more or fewer cells than the first.", rows,
    )  # fmt: skip


def _say(fault: Any) -> str:
    return str(word_fault(fault))


def _say_begun(job: Job, as_json: bool) -> int:
    if as_json:
        print(json.dumps({"job": job.id, "target": job.spec["target"]}, ensure_ascii=False))
    else:
        words = _("Job {number} goes on in the background; its result will be {path}.")
        print(words.format(number=job.id, path=job.spec["target"]))
    return 0


def _say_done(job: Job, as_json: bool) -> int:
    """1 where rows failed."""
    errors, ragged = int(job.result.get("errors", 0)), int(job.result.get("ragged", 0))
    if as_json:
        print(json.dumps({"job": job.id, **job.result}, ensure_ascii=False))
    else:
        print(job.result["target"])
    if ragged:
        print(f"desktop-llm: {ragged_words(ragged)}", file=sys.stderr)
    if errors:
        words = counted(
            "{number} row failed; the file says why.",
            "{number} rows failed; the file says why.", errors,
        )  # fmt: skip
        print(f"desktop-llm: {words}", file=sys.stderr)
    return 1 if errors else 0
