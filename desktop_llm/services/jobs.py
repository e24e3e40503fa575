"""Jobs as a face sees them: what is wanted is written down, and a runner is there to do it."""

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from desktop_llm.core.errors import EnvironmentFault, FaultCode, ProgramFault
from desktop_llm.core.jobs import Job, JobEvent, JobKind
from desktop_llm.storage.jobs import Jobs, open_jobs
from desktop_llm.storage.locks import FileLock
from desktop_llm.storage.logs import RUNNER_LOG, rotate
from desktop_llm.storage.paths import Folders, resolve_folders
from desktop_llm.storage.secrets import TOKEN_VARIABLE, secrets
from desktop_llm.storage.watch import ChangeWatch

logger = logging.getLogger(__name__)

RUNNER_LOCK = "runner.lock"
LOOK_SECONDS = 1.0  # between two looks whether a runner that is needed lives
SHORTEST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds between two starts of a runner that dies
STEADY_SECONDS = 60.0  # a runner that lived so long is no dying one
STOP_SECONDS = 10.0


def runner_lock(folders: Folders) -> FileLock:
    return FileLock(folders.data / RUNNER_LOCK)


class JobService:
    """Blocks on the disk; every method may be called from any thread. Raises EnvironmentFault.

    The database is opened when it is first needed: a computer without jobs has none.
    """

    def __init__(self, folders: Folders) -> None:
        self._folders = folders
        self._lock = threading.Lock()
        self._opened: Jobs | None = None
        self._held = False  # nobody is to start a runner
        self._closing = threading.Event()
        self._watch: ChangeWatch | None = None
        self._on_change: Callable[[], object] = lambda: None
        self._thread: threading.Thread | None = None
        self._next_start = 0.0
        self._pause = SHORTEST_PAUSE

    def exists(self) -> bool:
        """Whether there may be any job."""
        return self._opened is not None or self._folders.jobs_database.exists()

    def watch(self, on_change: Callable[[], object]) -> None:
        """Call back, on another thread, when something has changed; and see that a runner lives
        while there is work. Called again, the new callback takes the place of the old.
        """
        self._jobs()
        self._on_change = on_change
        with self._lock:
            if self._watch is not None or self._closing.is_set():
                return
            self._watch = ChangeWatch(
                self._folders.jobs_database, lambda: self._on_change(), seconds=LOOK_SECONDS / 2
            )
            self._thread = threading.Thread(target=self._look_after, name="jobs", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """The runner goes on."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()
        if self._watch is not None:
            self._watch.close()
        with self._lock:
            if self._opened is not None:
                self._opened.close()
                self._opened = None

    # --- wishes ----------------------------------------------------------------------------------

    def add(self, kind: JobKind, title: str, spec: Mapping[str, Any]) -> Job:
        """At the end of the queue; what is there already goes on instead: a double click is one."""
        job = self._jobs().add(kind.value, title, spec)
        return self.resume(job.id) if job.may_resume else self._asked(job)

    def all(self) -> list[Job]:
        return self._jobs().all() if self.exists() else []

    def get(self, job: int) -> Job:
        if not self.exists():
            raise EnvironmentFault(FaultCode.NO_JOB, number=job)
        return self._jobs().get(job)

    def events(self, job: int, after: int = 0) -> list[JobEvent]:
        self.get(job)
        return self._jobs().events(job, after)

    def pause(self, job: int) -> Job:
        self.get(job)
        return self._asked(self._jobs().pause(job))

    def resume(self, job: int) -> Job:
        self.get(job)
        return self._asked(self._jobs().resume(job))

    def cancel(self, job: int) -> Job:
        self.get(job)
        return self._asked(self._jobs().cancel(job))

    def move(self, job: int, step: int) -> Job:
        self.get(job)
        return self._jobs().move(job, step)

    def forget(self, job: int | None = None) -> None:
        """Strike one that has ended from the list, or all."""
        if self.exists():
            self._jobs().forget(job)

    # --- the runner ------------------------------------------------------------------------------

    def ensure_runner(self) -> None:
        """Start one where there is work and none lives. Raises EnvironmentFault."""
        if not self._held and self._jobs().has_work(JobKind) and self._runner_is_missing():
            self._start_runner()

    def restart_runner(self) -> None:
        """With what this process has to give it now. Raises EnvironmentFault."""
        if self.exists():
            with self.held():
                pass
            self.ensure_runner()

    def runner_lives(self) -> bool:
        return not self._runner_is_missing()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Within this no runner works: the data folder may be moved. Raises JOBS_BUSY."""
        lock = runner_lock(self._folders)
        self._held = True
        try:
            if self.exists():
                self._stop_runner(lock)
            try:
                yield
            finally:
                lock.release()
        finally:
            self._held = False

    def _stop_runner(self, lock: FileLock) -> None:
        jobs, end = self._jobs(), time.monotonic() + STOP_SECONDS
        while not lock.acquire():
            jobs.ask_to_stop()  # again: one that starts in this moment forgets it
            if time.monotonic() > end:
                jobs.ask_to_stop(False)
                raise EnvironmentFault(FaultCode.JOBS_BUSY)
            time.sleep(0.1)
        jobs.ask_to_stop(False)
        with self._lock:  # the file may be moved now
            if self._opened is not None:
                self._opened.close()
                self._opened = None

    def _asked(self, job: Job) -> Job:
        self.ensure_runner()
        return job

    def _jobs(self) -> Jobs:
        with self._lock:
            if self._closing.is_set():
                raise ProgramFault(FaultCode.BUG, detail="the jobs are closed")
            if self._opened is None:
                self._opened = open_jobs(self._folders.jobs_database)
            return self._opened

    def _runner_is_missing(self) -> bool:
        return runner_lock(self._folders).is_free()

    def _start_runner(self) -> None:
        log = self._folders.logs / RUNNER_LOG
        rotate(log)
        log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            child = subprocess.Popen(
                runner_command(self._folders),
                stdin=subprocess.DEVNULL,
                stdout=descriptor,
                stderr=descriptor,
                start_new_session=True,  # the end of a window or a terminal is not the runner's
                creationflags=_DETACHED,
                cwd=self._folders.data,
                env={
                    **os.environ,
                    **({TOKEN_VARIABLE: secrets.session} if secrets.session else {}),
                },
            )
        except OSError as error:
            raise EnvironmentFault(FaultCode.WORKER_CRASHED, reason=error.strerror or "") from error
        finally:
            os.close(descriptor)
        _started.append(child)
        logger.info("a runner is started: %d", child.pid)

    def _look_after(self) -> None:
        """A runner that was killed is started again; one that dies each time, ever less often."""
        missing = 0
        started = time.monotonic()
        while not self._closing.wait(LOOK_SECONDS):
            try:
                _reap()
                missing = missing + 1 if self._runner_is_missing() else 0
                now = time.monotonic()
                if missing < 2 or now < self._next_start or self._held:
                    continue
                if not self._jobs().has_work(JobKind):
                    continue
                steady = now - started > STEADY_SECONDS
                self._pause = SHORTEST_PAUSE if steady else min(LONGEST_PAUSE, 2 * self._pause)
                started, self._next_start, missing = now, now + self._pause, 0
                self._start_runner()
            except EnvironmentFault as fault:
                logger.warning("the runner cannot be looked after: %s", fault.code.value)


_started: list[subprocess.Popen[bytes]] = []  # runners outlive their service; this reaps them


def _reap() -> None:
    for child in [each for each in _started if each.poll() is not None]:
        _started.remove(child)


_DETACHED = 0
if sys.platform == "win32":
    _DETACHED = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP


def runner_command(folders: Folders) -> list[str]:
    """-P: a file called json.py in the folder a person works in is no module of ours."""
    usual = not folders.fixed and resolve_folders(None).data == folders.data
    place = [] if usual else ["--data-dir", str(folders.data)]
    return [sys.executable, "-P", "-m", "desktop_llm", *place, "jobs", "run"]
