"""The queue of jobs: a database of its own, which faces and the runner share.

Whatever concerns a running job is asked for as a wish, and carried out by the runner; the rest is
done at once. Order is by `position`, never by time.
"""

import json
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import apsw

from desktop_llm.core.errors import DesktopLlmError, EnvironmentFault, FaultCode, fault_from
from desktop_llm.core.jobs import (
    ENDED,
    Job,
    JobEvent,
    JobEventKind,
    JobPhase,
    JobProgress,
    JobState,
    Wish,
)
from desktop_llm.storage.database import Database, T
from desktop_llm.storage.migrations import Migrations

logger = logging.getLogger(__name__)

KEPT = 200  # jobs that have ended
EVENTS = 500  # of a job, the newest
CRASHES = 3  # of the runner in a row, without progress, that one job is given

# `discard`: it was cancelled, and what it left on the disk is still there.
_JOBS = """
CREATE TABLE jobs (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    kind     TEXT NOT NULL,
    title    TEXT NOT NULL,
    spec     TEXT NOT NULL,
    state    TEXT NOT NULL,
    wish     TEXT NOT NULL DEFAULT '',
    position REAL NOT NULL,
    done     INTEGER NOT NULL DEFAULT 0,
    total    INTEGER NOT NULL DEFAULT 0,
    rate     REAL NOT NULL DEFAULT 0,
    phase    TEXT NOT NULL DEFAULT '',
    fault    TEXT NOT NULL DEFAULT '',
    result   TEXT NOT NULL DEFAULT '{}',
    crashes  INTEGER NOT NULL DEFAULT 0,
    discard  INTEGER NOT NULL DEFAULT 0,
    created  REAL NOT NULL,
    started  REAL,
    ended    REAL
);
CREATE INDEX jobs_by_state ON jobs (state, position);
CREATE TABLE events (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    job      INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,
    time     REAL NOT NULL,
    kind     TEXT NOT NULL,
    data     TEXT NOT NULL
);
CREATE INDEX events_by_job ON events (job, sequence);
CREATE TABLE runner (id INTEGER PRIMARY KEY CHECK (id = 0), stop INTEGER NOT NULL);
INSERT INTO runner VALUES (0, 0);
"""

MIGRATIONS: Migrations = (("jobs", _JOBS),)

_COLUMNS = (
    "id, kind, title, spec, state, wish, done, total, rate, phase, fault, result, created, "
    "started, ended"
)


def open_jobs(path: Path) -> "Jobs":
    """A damaged file is put aside, and a new one begun: what was downloaded in part lies beside
    the models all the same. Raises EnvironmentFault.
    """
    try:
        return Jobs(Database(path, migrations=MIGRATIONS))
    except EnvironmentFault as fault:
        if fault.code is not FaultCode.DATABASE_DAMAGED:
            raise
    logger.error("the database of jobs is damaged and put aside")
    kept = path.with_name(f"{path.stem}.damaged-{time.time_ns()}{path.suffix}")
    with suppress(FileNotFoundError):
        path.rename(kept)
    for log in ("-wal", "-shm"):
        with suppress(FileNotFoundError):
            Path(f"{path}{log}").rename(f"{kept}{log}")
    return Jobs(Database(path, migrations=MIGRATIONS))


