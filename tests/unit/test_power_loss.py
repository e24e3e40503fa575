"""The power goes at any moment of the writing: the database opens sound, no question is missing.

A recording disk sees a real database at work. For every prefix of its changes the folder is built
as a power loss may leave it (everything there, only what was synced, a part of the rest) and
opened again.
"""

import itertools
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import apsw
import pytest

from desktop_llm.core.messages import MessageState
from desktop_llm.storage.bin import Bin
from desktop_llm.storage.conversations import Conversations
from desktop_llm.storage.database import Database
from tests.fakes.disk import Disk, Outage, outages

CHECKPOINT_PAGES = 25  # SQLite's own 1000 would see none in a short test
NAME = "conversations.db"
EVERY = 3  # prefix also with a part of the unsynced changes, to keep the test quick
PARTS = 4  # such states for every prefix where the database's own file is being written


@dataclass
class Promises:
    """What the program was told is on disk, and what is there no longer."""

    texts: set[str] = field(default_factory=set)
    erased: set[str] = field(default_factory=set)

    def take(self, kind: str, *texts: str) -> None:
        if kind == "stored":
            self.texts.update(texts)
        elif kind == "may be erased":
            self.texts.difference_update(texts)
        else:
            self.erased.update(texts)


def work(disk: Disk, path) -> None:
    """Two sessions of a person, with every kind of write."""
    long = "x" * 4500  # more than a page
    for session, turns in (("first", 3), ("second", 1)):
        database = Database(path)
        database.write(lambda connection: connection.wal_autocheckpoint(CHECKPOINT_PAGES))
        store, bin = Conversations(database), Bin(database)
        store.mark_interrupted()
        for turn, text in enumerate(("天为什么是蓝的?", long, "and then?")[:turns]):
            asked, title = f"{session} {text}", f"{session} {turn}"
            answered = f"{title} {long}"
            conversation = store.create()
            store.save_draft(conversation.id, f"{text} half of it")
            _, reply = store.ask(conversation.id, asked, None, "a-model")
            disk.say(("stored", asked))
            store.flush(reply.id, answered[:4400])
            if turn < 2:
                store.finish(reply.id, answered, MessageState.COMPLETE)
                disk.say(("stored", answered))
            store.rename(conversation.id, title)
            disk.say(("stored", title))
            if turn == 1:
                bin.put(conversation.id)
                disk.say(("may be erased", asked, answered, title))
                bin.purge(before=float("inf"))
                disk.say(("erased", asked, answered, title))
        database.close()


def is_sound(path, promises: Promises) -> None:
    database = Database(path)  # raises where quick_check finds anything
    texts = database.write(everything)
    database.close()
    assert promises.texts <= texts
    assert not promises.erased & texts


def everything(connection: apsw.Connection) -> set[str]:
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    found = connection.execute(
        "SELECT text FROM messages UNION ALL SELECT title FROM conversations"
    )
    return {text for (text,) in found}


def states(outage: Outage, number: int):
    yield "everything", outage.all()
    yield "only the synced", outage.synced()
    for part in range(PARTS if outage.touches(NAME) else int(number % EVERY == 0)):
        yield f"a part {part}", outage.torn(number * PARTS + part)


@pytest.fixture
def folder():
    """In memory where the system has such a place: a thousand databases, each synced, take long."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


def test_every_prefix_of_the_writes_opens_sound_with_every_question(tmp_path, folder):
    with Disk() as disk:
        work(disk, tmp_path / NAME)
    seen = set()
    promises, told = Promises(), 0
    for number, outage in enumerate(outages(disk.changes)):
        for what in itertools.islice(outage.said, told, None):
            promises.take(*what)
        told = len(outage.said)
        for state, files in states(outage, number):
            key = hash((frozenset(files.items()), told))
            if key in seen:
                continue
            seen.add(key)
            for old in folder.iterdir():
                old.unlink()
            for name, content in files.items():
                (folder / name).write_bytes(content)
            try:
                is_sound(folder / NAME, promises)
            except BaseException as error:
                error.add_note(f"change {number} of {len(disk.changes)}, {state}")
                raise
    assert len(seen) > len(disk.changes)
