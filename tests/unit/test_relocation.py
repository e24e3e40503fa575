"""The data folder moves: whole, checked, and never neither here nor there."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.messages import Role
from desktop_llm.storage import relocation
from desktop_llm.storage.conversations import Conversations
from desktop_llm.storage.database import Database
from desktop_llm.storage.instance import NAME, InstanceLock
from desktop_llm.storage.paths import pointer_file, resolve_folders, usual_folders
from desktop_llm.storage.relocation import RECORD, Relocation, erase_old
from tests.fakes.crash import crash_everywhere


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A person's home of its own: the usual places lie in it."""
    monkeypatch.delenv("DESKTOP_LLM_HOME", raising=False)
    for name in ("DATA", "CONFIG", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    return tmp_path


@pytest.fixture
def folders(home):
    folders = resolve_folders(None)
    assert folders.data == home / "data" / "desktop-llm"
    fill(folders.data)
    return folders


def fill(data: Path) -> None:
    outside = data.parent.parent / "downloads"
    outside.mkdir(exist_ok=True)
    (outside / "big.gguf").write_bytes(b"weights")
    database = Database(data / "conversations.db")
    store = Conversations(database)
    store.add(store.create().id, Role.USER, "天为什么是蓝的?", parent=None)
    database.close()
    (data / "settings.toml").write_text("threads = 2\n", encoding="utf-8")
    models = data / "models"
    models.mkdir()
    (models / "linked.gguf").symlink_to(outside / "big.gguf")
    (models / "own.gguf").write_bytes(bytes(range(256)) * 100)
    (models / "again.gguf").symlink_to(models / "own.gguf")
    (data / "文档 😀" / "empty").mkdir(parents=True)
    (data / "文档 😀" / "note").write_text("x", encoding="utf-8")
    (data / NAME).write_text("1", encoding="ascii")


def is_whole(data: Path) -> bool:
    database = Database(data / "conversations.db")
    store = Conversations(database)
    texts = [message.text for message in store.branch(store.all()[0].id)]
    database.close()
    models = data / "models"
    return (
        texts == ["天为什么是蓝的?"]
        and (data / "settings.toml").read_text(encoding="utf-8") == "threads = 2\n"
        and (models / "linked.gguf").is_symlink()
        and (models / "linked.gguf").read_bytes() == b"weights"
        and (models / "again.gguf").resolve() == (models / "own.gguf").resolve()
        and (models / "own.gguf").read_bytes() == bytes(range(256)) * 100
        and (data / "文档 😀" / "note").read_text(encoding="utf-8") == "x"
        and (data / "文档 😀" / "empty").is_dir()
    )


def refused(attempt) -> FaultCode:
    with pytest.raises(EnvironmentFault) as caught:
        attempt()
    return caught.value.code


def test_everything_moves_and_the_old_folder_goes_in_a_step_of_its_own(home, folders):
    target = home / "elsewhere" / "数据"
    seen = []
    moved = Relocation(folders).run(target, lambda *now: seen.append(now) or True)
    assert moved is not None
    assert moved == resolve_folders(None)
    assert moved.data == target
    assert is_whole(target)
    assert is_whole(folders.data)
    assert stat.S_IMODE(target.stat().st_mode) == 0o700
    assert stat.S_IMODE((target / "conversations.db").stat().st_mode) == 0o600
    assert not (target / NAME).exists()
    assert sorted(path.name for path in target.parent.iterdir()) == ["数据"]
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1] > 25_600
    assert erase_old(moved) == []
    assert not folders.data.exists()
    assert not (target / RECORD).exists()
    assert is_whole(target)
    assert (home / "downloads" / "big.gguf").exists()
    assert erase_old(moved) == []


def test_it_moves_on_and_back_to_the_usual_place(home, folders):
    first = Relocation(folders).run(home / "first")
    erase_old(first)
    second = Relocation(first).run(home / "second")
    assert resolve_folders(None).data == home / "second"
    erase_old(second)
    back = Relocation(second).run(folders.data)
    assert resolve_folders(None) == back == folders
    assert not pointer_file().exists()
    assert is_whole(folders.data)


def test_an_empty_folder_that_is_there_already_may_be_chosen(home, folders):
    (home / "empty").mkdir()
    (home / "link").symlink_to(home / "empty")
    assert Relocation(folders).run(home / "link").data == home / "empty"
    assert is_whole(home / "empty")


