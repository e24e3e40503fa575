"""Waits for a job at a terminal: a bar where there is one, else a line for what happens."""

import argparse
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.jobs import ENDED, Job, JobEventKind, JobState
from desktop_llm.services.jobs import JobService
from desktop_llm.storage.paths import resolve_folders
from desktop_llm.words import _
from desktop_llm.words.jobs import event_words, progress_words, state_words

LOOK_SECONDS = 0.25
BAR = 24  # characters
TOLD = (JobEventKind.RETRYING, JobEventKind.RESTARTED, JobEventKind.INTERRUPTED)


@contextmanager
def job_service(options: argparse.Namespace) -> Iterator[JobService]:
    """Of the data folder; what was begun goes on when this is left."""
    folders = resolve_folders(options.data_dir)
    folders.ensure()
    service = JobService(folders)
    try:
        yield service
    finally:
        service.close()


def follow(service: JobService, number: int, out: TextIO) -> Job:
    """Until it is done. Raises EnvironmentFault: why it failed, or JOB_STOPPED where it was paused
    or cancelled from elsewhere. A runner that dies meanwhile is started again.
    """
    bar = out.isatty()
    service.watch(lambda: None)
    seen = 0
    try:
        while True:
            job = service.get(number)
            for event in service.events(number, seen):
                seen = event.sequence
                if event.kind in TOLD:
                    _clear(out, bar)
                    out.write(f"{event_words(event)}\n")
            if job.state in ENDED or job.state is JobState.PAUSED:
                break
            if bar:
                _draw(out, job)
            time.sleep(LOOK_SECONDS)
    except KeyboardInterrupt:
        _clear(out, bar)
        said = _("It goes on in the background; “desktop-llm jobs pause {number}” pauses it.")
        out.write(said.format(number=number) + "\n")
        raise
    finally:
        _clear(out, bar)
        out.flush()
    if job.fault is not None:
        raise job.fault
    if job.state is not JobState.DONE:
        raise EnvironmentFault(FaultCode.JOB_STOPPED, number=number)
    return job


def _draw(out: TextIO, job: Job) -> None:
    fraction = job.progress.fraction or 0.0
    filled = round(BAR * fraction)
    line = f"{'█' * filled}{'░' * (BAR - filled)} {100 * fraction:3.0f} %  {progress_words(job)}"
    if not job.progress.rate:
        line += f"  {state_words(job)}"
    out.write(f"\r\x1b[K{line[: shutil.get_terminal_size().columns - 1]}")
    out.flush()


def _clear(out: TextIO, bar: bool) -> None:
    if bar:
        out.write("\r\x1b[K")
