"""The chat service on a real database, with a worker whose faults are scripted."""

import threading
from dataclasses import replace

import pytest

from desktop_llm.core.engine import LoadProgress, TextDelta
from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.messages import Made, MessageState, Role
from desktop_llm.core.presets import Parameters
from desktop_llm.core.replies import Asked
from desktop_llm.core.settings import Settings
from desktop_llm.services.models import ModelService
from desktop_llm.services.reply import Thinking
from desktop_llm.storage.conversations import Conversations
from tests.fakes.chat import Chat


@pytest.fixture
def make_chat(tmp_path):
    chats = []

    def make(*steps: str, hangs_at_load: int = 0) -> Chat:
        chats.append(Chat(tmp_path, *steps, hangs_at_load=hangs_at_load))
        return chats[-1]

    yield make
    for chat in chats:
        chat.close()


def first(task, kind):
    return next(event for event in task.wait_events() if isinstance(event, kind))


def test_a_question_is_answered_and_kept(make_chat):
    chat = make_chat()
    number = chat.store.create().id
    answered = chat.service.send(number, "one two three", None).result(20)
    assert answered.fault is None
    question, reply = chat.store.branch(number)
    assert (question.role, question.text) == (Role.USER, "one two three")
    assert (reply.text, reply.state) == ("one two three ", MessageState.COMPLETE)
    assert reply.model == "a-model"
    assert reply.stats is not None
    assert chat.store.get(number).title == "one two three"


def test_the_question_is_on_disk_before_the_model_hears_of_it(make_chat):
    chat = make_chat("deaf")
    number = chat.store.create().id
    task = chat.service.send(number, "a long question", None)
    asked = first(task, Asked)
    texts = [stored.text for stored in Conversations(chat.database).branch(number)]
    assert texts == ["a long question", ""]
    assert asked.reply.state is MessageState.STREAMING
    task.cancel()
    assert task.result(20).reply.state is MessageState.STOPPED


def test_stopping_keeps_what_there_is(make_chat):
    chat = make_chat("stall")
    number = chat.store.create().id
    task = chat.service.send(number, "one two three four", None)
    first(task, TextDelta)
    task.cancel()
    answered = task.result(20)
    assert answered.reply.state is MessageState.STOPPED
    assert answered.reply.text.startswith("one ")


def test_a_partial_reply_reaches_the_disk_while_it_streams(make_chat, monkeypatch):
    chat = make_chat("stall")
    number = chat.store.create().id
    flushed = threading.Event()
    flush = chat.store.flush

    def watched(message: int, text: str) -> None:
        flush(message, text)
        flushed.set()

    monkeypatch.setattr(chat.store, "flush", watched)
    task = chat.service.send(number, "one two three four", None)
    reply = first(task, Asked).reply.id
    assert flushed.wait(10)
    assert chat.store.message(reply).text.startswith("one ")
    assert chat.store.message(reply).state is MessageState.STREAMING
    task.cancel()
    task.result(20)


@pytest.mark.parametrize(
    ("step", "code"),
    [
        ("die:9", FaultCode.WORKER_KILLED),
        ("die:11", FaultCode.WORKER_CRASHED),
        ("garbage", FaultCode.WORKER_CRASHED),
    ],
)
def test_the_workers_death_costs_one_reply_only(make_chat, step, code):
    chat = make_chat(step)
    number = chat.store.create().id
    answered = chat.service.send(number, "one two three", None).result(20)
    assert answered.fault is not None
    assert answered.fault.code is code
    assert answered.reply.state is MessageState.INTERRUPTED
    assert answered.reply.reason == code.value
    assert answered.reply.text == "one two "
    again = chat.service.retry(answered.reply).result(20)
    assert (again.fault, again.reply.text) == (None, "one two three ")
    question, shown = chat.store.branch(number)
    assert shown.id == again.reply.id
    assert shown.parent == question.id == answered.reply.parent
    assert chat.store.message(answered.reply.id).text == "one two "


def test_a_reply_by_another_template_says_so(make_chat):
    chat = make_chat("fallback", "reply")
    number = chat.store.create().id
    answered = chat.service.send(number, "one two", None).result(20)
    assert answered.fault is None
    assert answered.reply.state is MessageState.COMPLETE
    assert answered.notice is not None
    assert answered.notice.code is FaultCode.TEMPLATE_FAILED
    assert answered.notice.data["reason"] == "it drops the question"
    assert chat.service.retry(answered.reply).result(20).notice is None


