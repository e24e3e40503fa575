"""Files of KV states go with their conversations, and by their budget."""

import os

from desktop_llm.services.maintenance import Maintenance
from desktop_llm.storage.backups import Backups
from desktop_llm.storage.bin import Bin
from desktop_llm.storage.conversations import Conversations
from desktop_llm.storage.database import Database
from desktop_llm.storage.kv_files import KvFiles
from desktop_llm.storage.paths import Folders


def write(folder, name, age, size=10):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(b"x" * size)
    os.utime(path, (1000 - age, 1000 - age))
    return path


def left(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_conversations_files_are_removed(tmp_path):
    files = KvFiles(tmp_path)
    for name in ("conversation-1.kv", "conversation-1.kv.part", "conversation-12.kv"):
        write(tmp_path, name, 0)
    files.remove(1)
    files.remove(7)
    assert left(tmp_path) == ["conversation-12.kv"]


def test_what_is_nobodys_is_swept_and_the_oldest_over_the_budget(tmp_path):
    for number, age in ((1, 3), (2, 1), (3, 2)):
        write(tmp_path, f"conversation-{number}.kv", age)
    write(tmp_path, "conversation-9.kv", 0)
    write(tmp_path, "conversation-2.kv.part", 0)
    write(tmp_path, "something else", 0)
    assert KvFiles(tmp_path).sweep([1, 2, 3], 45) == 3
    assert left(tmp_path) == ["conversation-2.kv", "conversation-3.kv", "something else"]
    assert KvFiles(tmp_path / "not there").sweep([1], 10) == 0


def test_maintenance_sweeps_them(tmp_path):
    folders = Folders(tmp_path / "data", tmp_path / "cache")
    folders.ensure()
    database = Database(folders.database)
    kept = Conversations(database).create("kept").id
    for number in (kept, 99):
        write(folders.sessions, f"conversation-{number}.kv", 0)
    backups = Backups(folders.backups, folders.database)
    files = KvFiles(folders.sessions)
    done = Maintenance(folders, database, Bin(database), backups, files, lambda: 1000).run()
    assert done.faults == []
    assert left(folders.sessions) == [f"conversation-{kept}.kv"]
    done = Maintenance(folders, database, Bin(database), backups, files).run()
    assert left(folders.sessions) == []
    database.close()
