"""A disk that is full, fails, or may not be written: nothing is lost, and a fault says which."""

import errno
import itertools
import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from desktop_llm.core.engine import TextDelta
from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.messages import MessageState, Role
from desktop_llm.core.settings import Settings
from desktop_llm.storage.backups import Backups
from desktop_llm.storage.conversations import Conversations
from desktop_llm.storage.database import Database
from desktop_llm.storage.instance import InstanceLock
from desktop_llm.storage.paths import Folders
from desktop_llm.storage.settings import SettingsFile
from tests.fakes.chat import Chat
from tests.fakes.disk import Disk


@pytest.fixture
def disk():
    with Disk() as disk:
        yield disk


@pytest.fixture
def database(tmp_path, disk):  # noqa: ARG001  # the disk comes first and goes last
    database = Database(tmp_path / "conversations.db")
    yield database
    database.close()


@pytest.fixture
def chat(tmp_path, disk, request):  # noqa: ARG001
    chat = Chat(tmp_path, *request.param)
    yield chat
    chat.close()


def texts(store, conversation):
    return [message.text for message in store.branch(conversation)]


def fault_of(attempt: Callable[[], object]) -> EnvironmentFault | None:
    try:
        attempt()
    except EnvironmentFault as fault:
        return fault
    return None


def is_sound(database):
    rows = database.read(lambda to: to.execute("PRAGMA integrity_check").fetchall())
    return rows == [("ok",)]


@pytest.mark.parametrize(
    ("error", "number", "code"),
    [
        (apsw.FullError, errno.ENOSPC, FaultCode.DISK_FULL),
        (apsw.IOError, errno.EDQUOT, FaultCode.DISK_FULL),
        (apsw.IOError, errno.EIO, FaultCode.DISK_FAILED),
    ],
)
def test_a_write_that_fails_anywhere_leaves_nothing_of_it(disk, database, error, number, code):
    store = Conversations(database)
    conversation = store.create()
    first, _ = store.ask(conversation.id, "kept", None, "")
    disk.error, disk.errno = error, number
    for pages in itertools.count():
        disk.room = pages * 4096.0
        fault = fault_of(lambda: store.ask(conversation.id, "x" * 20_000, first.id, ""))
        disk.room = math.inf
        if fault is None:
            break
        assert fault.code is code
        assert fault.data["path"] == str(database.path)
        assert texts(store, conversation.id) == ["kept", ""]
        assert is_sound(database)
    assert pages > 5
    assert texts(store, conversation.id) == ["kept", "x" * 20_000, ""]
    assert store.search("kept")


def test_a_full_disk_at_the_start_says_so_and_the_next_start_works(tmp_path, disk):
    path = tmp_path / "conversations.db"
    for pages in itertools.count():
        disk.room = pages * 4096.0
        fault = fault_of(lambda: Database(path).close())
        if fault is None:
            break
        assert fault.code is FaultCode.DISK_FULL
    disk.room = math.inf
    database = Database(path)
    Conversations(database).create()
    database.close()


def test_another_program_that_holds_the_database_is_named(database, monkeypatch):
    monkeypatch.setattr("desktop_llm.storage.database.BUSY_MILLISECONDS", 0)
    impatient = Database(database.path)
    other = apsw.Connection(str(database.path))
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(EnvironmentFault) as caught:
        Conversations(impatient).create()
    assert caught.value.code is FaultCode.DATABASE_BUSY
    other.close()
    Conversations(impatient).create()
    impatient.close()


@pytest.mark.parametrize("chat", [()], indirect=True)
def test_a_question_that_cannot_be_stored_never_reaches_the_model(disk, chat):
    number = chat.store.create().id
    chat.store.save_draft(number, "one two")
    disk.room = 0
    with pytest.raises(EnvironmentFault) as caught:
        chat.service.send(number, "one two", None).result(20)
    assert caught.value.code is FaultCode.DISK_FULL
    assert chat.engine.worker_pid is None
    assert texts(chat.store, number) == []
    assert chat.store.get(number).draft == "one two"
    disk.room = math.inf
    assert chat.service.send(number, "one two", None).result(20).reply.text == "one two "


@pytest.mark.parametrize("chat", [("stall",)], indirect=True)
def test_a_reply_that_cannot_be_stored_is_given_and_stored_later(disk, chat):
    number = chat.store.create().id
    task = chat.service.send(number, "one two three", None)
    events = task.wait_events()
    next(event for event in events if isinstance(event, TextDelta))
    disk.room = 0
    assert disk.refused.wait(10)  # a flush, or the end
    task.cancel()
    answered = task.result(20)
    assert answered.unstored is not None
    assert answered.unstored.code is FaultCode.DISK_FULL
    assert answered.fault is None
    assert answered.reply.text == "one two "
    assert answered.reply.state is MessageState.STOPPED
    assert chat.store.message(answered.reply.id).state is MessageState.STREAMING
    assert chat.service.open(number)[1][-1] == answered.reply
    with pytest.raises(EnvironmentFault):
        chat.service.store_again()
    disk.room = math.inf
    again = chat.service.send(number, "four", answered.reply.id).result(20)
    assert again.unstored is None
    assert texts(chat.store, number) == ["one two three", "one two ", "four", "four "]
    assert chat.store.message(answered.reply.id) == answered.reply
    assert chat.store.search("two")


