"""One SQLite file: one thread that writes, a connection for each thread that reads.

A person's message is written with `synchronous=FULL`, a partial reply with NORMAL: what may be
lost with the power is half a second of a model's text, never a question.
"""

import os
import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import apsw

from desktop_llm.core.conversations import FIRST_PRIVATE
from desktop_llm.core.errors import EnvironmentFault, FaultCode, ProgramFault
from desktop_llm.storage.disk import FULL, disk_fault, is_full
from desktop_llm.storage.migrations import MIGRATIONS, Migrations

T = TypeVar("T")
BUSY_MILLISECONDS = 5000
TIDY_MILLISECONDS = 100  # a reply that is being written must not wait longer
BUSY_PAUSE = 0.01  # seconds
READ_SECONDS = 2.0  # that a query may go on while the database is being closed
LONGEST_PATH = 500  # bytes; SQLite opens none of 512, and its log files add five


class Database:
    """Every method may be called from any thread.

    Raises EnvironmentFault: DATABASE_NEWER, DATABASE_DAMAGED (the file is left as it is),
    DATABASE_BUSY, DISK_FULL, DISK_FAILED, DATA_FOLDER_READ_ONLY, PATH_TOO_LONG.
    """

    def __init__(
        self,
        path: Path,
        before_migration: Callable[[Path], object] | None = None,
        migrations: Migrations = MIGRATIONS,
    ) -> None:
        """`migrations`: the shape of the file, step by step; those of the conversations."""
        self.path = path
        self._migrations = migrations
        self._local = threading.local()
        self._lock = threading.Lock()
        self._readers: list[apsw.Connection] = []
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._closed = False
        with faults_of(path):
            self._writer = self._connect(before_migration)
        self._thread = threading.Thread(target=self._serve, name="database-writer", daemon=True)
        self._thread.start()

    def _connect(self, before_migration: Callable[[Path], object] | None) -> apsw.Connection:
        return _open(self.path, before_migration, self._migrations)

    def write(self, change: Callable[[apsw.Connection], T], *, durable: bool = True) -> T:
        """Run `change` in one transaction and wait for its end; a failure leaves nothing of it."""
        return self._on_writer(lambda: _transaction(self._writer, change, durable))

    def tidy(self) -> None:
        """Let SQLite look at its tables anew, and empty the log into the file: what was erased
        still stands there until then. As much of it as those who read now leave free.
        """
        self._on_writer(lambda: _tidy(self._writer))

    def read(self, query: Callable[[apsw.Connection], T]) -> T:
        with faults_of(self.path):
            return query(self._reader())

    def data_version(self) -> int:
        """Another number whenever anybody else changed the file, as this thread sees it."""
        return int(self.read(lambda connection: _value(connection, "PRAGMA data_version")))

    def others_version(self) -> int:
        """Another number whenever another process changed the file; `write` does not move it."""
        return int(self._on_writer(lambda: _value(self._writer, "PRAGMA data_version")))

    def close(self) -> None:
        """Everything asked for is written first; what is asked for later is refused."""
        with self._lock:
            self._closed = True
            self._jobs.put(None)
        self._thread.join()
        with self._lock:
            readers, self._readers = self._readers, []
        for reader in readers:
            _close_reader(reader)
        with suppress(apsw.Error):  # what the file cannot take now stays in its log
            self._writer.close()

    def _on_writer(self, work: Callable[[], T]) -> T:
        future: Future[T] = Future()

        def job() -> None:
            try:
                with faults_of(self.path, self._writer):
                    future.set_result(work())
            except BaseException as error:  # noqa: BLE001  # raised where the caller waits
                future.set_exception(error)

        with self._lock:
            if self._closed:
                raise _closed()
            self._jobs.put(job)
        return future.result()

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()

    def _reader(self) -> apsw.Connection:
        if self._closed:
            raise _closed()
        connection: apsw.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = apsw.Connection(str(self.path), flags=apsw.SQLITE_OPEN_READONLY)
            connection.set_busy_timeout(BUSY_MILLISECONDS)
            self._local.connection = connection
            with self._lock:
                self._readers.append(connection)
        return connection


class MemoryDatabase(Database):
    """The same in memory alone: gone when it is closed. Its numbers are those of private things."""

    def __init__(self) -> None:
        super().__init__(Path(":memory:"))

    def _connect(self, _before_migration: Callable[[Path], object] | None) -> apsw.Connection:
        connection = apsw.Connection(":memory:")
        for pragma in ("foreign_keys = ON", "trusted_schema = OFF", "temp_store = MEMORY"):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        for number in range(len(MIGRATIONS)):
            _migrate(connection, number, MIGRATIONS)
        connection.execute("UPDATE given_ids SET last = ?", (FIRST_PRIVATE,))
        return connection

    def read(self, query: Callable[[apsw.Connection], T]) -> T:
        """On the one connection there is."""
        return self._on_writer(lambda: query(self._writer))


def _close_reader(reader: apsw.Connection) -> None:
    """A thread may be within a query: it is waited for, then interrupted."""
    patient_until = time.monotonic() + READ_SECONDS
    while True:
        try:
            reader.close()
        except apsw.ThreadingViolationError:
            if time.monotonic() > patient_until:
                reader.interrupt()
            time.sleep(BUSY_PAUSE)
        else:
            return


