"""The tree of a conversation as rows: every message once, lanes that lead from parent to child."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop_llm.core.conversations import TreeNode
from desktop_llm.core.messages import Role
from desktop_llm.rendering.branches import ENDS, LANES, LONGEST, lay_out

QUICK = 0.5  # seconds for 10,000 messages


def tree(parents, shown=()):
    """`parents`: of each message, by its number."""
    return [
        TreeNode(id=number, parent=parent, role=Role.USER, excerpt="", model="", created=0.0,
                 shown=number in shown)
        for number, parent in parents.items()
    ]  # fmt: skip


def chain(length, shown=True):
    parents = {number: number - 1 or None for number in range(1, length + 1)}
    return tree(parents, parents if shown else ())


def messages(rows):
    return [message for row in rows for message in (row.folded or (row.message,))]


@st.composite
def trees(draw):
    """Several first messages are possible, and the branch that is shown may end anywhere."""
    size = draw(st.integers(1, 60))
    reach = draw(st.sampled_from([1, 2, 60]))  # deep or wide
    parents = {}
    for number in range(1, size + 1):
        parent = draw(st.integers(max(0, number - reach), number - 1))
        parents[number] = parent or None
    leaf = draw(st.none() | st.integers(1, size))
    shown = set()
    while leaf is not None:
        shown.add(leaf)
        leaf = parents[leaf]
    return tree(parents, shown)


def test_nothing_has_no_rows():
    assert lay_out([]) == []


def test_the_branch_that_is_shown_comes_first_in_one_line():
    rows = lay_out(tree({1: None, 2: 1, 3: 1, 4: 3, 5: 2}, shown={1, 3, 4}))
    assert [(row.message, row.lane, row.shown) for row in rows] == [
        (1, 0, True), (3, 0, True), (4, 0, True), (2, 1, False), (5, 1, False)
    ]  # fmt: skip
    first, third, leaf, other, end = rows
    assert (first.above, first.below, first.below_shown, first.forks) == (False, True, True, (1,))
    assert (third.passing, leaf.passing, leaf.below) == ((1,), (1,), False)
    assert (other.passing, other.above, other.below, other.below_shown) == ((), True, True, False)
    assert (end.above, end.below) == (True, False)
    assert [(row.at, row.of) for row in rows] == [(1, 1), (2, 2), (1, 1), (1, 2), (1, 1)]


def test_other_children_get_lanes_in_the_order_of_their_ids():
    rows = lay_out(tree({1: None, 2: 1, 3: 1, 4: 1, 5: 1}, shown={1, 3}))
    assert [(row.message, row.lane) for row in rows] == [(1, 0), (3, 0), (2, 1), (4, 2), (5, 3)]
    assert [row.passing for row in rows] == [(), (1, 2, 3), (2, 3), (3,), ()]


def test_a_lane_is_used_again_when_its_branch_has_ended():
    """Both 2 and 5 have a second version, one branch after the other."""
    rows = lay_out(tree({1: None, 2: 1, 3: 1, 4: 2, 6: 2, 5: 3, 7: 3}, shown={1, 2, 4}))
    assert {row.message: row.lane for row in rows} == {1: 0, 2: 0, 4: 0, 6: 2, 3: 1, 5: 1, 7: 2}


def test_without_a_shown_child_the_oldest_goes_on():
    rows = lay_out(tree({1: None, 2: 1, 3: 1}, shown={1}))
    assert [(row.message, row.lane) for row in rows] == [(1, 0), (2, 0), (3, 1)]
    assert not rows[0].below_shown


def test_versions_of_the_first_message_hang_on_an_invisible_root():
    rows = lay_out(tree({1: None, 2: None, 3: None, 4: 2}, shown={2, 4}))
    assert [(row.message, row.lane) for row in rows] == [(2, 0), (4, 0), (1, 1), (3, 2)]
    assert (rows[0].roots, rows[0].passing, rows[1].passing) == ((1, 2), (), (1, 2))
    assert [(row.at, row.of) for row in rows] == [(2, 3), (1, 1), (1, 3), (3, 3)]


def test_a_message_whose_parent_is_missing_is_not_lost():
    assert messages(lay_out(tree({5: 4, 6: 5}))) == [5, 6]


def test_a_long_run_is_folded_but_for_its_ends():
    assert [row.folded for row in lay_out(chain(LONGEST))] == [()] * LONGEST
    rows = lay_out(chain(20))
    assert [row.message for row in rows] == [1, 2, 3, 19, 20]
    fold = rows[2]
    assert fold.folded == tuple(range(3, 19))
    assert fold.above
    assert fold.below_shown
    assert len(lay_out(chain(20), unfolded={7})) == 20
    assert len(lay_out(chain(30), unfolded={7})) == 30  # it grew, and stays as it was wanted


def test_a_fork_or_the_end_of_what_is_shown_ends_a_run():
    forked = {number: number - 1 or None for number in range(1, 11)} | {11: 5}
    rows = lay_out(tree(forked, shown=set(range(1, 11))))
    assert not any(row.folded for row in rows)
    half = lay_out(tree({n: n - 1 or None for n in range(1, 15)}, shown=set(range(1, 8))))
    assert [row.message for row in half] == [1, 2, 3, 6, 7, 8, 9, 10, 13, 14]
    assert (half[4].below, half[4].below_shown) == (True, False)


@given(trees())
def test_every_message_stands_once_and_after_its_parent(nodes):
    for unfolded in (frozenset(), {node.id for node in nodes}):
        rows = lay_out(nodes, unfolded)
        order = messages(rows)
        assert sorted(order) == [node.id for node in nodes]
        places = {message: at for at, message in enumerate(order)}
        assert all(places[n.parent] < places[n.id] for n in nodes if n.parent is not None)
        assert all(len(row.folded) > LONGEST - 2 * ENDS for row in rows if row.folded)


@given(trees())
def test_lanes_lead_from_parent_to_child(nodes):
    rows = lay_out(nodes, {node.id for node in nodes})
    places = {row.message: at for at, row in enumerate(rows)}
    ends = [set() for _row in rows]
    for node in nodes:
        child = places[node.id]
        row = rows[child]
        if node.parent is None:
            assert row.above is (child > 0)
            assert child == 0 or row.lane in rows[0].roots
            parent = 0
        else:
            parent = places[node.parent]
            assert row.above
            assert rows[parent].below
            first = child == parent + 1
            assert row.lane == rows[parent].lane if first else row.lane in rows[parent].forks
            assert first or row.lane > rows[parent].lane or row.lane == LANES - 1
        for between in range(parent + 1, child):
            assert row.lane in rows[between].passing
            ends[between].add(row.lane)
    assert [set(row.passing) for row in rows] == ends  # and no line leads nowhere
    assert all(0 <= row.lane < LANES for row in rows)


@given(trees())
def test_what_is_shown_stays_at_the_left(nodes):
    rows = lay_out(nodes)
    shown = [row for row in rows if row.shown]
    assert rows[: len(shown)] == shown
    assert all(row.lane == 0 for row in shown)


@given(trees())
def test_two_lines_share_no_lane_but_the_last(nodes):
    """A message never stands on the line of another branch."""
    for row in lay_out(nodes):
        for lane in range(LANES - 1):
            lines = (row.lane, *row.passing, *row.forks, *row.roots).count(lane)
            assert lines <= 1


@pytest.mark.parametrize(
    "parents",
    [
        {number: number - 1 or None for number in range(1, 10_001)},
        {1: None} | dict.fromkeys(range(2, 10_001), 1),
        dict.fromkeys(range(1, 10_001)),
        {number: number // 2 or None for number in range(1, 10_001)},
    ],
    ids=["chain", "siblings", "roots", "binary"],
)
def test_ten_thousand_messages_take_no_time(parents):
    nodes = tree(parents, shown={1})
    begun = time.process_time()
    rows = lay_out(nodes)
    assert time.process_time() - begun < QUICK
    assert len(messages(rows)) == 10_000