def test_what_a_killed_program_left_in_the_log_moves_too(home, folders):
    database = Database(folders.database)
    store = Conversations(database)
    store.create("only in the log")
    killed = home / "killed"
    shutil.copytree(folders.data, killed, symlinks=True)
    database.close()
    shutil.rmtree(folders.data)
    killed.rename(folders.data)
    moved = Relocation(folders).run(home / "new")
    database = Database(moved.database)
    assert Conversations(database).all()[0].title == "only in the log"
    database.close()


def test_refusals_change_nothing(home, folders, monkeypatch):
    (home / "full").mkdir()
    (home / "full" / "something").touch()
    move = Relocation(folders)
    for target, code in (
        (folders.data, FaultCode.RELOCATION_INSIDE),
        (folders.data / "models" / "new", FaultCode.RELOCATION_INSIDE),
        (home / "full", FaultCode.RELOCATION_NOT_EMPTY),
        (home / "full" / "something", FaultCode.RELOCATION_NOT_EMPTY),
        (folders.data.parent, FaultCode.RELOCATION_NOT_EMPTY),
        (home / "full" / "something" / "below", FaultCode.DATA_FOLDER_READ_ONLY),
        (home / ("x" * 256), FaultCode.DATA_FOLDER_READ_ONLY),
        (Path("/"), FaultCode.RELOCATION_WHOLE_DRIVE),
        (home / ("x" * 250) / ("y" * 250), FaultCode.PATH_TOO_LONG),
    ):
        assert refused(lambda to=target: move.run(to)) is code
        assert refused(lambda to=target: move.check(to)) is code
    monkeypatch.setattr(relocation, "free_bytes", lambda _path: 5_000_000)
    with pytest.raises(EnvironmentFault) as caught:
        move.run(home / "new")
    assert caught.value.code is FaultCode.RELOCATION_NO_ROOM
    assert caught.value.data["free"] == 5
    assert sorted(path.name for path in home.iterdir()) == ["data", "downloads", "full"]
    assert resolve_folders(None) == folders
    assert is_whole(folders.data)


def test_a_folder_named_at_the_start_cannot_be_moved(home, monkeypatch):
    monkeypatch.setenv("DESKTOP_LLM_HOME", str(home / "chosen"))
    fill(home / "chosen")
    move = Relocation(resolve_folders(None))
    assert refused(lambda: move.run(home / "new")) is FaultCode.RELOCATION_FIXED


def test_cancelled_leaves_nothing(home, folders):
    target = home / "a" / "b" / "c"
    assert Relocation(folders).run(target, lambda done, _all: done < 20_000) is None
    assert not (home / "a").exists()
    assert resolve_folders(None) == folders
    assert Relocation(folders).run(target) is not None


def test_a_pointer_that_cannot_be_written_leaves_the_old_folder_in_use(home, folders):
    (home / "config").write_text("in the way", encoding="utf-8")
    move = Relocation(folders)
    assert refused(lambda: move.run(home / "new")) is FaultCode.DATA_FOLDER_READ_ONLY
    assert not (home / "new").exists()
    (home / "config").unlink()
    assert move.run(home / "new") == resolve_folders(None)


@pytest.mark.parametrize("who", ["another program", "a file that changes"])
def test_what_changes_meanwhile_is_noticed(home, folders, who):
    other = apsw.Connection(str(folders.database))
    other.execute("SELECT count(*) FROM messages").fetchall()

    def meanwhile(_done: int, _all: int) -> bool:
        if who != "another program":
            other.close()
            (folders.data / "settings.toml").write_text("threads = 3000\n", encoding="utf-8")
        return True

    code = refused(lambda: Relocation(folders).run(home / "new", meanwhile))
    assert code in (FaultCode.DATABASE_BUSY, FaultCode.RELOCATION_DIFFERS)
    assert not (home / "new").exists()
    assert resolve_folders(None) == folders
    other.close()


def test_a_damaged_database_does_not_move(home, folders):
    with folders.database.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 8192)
    assert refused(lambda: Relocation(folders).run(home / "new")) is FaultCode.DATABASE_DAMAGED
    assert not (home / "new").exists()


def test_what_changed_in_the_old_folder_since_stays(home, folders):
    moved = Relocation(folders).run(home / "new")
    (folders.data / "settings.toml").write_text("threads = 3\n", encoding="utf-8")
    (folders.data / "models" / "later.gguf").write_bytes(b"new")
    left = erase_old(moved)
    kept = ["models", "models/later.gguf", "settings.toml"]
    assert [path.relative_to(folders.data).as_posix() for path in left] == kept
    assert (moved.data / RECORD).exists()
    assert is_whole(moved.data)


