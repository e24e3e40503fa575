"""Works through the jobs, in a process of its own: one for a data folder, whoever started it.

It ends when nothing is left to do. What it was at when it was killed is taken up by the next.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import Enum, auto
from typing import Any, Protocol

from desktop_llm.core.errors import DesktopLlmError, EnvironmentFault, FaultCode, ProgramFault
from desktop_llm.core.jobs import Job, JobEventKind, JobPhase, JobProgress, Wish
from desktop_llm.storage.jobs import Jobs
from desktop_llm.storage.locks import FileLock

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.2  # between two looks at what is wished
REPORT_SECONDS = 0.5  # between two notes of how far a job is
LINGER_SECONDS = 2.0  # without work, before the runner ends
LOCK_SECONDS = 1.0  # somebody may only look whether the lock is free
WRITE_SECONDS = 60.0  # that an end which cannot be written now is tried again
PAUSING = (
    FaultCode.DISK_FULL,
    FaultCode.NO_ROOM,
    FaultCode.OFFLINE,
)  # faults that a job waits for the end of


class Lane(Enum):
    """Jobs that would be in each other's way run one after the other."""

    NETWORK = auto()
    COMPUTE = auto()


class JobStoppedError(Exception):
    """A wish, or the end of the runner, has ended the work on a job for now."""


class JobRun:
    """One job at work, as its kind sees it. May be called from any thread."""

    def __init__(self, job: Job, jobs: Jobs) -> None:
        self.job = job
        self._jobs = jobs
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[], object]] = []
        self._reported = 0.0
        self._phase: JobPhase | None = None

    @property
    def stopped(self) -> bool:
        return self._stopped.is_set()

    def check(self) -> None:
        """Raises JobStoppedError where it is to end for now."""
        if self.stopped:
            raise JobStoppedError

    def wait(self, seconds: float) -> None:
        """Raises JobStoppedError as soon as it is to end for now."""
        if self._stopped.wait(seconds):
            raise JobStoppedError

    def on_stop(self, callback: Callable[[], object]) -> None:
        """Called once, on another thread, when it is to end; at once where it already is."""
        with self._lock:
            if not self.stopped:
                self._callbacks.append(callback)
                return
        callback()

    def report(self, progress: JobProgress) -> None:
        """How far it is; what comes too soon after another is left out, but no new phase."""
        now = time.monotonic()
        with self._lock:
            if progress.phase is self._phase and now - self._reported < REPORT_SECONDS:
                return
            self._reported, self._phase = now, progress.phase
        with suppress(EnvironmentFault):  # a full disk: the work matters, not the note of it
            self._jobs.report(self.job.id, progress)

    def note(self, kind: JobEventKind, **data: Any) -> None:
        with suppress(EnvironmentFault):
            self._jobs.note(self.job.id, kind, **data)

    def stop(self) -> None:
        with self._lock:
            self._stopped.set()
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()


class Kind(Protocol):
    """How one kind of job is done."""

    lane: Lane

    def run(self, run: JobRun) -> Mapping[str, Any]:
        """Do it, from where it was left; returns its result, for JSON. Raises DesktopLlmError and
        JobStoppedError.
        """

    def discard(self, job: Job) -> None:
        """It was cancelled: nothing of it stays on the disk."""