class Jobs:
    """Blocks on the disk. Raises EnvironmentFault: NO_JOB, and what `Database` raises."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def close(self) -> None:
        self._database.close()

    # --- what faces ask for ----------------------------------------------------------------------

    def add(self, kind: str, title: str, spec: Mapping[str, Any]) -> Job:
        """At the end of the queue; what is asked for twice, and has not ended well, is one job."""
        text = json.dumps(dict(spec), sort_keys=True)

        def change(to: apsw.Connection) -> int:
            same: Any = to.execute(
                "SELECT id FROM jobs WHERE kind = ? AND spec = ? AND state NOT IN (?, ?)",
                (kind, text, JobState.DONE.value, JobState.CANCELLED.value),
            ).fetchone()
            if same is not None:
                return int(same[0])
            to.execute(
                "INSERT INTO jobs (kind, title, spec, state, position, created) SELECT ?, ?, ?, ?,"
                " coalesce(max(position), 0) + 1, ? FROM jobs",
                (kind, title, text, JobState.QUEUED.value, time.time()),
            )
            job = to.last_insert_rowid()
            _note(to, job, JobEventKind.QUEUED)
            _forget_oldest(to)
            return job

        return self.get(self._database.write(change))

    def all(self) -> list[Job]:
        """In the order they are worked through, then those that have ended, the newest first."""
        ended = ", ".join(f"'{state.value}'" for state in ENDED)
        rows = self._rows(
            f"SELECT {_COLUMNS} FROM jobs ORDER BY state IN ({ended}), "
            f"CASE WHEN state IN ({ended}) THEN -coalesce(ended, 0) ELSE position END, id"
        )
        return [_job(row) for row in rows]

    def get(self, job: int) -> Job:
        rows = self._rows(f"SELECT {_COLUMNS} FROM jobs WHERE id = ?", (job,))
        if not rows:
            raise EnvironmentFault(FaultCode.NO_JOB, number=job)
        return _job(rows[0])

    def events(self, job: int, after: int = 0) -> list[JobEvent]:
        """What happened to it, the oldest first."""
        self.get(job)
        rows = self._rows(
            "SELECT sequence, time, kind, data FROM events WHERE job = ? AND sequence > ? "
            "ORDER BY sequence",
            (job, after),
        )
        return [JobEvent(row[0], row[1], row[2], json.loads(row[3])) for row in rows]

    def pause(self, job: int) -> Job:
        def change(to: apsw.Connection, now: Job) -> None:
            if not now.may_pause:
                return
            if now.state is JobState.RUNNING:
                _set(to, job, wish=Wish.PAUSE.value)
            else:
                _set(to, job, state=JobState.PAUSED.value)
                _note(to, job, JobEventKind.PAUSED)

        return self._change(job, change)

    def resume(self, job: int) -> Job:
        """Paused, failed or cancelled: into the queue again, where it was."""

        def change(to: apsw.Connection, now: Job) -> None:
            if now.state is JobState.RUNNING and now.wish is Wish.PAUSE:
                _set(to, job, wish=Wish.NONE.value)
            elif now.may_resume or now.may_retry:
                _set(
                    to, job, state=JobState.QUEUED.value, wish="", fault="", crashes=0, discard=0,
                    rate=0, phase="", ended=None, result="{}",
                )  # fmt: skip
                if now.may_retry:
                    _set(to, job, done=0)
                _note(to, job, JobEventKind.RESUMED)

        return self._change(job, change)

    def cancel(self, job: int) -> Job:
        """It ends, and what it left on the disk goes."""

        def change(to: apsw.Connection, now: Job) -> None:
            if not now.may_cancel:
                return
            if now.state is JobState.RUNNING:
                _set(to, job, wish=Wish.CANCEL.value)
            else:
                _end(to, job, JobState.CANCELLED)
                _set(to, job, discard=1)

        return self._change(job, change)

    def move(self, job: int, step: int) -> Job:
        """Earlier (-1) or later (1) in the queue, past its neighbour there."""

        def change(to: apsw.Connection, now: Job) -> None:
            if now.state in ENDED:
                return
            rows: list[Any] = to.execute(
                "SELECT id FROM jobs WHERE state NOT IN (?, ?, ?) ORDER BY position, id",
                [state.value for state in ENDED],
            ).fetchall()
            waiting = [row[0] for row in rows]
            at = waiting.index(job)
            other = at + step
            if 0 <= other < len(waiting):
                waiting[at], waiting[other] = waiting[other], waiting[at]
            for position, each in enumerate(waiting, 1):
                _set(to, each, position=position)

        return self._change(job, change)

    def forget(self, job: int | None = None) -> None:
        """Strike one that has ended from the list, or all of them; what they made stays."""

        def change(to: apsw.Connection) -> None:
            to.execute(
                "DELETE FROM jobs WHERE state IN (?, ?, ?) AND discard = 0 AND (?4 IS NULL OR "
                "id = ?4)",
                (*(state.value for state in ENDED), job),
            )

        self._database.write(change)

    # --- what the runner does --------------------------------------------------------------------

    def take_over(self) -> list[int]:
        """Whatever a runner that is gone was at is queued again; what crashed it too often fails.
        Only for who holds the runner's lock. Returns what was interrupted.
        """

        def change(to: apsw.Connection) -> list[int]:
            to.execute("UPDATE runner SET stop = 0")
            rows: list[Any] = to.execute(
                "SELECT id, crashes, wish FROM jobs WHERE state = ?", (JobState.RUNNING.value,)
            ).fetchall()
            for job, crashes, wish in rows:
                _note(to, job, JobEventKind.INTERRUPTED)
                _set(to, job, crashes=crashes + 1, wish="", rate=0, phase="")
                if wish == Wish.CANCEL.value:
                    _end(to, job, JobState.CANCELLED)
                    _set(to, job, discard=1)
                elif wish == Wish.PAUSE.value:
                    _set(to, job, state=JobState.PAUSED.value)
                elif crashes + 1 >= CRASHES:
                    _end(to, job, JobState.FAILED, EnvironmentFault(FaultCode.JOB_CRASHED))
                else:
                    _set(to, job, state=JobState.QUEUED.value)
            return [row[0] for row in rows]

        return self._database.write(change)

    def claim(self, kinds: Iterable[str]) -> Job | None:
        """The next of these kinds, which is running from now on; None: there is none."""
        wanted = list(kinds)

        def change(to: apsw.Connection) -> int | None:
            marks = ", ".join("?" * len(wanted))
            row: Any = to.execute(
                f"SELECT id FROM jobs WHERE state = ? AND kind IN ({marks}) "
                "ORDER BY position, id LIMIT 1",
                (JobState.QUEUED.value, *wanted),
            ).fetchone()
            if row is None:
                return None
            started = time.time()
            _set(to, row[0], state=JobState.RUNNING.value, started=started, fault="", ended=None)
            _note(to, row[0], JobEventKind.STARTED)
            return int(row[0])

        job = self._database.write(change)
        return None if job is None else self.get(job)

    def wishes(self) -> dict[int, Wish]:
        """Of the jobs that are running."""
        rows = self._rows("SELECT id, wish FROM jobs WHERE state = ?", (JobState.RUNNING.value,))
        return {row[0]: Wish(row[1]) for row in rows}

    def report(self, job: int, progress: JobProgress) -> None:
        """How far it is. That it got further shows that it does not crash the runner."""

        def change(to: apsw.Connection) -> None:
            to.execute(
                "UPDATE jobs SET crashes = CASE WHEN ?1 > done AND done > 0 THEN 0 ELSE crashes "
                "END, done = ?1, total = ?2, rate = ?3, phase = ?4 WHERE id = ?5 AND state = ?6",
                (
                    progress.done, progress.total, progress.rate, progress.phase.value, job,
                    JobState.RUNNING.value,
                ),
            )  # fmt: skip

        self._database.write(change, durable=False)

    def note(self, job: int, kind: JobEventKind, **data: Any) -> None:
        self._database.write(lambda to: _note(to, job, kind, data), durable=False)

    def done(self, job: int, result: Mapping[str, Any]) -> None:
        def change(to: apsw.Connection) -> None:
            _set(to, job, result=json.dumps(dict(result)))
            _end(to, job, JobState.DONE)

        self._database.write(change)

    def failed(self, job: int, fault: DesktopLlmError) -> None:
        self._database.write(lambda to: _end(to, job, JobState.FAILED, fault))

    def cancelled(self, job: int) -> None:
        """It has stopped, and nothing of it is left."""
        self._database.write(lambda to: _end(to, job, JobState.CANCELLED))

    def paused(self, job: int, fault: DesktopLlmError | None = None) -> None:
        """`fault`: why it stopped by itself; a person can do something about it."""

        def change(to: apsw.Connection) -> None:
            _set(
                to, job, state=JobState.PAUSED.value, wish="", rate=0, phase="",
                fault=_fault_text(fault),
            )  # fmt: skip
            _note(to, job, JobEventKind.PAUSED, _fault_data(fault))

        self._database.write(change)

    def put_back(self, job: int) -> None:
        """The runner has to end: whoever runs next goes on with it."""
        self._database.write(
            lambda to: _set(to, job, state=JobState.QUEUED.value, wish="", rate=0, phase="")
        )

    def leftovers(self) -> list[Job]:
        """Cancelled while they did not run; something of them is on the disk."""
        return [_job(row) for row in self._rows(f"SELECT {_COLUMNS} FROM jobs WHERE discard = 1")]

    def discarded(self, job: int) -> None:
        self._database.write(lambda to: _set(to, job, discard=0))

    def has_work(self, kinds: Iterable[str]) -> bool:
        """Whether a runner that knows these kinds is needed."""
        known = list(kinds)
        marks = ", ".join("?" * len(known))
        rows = self._rows(
            f"SELECT 1 FROM jobs WHERE (state IN (?, ?) AND kind IN ({marks})) OR discard = 1 "
            "LIMIT 1",
            (JobState.QUEUED.value, JobState.RUNNING.value, *known),
        )
        return bool(rows)

    def ask_to_stop(self, stop: bool = True) -> None:
        """Have the runner put back what it is at, and end."""
        self._database.write(lambda to: to.execute("UPDATE runner SET stop = ?", (int(stop),)))

    def asked_to_stop(self) -> bool:
        return bool(self._rows("SELECT stop FROM runner")[0][0])

    def version(self) -> int:
        """Another number whenever another process changed something."""
        return self._database.others_version()

    # --- rows ------------------------------------------------------------------------------------

    def _rows(self, sql: str, values: tuple[Any, ...] = ()) -> list[Any]:
        return self._database.read(lambda connection: connection.execute(sql, values).fetchall())

    def _change(self, job: int, change: Callable[[apsw.Connection, Job], T]) -> Job:
        """Within one transaction: the runner may be about to end it."""

        def within(to: apsw.Connection) -> None:
            row = to.execute(f"SELECT {_COLUMNS} FROM jobs WHERE id = ?", (job,)).fetchone()
            if row is None:
                raise EnvironmentFault(FaultCode.NO_JOB, number=job)
            change(to, _job(row))

        self._database.write(within)
        return self.get(job)


def _set(to: apsw.Connection, job: int, **values: Any) -> None:
    columns = ", ".join(f"{name} = ?" for name in values)
    to.execute(f"UPDATE jobs SET {columns} WHERE id = ?", (*values.values(), job))


def _end(
    to: apsw.Connection, job: int, state: JobState, fault: DesktopLlmError | None = None
) -> None:
    _set(
        to, job, state=state.value, wish="", rate=0, phase="", ended=time.time(),
        fault=_fault_text(fault),
    )  # fmt: skip
    _note(to, job, JobEventKind(state.value), _fault_data(fault))


def _note(
    to: apsw.Connection, job: int, kind: JobEventKind, data: Mapping[str, Any] | None = None
) -> None:
    to.execute(
        "INSERT INTO events (job, time, kind, data) VALUES (?, ?, ?, ?)",
        (job, time.time(), kind.value, json.dumps(dict(data or {}))),
    )
    to.execute(
        "DELETE FROM events WHERE job = ?1 AND sequence <= (SELECT sequence FROM events "
        "WHERE job = ?1 ORDER BY sequence DESC LIMIT 1 OFFSET ?2)",
        (job, EVENTS),
    )


def _forget_oldest(to: apsw.Connection) -> None:
    to.execute(
        "DELETE FROM jobs WHERE id IN (SELECT id FROM jobs WHERE state IN (?, ?, ?) AND "
        "discard = 0 ORDER BY ended DESC LIMIT -1 OFFSET ?)",
        (*(state.value for state in ENDED), KEPT),
    )


def _fault_data(fault: DesktopLlmError | None) -> dict[str, Any]:
    return {} if fault is None else {"fault": fault.code.value, "values": dict(fault.data)}


def _fault_text(fault: DesktopLlmError | None) -> str:
    return "" if fault is None else json.dumps(_fault_data(fault))


def fault_of(data: Mapping[str, Any]) -> DesktopLlmError | None:
    """That of an event's data, or of a job's row."""
    return fault_from(data["fault"], data.get("values", {})) if "fault" in data else None


def _job(row: Any) -> Job:
    (number, kind, title, spec, state, wish, done, total, rate, phase, fault, result, created,
     started, ended) = row  # fmt: skip
    return Job(
        id=number,
        kind=kind,
        title=title,
        spec=json.loads(spec),
        state=JobState(state),
        wish=Wish(wish),
        progress=JobProgress(done, total, rate, _phase(phase)),
        fault=fault_of(json.loads(fault)) if fault else None,
        result=json.loads(result),
        created=created,
        started=started,
        ended=ended,
    )


def _phase(text: str) -> JobPhase:
    return JobPhase(text) if text in set(JobPhase) else JobPhase.NONE