@pytest.fixture
def loads(monkeypatch):
    """Counts the calls that want a model, each when it has joined the queue."""
    asked = threading.Semaphore(0)
    load = ModelService.load

    def counted(*given):
        task = load(*given)
        asked.release()
        return task

    monkeypatch.setattr(ModelService, "load", counted)
    return asked


def test_stopping_one_reply_stops_no_other_that_waits_for_the_same_model(make_chat, loads):
    chat = make_chat(hangs_at_load=1)
    one = chat.service.send(None, "one", None)
    first(one, LoadProgress)
    two = chat.service.send(None, "two", None)
    for _ in range(2):
        assert loads.acquire(timeout=20)
    one.cancel()
    assert one.result(20).reply.state is MessageState.STOPPED
    assert two.result(20).reply.text == "two "


def test_a_count_whose_load_is_stopped_says_nothing(make_chat, loads):
    chat = make_chat(hangs_at_load=1)
    counted = []
    counting = threading.Thread(
        target=lambda: counted.append(chat.service.outlook(None, "one two", ""))
    )
    counting.start()
    assert loads.acquire(timeout=20)
    reply = chat.service.send(None, "one", None)
    assert loads.acquire(timeout=20)
    reply.cancel()
    assert reply.result(20).reply.state is MessageState.STOPPED
    counting.join(20)
    assert counted == [None]


def test_the_next_question_carries_the_conversation(make_chat):
    chat = make_chat()
    chat.settings = Settings(model="a-model", system_prompt="Be brief.")
    number = chat.store.create().id
    reply = chat.service.send(number, "one", None).result(20).reply
    chat.service.send(number, "two", reply.id).result(20)
    prompt = chat.service.prompts.messages(Parameters(), chat.store.branch(number))
    assert [message.text for message in prompt] == ["Be brief.", "one", "one ", "two", "two "]


def test_a_model_that_is_gone_is_the_replys_reason(make_chat):
    chat = make_chat()
    number = chat.store.create(model="no such model").id
    answered = chat.service.send(number, "one", None).result(20)
    assert answered.fault is not None
    assert answered.fault.code is FaultCode.MODEL_MISSING
    assert [stored.text for stored in chat.store.branch(number)] == ["one", ""]


def test_an_empty_question_is_refused_and_surrogates_are_cleaned(make_chat):
    chat = make_chat()
    number = chat.store.create().id
    with pytest.raises(EnvironmentFault) as fault:
        chat.service.send(number, " \n\x00 ", None)
    assert fault.value.code is FaultCode.INPUT_EMPTY
    chat.service.send(number, "one \ud800 two", None).result(20)
    assert chat.store.branch(number)[0].text == "one \ufffd two"


def test_another_reply_answers_the_same_question_with_what_stood_before_it(make_chat):
    chat = make_chat()
    number = chat.store.create().id
    first_reply = chat.service.send(number, "one", None).result(20).reply
    chat.service.send(number, "two", first_reply.id).result(20)
    other = chat.service.retry(first_reply).result(20).reply
    assert [stored.text for stored in chat.store.branch(number)] == ["one", "one "]
    assert other.versions == (first_reply.id, other.id)
    assert chat.service.open(number, first_reply.id)[1][-1].text == "two "


def test_the_prompt_is_of_the_replys_own_branch_whatever_is_shown(make_chat, monkeypatch):
    chat = make_chat()
    number = chat.store.create().id
    one = chat.service.send(number, "one", None).result(20).reply
    seen, generate = [], chat.engine.generate

    def watched(request):
        seen.append([message.text for message in request.messages])
        chat.service.tree.show(number, one.id)  # somebody looks at another branch meanwhile
        return generate(request)

    monkeypatch.setattr(chat.engine, "generate", watched)
    chat.service.send(number, "other", None, edits=one.parent).result(20)
    assert seen == [["other"]]
    assert [stored.text for stored in chat.store.branch(number)] == ["one", "one "]


def test_a_question_without_a_reply_gets_one(make_chat):
    chat = make_chat()
    number = chat.store.create().id
    reply = chat.service.send(number, "one two", None).result(20).reply
    chat.service.tree.delete(reply.id)
    question = chat.service.open(number)[1][-1]
    again = chat.service.retry(question).result(20).reply
    assert (again.text, again.parent) == ("one two ", question.id)


