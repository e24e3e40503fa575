"""What is done for the program's own files at each start."""

import os
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from desktop_llm.core.errors import FaultCode
from desktop_llm.core.messages import Role
from desktop_llm.services.maintenance import BIN_DAYS, DAY, Maintenance
from desktop_llm.storage.backups import Backups
from desktop_llm.storage.bin import Bin
from desktop_llm.storage.conversations import Conversations
from desktop_llm.storage.database import Database
from desktop_llm.storage.paths import Folders


class Place:
    def __init__(self, folder: Path) -> None:
        self.folders = Folders(folder / "data", folder / "cache")
        self.folders.ensure()
        self.database = Database(self.folders.database)
        self.store = Conversations(self.database)
        self.bin = Bin(self.database)
        self.backups = Backups(self.folders.backups, self.folders.database)
        self.maintenance = Maintenance(self.folders, self.database, self.bin, self.backups)

    def old_backup(self, days: float) -> Path:
        """One that was made so long ago."""
        path = Path(self.backups.create("manual").path)
        made = datetime.fromtimestamp(time.time() - days * DAY, UTC)
        old = path.with_name(f"conversations_{made:%Y%m%d-%H%M%S-%f}_manual.db")
        return path.rename(old)


@pytest.fixture
def place(tmp_path):
    place = Place(tmp_path)
    yield place
    place.maintenance.close()
    place.database.close()


def test_what_was_deleted_long_ago_is_nowhere_any_more(place):
    kept, doomed = place.store.create("kept"), place.store.create()
    place.store.add(doomed.id, Role.USER, "Secretquestion " * 400, parent=None)
    place.bin.put(doomed.id)
    young = place.store.create("deleted yesterday")
    place.bin.put(young.id)
    old, new = place.old_backup(BIN_DAYS + 1), place.old_backup(1)
    new.unlink()  # it holds the question for as long as a bin does: see the other test
    for number, days in ((doomed.id, BIN_DAYS + 1), (young.id, 1)):
        deleted = time.time() - days * DAY
        place.database.write(
            lambda to, values=(deleted, number): to.execute(
                "UPDATE conversations SET deleted = ? WHERE id = ?", values
            )
        )
    done = place.maintenance.run()
    assert (done.purged, done.expired, done.faults) == (1, 1, [])
    assert not old.exists()
    assert done.backup is not None
    assert done.backup.cause == "daily"
    assert [found.id for found in place.store.all()] == [kept.id]
    place.bin.take_out(young.id)
    assert len(place.store.all()) == 2
    for path in place.folders.data.rglob("*"):
        if path.is_file():
            assert b"secretquestion" not in path.read_bytes().lower(), path.name


def test_the_new_backup_is_made_before_the_old_ones_go(place):
    old, young = place.old_backup(BIN_DAYS + 1), place.old_backup(BIN_DAYS - 1)
    done = place.maintenance.run()
    assert done.expired == 1
    assert not old.exists()
    assert young.exists()
    assert place.maintenance.run().backup is None  # one a day


def test_what_a_crash_left_half_made_is_swept_when_it_is_old(place):
    folder, data = place.folders.backups, place.folders.data
    folder.mkdir()
    left = [
        folder / "conversations_1_daily.part",
        folder / "conversations_1_daily.part-journal",
        data / "conversations.part",
        data / "salvaged.part-wal",
        data / ".settings.toml.x1y2",
    ]
    kept = [folder / "conversations_2_daily.part", data / "models.part", data / "notes.txt"]
    for path in left + kept:
        path.write_bytes(b"half")
    for path in [*left, *kept[1:]]:
        os.utime(path, (time.time() - 2 * DAY,) * 2)
    assert place.maintenance.run().swept == len(left)
    assert [path.exists() for path in left] == [False] * len(left)
    assert all(path.exists() for path in kept)


def test_a_step_that_fails_is_said_and_the_others_are_done(place, caplog):
    place.bin.put(place.store.create().id)
    place.folders.backups.write_text("in the way", encoding="utf-8")
    done = place.maintenance.run(time.time() + (BIN_DAYS + 1) * DAY)
    assert done.purged == 1
    assert [fault.code for fault in done.faults] == [FaultCode.DATA_FOLDER_READ_ONLY]
    assert "data-folder-read-only" in caplog.text


def test_it_works_beside_everything_else_and_ends_when_it_is_told(place, monkeypatch):
    begun, go = threading.Event(), threading.Event()
    purge = place.bin.purge

    def slow(before: float) -> int:
        begun.set()
        assert go.wait(10)
        return purge(before)

    monkeypatch.setattr(place.bin, "purge", slow)
    place.maintenance.start()
    assert begun.wait(10)
    place.store.create("meanwhile")
    closer = threading.Thread(target=place.maintenance.close)
    closer.start()
    assert place.maintenance._closing.wait(10)
    go.set()
    closer.join(10)
    assert not closer.is_alive()
    assert place.maintenance.done.backup is None


def test_a_backup_ends_early_when_it_is_told_and_leaves_nothing(place):
    assert place.backups.daily(go_on=lambda: False) is None
    assert list(place.folders.backups.iterdir()) == []


def test_a_backup_does_not_begin_again_for_what_is_written_meanwhile(place):
    conversation = place.store.create()
    for _ in range(10):
        place.store.add(conversation.id, Role.USER, "x" * 400_000, parent=None)
    steps = 0

    def write() -> bool:
        nonlocal steps
        steps += 1
        place.store.save_draft(conversation.id, f"draft {steps}")
        return steps < 100

    assert place.backups.daily(go_on=write) is not None
    assert steps > 5
