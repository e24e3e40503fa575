"""Work that outlives the window: what is wanted, how far it is, how it ended.

A face writes wishes and reads what came of them; the runner alone does the work
(`services.runner`). Both meet in the database (`storage.jobs`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from desktop_llm.core.errors import DesktopLlmError


class JobKind(StrEnum):
    DOWNLOAD = "download"
    CHECK = "check"  # of a model's files
    BENCH = "bench"  # how fast a model is here
    OPTIMISE = "optimise"  # other formats of it, measured
    TABLE = "table"  # text tools on its rows


class JobState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


class Wish(StrEnum):
    """What a face wants of a running job."""

    NONE = ""
    PAUSE = "pause"
    CANCEL = "cancel"


class JobPhase(StrEnum):
    """What a running job is at."""

    NONE = ""
    CONNECTING = "connecting"
    TRANSFERRING = "transferring"
    WAITING = "waiting"  # before it tries again
    CHECKING = "checking"  # what is here already, or all of it
    PLACING = "placing"
    MEASURING = "measuring"
    CONVERTING = "converting"  # into another format
    READING = "reading"  # a table
    WORKING = "working"  # on its rows


@dataclass(frozen=True, slots=True)
class JobProgress:
    """`done` and `total` in the kind's own unit, bytes for a download; 0: not known yet."""

    done: int = 0
    total: int = 0
    rate: float = 0.0  # units a second, of late
    phase: JobPhase = JobPhase.NONE

    @property
    def fraction(self) -> float | None:
        return min(1.0, self.done / self.total) if self.total > 0 else None

    @property
    def seconds_left(self) -> float | None:
        if self.rate <= 0 or self.total <= 0:
            return None
        return max(0, self.total - self.done) / self.rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """`kind` is a text: a newer program's jobs are listed too, and left alone."""

    id: int
    kind: str
    title: str
    spec: Mapping[str, Any] = field(repr=False)  # what the kind needs to know; JSON
    state: JobState
    wish: Wish = Wish.NONE
    progress: JobProgress = JobProgress()
    fault: DesktopLlmError | None = None  # why it failed, or paused by itself
    result: Mapping[str, Any] = field(default_factory=dict)
    created: float = 0.0  # seconds since 1970, to be shown; the order is `position`'s
    started: float | None = None
    ended: float | None = None

    @property
    def may_pause(self) -> bool:
        return self.state in (JobState.QUEUED, JobState.RUNNING) and self.wish is Wish.NONE

    @property
    def may_resume(self) -> bool:
        """Also where it is on its way to a pause, and after a failure: what is there is kept."""
        return self.state in (JobState.PAUSED, JobState.FAILED) or (
            self.state is JobState.RUNNING and self.wish is Wish.PAUSE
        )

    @property
    def may_retry(self) -> bool:
        """From the beginning: nothing of it is left."""
        return self.state is JobState.CANCELLED

    @property
    def may_cancel(self) -> bool:
        return self.state not in (JobState.DONE, JobState.CANCELLED) and (
            self.wish is not Wish.CANCEL
        )


class JobEventKind(StrEnum):
    QUEUED = "queued"
    STARTED = "started"
    PAUSED = "paused"
    RESUMED = "resumed"
    INTERRUPTED = "interrupted"  # the runner ended without a word
    RETRYING = "retrying"  # after a fault that may pass
    RESTARTED = "restarted"  # from the beginning, for a reason
    CHECKED = "checked"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class JobEvent:
    """`data`: what its sentence needs; a fault's under `fault` and `values`."""

    sequence: int
    time: float
    kind: str
    data: Mapping[str, Any] = field(default_factory=dict)
