"""The chat service on a real database, with a worker whose faults are scripted."""

import threading

import pytest

from desktop_llm.core.engine import LoadProgress, TextDelta
from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.messages import MessageState, Role
from desktop_llm.core.replies import Asked
from desktop_llm.core.settings import Settings
from desktop_llm.services.models import ModelService
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
        target=lambda: counted.append(chat.service.measure(None, "one two", ""))
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
    prompt = chat.service._prompt(chat.store.branch(number))
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
