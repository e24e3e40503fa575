"""`jobs run|list|show|pause|resume|cancel|log|clear`: the work that goes on without a window."""

import argparse
import json
import os
import signal
import time
from typing import TYPE_CHECKING, Any

from desktop_llm.cli.following import job_service
from desktop_llm.core.jobs import Job, JobEvent, JobKind, JobState
from desktop_llm.services.jobs import runner_lock
from desktop_llm.storage.paths import resolve_folders
from desktop_llm.words.faults import word_fault
from desktop_llm.words.jobs import event_words, kind_words, progress_words, state_words

if TYPE_CHECKING:
    from desktop_llm.storage.jobs import Jobs


def register(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("run", help="work through the queue, then end").set_defaults(run=run_runner)
    listing = actions.add_parser("list")
    listing.set_defaults(run=run_list)
    made = [listing]
    for name, run in (("show", run_show), ("log", run_log)):
        made.append(actions.add_parser(name))
        made[-1].set_defaults(run=run)
        made[-1].add_argument("id", type=int)
    for name in ("pause", "resume", "cancel"):
        made.append(actions.add_parser(name))
        made[-1].set_defaults(run=run_wish, wish=name)
        made[-1].add_argument("id", type=int, nargs="+")
    for each in made:
        each.add_argument("--json", action="store_true")
    clear = actions.add_parser("clear", help="strike what has ended from the list")
    clear.set_defaults(run=run_clear)


def run_list(options: argparse.Namespace) -> int:
    with job_service(options) as service:
        jobs = service.all()
    if options.json:
        print(json.dumps([job_values(job) for job in jobs], ensure_ascii=False))
        return 0
    for job in jobs:
        print("\t".join(_fields(job)))
    return 0


def run_show(options: argparse.Namespace) -> int:
    with job_service(options) as service:
        job = service.get(options.id)
    if options.json:
        print(json.dumps(job_values(job), ensure_ascii=False))
        return 0
    print("\t".join(_fields(job)))
    if job.fault is not None:
        print(word_fault(job.fault))
    for file in job.result.get("files", ()):
        print(f"{file['path']}\t{file['sha256']}")
    return 0


def run_log(options: argparse.Namespace) -> int:
    with job_service(options) as service:
        events = service.events(options.id)
    if options.json:
        print(json.dumps([_event_values(event) for event in events], ensure_ascii=False))
        return 0
    for event in events:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(event.time))
        print(f"{when}\t{event_words(event)}")
    return 0


def run_wish(options: argparse.Namespace) -> int:
    with job_service(options) as service:
        jobs = [getattr(service, options.wish)(job) for job in options.id]
    if options.json:
        print(json.dumps([job_values(job) for job in jobs], ensure_ascii=False))
        return 0
    for job in jobs:
        print("\t".join(_fields(job)))
    return 0


def run_clear(options: argparse.Namespace) -> int:
    with job_service(options) as service:
        service.forget()
    return 0


def run_runner(options: argparse.Namespace) -> int:
    """The composition root of the runner's process. Nothing to do, or another is at it: 0."""
    from desktop_llm.core.confinement import drop_privileges
    from desktop_llm.services.downloads import Downloads
    from desktop_llm.services.model_library import ModelLibrary
    from desktop_llm.services.network import Network
    from desktop_llm.services.optimisation import Bench, Optimisation
    from desktop_llm.services.runner import Kind, Runner
    from desktop_llm.services.table_job import TableJob
    from desktop_llm.services.verification import Verification
    from desktop_llm.storage.jobs import open_jobs
    from desktop_llm.storage.library import Library

    os.umask(0o077)
    drop_privileges()
    folders = resolve_folders(options.data_dir)
    folders.ensure()
    network = Network(folders)
    library = ModelLibrary(Library(folders))
    jobs = open_jobs(folders.jobs_database)
    downloads = Downloads(
        folders.models, network.connect, limit=network.limit, token_for=network.token_for
    )
    tables = TableJob(folders, lambda fault: str(word_fault(fault)), jobs.all)

    def tidy() -> None:
        downloads.tidy(_unended(jobs))
        tables.tidy()

    kinds: dict[str, Kind] = {
        JobKind.DOWNLOAD.value: downloads,
        JobKind.CHECK.value: Verification(library),
        JobKind.BENCH.value: Bench(library, folders.models),
        JobKind.OPTIMISE.value: Optimisation(library, folders.models),
        JobKind.TABLE.value: tables,
    }
    runner = Runner(jobs, runner_lock(folders), kinds, tidy)
    for name in ("SIGTERM", "SIGINT", "SIGHUP"):
        if (number := getattr(signal, name, None)) is not None:
            signal.signal(number, lambda *_: runner.end())
    try:
        runner.run()
    finally:
        jobs.close()
    return 0


def _unended(jobs: "Jobs") -> list[Job]:
    """Downloads of which something may lie aside: those that can still go on."""
    return [job for job in jobs.all()
            if job.kind == JobKind.DOWNLOAD and job.state is not JobState.DONE]  # fmt: skip


def _fields(job: Job) -> list[str]:
    state = state_words(job)
    return [str(job.id), kind_words(job.kind), state, progress_words(job), job.title]


def job_values(job: Job) -> dict[str, Any]:
    """For machines."""
    fault = job.fault
    return {
        "id": job.id,
        "kind": job.kind,
        "title": job.title,
        "state": job.state.value,
        "wish": job.wish.value,
        "done": job.progress.done,
        "total": job.progress.total,
        "rate": job.progress.rate,
        "phase": job.progress.phase.value,
        "fault": None if fault is None else {"code": fault.code.value, **fault.data},
        "result": dict(job.result),
        "created": job.created,
        "started": job.started,
        "ended": job.ended,
    }


def _event_values(event: JobEvent) -> dict[str, Any]:
    return {"time": event.time, "kind": event.kind, **event.data}
