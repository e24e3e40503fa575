"""Settings file, backups and the instance lock, on real files."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import apsw
import pytest

from desktop_llm.core.documents import Document, DocumentKind
from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.messages import Role
from desktop_llm.core.presets import Parameters, Preset
from desktop_llm.core.settings import Language, Settings, Theme
from desktop_llm.storage.attachments import Attachments
from desktop_llm.storage.backups import KEPT_DAILY, Backups
from desktop_llm.storage.conversations import Conversations
from desktop_llm.storage.database import Database
from desktop_llm.storage.instance import InstanceLock
from desktop_llm.storage.organiser import Organiser
from desktop_llm.storage.presets import Presets
from desktop_llm.storage.settings import SettingsFile
from tests.fakes.crash import crash_everywhere

DAY = 86400


@pytest.fixture
def path(tmp_path):
    return tmp_path / "conversations.db"


@pytest.fixture
def backups(tmp_path, path):
    return Backups(tmp_path / "backups", path)


def fill(path, *titles, messages=0):
    database = Database(path)
    store = Conversations(database)
    for title in titles:
        number, parent = store.create(title).id, None
        for index in range(messages):
            text = f"message {index} " + "x" * 900
            parent = store.add(number, Role.USER, text, parent=parent).id
    database.close()


def titles(path):
    database = Database(path)
    found = [conversation.title for conversation in Conversations(database).all()]
    database.close()
    return found


def test_settings_survive_with_the_persons_comments(tmp_path):
    path = tmp_path / "settings.toml"
    path.write_text('# mine\nfont_size = 15\ntheme = "purple"\nunknown = 1\n', encoding="utf-8")
    file = SettingsFile(path)
    assert file.current == Settings(font_size=15)
    file.change(theme=Theme.DARK, language=Language.CHINESE, font_size=13)
    assert SettingsFile(path).current == Settings(theme=Theme.DARK, language=Language.CHINESE)
    text = path.read_text(encoding="utf-8")
    assert "# mine" in text
    assert "unknown = 1" in text
    assert "font_size" not in text


@pytest.mark.parametrize("content", [b"font_size = = 3", b"\xff\xfe\x00", b"[a\n[a"])
def test_a_broken_settings_file_is_kept(tmp_path, content):
    path = tmp_path / "settings.toml"
    path.write_bytes(content)
    file = SettingsFile(path)
    assert file.current == Settings()
    assert file.fault is not None
    assert file.fault.code is FaultCode.SETTINGS_BROKEN
    assert (tmp_path / "settings.broken.toml").read_bytes() == content
    file.change(threads=2)
    assert SettingsFile(path).current.threads == 2


def test_a_backup_can_be_restored_and_what_it_replaces_is_kept(path, backups):
    fill(path, "first")
    backup = backups.create("manual")
    fill(path, "second")
    backups.restore(backup)
    assert titles(path) == ["first"]
    replaced = backups.all()[0]
    assert replaced.cause == "replaced"
    backups.restore(replaced)
    assert titles(path) == ["second", "first"]


def test_a_backup_with_a_log_is_restored_whole_and_expires_whole(path, backups, tmp_path):
    fill(path, "first")
    backup = backups.create("manual")
    database = Database(path)
    Conversations(database).create("in the log")
    for part in tmp_path.glob("conversations.db*"):
        (tmp_path / part.name.replace("conversations", "killed")).write_bytes(part.read_bytes())
    database.close()
    for part in ("db", "db-wal"):  # as if it had been killed
        (tmp_path / f"killed.{part}").replace(tmp_path / f"conversations.{part}")
    backups.restore(backup)
    assert titles(path) == ["first"]
    backups.restore(backups.all()[0])
    assert titles(path) == ["in the log", "first"]
    folder = tmp_path / "backups"
    (folder / f"{backup.path}-wal").write_bytes(b"a log")
    backups.expire(time.time() + DAY)
    assert list(folder.iterdir()) == []


def restore_first(folder: str) -> None:
    backups = Backups(Path(folder) / "backups", Path(folder) / "conversations.db")
    backups.restore(next(backup for backup in backups.all() if backup.cause == "manual"))


def old_or_new(folder: str) -> None:
    path = Path(folder) / "conversations.db"
    assert path.exists()
    found = titles(path)
    assert found in (["first"], ["second", "first"])
    if found == ["first"]:
        fill(path, "second")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_crash_while_restoring_leaves_the_old_or_the_new(path, backups, tmp_path):
    fill(path, "first")
    backups.create("manual")
    fill(path, "second")
    assert crash_everywhere(restore_first, old_or_new, str(tmp_path)) > 3


def test_daily_backups_are_one_a_day_and_seven(path, backups):
    fill(path, "one")
    assert backups.daily() is not None
    assert backups.daily() is None
    for day in range(1, 10):
        backups.daily(time.time() + day * DAY)
    assert len(backups.all()) == KEPT_DAILY


def test_backups_older_than_the_bin_expire(path, backups):
    fill(path, "one")
    backups.create("manual")
    assert backups.expire(time.time() - DAY) == 0
    assert backups.expire(time.time() + DAY) == 1
    assert backups.all() == []


def test_a_damaged_backup_is_refused_and_changes_nothing(path, backups):
    fill(path, "one")
    backup = backups.create("manual")
    with open(backup.path, "r+b") as file:  # noqa: PTH123
        file.write(b"nonsense" * 20)
    with pytest.raises(EnvironmentFault) as fault:
        backups.restore(backup)
    assert fault.value.code is FaultCode.DATABASE_DAMAGED
    assert titles(path) == ["one"]


def test_a_damaged_database_is_salvaged_and_kept(path, backups):
    fill(path, "one", "two", messages=60)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2 // 4096 * 4096
    data[middle : middle + 4096] = b"\xa5" * 4096
    path.write_bytes(data)
    with pytest.raises(EnvironmentFault) as fault:
        Database(path)
    assert fault.value.code is FaultCode.DATABASE_DAMAGED
    saved = backups.salvage()
    assert 60 <= saved < 121
    assert backups.all()[0].cause == "damaged"
    database = Database(path)
    store = Conversations(database)
    assert store.search("message")
    assert {conversation.title for conversation in store.all()} <= {"one", "two", ""}
    database.close()


def test_what_is_salvaged_stands_where_it_stood(path, backups):
    fill(path, "one", "two", messages=60)
    database = Database(path)
    organiser, attachments = Organiser(database), Attachments(database)
    folder = organiser.create_folder("Work", [1])
    organiser.tag([1], add=["kept"])
    attachments.add(1, document("notes.txt", "of the draft"))
    attachments.add(None, document("new.txt", "of a new one"))
    presets = Presets(database)
    presets.save_preset(Preset(id=0, name="mine", model="", parameters=Parameters(temperature=0.1)))
    database.close()
    data = bytearray(path.read_bytes())
    spoilt = _page_of(path, "messages") * 4096  # of a table whose rows are many
    data[spoilt : spoilt + 4096] = b"\xa5" * 4096
    path.write_bytes(data)
    backups.salvage()
    database = Database(path)
    listing = Organiser(database).listing()
    assert [found.name for found in listing.folders] == ["Work"]
    row = next(row for row in listing.conversations if row.id == 1)
    assert (row.folder, row.tags) == (folder, ("kept",))
    assert [found.name for found in Attachments(database).of_draft(1)] == ["notes.txt"]
    assert [found.name for found in Attachments(database).of_draft(None)] == ["new.txt"]
    assert [found.name for found in Presets(database).presets()] == ["mine"]
    database.close()


def _page_of(path, table):
    """A leaf page of it, counted from 0."""
    connection = apsw.Connection(str(path))
    try:
        ((page,),) = connection.execute(
            "SELECT max(pageno) FROM dbstat WHERE name = ? AND pagetype = 'leaf'", (table,)
        ).fetchall()
        return page - 1
    finally:
        connection.close()


def document(name, text):
    return Document(
        name=name, kind=DocumentKind.TEXT, text=text, size_bytes=len(text), sha256="0" * 64
    )


def test_a_second_instance_is_noticed_and_a_stale_file_is_not(tmp_path):
    first, second = InstanceLock(tmp_path), InstanceLock(tmp_path)
    assert first.acquire()
    assert not second.acquire()
    first.release()
    assert second.acquire()
    second.release()
    script = (
        "import os, sys; from pathlib import Path;"
        "from desktop_llm.storage.instance import InstanceLock;"
        "lock = InstanceLock(Path(sys.argv[1])); assert lock.acquire(); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    assert first.acquire()
    first.release()


def test_the_holder_is_asked_and_answers(tmp_path):
    first, second = InstanceLock(tmp_path), InstanceLock(tmp_path)
    assert first.acquire()
    assert not first.take_requests()
    assert not second.ask_holder(seconds=0.05), "nobody listens"
    assert first.take_requests() == "show", "the mark is there all the same"
    assert not second.ask_holder(seconds=0.05, wish="clipboard")
    assert first.take_requests() == "clipboard"
    answers = []
    thread = threading.Thread(target=lambda: answers.append(second.ask_holder(10)))
    thread.start()
    while not first.take_requests():
        pass
    thread.join()
    assert answers == [True]
    first.release()
    assert InstanceLock(tmp_path / "nowhere").ask_holder() is False