class Runner:
    def __init__(
        self,
        jobs: Jobs,
        lock: FileLock,
        kinds: Mapping[str, Kind],
        tidy: Callable[[], object] = lambda: None,
    ) -> None:
        """`tidy` is called once, when no other runner can be at work."""
        self._jobs = jobs
        self._tidy = tidy
        self._lock = lock
        self._kinds = kinds
        self._wake = threading.Event()
        self._ending = threading.Event()
        self._running: dict[Lane, tuple[JobRun, threading.Thread]] = {}

    def end(self) -> None:
        """Put back what is being done, and end. From any thread, and from a signal's handler."""
        self._ending.set()
        self._wake.set()

    def run(self) -> bool:
        """Until nothing is left. False: another runner is at it."""
        if not self._acquire():
            return False
        try:
            self._tidy()
        except Exception:
            logger.exception("what was left could not be tidied up")
        while True:
            try:
                self._serve()
            finally:
                self._stop_all()
                self._lock.release()
            # A job that came between the last look and the release found the lock still held.
            if self._ending.is_set() or not self._jobs.has_work(self._kinds):
                return True
            if not self._acquire():
                return True

    def _acquire(self) -> bool:
        end = time.monotonic() + LOCK_SECONDS
        while not self._lock.acquire():
            if time.monotonic() > end or self._ending.wait(POLL_SECONDS / 2):
                return False
        return True

    def _serve(self) -> None:
        for job in self._jobs.take_over():
            logger.warning("job %d was interrupted", job)
        seen: int | None = None
        idle_since: float | None = None
        while not self._ending.is_set():
            self._wake.clear()
            version = self._jobs.version()
            ended = self._reap()
            if version != seen or ended:
                seen = version
                if self._jobs.asked_to_stop():
                    self._ending.set()
                    return
                self._follow_wishes()
                self._discard()
                self._begin()
            if self._running:
                idle_since = None
            elif idle_since is None:
                idle_since = time.monotonic()
            elif time.monotonic() - idle_since > LINGER_SECONDS:
                return
            self._wake.wait(POLL_SECONDS)

    def _reap(self) -> bool:
        over = [lane for lane, (_run, thread) in self._running.items() if not thread.is_alive()]
        for lane in over:
            self._running.pop(lane)[1].join()
        return bool(over)

    def _follow_wishes(self) -> None:
        wishes = self._jobs.wishes()
        for run, _thread in self._running.values():
            if wishes.get(run.job.id, Wish.NONE) is not Wish.NONE:
                run.stop()

    def _discard(self) -> None:
        for job in self._jobs.leftovers():
            if (kind := self._kinds.get(job.kind)) is not None:
                try:
                    kind.discard(job)
                except Exception:
                    logger.exception("what job %d left could not be removed", job.id)
            self._jobs.discarded(job.id)

    def _begin(self) -> None:
        for lane in Lane:
            kinds = [name for name, kind in self._kinds.items() if kind.lane is lane]
            if lane in self._running or not kinds:
                continue
            if (job := self._jobs.claim(kinds)) is None:
                continue
            logger.info("job %d begins: %s", job.id, job.kind)
            run = JobRun(job, self._jobs)
            work = threading.Thread(target=self._work, args=(run,), name=f"job-{job.id}")
            self._running[lane] = (run, work)
            work.start()

    def _stop_all(self) -> None:
        for run, _thread in self._running.values():
            run.stop()
        for _run, thread in self._running.values():
            thread.join()
        self._running.clear()

    # --- a job's own thread ----------------------------------------------------------------------

    def _work(self, run: JobRun) -> None:
        number, kind = run.job.id, self._kinds[run.job.kind]
        end: Callable[[], object]
        try:
            result = kind.run(run)
            end = lambda: self._jobs.done(number, result)  # noqa: E731
        except JobStoppedError:
            end = lambda: self._stopped(run.job, kind)  # noqa: E731
        except DesktopLlmError as error:
            fault = error
            logger.info("job %d ended: %s", number, fault.code.value)
            if fault.code in PAUSING:
                end = lambda: self._jobs.paused(number, fault)  # noqa: E731
            else:
                end = lambda: self._jobs.failed(number, fault)  # noqa: E731
        except Exception as error:
            logger.exception("job %d failed", number)
            bug = ProgramFault(FaultCode.BUG, detail=f"{type(error).__name__}: {error}")
            end = lambda: self._jobs.failed(number, bug)  # noqa: E731
        self._write(end)
        self._wake.set()

    def _stopped(self, job: Job, kind: Kind) -> None:
        """As it is wished now: a person may have changed their mind meanwhile."""
        wish = self._jobs.get(job.id).wish
        if wish is Wish.CANCEL:
            kind.discard(job)
            self._jobs.cancelled(job.id)
        elif wish is Wish.PAUSE:
            self._jobs.paused(job.id)
        else:
            self._jobs.put_back(job.id)

    def _write(self, end: Callable[[], object]) -> None:
        """The disk may be full just now; what is never written is taken up by the next runner."""
        tries_end = time.monotonic() + WRITE_SECONDS
        while True:
            try:
                end()
            except EnvironmentFault as fault:
                if time.monotonic() > tries_end or self._ending.wait(1.0):
                    logger.error("the end of a job cannot be written: %s", fault.code.value)
                    return
            else:
                return
