"""What a search finds, in a real SQLite file."""

import string

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from desktop_llm.core.messages import Role
from desktop_llm.core.search import parse_query
from desktop_llm.storage.conversations import Conversations
from desktop_llm.storage.database import Database
from desktop_llm.storage.organiser import Organiser
from desktop_llm.storage.tree import Tree


class Place:
    def __init__(self, folder):
        self.database = Database(folder / "conversations.db")
        self.store = Conversations(self.database)
        self.organiser = Organiser(self.database)
        self.tree = Tree(self.database)

    def say(self, title, *texts):
        number, parent = self.store.create(title).id, None
        for text in texts:
            parent = self.store.add(number, Role.USER, text, parent=parent).id
        return number

    def found(self, query):
        return [hit.conversation for hit in self.store.search(query)]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = Place(tmp_path_factory.mktemp("search"))
    place.sky = place.say("Sky", "Why is the sky blue?", "C# code, and *rayleigh* scattering")
    place.sea = place.say("海", "海为什么是蓝色的？", "blue water")
    place.work = place.say("Contract", "合同翻译", "Translate the contract")
    place.organiser.tag([place.sky, place.sea], add=["nature", "School Work"])
    place.organiser.tag([place.work], add=["翻译"])
    yield place
    place.database.close()


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("blue", ["sea", "sky"]),
        ("BLU", ["sea", "sky"]),
        ("蓝色", ["sea"]),
        ("翻译", ["work"]),
        ("#nature", ["sea", "sky"]),
        ("#nat", ["sea", "sky"]),
        ("#nature blue", ["sea", "sky"]),
        ("#nature rayleigh", ["sky"]),
        ("#school #nature 海", ["sea", "sea"]),  # its title, and its message
        ("＃翻译", ["work"]),
        ("#nature contract", []),
        ("C#", ["sky"]),
        ("#code", ["sky"]),  # there is no such tag: a word
        ("", []),
        ("#", []),
        ("contract", ["work", "work"]),
    ],
)
def test_words_and_tags(place, query, names):
    assert place.found(query) == [getattr(place, name) for name in names]


def test_one_letter_is_a_word_and_two_are_the_beginning_of_one(place):
    assert place.found("r") == []
    assert place.found("ra") == [place.sky]


def test_every_branch_is_searched_and_nothing_that_is_deleted(tmp_path):
    place = Place(tmp_path)
    try:
        number = place.say("T", "first words")
        other = place.store.add(number, Role.USER, "hidden words", parent=None).id
        assert [hit.message for hit in place.store.search("words")] == [other, other - 1]
        place.tree.delete(other)
        assert [hit.message for hit in place.store.search("words")] == [other - 1]
        place.organiser.tag([number], add=["x"])
        assert place.found("#x") == [number]
    finally:
        place.database.close()


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.text(max_size=40) | st.text(alphabet=string.punctuation + " ab#", max_size=40))
def test_whatever_is_typed_is_data(place, query):
    hits = place.store.search(query)
    for hit in hits:
        assert 0 <= hit.start <= hit.end <= len(hit.excerpt)
    parsed = parse_query(query)
    assert all(word and not word.isspace() for word in parsed.words)
    assert all(tag == tag.lower() and " " not in tag for tag in parsed.tags)
