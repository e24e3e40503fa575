"""Folders, pins and tags in a real SQLite file."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop_llm.core.conversations import TAG_LENGTH, Folder, tag_of
from desktop_llm.storage.bin import Bin
from desktop_llm.storage.conversations import Conversations
from desktop_llm.storage.database import Database
from desktop_llm.storage.organiser import Organiser


@pytest.fixture
def database(tmp_path):
    database = Database(tmp_path / "conversations.db")
    yield database
    database.close()


@pytest.fixture
def organiser(database):
    return Organiser(database)


@pytest.fixture
def numbers(database):
    """Of three conversations, the oldest first."""
    store = Conversations(database)
    return [store.create(title).id for title in ("One", "Two", "Three")]


def listed(organiser):
    return {row.id: row for row in organiser.listing().conversations}


def names(organiser):
    return [folder.name for folder in organiser.listing().folders]


def test_the_listing_holds_all_of_it(organiser, numbers):
    work = organiser.create_folder(" Work\x00 ", numbers[:1])
    organiser.pin([numbers[1]], True)
    organiser.tag(numbers[1:], ["b", "#A"])
    found = organiser.listing()
    assert found.folders == (Folder(work, "Work", open=True),)
    assert [(row.id, row.folder, row.pinned, row.tags) for row in found.conversations] == [
        (numbers[2], None, False, ("a", "b")),
        (numbers[1], None, True, ("a", "b")),
        (numbers[0], work, False, ()),
    ]


def test_none_of_it_makes_a_conversation_newer(database, organiser, numbers):
    before = [(row.id, row.changed) for row in organiser.listing().conversations]
    organiser.move(numbers[:1], organiser.create_folder("F"))
    organiser.pin(numbers[:1], True)
    organiser.tag(numbers[:1], ["t"])
    organiser.place(numbers[:1], None)
    assert [(row.id, row.changed) for row in organiser.listing().conversations] == before
    assert database.read(lambda c: c.execute("PRAGMA foreign_key_check").fetchall()) == []


def test_moving(organiser, numbers):
    one, two = organiser.create_folder("One"), organiser.create_folder("Two")
    organiser.move(numbers, one)
    organiser.move(numbers[:2], two)
    organiser.move(numbers[:1], None)
    assert [listed(organiser)[number].folder for number in numbers] == [None, two, one]


def test_a_folder_that_is_gone_takes_nothing(organiser, numbers):
    home, gone = organiser.create_folder("Home", numbers), organiser.create_folder("Gone")
    organiser.delete_folder(gone)
    organiser.move(numbers, gone)
    organiser.rename_folder(gone, "Back")
    organiser.open_folder(gone, False)
    assert {row.folder for row in listed(organiser).values()} == {home}
    assert organiser.delete_folder(gone) == ()
    assert names(organiser) == ["Home"]


def test_a_place_is_one_step(organiser, numbers):
    home = organiser.create_folder("Home")
    organiser.pin(numbers, True)
    organiser.place(numbers[:2], home)
    rows = listed(organiser)
    assert [(rows[n].folder, rows[n].pinned) for n in numbers] == [
        (home, False), (home, False), (None, True)]  # fmt: skip


def test_folders_are_named_folded_and_ordered(organiser):
    one, two, three = (organiser.create_folder(name) for name in "abc")
    organiser.rename_folder(one, " A ")
    organiser.open_folder(two, False)
    organiser.order_folders([three, one, two])
    assert organiser.listing().folders == (
        Folder(three, "c"), Folder(one, "A"), Folder(two, "b", open=False))  # fmt: skip
    fourth = organiser.create_folder("d")
    organiser.order_folders([two, three])  # of a window that knows only these
    assert [folder.id for folder in organiser.listing().folders] == [two, three, one, fourth]


@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_deleted_folder_comes_back_as_it_was(organiser, numbers, at):
    folders = [organiser.create_folder(name) for name in "abc"]
    organiser.move(numbers, folders[at])
    organiser.open_folder(folders[at], False)
    before = organiser.listing()
    inside = organiser.delete_folder(folders[at])
    assert sorted(inside) == numbers
    assert {row.folder for row in listed(organiser).values()} == {None}
    later = organiser.create_folder("later")
    organiser.restore_folder(before.folders[at], at, inside)
    organiser.delete_folder(later)
    assert organiser.listing() == before
    organiser.restore_folder(before.folders[at], at, inside)  # as a second window may
    assert organiser.listing() == before


def test_what_was_moved_since_stays_where_it_is(organiser, numbers):
    old, other = organiser.create_folder("Old", numbers), organiser.create_folder("Other")
    folder = organiser.listing().folders[0]
    inside = organiser.delete_folder(old)
    organiser.move(numbers[:1], other)
    organiser.restore_folder(folder, 0, inside)
    assert [listed(organiser)[number].folder for number in numbers] == [other, old, old]


def test_a_deleted_conversation_keeps_its_place(database, organiser, numbers):
    home = organiser.create_folder("Home", numbers)
    organiser.pin(numbers[:1], True)
    organiser.tag(numbers[:1], ["kept"])
    before, bin = organiser.listing(), Bin(database)
    bin.put(numbers[0])
    assert numbers[0] not in listed(organiser)
    assert organiser.tags() == []
    folder = organiser.listing().folders[0]
    organiser.restore_folder(folder, 0, organiser.delete_folder(home))
    bin.take_out(numbers[0])
    assert organiser.listing() == before
    bin.put(numbers[0])
    bin.erase(numbers[0])
    assert organiser.tags() == []
    assert database.read(lambda c: c.execute("SELECT count(*) FROM tags").fetchall()) == [(0,)]


def test_tags_are_added_removed_and_counted(organiser, numbers):
    organiser.tag(numbers, ["Work", "ｗork, later", "", " # "])
    organiser.tag(numbers[:2], ["code"], remove=["#WORK"])
    assert [listed(organiser)[number].tags for number in numbers] == [
        ("code", "ｗork-later"), ("code", "ｗork-later"), ("work", "ｗork-later")]  # fmt: skip
    assert organiser.tags() == [("ｗork-later", 3), ("code", 2), ("work", 1)]
    organiser.tag(numbers[:1], ["both"], remove=["both"])
    assert "both" in listed(organiser)[numbers[0]].tags
    organiser.tag([999], ["nobody"])
    assert "nobody" not in dict(organiser.tags())


@pytest.mark.parametrize(
    ("text", "tag"),
    [("#Work", "work"), ("  two words ", "two-words"), ("＃标签，另一个", "标签-另一个"),
     ("a\tb\nc", "a-b-c"), ("", ""), ("# ,", ""), ("x" * 99, "x" * TAG_LENGTH)],
)  # fmt: skip
def test_a_tag_is_one_word(text, tag):
    assert tag_of(text) == tag


@given(st.text())
def test_a_tag_stays_what_it_is(text):
    tag = tag_of(text)
    assert tag_of(tag) == tag
    assert len(tag) <= TAG_LENGTH
    assert not any(letter.isspace() or letter in "#＃,，" for letter in tag)
