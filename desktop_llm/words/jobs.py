"""Jobs in words: what one is at, and what happened to it."""

from desktop_llm.core.errors import DesktopLlmError, FaultCode, fault_from
from desktop_llm.core.jobs import (
    Job,
    JobEvent,
    JobEventKind,
    JobKind,
    JobPhase,
    JobState,
    Wish,
)
from desktop_llm.words import _, counted
from desktop_llm.words.amounts import left_words, rate_words, size_words
from desktop_llm.words.faults import word_fault


def kind_words(kind: str) -> str:
    words = {
        JobKind.DOWNLOAD.value: _("Download"),
        JobKind.CHECK.value: _("Check"),
        JobKind.BENCH.value: _("Measure"),
        JobKind.OPTIMISE.value: _("Make faster"),
        JobKind.TABLE.value: _("Table"),
    }
    return words.get(kind, kind)


def state_words(job: Job) -> str:
    """One or two words."""
    if job.state is JobState.RUNNING and job.wish is not Wish.NONE:
        return _("stopping …")
    if job.state is JobState.RUNNING:
        return {
            JobPhase.NONE: _("running"),
            JobPhase.CONNECTING: _("connecting …"),
            JobPhase.TRANSFERRING: _("running"),
            JobPhase.WAITING: _("waits to try again"),
            JobPhase.CHECKING: _("being checked"),
            JobPhase.PLACING: _("being put in place"),
            JobPhase.MEASURING: _("being measured"),
            JobPhase.CONVERTING: _("another format is made"),
            JobPhase.READING: _("the table is read"),
            JobPhase.WORKING: _("running"),
        }[job.progress.phase]
    return {
        JobState.QUEUED: _("waits its turn"),
        JobState.PAUSED: _("paused"),
        JobState.DONE: _("done"),
        JobState.FAILED: _("failed"),
        JobState.CANCELLED: _("cancelled"),
    }[job.state]


def progress_words(job: Job) -> str:
    """How much of it, how fast, how long still; empty where nothing is known."""
    now = job.progress
    if job.kind in (JobKind.BENCH, JobKind.OPTIMISE):
        done = now.fraction is None or job.state is JobState.DONE
        return "" if done else f"{100 * (now.fraction or 0):.0f} %"
    if job.kind == JobKind.TABLE:
        return "  ·  ".join(_row_words(job))
    parts = []
    if now.total and job.state is not JobState.DONE:
        sizes = _("{done} of {total}")
        parts.append(sizes.format(done=size_words(now.done), total=size_words(now.total)))
    elif now.total or now.done:
        parts.append(size_words(now.total or now.done))
    if job.state is JobState.RUNNING and now.phase is JobPhase.TRANSFERRING and now.rate > 0:
        parts.append(rate_words(now.rate))
        if (left := now.seconds_left) is not None:
            parts.append(left_words(left))
    return "  ·  ".join(parts)


def _row_words(job: Job) -> list[str]:
    now = job.progress
    if job.state is JobState.DONE:
        rows = int(job.result.get("rows", 0))
        errors = int(job.result.get("errors", 0))
        parts = [counted("{number} row", "{number} rows", rows)]
        if errors:
            parts.append(counted("{number} failed", "{number} failed", errors))
        return parts
    if not now.total:
        return []
    parts = [_("{done} of {total} rows").format(done=f"{now.done:,}", total=f"{now.total:,}")]
    if job.state is JobState.RUNNING and now.rate > 0:
        parts.append(_("{rate} rows/s").format(rate=f"{now.rate:.1f}"))
        if (left := now.seconds_left) is not None:
            parts.append(left_words(left))
    return parts


def event_words(event: JobEvent) -> str:
    """A sentence of what happened."""
    fault = _fault(event)
    reason = "" if fault is None else str(word_fault(fault))
    what = "" if fault is None else word_fault(fault).what
    kind = event.kind
    if kind == JobEventKind.RETRYING:
        seconds = round(float(event.data.get("seconds", 0)))
        again = counted(
            "Another try in {number} second.", "Another try in {number} seconds.", seconds
        )
        return f"{what} {again}".strip()
    if kind == JobEventKind.RESTARTED:
        damaged = event.data.get("fault") == FaultCode.DOWNLOAD_DIFFERS
        words = (
            _("“{path}” arrived damaged, and is begun anew.")
            if damaged
            else _("“{path}” has changed on the server, and is begun anew.")
        )
        return words.format(path=event.data.get("values", {}).get("path", ""))
    if kind == JobEventKind.CHECKED:
        said = _("“{path}” is here and sound, SHA-256 {sha256}.")
        return said.format(path=event.data.get("path", ""), sha256=event.data.get("sha256", ""))
    words = {
        JobEventKind.QUEUED.value: _("Put into the queue."),
        JobEventKind.STARTED.value: _("Begun."),
        JobEventKind.PAUSED.value: _("Paused."),
        JobEventKind.RESUMED.value: _("Put into the queue again."),
        JobEventKind.INTERRUPTED.value: _("Interrupted: the program or the computer stopped."),
        JobEventKind.DONE.value: _("Done."),
        JobEventKind.FAILED.value: _("Failed."),
        JobEventKind.CANCELLED.value: _("Cancelled."),
    }.get(kind, kind)
    return f"{words} {reason}".strip()


def _fault(event: JobEvent) -> DesktopLlmError | None:
    code = event.data.get("fault")
    return None if code is None else fault_from(code, event.data.get("values", {}))