def test_erasing_follows_no_link_out_of_the_old_folder(home, folders):
    moved = Relocation(folders).run(home / "new")
    own = folders.data / "models" / "own.gguf"
    precious = home / "precious"
    precious.mkdir()
    os.link(own, precious / "own.gguf")  # the same size and time, outside
    shutil.rmtree(folders.data / "models")
    (folders.data / "models").symlink_to(precious)
    assert [path.name for path in erase_old(moved)] == ["models"]
    assert (precious / "own.gguf").exists()


def test_a_record_that_leads_outside_is_not_followed(home, folders):
    moved = Relocation(folders).run(home / "new")
    record = moved.data / RECORD
    text = record.read_text(encoding="ascii")
    (home / "precious").write_text("threads = 2\n", encoding="utf-8")
    for path in ("../../precious", str(home / "precious"), ""):
        record.write_text(text.replace('"settings.toml"', f'"{path}"'), encoding="ascii")
        assert refused(lambda: erase_old(moved)) is FaultCode.FILE_UNREADABLE
    record.write_text("[", encoding="ascii")
    assert refused(lambda: erase_old(moved)) is FaultCode.FILE_UNREADABLE
    assert (home / "precious").exists()
    assert is_whole(folders.data)


def test_an_old_folder_in_use_is_not_erased(home, folders):
    moved = Relocation(folders).run(home / "new")
    lock = InstanceLock(folders.data)
    lock.acquire()
    assert refused(lambda: erase_old(moved)) is FaultCode.ALREADY_RUNNING
    lock.release()
    assert is_whole(folders.data)


@pytest.mark.parametrize(
    "content", [b"data = ", b"\xff\xfe", b"data = 3", b'data = "not/absolute"', b"other = 1"]
)
def test_a_damaged_pointer_is_said_and_the_usual_place_used(home, content):
    pointer_file().parent.mkdir(parents=True)
    pointer_file().write_bytes(content)
    found = resolve_folders(None)
    assert found.data == usual_folders().data
    assert found.fault is not None
    assert found.fault.code is FaultCode.LOCATION_BROKEN
    assert pointer_file().read_bytes() == content
    assert resolve_folders(home / "named").fault is None


def test_the_command_line_says_it_too(home):
    pointer_file().parent.mkdir(parents=True)
    pointer_file().write_text("data = ", encoding="utf-8")
    command = [sys.executable, "-m", "desktop_llm", "models", "list"]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=True)
    assert str(home / "config") in done.stderr


@pytest.mark.parametrize("there", [False, True])
def test_a_drive_that_is_not_attached_is_said_and_the_usual_place_used(home, folders, there):
    moved = Relocation(folders).run(home / "drive" / "data")
    (home / "drive").rename(home / "unplugged")
    if there:  # an empty folder stands in its place
        moved.data.mkdir(parents=True)
    found = resolve_folders(None)
    assert found.data == folders.data
    assert found.fault is not None
    assert found.fault.code is FaultCode.LOCATION_MISSING
    assert found.fault.data["path"] == str(moved.data)


def move(home: str) -> None:
    Relocation(resolve_folders(None)).run(Path(home) / "new" / "place")


def one_of_both(home: str) -> None:
    folders, place = resolve_folders(None), Path(home) / "new" / "place"
    assert folders.fault is None
    assert folders.data in (usual_folders().data, place)
    assert is_whole(folders.data)
    if place.exists():  # as a person would, to try again; an unfinished copy may stay
        pointer_file().unlink(missing_ok=True)
        shutil.rmtree(place)


def erase(home: str) -> None:
    folders = resolve_folders(None)
    assert folders.data == Path(home) / "new"
    erase_old(folders)


def new_is_whole(home: str) -> None:
    old, new = usual_folders().data, Path(home) / "new"
    assert resolve_folders(None).data == new
    assert is_whole(new)
    assert (Path(home) / "downloads" / "big.gguf").exists()
    if not old.exists():
        fill(old)
        record = (Path(home) / "record").read_bytes()
        (new / RECORD).write_bytes(record)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_crash_at_any_point_leaves_one_whole_folder_in_use(home, folders):
    assert crash_everywhere(move, one_of_both, str(home)) > 12
    assert is_whole(folders.data)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_crash_while_erasing_is_gone_on_with(home, folders):
    moved = Relocation(folders).run(home / "new")
    (home / "record").write_bytes((moved.data / RECORD).read_bytes())
    assert crash_everywhere(erase, new_is_whole, str(home)) > 4
