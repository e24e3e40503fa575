"""What of a conversation is sent when not all of it fits."""

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop_llm.core.context import Care, Fate, Item, Plan, Policy, plan, reply_room
from desktop_llm.core.messages import Role

CONTEXT = 1024
ROOM = CONTEXT - reply_room(CONTEXT)
DROPPING = (Policy.FIRST_AND_NEWEST, Policy.NEWEST, Policy.SUMMARY)


def turns(*tokens, care=()):
    """Question and reply in turns, the last a question."""
    roles = (Role.USER, Role.ASSISTANT)
    cares = dict(care)
    return [
        Item(roles[at % 2], count, cares.get(at, Care.USUAL)) for at, count in enumerate(tokens)
    ]


def sent(found: Plan):
    return [at for at, fate in enumerate(found.fates) if fate is Fate.SENT]


def test_what_fits_is_sent_whole_by_every_policy():
    items = turns(100, 200, 100)
    for policy in Policy:
        found = plan(items, 50, CONTEXT, policy)
        assert (sent(found), found.tokens, found.overflows) == ([0, 1, 2], 450, False)


@pytest.mark.parametrize("policy", [Policy.ASK, Policy.STOP])
def test_nothing_is_dropped_unasked(policy):
    found = plan(turns(400, 400, 400), 0, CONTEXT, policy)
    assert (sent(found), found.overflows, found.unseen) == ([0, 1, 2], True, 0)


def test_the_newest_stay():
    found = plan(turns(200, 200, 200, 200, 200), 0, CONTEXT, Policy.NEWEST)
    assert sent(found) == [4]  # 3 and 4 begin with a reply, and 2, 3, 4 take more than 60 %
    assert found.unseen == 4
    assert not found.overflows


def test_the_first_turn_stays_with_the_newest():
    found = plan(turns(100, 50, 300, 300, 100, 100, 100), 0, CONTEXT, Policy.FIRST_AND_NEWEST)
    assert sent(found) == [0, 1, 4, 5, 6]


def test_a_first_turn_that_is_too_long_itself_is_dropped():
    found = plan(turns(900, 50, 100), 0, CONTEXT, Policy.FIRST_AND_NEWEST)
    assert sent(found) == [2]
    assert not found.overflows


def test_a_summary_takes_its_place():
    found = plan(turns(400, 300, 200, 100, 200), 0, CONTEXT, Policy.SUMMARY, summary=150)
    assert found.fates[:2] == (Fate.SUMMARISED, Fate.SUMMARISED)
    assert found.tokens == 150 + sum(item.tokens for item in turns(0, 0, 200, 100, 200)[2:])


def test_pinned_is_sent_and_excluded_is_not():
    items = turns(300, 300, 300, 200, 100, care={0: Care.PINNED, 3: Care.EXCLUDED}.items())
    found = plan(items, 0, CONTEXT, Policy.NEWEST)
    assert found.fates[0] is Fate.SENT
    assert found.fates[3] is Fate.EXCLUDED
    whole = plan(items, 0, 4 * CONTEXT, Policy.ASK)
    assert (sent(whole), whole.tokens) == ([0, 1, 2, 4], 1000)


def test_a_question_that_is_too_long_by_itself_overflows():
    for policy in Policy:
        assert plan(turns(10, 10, CONTEXT), 0, CONTEXT, policy).overflows


def test_pins_that_are_too_many_overflow():
    items = turns(500, 500, 100, care={0: Care.PINNED, 1: Care.PINNED}.items())
    assert plan(items, 0, CONTEXT, Policy.NEWEST).overflows


def test_the_window_moves_seldom():
    """Between two moves the prompt only grows: the KV cache keeps what it has."""
    items: list[Item] = []
    starts = []
    for _turn in range(60):
        items += [Item(Role.USER, 40)]
        starts.append(plan(items, 30, CONTEXT, Policy.NEWEST).start)
        items += [Item(Role.ASSISTANT, 60)]
    moves = sum(one != other for one, other in pairwise(starts))
    assert 0 < moves <= 60 // 3
    assert starts == sorted(starts)


ITEMS = st.lists(
    st.tuples(st.integers(0, 400), st.sampled_from(Care), st.booleans()), min_size=1, max_size=40
)


@given(ITEMS, st.sampled_from(Policy), st.integers(0, 200))
def test_whatever_the_conversation(drawn, policy, fixed):
    items = [
        Item(Role.USER if user else Role.ASSISTANT, tokens, care) for tokens, care, user in drawn
    ]
    items.append(Item(Role.USER, 20))
    found = plan(items, fixed, CONTEXT, policy, summary=100)
    assert found.fates[-1] is Fate.SENT
    assert len(found.fates) == len(items)
    for item, fate in zip(items[:-1], found.fates, strict=False):
        if item.care is Care.EXCLUDED:
            assert fate is Fate.EXCLUDED
        elif item.care is Care.PINNED or policy not in DROPPING:
            assert fate is Fate.SENT
    taken = sum(
        item.tokens for item, fate in zip(items, found.fates, strict=True) if fate is Fate.SENT
    )
    summary = 100 if found.start and policy is Policy.SUMMARY else 0
    assert found.tokens == fixed + taken + summary
    assert found.overflows == (found.tokens > ROOM)
    if found.overflows and policy in DROPPING:  # nothing more could have been dropped
        kept = [at for at in sent(found) if items[at].care is not Care.PINNED]
        assert kept == [len(items) - 1]


def test_ten_thousand_messages_are_planned_at_once():
    items = [Item((Role.USER, Role.ASSISTANT)[at % 2], 30) for at in range(10_001)]
    began = time.process_time()
    plan(items, 0, CONTEXT, Policy.FIRST_AND_NEWEST)
    assert time.process_time() - began < 1
