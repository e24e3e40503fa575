"""What is sent of a conversation that has become too long, with a scripted worker that counts
words.
"""

import pytest

from desktop_llm.core.context import Care, Fate, Policy
from desktop_llm.core.engine import TextDelta
from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.outlook import Kind
from desktop_llm.core.replies import Summarising
from desktop_llm.core.settings import Settings
from desktop_llm.services import summaries
from tests.fakes.chat import Chat

CONTEXT = 256
LONG = "word " * 60


@pytest.fixture
def chat(tmp_path):
    chat = Chat(tmp_path)
    chat.settings = Settings(model="a-model", context_length=CONTEXT, system_prompt="Be brief.")
    seen = []
    generate = chat.engine.generate

    def watched(request, *rest):
        seen.append([message.text.strip()[:20] for message in request.messages])
        return generate(request, *rest)

    chat.engine.generate = watched
    chat.seen = seen
    yield chat
    chat.close()


def talk(chat, *questions, number=None):
    """Returns the number of the conversation."""
    reply = None
    for question in questions:
        parent = reply.id if reply else None
        answered = chat.service.send(number, question, parent).result(20)
        assert answered.fault is None
        reply = answered.reply
        number = reply.conversation
    return number, reply


@pytest.fixture
def crowded(chat):
    """A conversation into which one more long question does not fit."""
    number, reply = talk(chat, f"first {LONG}", "second")
    return number, reply


def test_an_overflow_is_asked_about_and_nothing_is_lost(chat, crowded):
    number, reply = crowded
    with pytest.raises(EnvironmentFault) as caught:
        chat.service.send(number, f"third {LONG}{LONG}", reply.id).result(20)
    assert caught.value.code is FaultCode.CONTEXT_OVERFLOW
    conversation, branch = chat.service.open(number)
    assert conversation.draft == f"third {LONG}{LONG}"
    assert [message.id for message in branch][-1] == reply.id


def test_what_no_choice_mends_is_too_long(chat, crowded):
    number, reply = crowded
    with pytest.raises(EnvironmentFault) as caught:
        chat.service.send(number, LONG * 5, reply.id).result(20)
    assert caught.value.code is FaultCode.PROMPT_TOO_LONG


@pytest.mark.parametrize(
    ("policy", "sent", "unseen"),
    [
        (Policy.NEWEST, ["Be brief.", "second", "second", "third"], 2),
        (Policy.FIRST_AND_NEWEST, ["Be brief.", "first", "first", "second", "second", "third"], 0),
    ],
)
def test_a_policy_decides_what_is_sent(chat, crowded, policy, sent, unseen):
    number, reply = crowded
    chat.service.choose_policy(number, policy)
    assert chat.service.open(number)[0].policy is policy
    text = f"third {LONG}" + ("word " * 60 if policy is Policy.NEWEST else "")
    answered = chat.service.send(number, text, reply.id).result(20)
    assert [text.split()[0] if text != "Be brief." else text for text in chat.seen[-1]] == sent
    assert answered.reply.unseen == unseen
    assert chat.store.message(answered.reply.id).unseen == unseen


def test_a_summary_stands_for_what_is_dropped_and_is_made_once(chat, crowded):
    number, reply = crowded
    chat.service.choose_policy(number, Policy.SUMMARY)
    chat.settings = Settings(model="a-model", context_length=1024)
    number, reply = talk(chat, *[f"q{at} {LONG}" for at in range(7)], number=number)
    chat.seen.clear()
    task = chat.service.send(number, f"last {LONG}{LONG}", reply.id)
    events = list(task.wait_events())
    answered = task.result(20)
    assert [event.messages for event in events if isinstance(event, Summarising)]
    assert answered.reply.unseen > 0
    assert chat.seen[0][0].startswith("Summarise")
    assert chat.seen[-1][0].startswith("Summary of the conv")
    summarised = len(chat.seen)
    chat.service.retry(answered.reply).result(20)
    assert len(chat.seen) == summarised + 1  # it is there already
    outlook = chat.service.outlook(number, "next")
    assert outlook.items[0].kind is Kind.SUMMARY
    assert outlook.items[0].excerpt


def test_stopping_a_summary_stops_the_reply(tmp_path):
    other = Chat(tmp_path / "other", *["reply"] * 7, "stall")
    try:
        other.settings = Settings(model="a-model", context_length=1024)
        number, reply = talk(other, *[f"q{at} {LONG}" for at in range(7)])
        other.service.choose_policy(number, Policy.SUMMARY)
        task = other.service.send(number, f"last {LONG}{LONG}", reply.id)
        for event in task.wait_events():
            if isinstance(event, Summarising):
                task.cancel()
            assert not isinstance(event, TextDelta)
        assert task.result(20).reply.text == ""
    finally:
        other.close()