def _closed() -> ProgramFault:
    return ProgramFault(FaultCode.BUG, detail="the database is closed")


@contextmanager
def faults_of(path: Path, connection: apsw.Connection | None = None) -> Iterator[None]:
    """SQLite's errors as faults that name the file."""
    try:
        yield
    except apsw.FullError as error:
        raise EnvironmentFault(FaultCode.DISK_FULL, path=str(path)) from error
    except apsw.IOError as error:
        full = connection is not None and connection.system_errno in FULL
        if full or is_full(path.parent):
            raise EnvironmentFault(FaultCode.DISK_FULL, path=str(path)) from error
        raise EnvironmentFault(FaultCode.DISK_FAILED, path=str(path), reason=str(error)) from error
    except (apsw.ReadOnlyError, apsw.CantOpenError, apsw.PermissionsError) as error:
        raise EnvironmentFault(
            FaultCode.DATA_FOLDER_READ_ONLY, path=str(path.parent), reason=str(error)
        ) from error
    except (apsw.BusyError, apsw.LockedError) as error:
        raise EnvironmentFault(FaultCode.DATABASE_BUSY, path=str(path)) from error
    except (apsw.CorruptError, apsw.NotADBError) as error:
        raise EnvironmentFault(FaultCode.DATABASE_DAMAGED, path=str(path)) from error
    except OSError as error:
        raise disk_fault(path.parent, error) from error


def check(connection: apsw.Connection, path: Path) -> None:
    """Raise DATABASE_DAMAGED unless SQLite finds the file sound."""
    if _value(connection, "PRAGMA quick_check(1)") != "ok":
        raise EnvironmentFault(FaultCode.DATABASE_DAMAGED, path=str(path))


def _open(
    path: Path, before_migration: Callable[[Path], object] | None, migrations: Migrations
) -> apsw.Connection:
    if os.name == "posix" and len(os.fsencode(path.absolute())) > LONGEST_PATH:
        raise EnvironmentFault(FaultCode.PATH_TOO_LONG, path=str(path), most=LONGEST_PATH)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    known = len(migrations)
    existing = path.exists() and path.stat().st_size > 0
    if existing:
        _read_header(path, known)
    else:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    connection = apsw.Connection(str(path))
    try:
        connection.set_busy_timeout(BUSY_MILLISECONDS)
        if existing:
            _refuse_newer(connection, path, known)
            check(connection, path)
        _use_log(connection)
        for pragma in ("foreign_keys = ON", "secure_delete = ON", "trusted_schema = OFF"):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        version = int(_value(connection, "PRAGMA user_version"))
        if 0 < version < known and before_migration is not None:
            before_migration(path)
        for number in range(version, known):
            _transaction(connection, partial(_migrate, number=number, migrations=migrations), True)
    except BaseException:
        connection.close()
        raise
    return connection


def _read_header(path: Path, known: int) -> None:
    """Refuse by the file's first bytes where they suffice: opening a database may change it.

    A journal beside it means that its first page may be half written; SQLite mends that.
    """
    if Path(f"{path}-journal").exists():
        return
    with path.open("rb") as file:
        header = file.read(100)
    if header[:16] != b"SQLite format 3\0":
        raise EnvironmentFault(FaultCode.DATABASE_DAMAGED, path=str(path))
    version = int.from_bytes(header[60:64], "big")  # sqlite.org/fileformat2.html, "user version"
    _check_version(path, version, known)


def _refuse_newer(connection: apsw.Connection, path: Path, known: int) -> None:
    """The version may also stand in the log of a program that was killed: it stays there."""
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    _check_version(path, int(_value(connection, "PRAGMA user_version")), known)
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0)


def _check_version(path: Path, version: int, known: int) -> None:
    if version > known:
        raise EnvironmentFault(
            FaultCode.DATABASE_NEWER, path=str(path), version=version, known=known
        )


def _use_log(connection: apsw.Connection) -> None:
    """SQLite does not wait by itself while another process makes the same change."""
    waited = 0.0
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchall()
        except apsw.BusyError:
            if waited > BUSY_MILLISECONDS / 1000:
                raise
            time.sleep(BUSY_PAUSE)
            waited += BUSY_PAUSE
        else:
            return


def _migrate(connection: apsw.Connection, number: int, migrations: Migrations) -> None:
    if _value(connection, "PRAGMA user_version") > number:
        return  # another process was first
    connection.execute(migrations[number][1])
    connection.execute(f"PRAGMA user_version = {number + 1}")


def _transaction(
    connection: apsw.Connection, change: Callable[[apsw.Connection], T], durable: bool
) -> T:
    _roll_back(connection)  # what a failing disk did not let roll back before
    connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
    connection.execute("BEGIN IMMEDIATE")
    try:
        result = change(connection)
        connection.execute("COMMIT")
    except BaseException:
        with suppress(apsw.Error):
            _roll_back(connection)
        raise
    return result


def _tidy(connection: apsw.Connection) -> None:
    _roll_back(connection)
    connection.execute("PRAGMA optimize").fetchall()
    connection.set_busy_timeout(TIDY_MILLISECONDS)
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        connection.set_busy_timeout(BUSY_MILLISECONDS)


def _roll_back(connection: apsw.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _value(connection: apsw.Connection, sql: str) -> Any:
    return connection.execute(sql).fetchall()[0][0]
