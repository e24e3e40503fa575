"""The client against a worker that misbehaves by script."""

import sys
from pathlib import Path

import pytest

from desktop_llm.core.engine import TextDelta
from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.generation import FinishReason, GenerationRequest
from desktop_llm.core.messages import Message, Role
from desktop_llm.engine.arbiter import Arbiter, Priority
from desktop_llm.engine.client import CancelledError, EngineClient

QUESTION = GenerationRequest(messages=(Message(Role.USER, "one two three four"),))


@pytest.fixture
def make_client(tmp_path):
    clients = []

    def make(*arguments: str, load: bool = True) -> EngineClient:
        state = ("--state", str(tmp_path / "state"))
        command = (sys.executable, "-m", "desktop_llm.worker.fake", *state, *arguments)
        client = EngineClient(tmp_path / "worker.log", command, back_off=(0.0, 0.0, 0.0))
        clients.append(client)
        if load:
            client.load(Path("/models/fake.gguf")).result(20)
        return client

    yield make
    for client in clients:
        client.close()


def text_of(task) -> str:
    return "".join(event.text for event in task.wait_events() if isinstance(event, TextDelta))


def steps(*names: str) -> list[str]:
    return [argument for name in names for argument in ("--step", name)]


def test_an_ordinary_reply(make_client):
    task = make_client().generate(QUESTION)
    assert text_of(task) == "one two three four "
    assert task.result(5).reason is FinishReason.STOP


@pytest.mark.parametrize(
    ("step", "code", "reason"),
    [
        ("die:9", FaultCode.WORKER_KILLED, "SIGKILL"),
        ("die:11", FaultCode.WORKER_CRASHED, "SIGSEGV"),
        ("exit:3", FaultCode.WORKER_CRASHED, "exit 3"),
        ("garbage", FaultCode.WORKER_CRASHED, "garbage"),
    ],
)
def test_a_death_keeps_the_partial_and_the_next_request_works(make_client, step, code, reason):
    client = make_client(*steps(step))
    task = client.generate(QUESTION)
    assert text_of(task) == "one two "
    with pytest.raises(EnvironmentFault) as caught:
        task.result(5)
    assert (caught.value.code, caught.value.data["reason"]) == (code, reason)
    assert text_of(client.generate(QUESTION)) == "one two three four "


def test_a_stalled_reply_can_be_cancelled(make_client):
    task = make_client(*steps("stall")).generate(QUESTION)
    next(iter(task.wait_events()))
    task.cancel()
    assert task.result(5).reason is FinishReason.CANCELLED


def test_a_waiting_request_can_be_cancelled(make_client):
    client = make_client(*steps("stall"))
    running = client.generate(QUESTION)
    next(iter(running.wait_events()))
    waiting = client.generate(QUESTION)
    waiting.cancel()
    with pytest.raises(CancelledError):
        waiting.result(5)
    running.cancel()
    running.result(5)


def test_a_chat_overtakes_a_batch(make_client):
    client = make_client(*steps("stall"))
    running = client.generate(QUESTION)
    next(iter(running.wait_events()))
    order: list[str] = []
    batch = client.generate(QUESTION, Priority.BATCH)
    batch.set_wake(lambda: order.append("batch"))
    chat = client.generate(QUESTION, Priority.CHAT)
    chat.set_wake(lambda: order.append("chat"))
    running.cancel()
    chat.result(5)
    batch.result(5)
    assert order[0] == "chat"


def test_a_file_that_kills_the_worker_is_named_and_not_tried_again(make_client):
    client = make_client("--dies-loading", "11", load=False)
    with pytest.raises(EnvironmentFault) as caught:
        client.load(Path("/models/bad.gguf")).result(20)
    assert caught.value.code is FaultCode.MODEL_CRASHED_LOADING
    assert caught.value.data["path"] == "/models/bad.gguf"
    with pytest.raises(EnvironmentFault) as caught:
        client.generate(QUESTION).result(20)
    assert caught.value.code is FaultCode.NO_MODEL


def test_after_three_restarts_it_waits_for_the_person(make_client):
    client = make_client("--dies-starting", load=False)
    codes = []
    for _ in range(5):
        with pytest.raises(EnvironmentFault) as caught:
            client.status().result(20)
        codes.append(caught.value.code)
    assert codes[:4] == [FaultCode.WORKER_CRASHED] * 4
    assert codes[4] is FaultCode.WORKER_GAVE_UP


def test_closing_fails_what_still_runs(make_client):
    client = make_client(*steps("stall"))
    task = client.generate(QUESTION)
    next(iter(task.wait_events()))
    client.close()
    with pytest.raises(EnvironmentFault) as caught:
        task.result(5)
    assert caught.value.code is FaultCode.WORKER_KILLED


def test_the_arbiter_orders_by_priority_then_arrival():
    arbiter: Arbiter[str] = Arbiter()
    for item, priority in (("b1", Priority.BATCH), ("a", Priority.API), ("b2", Priority.BATCH)):
        arbiter.add(item, priority)
    arbiter.add("chat", Priority.CHAT)
    assert arbiter.drain() == ["chat", "a", "b1", "b2"]


def test_a_worker_that_cannot_be_started_fails_the_call_and_not_the_client(tmp_path):
    client = EngineClient(tmp_path / "worker.log", (str(tmp_path / "missing"),))
    for _ in range(2):
        with pytest.raises(EnvironmentFault) as caught:
            client.status().result(20)
        assert caught.value.code is FaultCode.WORKER_CRASHED
    client.close()


def test_a_log_that_cannot_be_written_costs_the_log_only(tmp_path):
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    command = (sys.executable, "-m", "desktop_llm.worker.fake")
    client = EngineClient(tmp_path / "file" / "worker.log", command)
    assert client.status().result(20).threads == 1
    client.close()