def test_a_reply_that_goes_on_is_another_version_of_it(make_chat):
    chat = make_chat("stall")
    number = chat.store.create().id
    task = chat.service.send(number, "one two three", None)
    first(task, TextDelta)
    task.cancel()
    cut = task.result(20).reply
    going = chat.service.go_on(cut)
    asked = first(going, Asked)
    assert asked.reply.text == cut.text
    longer = going.result(20).reply
    assert (longer.text, longer.state) == (cut.text + cut.text, MessageState.COMPLETE)
    assert (longer.origin, longer.made) == (cut.id, Made.CONTINUED)
    assert chat.store.message(cut.id) == replace(cut, versions=(cut.id, longer.id))


def test_a_reply_that_goes_on_keeps_its_beginning_when_the_worker_dies(make_chat):
    chat = make_chat("reply", "die:9")
    number = chat.store.create().id
    begun = chat.service.send(number, "one two three four", None).result(20).reply
    answered = chat.service.go_on(begun).result(20)
    assert answered.fault is not None
    assert answered.reply.text.startswith(begun.text)
    assert answered.reply.state is MessageState.INTERRUPTED


def test_an_edited_reply_is_what_the_next_question_builds_on(make_chat):
    chat = make_chat()
    number = chat.store.create().id
    reply = chat.service.send(number, "one", None).result(20).reply
    edited = chat.service.edit_reply(reply, "uno \ud800")
    assert (edited.text, edited.model, edited.made) == ("uno \ufffd", "a-model", Made.EDITED)
    prompt = chat.service.prompts.messages(Parameters(), chat.service.open(number)[1])
    assert [message.text for message in prompt] == ["one", "uno \ufffd"]


def test_an_edit_that_cannot_be_kept_is_said(make_chat, monkeypatch):
    chat = make_chat()
    number = chat.store.create().id
    reply = chat.service.send(number, "one", None).result(20).reply

    def full(*_arguments, **_named):
        raise EnvironmentFault(FaultCode.DISK_FULL, path="/x")

    monkeypatch.setattr(chat.store, "ask", full)
    with pytest.raises(EnvironmentFault):
        chat.service.send(number, "other", None, edits=reply.parent).result(20)
    assert [stored.text for stored in chat.store.branch(number)] == ["one", "one "]


def test_an_opened_message_of_another_branch_is_shown(make_chat):
    chat = make_chat()
    number = chat.store.create().id
    one = chat.service.send(number, "one", None).result(20).reply
    chat.service.send(number, "other", None, edits=one.parent).result(20)
    assert chat.service.open(number)[1][0].text == "other"
    assert chat.service.open(number, one.id)[1][0].text == "one"
    assert chat.service.open(number)[1][0].text == "one"
    assert chat.service.open(number, 999)[1][0].text == "one"  # long gone


def test_what_a_model_thought_aloud_is_timed_and_not_sent_again(make_chat):
    chat = make_chat()
    number = chat.store.create().id
    reply = chat.service.send(number, "<think> well </think> yes", None).result(20).reply
    assert reply.stats.thinking_seconds > 0
    assert chat.store.message(reply.id).stats == reply.stats
    prompt = chat.service.prompts.messages(Parameters(), chat.store.branch(number))
    assert [message.text.strip() for message in prompt] == ["<think> well </think> yes", "yes"]


@pytest.mark.parametrize(
    ("pieces", "thinks"),
    [
        (["<th", "ink>", "x", "</thi", "nk>", "y"], True),
        (["plain ", "<think>", "</think>"], False),
        (["<think>never ends"], False),
        (["\n", " <think>", "</think>"], True),
    ],
)
def test_thinking_is_heard_in_pieces(pieces, thinks):
    thinking = Thinking()
    for piece in pieces:
        thinking.hear(piece)
    assert bool(thinking.seconds) is thinks


def test_parameters_that_are_newer_than_what_is_stored_are_used(make_chat, monkeypatch):
    chat = make_chat()
    number = chat.store.create().id
    chat.store.set_parameters(number, Parameters(temperature=0.1))
    requests, generate = [], chat.engine.generate

    def watched(request):
        requests.append(request)
        return generate(request)

    monkeypatch.setattr(chat.engine, "generate", watched)
    newer = Parameters(temperature=0.9, max_tokens=7, stop=("x",))
    reply = chat.service.send(number, "one", None, parameters=newer).result(20).reply
    chat.service.retry(reply, parameters=newer).result(20)
    chat.service.retry(reply).result(20)
    assert [request.sampling.temperature for request in requests] == [0.9, 0.9, 0.1]
    assert (requests[0].max_tokens, requests[0].stop) == (7, ("x",))
