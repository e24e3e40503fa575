"""The window sees what another process changes."""

import itertools
import queue
import subprocess
import sys
import threading
import time

import pytest

from desktop_llm.storage.conversations import Conversations
from desktop_llm.storage.database import Database
from desktop_llm.storage.watch import ChangeWatch

QUICK = 0.01  # seconds between two looks

ELSEWHERE = """
import sys
from pathlib import Path
from desktop_llm.storage.conversations import Conversations
from desktop_llm.storage.database import Database
database = Database(Path(sys.argv[1]))
Conversations(database).create("from elsewhere")
database.close()
"""


def write_elsewhere(path) -> None:
    subprocess.run([sys.executable, "-c", ELSEWHERE, str(path)], check=True)


@pytest.fixture
def database(tmp_path):
    database = Database(tmp_path / "conversations.db")
    yield database
    database.close()


def test_a_change_of_another_process_is_told_on_a_thread_of_its_own(database):
    told = queue.SimpleQueue()
    watch = ChangeWatch(database.path, lambda: told.put(threading.current_thread().name), QUICK)
    write_elsewhere(database.path)
    assert told.get(timeout=10) == "database-watch"
    assert [found.title for found in Conversations(database).all()] == ["from elsewhere"]
    watch.close()


def test_a_change_right_after_the_start_is_not_missed(database):
    for title in ("one", "two", "three"):
        told = threading.Event()
        watch = ChangeWatch(database.path, told.set, QUICK)
        Conversations(database).create(title)
        assert told.wait(10)
        watch.close()


def test_what_this_process_writes_is_not_told_where_that_is_not_wanted(database):
    told = queue.SimpleQueue()
    watch = ChangeWatch(database.path, lambda: told.put(1), QUICK, database.others_version)
    before = database.others_version()
    looks, looked_again = itertools.count(), threading.Event()

    def counted() -> int:
        if next(looks):  # it saw a change of the file
            looked_again.set()
        return database.others_version()

    second = ChangeWatch(database.path, lambda: told.put(2), QUICK, counted)
    for title in ("mine", "mine too"):
        Conversations(database).create(title)
    assert database.others_version() == before
    assert looked_again.wait(10)
    assert told.empty()
    write_elsewhere(database.path)
    assert {told.get(timeout=10), told.get(timeout=10)} == {1, 2}
    watch.close()
    second.close()


def test_closing_does_not_wait_for_the_next_look(database):
    watch = ChangeWatch(database.path, lambda: None, seconds=3600)
    started = time.monotonic()
    watch.close()
    assert time.monotonic() - started < 2
    Conversations(database).create()


def test_nothing_is_told_after_closing_and_nothing_is_left_beside_the_file(database, tmp_path):
    told = []
    watch = ChangeWatch(database.path, lambda: told.append(1), QUICK)
    watch.close()
    Conversations(database).create()
    database.close()
    assert told == []
    assert [path.name for path in tmp_path.iterdir()] == ["conversations.db"]


def test_a_listener_that_fails_is_told_again(database, caplog):
    told = queue.SimpleQueue()

    def fail() -> None:
        told.put(1)
        raise ValueError("a bug of the listener")

    watch = ChangeWatch(database.path, fail, QUICK)
    for title in ("one", "two"):
        Conversations(database).create(title)
        assert told.get(timeout=10) == 1
    watch.close()
    assert "could not be passed on" in caplog.text


def test_a_file_that_is_gone_and_comes_back_is_watched_again(tmp_path):
    path = tmp_path / "conversations.db"
    told = threading.Event()
    watch = ChangeWatch(path, told.set, QUICK)
    database = Database(path)
    Conversations(database).create()
    assert told.wait(10)
    watch.close()
    database.close()