def test_pinned_and_excluded(chat, crowded):
    number, reply = crowded
    first, answer = chat.service.open(number)[1][:2]
    chat.service.take_care(answer.id, Care.EXCLUDED)
    outlook = chat.service.outlook(number, "third")
    assert [item.fate for item in outlook.items if item.message == answer.id] == [Fate.EXCLUDED]
    chat.service.send(number, "third", reply.id).result(20)
    assert chat.seen[-1] == ["Be brief.", f"first {LONG}"[:20].strip(), "second", "second", "third"]
    assert chat.service.open(number)[1][1].care is Care.EXCLUDED
    chat.service.take_care(first.id, Care.PINNED)
    chat.service.choose_policy(number, Policy.NEWEST)
    outlook = chat.service.outlook(number, LONG + LONG)
    assert [item.fate for item in outlook.items if item.message == first.id] == [Fate.SENT]
    chat.service.take_care(first.id, Care.USUAL)
    assert chat.service.open(number)[1][0].care is Care.USUAL


def test_the_outlook_adds_up_and_says_what_each_policy_would_do(chat, crowded):
    number, _reply = crowded
    outlook = chat.service.outlook(number, f"third {LONG}{LONG}")
    kinds = [item.kind for item in outlook.items]
    assert kinds == [Kind.SYSTEM, *[Kind.MESSAGE] * 4, Kind.DRAFT]
    assert outlook.tokens == sum(item.tokens for item in outlook.items)
    assert outlook.overflows
    assert outlook.context_length == CONTEXT
    choices = dict(outlook.choices)
    assert choices[Policy.STOP] is None
    assert choices[Policy.NEWEST] == 2
    new = chat.service.outlook(None, "hello")
    assert [item.kind for item in new.items] == [Kind.SYSTEM, Kind.DRAFT]


def test_the_exact_prompt_is_that_of_the_next_question(chat, crowded):
    number, reply = crowded
    chat.service.choose_policy(number, Policy.NEWEST)
    text = f"third {LONG}{LONG}"
    rendered = chat.service.rendered(number, text)
    chat.service.send(number, text, reply.id).result(20)
    assert [piece.text.strip()[:20] for piece in rendered.pieces] == chat.seen[-1]


def test_another_reply_that_does_not_fit_leaves_no_empty_version(chat, crowded):
    number, reply = crowded
    chat.settings = Settings(model="a-model", context_length=CONTEXT, system_prompt=LONG * 3)
    with pytest.raises(EnvironmentFault):
        chat.service.retry(reply).result(20)
    branch = chat.service.open(number)[1]
    assert branch[-1].id == reply.id
    assert branch[-1].versions == (reply.id,)
    with pytest.raises(EnvironmentFault):
        chat.service.go_on(reply).result(20)
    assert chat.service.open(number)[1][-1].versions == (reply.id,)


def test_a_short_prompt_is_not_counted(chat, monkeypatch):
    def never(_messages):
        raise AssertionError

    chat.settings = Settings(model="a-model")
    monkeypatch.setattr(chat.engine, "count_tokens", never)
    talk(chat, "one", "two")


def test_nothing_is_left_out_of_what_is_summarised(chat, crowded):
    number, _reply = crowded
    messages = [stored.message for stored in chat.service.open(number)[1]]
    for context in (40, 256, 4096):
        whole = "".join(summaries.pieces(messages, context))
        assert whole == "".join(
            f"{summaries.SPEAKERS[message.role]}: {message.text}\n\n" for message in messages
        )
    for piece in summaries.pieces([messages[0], messages[0]], 64):
        assert len(piece.encode()) <= 67


def test_the_system_prompt_counts_too(chat):
    chat.settings = Settings(model="a-model", context_length=1024, system_prompt=LONG * 11)
    number, reply = talk(chat, LONG, "two")
    chat.settings = Settings(model="a-model", context_length=1024, system_prompt=LONG * 13)
    chat.service.choose_policy(number, Policy.NEWEST)
    answered = chat.service.send(number, LONG, reply.id).result(20)
    assert answered.fault is None
    assert answered.reply.unseen > 0


def test_a_reply_that_waits_to_be_counted_can_be_stopped(tmp_path):
    chat = Chat(tmp_path, "reply", "stall")
    try:
        _number, reply = talk(chat, "one")
        busy = chat.service.send(None, "two", None)
        next(event for event in busy.wait_events() if isinstance(event, TextDelta))
        waiting = chat.service.send(reply.conversation, LONG * 20, reply.id)
        next(iter(waiting.wait_events()))
        waiting.cancel()
        assert waiting.result(10).reply.text == ""
        busy.cancel()
    finally:
        chat.close()
