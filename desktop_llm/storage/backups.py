"""Whole copies of the database: daily, before a migration, when asked; and the way back.

A backup is written beside its final name, synced and renamed: one that is listed is complete.
Whatever happens on the way back, the old database is in its place until the new one is.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import apsw

from desktop_llm.core.conversations import Backup
from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.storage.database import Database, check, faults_of
from desktop_llm.storage.disk import disk_faults, sync

KEPT_DAILY = 7
PART = ".part"
SALVAGED = f"salvaged{PART}"
_STAMP = "%Y%m%d-%H%M%S-%f"
_TABLES = (
    "folders", "conversations", "messages", "new_draft", "tags", "summaries", "presets", "prompts",
    "attachments", "reply_records",
)  # fmt: skip
_LOGS = ("-wal", "-journal")  # beside a database that was not closed


class Backups:
    """Every method blocks on the disk; `restore` and `salvage` want the database closed."""

    def __init__(self, folder: Path, database: Path) -> None:
        self._folder = folder
        self._database = database

    def all(self) -> list[Backup]:
        """The newest first."""
        found = []
        for path in sorted(self._folder.glob("conversations_*_*.db"), reverse=True):
            _, stamp, cause = path.stem.split("_", 2)
            try:
                created = datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)
            except ValueError:
                continue  # somebody else's file
            size = path.stat().st_size
            found.append(
                Backup(path=str(path), created=created.timestamp(), size_bytes=size, cause=cause)
            )
        return found

    def create(self, cause: str) -> Backup:
        """Copy the database as it is now; others may go on writing. Raises EnvironmentFault."""
        made = self._create(cause, lambda: True)
        assert made is not None
        return made

    def daily(
        self, now: float | None = None, go_on: Callable[[], bool] = lambda: True
    ) -> Backup | None:
        """One a day, the newest `KEPT_DAILY` kept. It ends early once `go_on` says no."""
        today = datetime.fromtimestamp(time.time() if now is None else now, UTC).date()
        daily = [backup for backup in self.all() if backup.cause == "daily"]
        if daily and datetime.fromtimestamp(daily[0].created, UTC).date() == today:
            return None
        made = self._create("daily", go_on)
        if made is not None:
            for old in daily[KEPT_DAILY - 1 :]:
                _erase(Path(old.path))
        return made

    def _create(self, cause: str, go_on: Callable[[], bool]) -> Backup | None:
        target = self._name(cause)
        temporary = target.with_suffix(PART)
        with faults_of(temporary):
            try:
                source = apsw.Connection(str(self._database), flags=apsw.SQLITE_OPEN_READONLY)
                try:
                    if not _copy(source, temporary, go_on):
                        return None
                finally:
                    source.close()
                _place(temporary, target)
            finally:
                temporary.unlink(missing_ok=True)
        return self.all()[0]

    def sweep(self, before: float) -> int:
        """Erase what a crash left half made before that time; the younger may be in the making."""
        parts = list(self._folder.glob(f"*{PART}*"))
        for name in (self._database.with_suffix(PART).name, SALVAGED):
            parts += self._database.parent.glob(f"{name}*")
        old = []
        for path in parts:
            with suppress(OSError):
                if path.lstat().st_mtime < before:
                    path.unlink()
                    old.append(path)
        return len(old)

    def expire(self, before: float) -> int:
        """Erase those made before that time (seconds since the epoch): what was deleted since
        then must not live on in them.
        """
        old = [backup for backup in self.all() if backup.created < before]
        for backup in old:
            _erase(Path(backup.path))
        return len(old)

    def restore(self, backup: Backup, cause: str = "replaced") -> None:
        """Put a backup in the database's place; what was there is kept as a backup itself.

        Raises DATABASE_DAMAGED if the backup is not sound; nothing is changed then.
        """
        source, temporary = Path(backup.path), self._database.with_suffix(PART)
        try:
            with faults_of(source):
                connection = apsw.Connection(str(source), flags=apsw.SQLITE_OPEN_READONLY)
                try:
                    check(connection, source)
                    _copy(connection, temporary)  # with what its log holds
                finally:
                    connection.close()
                    Path(f"{source}-shm").unlink(missing_ok=True)
            with faults_of(self._database):
                self._keep(cause)
                _place(temporary, self._database)
        finally:
            temporary.unlink(missing_ok=True)

    def salvage(self) -> int:
        """Read what can be read of a damaged database into a new one in its place.

        The damaged file is kept as a backup. Returns how many messages were saved. Raises
        DATABASE_DAMAGED if there is none.
        """
        temporary = self._database.with_name(SALVAGED)
        temporary.unlink(missing_ok=True)
        fresh = Database(temporary)
        try:
            saved = fresh.write(lambda connection: _salvage(self._database, connection))
        finally:
            fresh.close()
        if not saved:
            temporary.unlink()
            raise EnvironmentFault(FaultCode.DATABASE_DAMAGED, path=str(self._database))
        with faults_of(self._database):
            self._keep("damaged")
            _place(temporary, self._database)
        return saved

    def _keep(self, cause: str) -> None:
        """Give what is there a second name among the backups, and its log one too: both are
        needed to read it. The log may not stay: SQLite would play it into the next database.
        """
        if not self._database.exists():
            return
        _take_log_in(self._database)
        kept = self._name(cause)
        for suffix in ("", *_LOGS):
            path = Path(f"{self._database}{suffix}")
            if path.exists():
                _link(path, Path(f"{kept}{suffix}"))
        for suffix in (*_LOGS, "-shm"):
            Path(f"{self._database}{suffix}").unlink(missing_ok=True)

    def _name(self, cause: str) -> Path:
        with disk_faults(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        stamp = datetime.now(UTC).strftime(_STAMP)
        return self._folder / f"conversations_{stamp}_{cause}.db"


def _take_log_in(database: Path) -> None:
    """So that the file alone is the whole, if it is sound; a damaged one stays as it is."""
    with suppress(apsw.Error, EnvironmentFault):
        connection = apsw.Connection(str(database))
        try:
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            check(connection, database)
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0)
        finally:
            connection.close()


def _erase(backup: Path) -> None:
    for suffix in ("", *_LOGS, "-shm"):
        Path(f"{backup}{suffix}").unlink(missing_ok=True)


def _link(path: Path, kept: Path) -> None:
    try:
        kept.hardlink_to(path)
    except OSError:  # some file systems know no second names
        shutil.copy2(path, kept)


def _copy(source: apsw.Connection, target: Path, go_on: Callable[[], bool] = lambda: True) -> bool:
    """False where `go_on` said no. What others write meanwhile does not make it begin again."""
    target.unlink(missing_ok=True)
    os.close(os.open(target, os.O_CREAT | os.O_RDWR, 0o600))
    source.execute("BEGIN")
    source.execute("SELECT 1 FROM sqlite_schema").fetchall()
    copy = apsw.Connection(str(target))
    try:
        with copy.backup("main", source, "main") as running:
            while not running.done:
                if not go_on():
                    return False
                running.step(256)
        copy.execute("PRAGMA journal_mode = DELETE").fetchall()
    finally:
        copy.close()
        source.execute("ROLLBACK")
    return True


def _place(temporary: Path, target: Path) -> None:
    sync(temporary)
    temporary.replace(target)
    sync(target.parent)


def _salvage(damaged: Path, into: apsw.Connection) -> int:
    from desktop_llm.storage.search_text import spaced

    source = apsw.Connection(str(damaged))
    try:
        into.execute("PRAGMA defer_foreign_keys = ON")
        for table in _TABLES:
            older = _columns(source, table)  # it may have fewer
            names = [name for name in _columns(into, table) if name in older]
            marks, columns = ", ".join("?" * len(names)), ", ".join(names)
            for row in _readable(source, table, columns) if names else ():
                into.execute(f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({marks})", row)
        known = "SELECT id FROM conversations"
        into.execute(
            "INSERT OR IGNORE INTO conversations (id, sequence, title, model, created, changed)"
            " SELECT DISTINCT conversation, conversation, '', '', created, created FROM messages"
            f" WHERE conversation NOT IN ({known}) GROUP BY conversation"
        )
        into.execute(
            "UPDATE messages SET parent = NULL"
            " WHERE parent IS NOT NULL AND parent NOT IN (SELECT id FROM messages)"
        )
        into.execute(
            "UPDATE conversations SET folder = NULL"
            " WHERE folder IS NOT NULL AND folder NOT IN (SELECT id FROM folders)"
        )
        into.execute(f"DELETE FROM tags WHERE conversation NOT IN ({known})")
        for table in ("summaries", "reply_records"):
            into.execute(f"DELETE FROM {table} WHERE message NOT IN (SELECT id FROM messages)")
        into.execute(
            "DELETE FROM choices WHERE chosen NOT IN (SELECT id FROM messages)"
            " OR rejected NOT IN (SELECT id FROM messages)"
        )
        into.execute(
            "DELETE FROM attachments WHERE message NOT IN (SELECT id FROM messages)"
            f" OR conversation NOT IN ({known})"
        )
        into.execute(
            "UPDATE conversations SET leaf ="
            " (SELECT max(id) FROM messages WHERE conversation = conversations.id)"
            " WHERE leaf IS NULL OR leaf NOT IN (SELECT id FROM messages)"
        )
        for number, text in into.execute("SELECT id, text FROM messages").fetchall():
            values = (number, spaced(str(text)))
            into.execute("INSERT INTO message_text (rowid, text) VALUES (?, ?)", values)
        for number, title in into.execute("SELECT id, title FROM conversations").fetchall():
            values = (number, spaced(str(title)))
            into.execute("INSERT INTO title_text (rowid, text) VALUES (?, ?)", values)
        return len(into.execute("SELECT id FROM messages").fetchall())
    finally:
        source.close()


def _columns(connection: apsw.Connection, table: str) -> list[str]:
    return [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]


def _readable(source: apsw.Connection, table: str, columns: str) -> Iterator[tuple[Any, ...]]:
    """Rows from the front up to the damage, then from the back down to it."""
    for direction in ("ASC", "DESC"):
        try:
            yield from source.execute(f"SELECT {columns} FROM {table} ORDER BY 1 {direction}")
        except apsw.Error:
            continue
        else:
            return
