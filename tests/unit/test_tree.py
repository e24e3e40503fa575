"""A conversation as a tree in a real SQLite file: versions, deleted parts, forks."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from desktop_llm.core.context import Care, Policy
from desktop_llm.core.messages import Made, MessageState, Role
from desktop_llm.storage.bin import Bin
from desktop_llm.storage.conversations import Conversations
from desktop_llm.storage.database import Database
from desktop_llm.storage.tree import Tree


class Place:
    def __init__(self, folder):
        self.database = Database(folder / "conversations.db")
        self.store = Conversations(self.database)
        self.tree = Tree(self.database)
        self.bin = Bin(self.database)
        self.number = self.store.create("Sky", "starter").id

    def ask(self, text, parent=None, answer="", edits=None):
        question, reply = self.store.ask(self.number, text, parent, "starter", edits)
        self.store.finish(reply.id, answer or f"re {text}", MessageState.COMPLETE)
        return question.id, reply.id

    def shown(self):
        return [message.text for message in self.store.branch(self.number)]


@pytest.fixture
def place(tmp_path):
    place = Place(tmp_path)
    yield place
    place.database.close()


def count(place, table):
    query = f"SELECT count(*) FROM {table}"
    return place.database.read(lambda to: to.execute(query).fetchall())[0][0]


def test_an_edited_question_is_another_version_and_nothing_is_lost(place):
    one, answer = place.ask("one")
    place.ask("two", answer)
    place.store.save_draft(place.number, "a thought")
    other, _ = place.ask("one, better", None, edits=one)
    assert place.shown() == ["one, better", "re one, better"]
    assert place.store.get(place.number).draft == "a thought"
    question = place.store.message(other)
    assert (question.versions, question.origin, question.made) == ((one, other), one, Made.EDITED)
    assert place.tree.show_version(one) == place.number
    assert place.shown() == ["one", "re one", "two", "re two"]


def test_the_way_back_to_a_branch_leads_to_where_it_was_left(place):
    one, answer = place.ask("one")
    _, first = place.ask("two", answer)
    place.ask("two, again", answer)
    place.tree.show(place.number, first)
    other, _ = place.ask("other", None, edits=one)
    place.tree.show_version(one)
    assert place.shown()[-1] == "re two"
    place.tree.show_version(other)
    assert place.shown() == ["other", "re other"]


def test_a_part_that_is_deleted_gives_way_to_the_nearest_version(place):
    one, answer = place.ask("one")
    two, _ = place.ask("two", answer)
    three, _ = place.ask("three", answer)
    assert place.tree.delete(three) == 2
    assert place.shown() == ["one", "re one", "two", "re two"]
    assert place.store.branch(place.number)[2].versions == (two,)
    assert place.tree.delete(answer) == 3
    assert place.shown() == ["one"]
    assert place.tree.delete(one) == 1
    assert place.shown() == []
    assert place.store.search("two") == []


def test_a_part_that_is_not_shown_is_deleted_without_a_change_of_what_is(place):
    one, _ = place.ask("one")
    place.ask("other", None, edits=one)
    place.tree.delete(one)
    assert place.shown() == ["other", "re other"]


def test_what_was_deleted_comes_back_whole_with_what_it_hung_on(place):
    one, answer = place.ask("one")
    two, reply = place.ask("two", answer)
    place.tree.delete(reply)
    place.tree.delete(one)
    assert place.shown() == []
    entries = place.bin.entries()
    assert [(entry.message, entry.messages, entry.title) for entry in entries] == [
        (one, 3, "Sky"),
        (reply, 1, "Sky"),
    ]
    assert entries[1].excerpt == "re two"
    assert place.tree.restore(reply) == place.number
    assert place.shown() == ["one", "re one", "two", "re two"]
    assert place.bin.entries() == []
    place.tree.delete(two)
    assert place.bin.restore_last().message == two
    assert place.shown()[-1] == "re two"


def test_purging_a_part_leaves_nothing_of_it(place):
    one, answer = place.ask("one")
    two, reply = place.ask("Secrettwo " * 200, answer, "Secretreply " * 200)
    place.store.save_draft(place.number, "")
    place.tree.save_edit(two, "Secretedit")
    place.tree.delete(reply)  # deleted before what it hangs on
    place.tree.delete(two)
    assert place.bin.purge(before=1.0) == 0
    assert place.bin.empty() == 2
    assert (count(place, "messages"), count(place, "message_text")) == (2, 2)
    assert place.shown() == ["one", "re one"]
    for path in place.database.path.parent.iterdir():
        content = path.read_bytes().lower()
        for word in (b"secrettwo", b"rettwo", b"secretreply", b"secretedit"):
            assert word not in content, path.name
    place.bin.erase(place.number, one)  # it is not deleted
    assert place.shown() == ["one", "re one"]
    place.tree.delete(one)
    place.bin.erase(place.number, one)
    assert place.shown() == []
    assert place.bin.entries() == []


def test_an_erasing_of_a_part_that_was_cut_off_is_ended_by_the_next_purge(place, monkeypatch):
    one, _ = place.ask("one")
    with monkeypatch.context() as patch:
        patch.setattr(place.bin, "_erase_messages", lambda _message: None)  # it was killed here
        place.tree.delete(one)
        place.bin.erase(place.number, one)
    assert place.bin.entries() == []
    assert place.bin.purge(before=1.0) == 1
    assert count(place, "messages") == 0


def test_the_parts_of_a_deleted_conversation_are_not_listed_twice(place):
    one, _ = place.ask("one")
    place.tree.delete(one)
    place.bin.put(place.number)
    assert [entry.message for entry in place.bin.entries()] == [None]
    place.bin.take_out(place.number)
    assert [entry.message for entry in place.bin.entries()] == [one]


def test_a_fork_is_a_copy_of_one_branch(place):
    one, answer = place.ask("one")
    _two, reply = place.ask("two", answer)
    place.ask("three", reply)
    place.ask("other", None, edits=one)
    fork = place.tree.fork(reply, "Sky, again")
    assert place.store.get(fork).title == "Sky, again"
    assert place.store.get(fork).model == "starter"
    copied = place.store.branch(fork)
    assert [message.text for message in copied] == ["one", "re one", "two", "re two"]
    assert [message.model for message in copied] == ["", "starter", "", "starter"]
    assert all(message.versions == (message.id,) for message in copied)
    place.bin.erase(place.number)  # it is not deleted
    assert len(place.store.search("two")) > 2
    place.bin.put(place.number)
    assert not place.bin.take_out(999)
    place.bin.erase(place.number)
    assert [message.text for message in place.store.branch(fork)][-1] == "re two"
    assert {hit.conversation for hit in place.store.search("two")} == {fork}


def test_a_fork_of_a_reply_on_its_way_is_interrupted(place):
    _question, reply = place.store.ask(place.number, "one", None, "starter")
    place.store.flush(reply.id, "half a")
    fork = place.tree.fork(reply.id, "")
    assert place.store.branch(fork)[1].state is MessageState.INTERRUPTED
    assert place.store.message(reply.id).state is MessageState.STREAMING


def test_an_edit_that_is_too_long_is_an_edit_again(place):
    one, _answer = place.ask("one")
    question, reply = place.store.ask(place.number, "one, longer", None, "", edits=one)
    place.store.take_back(question.id, reply.id)
    assert place.shown() == ["one", "re one"]
    assert place.store.message(one).draft == "one, longer"
    assert place.store.get(place.number).draft == ""


def test_an_edit_that_is_not_ended_is_kept(place):
    one, answer = place.ask("one")
    place.tree.save_edit(answer, "half \ud800")
    assert place.store.message(answer).draft == "half \ufffd"
    place.store.add(
        place.number, Role.ASSISTANT, "better", parent=one, origin=answer, made=Made.EDITED
    )
    assert place.store.message(answer).draft is None


def test_the_map_knows_every_message_and_which_are_shown(place):
    one, answer = place.ask("one " * 100)
    other, reply = place.ask("other", None, edits=one)
    place.tree.delete(reply)
    nodes = place.tree.nodes(place.number)
    assert [(node.id, node.parent, node.shown) for node in nodes] == [
        (one, None, False),
        (answer, one, False),
        (other, None, True),
    ]
    assert len(nodes[0].excerpt) == 120


def test_unknown_messages(place):
    for call in (place.tree.show_version, place.tree.delete, place.tree.restore):
        with pytest.raises(KeyError):
            call(99)
    with pytest.raises(KeyError):
        place.tree.fork(99, "")
    assert place.tree.path(99) == []


STEPS = st.lists(
    st.tuples(st.sampled_from(("add", "show", "delete", "restore", "fork")), st.integers(0, 30)),
    max_size=25,
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(STEPS)
def test_whatever_is_done_the_branch_that_is_shown_is_sound(tmp_path_factory, steps):
    place = Place(tmp_path_factory.mktemp("tree"))
    made: list[int] = []
    try:
        for act, at in steps:
            if act == "add" or not made:
                visible = [node.id for node in place.tree.nodes(place.number)]
                parent = visible[at % len(visible)] if visible and at % 4 else None
                role = Role.USER if at % 2 else Role.ASSISTANT
                added = place.store.add(place.number, role, f"m{len(made)}", parent=parent)
                made.append(added.id)
                continue
            message = made[at % len(made)]
            gone = set(made) - {n.id for n in place.tree.nodes(place.number)}
            if act == "show" and message not in gone:
                place.tree.show_version(message)
            elif act == "delete":
                place.tree.delete(message)
            elif act == "restore" and message in gone:
                place.tree.restore(message)
            elif act == "fork" and message not in gone:
                place.tree.fork(message, "")
        nodes = {node.id: node for node in place.tree.nodes(place.number)}
        branch = place.store.branch(place.number)
        assert all(message.id in nodes for message in branch)
        assert {message.id for message in branch} == {n.id for n in nodes.values() if n.shown}
        for above, below in zip([None, *branch], branch, strict=False):
            assert below.parent == (above.id if above else None)
        assert bool(branch) == bool(nodes)
        for node in nodes.values():  # none hangs on what is deleted
            assert node.parent is None or node.parent in nodes
        for message in branch:
            siblings = tuple(n.id for n in nodes.values() if n.parent == message.parent)
            assert message.versions == siblings
    finally:
        place.database.close()


def test_what_is_deleted_is_not_shown_and_nothing_new_hangs_on_it(place):
    one, answer = place.ask("one")
    two, reply = place.ask("two", answer)
    place.tree.delete(two)
    with pytest.raises(KeyError):
        place.tree.show_version(reply)
    place.ask("asked below what was deleted meanwhile", reply)
    assert place.shown()[:3] == ["one", "re one", "asked below what was deleted meanwhile"]
    assert place.bin.empty() == 1
    assert len(place.shown()) == 4
    assert place.store.message(one).versions == (one,)


def test_what_is_restored_meanwhile_is_not_purged(place, monkeypatch):
    one, _answer = place.ask("one")
    other = place.store.create("Other").id
    place.tree.delete(one)
    place.bin.put(other)
    rows = place.bin._rows

    def late(sql, values):
        found = rows(sql, values)
        if "SELECT id FROM" in sql:  # somebody restores everything just then
            place.bin.take_out(other)
            if place.bin.entries():
                place.tree.restore(one)
        return found

    monkeypatch.setattr(place.bin, "_rows", late)
    assert place.bin.empty() == 0
    assert place.shown() == ["one", "re one"]
    assert place.store.get(other).title == "Other"


def test_what_is_being_erased_cannot_be_restored(place, monkeypatch):
    one, _answer = place.ask("one")
    other = place.store.create("Other").id
    place.tree.delete(one)
    place.bin.put(other)
    with monkeypatch.context() as patch:
        patch.setattr(place.bin, "_erase_messages", lambda _message: None)
        patch.setattr(place.bin, "_erase_conversation", lambda _conversation: None)
        place.bin.empty()
    with pytest.raises(KeyError):
        place.tree.restore(one)
    assert not place.bin.take_out(other)


def test_an_excluded_message_takes_its_summaries_with_it(place):
    one, answer = place.ask("one")
    two, _reply = place.ask("two", answer)
    place.store.save_summary(two, "of one", "m")
    assert place.store.summaries([two]) == {two: "of one"}
    place.store.take_care(one, Care.PINNED)
    assert place.store.summaries([two])
    place.store.take_care(one, Care.EXCLUDED)
    assert place.store.summaries([two]) == {}


def test_a_fork_keeps_the_policy(place):
    _one, answer = place.ask("one")
    place.store.choose_policy(place.number, Policy.NEWEST)
    assert place.store.get(place.tree.fork(answer, "")).policy is Policy.NEWEST