@pytest.mark.parametrize("chat", [("stall",)], indirect=True)
def test_a_reply_that_could_not_be_stored_is_when_the_program_ends(disk, chat):
    number = chat.store.create().id
    task = chat.service.send(number, "one two three", None)
    next(event for event in task.wait_events() if isinstance(event, TextDelta))
    disk.room = 0
    task.cancel()
    answered = task.result(20)
    assert answered.unstored is not None
    disk.room = math.inf
    chat.engine.close()
    chat.service.close()
    assert chat.store.message(answered.reply.id).text == answered.reply.text


@pytest.mark.parametrize("chat", [("stall",)], indirect=True)
def test_a_flush_that_failed_costs_nothing_once_there_is_room_again(disk, chat):
    number = chat.store.create().id
    task = chat.service.send(number, "one two three", None)
    next(event for event in task.wait_events() if isinstance(event, TextDelta))
    disk.room = 0
    assert disk.refused.wait(10)
    disk.room = math.inf
    task.cancel()
    answered = task.result(20)
    assert (answered.fault, answered.unstored) == (None, None)
    assert chat.store.message(answered.reply.id) == answered.reply


def test_a_file_in_the_place_of_the_data_folder(tmp_path):
    place = tmp_path / "data"
    place.write_text("in the way", encoding="utf-8")
    folders = Folders(place, tmp_path / "cache")
    attempts = (
        folders.ensure,
        lambda: Database(folders.database),
        lambda: InstanceLock(folders.data).acquire(),
        lambda: SettingsFile(folders.settings_file).change(threads=2),
        lambda: Backups(folders.backups, folders.database).create("manual"),
    )
    for attempt in attempts:
        with pytest.raises(EnvironmentFault) as caught:
            attempt()
        assert caught.value.code is FaultCode.DATA_FOLDER_READ_ONLY
        assert str(place) in str(caught.value.data["path"])


def real_disk() -> None:
    """Runs where it may mount: every part on a real file system of 1 MB, full, then read-only."""
    data = Path(sys.argv[1])
    told: dict[str, object] = {}

    def code_of(attempt: Callable[[], object]) -> str:
        fault = fault_of(attempt)
        return "done" if fault is None else fault.code.value

    def mount(*options: str) -> None:
        subprocess.run(["mount", "-o", *options, str(data)], check=True)

    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(data)], check=True)
    database = Database(data / "conversations.db")
    store = Conversations(database)
    conversation = store.create()
    first = store.add(conversation.id, Role.USER, "kept", parent=None)
    file = SettingsFile(data / "settings.toml")
    file.change(threads=3)
    (data / "fill").write_bytes(bytes(os.statvfs(data).f_bfree * os.statvfs(data).f_bsize))
    told["ask"] = code_of(lambda: store.ask(conversation.id, "x" * 500_000, first.id, ""))
    told["settings"] = code_of(lambda: file.change(threads=4, system_prompt="x" * 9000))
    told["settings on disk"] = SettingsFile(data / "settings.toml").current.threads
    told["backup"] = code_of(lambda: Backups(data, database.path).create("manual"))
    told["left over"] = [path.name for path in data.iterdir() if "part" in path.name]
    told["sound"] = is_sound(database)
    (data / "fill").unlink()
    told["ask again"] = code_of(lambda: store.ask(conversation.id, "later", first.id, ""))
    told["texts"] = texts(store, conversation.id)
    database.close()
    mount("remount,ro")
    told["read-only"] = [
        code_of(lambda: Database(data / "conversations.db")),
        code_of(lambda: file.change(threads=5)),
        code_of(lambda: InstanceLock(data).acquire()),
        code_of(lambda: Folders(data, data / "cache").ensure()),
        code_of(lambda: Backups(data, database.path).create("manual")),
    ]
    sys.stdout.write(json.dumps(told))


def may_mount() -> bool:
    command = ["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"]
    return bool(shutil.which("unshare")) and not subprocess.call(command, stderr=subprocess.DEVNULL)


def test_a_real_disk_that_is_full_and_then_read_only(tmp_path):
    if not may_mount():
        pytest.skip("this system lets nobody mount a small disk")
    done = subprocess.run(
        ["unshare", "-rm", sys.executable, __file__, str(tmp_path)],
        capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told == {
        "ask": "disk-full",
        "settings": "disk-full",
        "settings on disk": 3,
        "backup": "disk-full",
        "left over": [],
        "sound": True,
        "ask again": "done",
        "texts": ["kept", "later", ""],
        "read-only": ["data-folder-read-only"] * 5,
    }


def test_settings_that_cannot_be_written_are_used_until_the_program_ends(tmp_path, monkeypatch):
    file = SettingsFile(tmp_path / "settings.toml")
    file.change(threads=2)

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        fault = fault_of(lambda: file.change(threads=4))
    assert fault is not None
    assert fault.code is FaultCode.DISK_FULL
    assert file.current == Settings(threads=4)
    assert SettingsFile(tmp_path / "settings.toml").current == Settings(threads=2)
    assert [path.name for path in tmp_path.iterdir()] == ["settings.toml"]
    file.save()
    assert SettingsFile(tmp_path / "settings.toml").current == Settings(threads=4)


if __name__ == "__main__":
    real_disk()
