"""The client against a worker that misbehaves by script."""

import json
import os
import queue
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from desktop_llm.core.engine import LoadProgress, TextDelta
from desktop_llm.core.errors import EnvironmentFault, FaultCode, ProgramFault
from desktop_llm.core.generation import FinishReason, GenerationRequest
from desktop_llm.core.messages import Message, Role
from desktop_llm.engine import process as process_module
from desktop_llm.engine.arbiter import Arbiter, Priority
from desktop_llm.engine.client import CancelledError, EngineClient
from desktop_llm.engine.process import out_of_memory_kills
from desktop_llm.protocol.codec import PROTOCOL_VERSION

FAKE = (sys.executable, "-m", "desktop_llm.worker.fake")
QUESTION = GenerationRequest(messages=(Message(Role.USER, "one two three four"),))


@pytest.fixture
def make_client(tmp_path):
    clients = []

    def make(*arguments: str, load: bool = True, **options) -> EngineClient:
        command = (*FAKE, "--state", str(tmp_path / "state"), *arguments)
        options = {"command": command, "back_off": (0.0, 0.0, 0.0), **options}
        client = EngineClient(tmp_path / "worker.log", **options)
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
        ("huge", FaultCode.WORKER_CRASHED, "garbage"),
        ("malformed", FaultCode.WORKER_CRASHED, "garbage"),
        ("request", FaultCode.WORKER_CRASHED, "garbage"),
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


def fault_of(task, timeout: float = 20):
    with pytest.raises((EnvironmentFault, ProgramFault)) as caught:
        task.result(timeout)
    return caught.value


def test_a_worker_of_another_version_is_named_as_such(make_client):
    fault = fault_of(make_client("--protocol", "99", load=False).status())
    assert fault.code is FaultCode.WORKER_VERSION
    assert fault.data == {"found": 99, "wanted": PROTOCOL_VERSION}


def test_a_worker_that_never_says_hello_is_given_up(make_client):
    client = make_client("--hangs-starting", load=False, hello_seconds=0.5)
    assert fault_of(client.status()).code is FaultCode.WORKER_SILENT


def test_a_worker_that_says_no_hello_does_not_hold_up_a_cancel(make_client):
    task = make_client("--hangs-starting", load=False).status()
    task.cancel()
    with pytest.raises(CancelledError):
        task.result(10)


def test_a_cancel_that_is_not_answered_ends_the_worker(make_client):
    client = make_client(*steps("stuck"), cancel_seconds=0.3)
    task = client.generate(QUESTION)
    assert next(event.text for event in task.wait_events()).startswith("one ")
    task.cancel()
    with pytest.raises(CancelledError):
        task.result(10)
    assert text_of(client.generate(QUESTION)) == "one two three four "


def test_nobody_waits_for_a_worker_that_does_not_read(make_client):
    """The pipe holds 64 KB; the request is larger, and its reader has been stopped."""
    sent = threading.Event()
    client = make_client(
        cancel_seconds=0.3, trace=lambda line: sent.set() if "Generate" in line[:20] else None
    )
    os.kill(client.worker_pid, signal.SIGSTOP)
    task = client.generate(GenerationRequest(messages=(Message(Role.USER, "word " * 200_000),)))
    assert sent.wait(10)
    started = time.monotonic()
    task.cancel()
    assert time.monotonic() - started < 1
    with pytest.raises(CancelledError):
        task.result(20)


def test_a_worker_that_was_stopped_for_a_while_is_not_taken_for_dead(make_client):
    client = make_client(hello_seconds=0.5, cancel_seconds=0.5)
    pid = client.worker_pid
    os.kill(pid, signal.SIGSTOP)
    task = client.generate(QUESTION)
    with pytest.raises(TimeoutError):
        task.result(1.5)
    os.kill(pid, signal.SIGCONT)
    assert text_of(task) == "one two three four "
    assert client.worker_pid == pid


def test_a_worker_that_unloads_just_then_gets_its_model_back(make_client):
    models: queue.SimpleQueue = queue.SimpleQueue()
    client = make_client(*steps("idle", "reply"), on_model=models.put)
    assert models.get(timeout=5) is not None
    assert text_of(client.generate(QUESTION)) == "one two three four "
    assert models.get(timeout=5) is None
    assert models.get(timeout=5) is not None


def test_a_worker_that_wants_to_be_replaced_costs_nothing(make_client):
    client = make_client(*steps("replace", "reply"))
    assert text_of(client.generate(QUESTION)) == "one two three four "


def test_a_worker_that_dies_while_nobody_asks_is_replaced(make_client):
    models: queue.SimpleQueue = queue.SimpleQueue()
    client = make_client(on_model=models.put)
    assert models.get(timeout=5) is not None
    os.kill(client.worker_pid, signal.SIGKILL)
    assert models.get(timeout=5) is None
    assert client.model is None
    assert text_of(client.generate(QUESTION)) == "one two three four "


def test_a_cancelled_reload_leaves_the_wish_for_the_model(make_client):
    client = make_client(*steps("idle", "reply"), "--hangs-at-load", "2")
    task = client.generate(QUESTION)
    assert next(iter(task.wait_events())) == LoadProgress(0.5)
    task.cancel()
    with pytest.raises(CancelledError):
        task.result(10)
    assert client.model is None
    assert text_of(client.generate(QUESTION)) == "one two three four "


def test_loading_can_be_cancelled(make_client):
    client = make_client("--hangs-at-load", "1", load=False)
    task = client.load(Path("/models/fake.gguf"))
    assert next(iter(task.wait_events())) == LoadProgress(0.5)
    task.cancel()
    with pytest.raises(CancelledError):
        task.result(10)
    assert fault_of(client.generate(QUESTION)).code is FaultCode.NO_MODEL


def test_a_kill_by_the_system_for_memory_is_told_from_others(make_client, monkeypatch):
    kills = iter([1, 1, 2])  # read at each start of a worker and after its death
    monkeypatch.setattr(process_module, "out_of_memory_kills", lambda: next(kills, 2))
    client = make_client(*steps("die:9", "die:9"))
    monkeypatch.setattr(process_module, "out_of_memory_kills", lambda: 2)
    assert fault_of(client.generate(QUESTION)).code is FaultCode.WORKER_OUT_OF_MEMORY
    assert fault_of(client.generate(QUESTION)).code is FaultCode.WORKER_KILLED


def test_a_kill_for_memory_while_loading_names_the_file(make_client, monkeypatch):
    kills = iter([1])
    monkeypatch.setattr(process_module, "out_of_memory_kills", lambda: next(kills, 2))
    client = make_client("--dies-loading", "9", load=False)
    fault = fault_of(client.load(Path("/models/big.gguf")))
    assert fault.code is FaultCode.MODEL_OUT_OF_MEMORY
    assert fault.data["path"] == "/models/big.gguf"


def test_the_systems_kills_for_memory_are_counted(tmp_path):
    assert out_of_memory_kills() >= 0
    (tmp_path / "vmstat").write_text("nr_free_pages 5\noom_kill 3\n")
    assert out_of_memory_kills(tmp_path / "vmstat") == 3
    assert out_of_memory_kills(tmp_path / "missing") == 0


def test_a_text_over_the_limit_of_a_frame_is_refused(make_client):
    client = make_client()
    huge = GenerationRequest(messages=(Message(Role.USER, "x" * 70_000_000),))
    fault = fault_of(client.generate(huge))
    assert fault.code is FaultCode.REQUEST_TOO_LARGE
    assert text_of(client.generate(QUESTION)) == "one two three four "


def test_what_cannot_be_written_down_is_a_fault_and_not_silence(make_client, caplog):
    client = make_client()
    half = GenerationRequest(messages=(Message(Role.USER, "\ud83d"),))
    assert fault_of(client.generate(half)).code is FaultCode.BUG
    assert "the engine's client failed" in caplog.text
    fault = fault_of(client.load(Path("/models/\udcff.gguf")))
    assert (fault.code, fault.data["path"]) == (FaultCode.FILE_UNREADABLE, "/models/?.gguf")
    assert text_of(client.generate(QUESTION)) == "one two three four "


def test_the_protocol_can_be_traced(make_client):
    lines: list[str] = []
    text_of(make_client(trace=lines.append).generate(QUESTION))
    kinds = [(line[0], json.loads(line[2:])[0]) for line in lines]
    assert kinds[0] == ("<", "Hello")
    assert (">", "Generate") in kinds
    assert ("<", "TextDelta") in kinds
    assert kinds[-1] == ("<", "Finished")


def test_a_closed_terminal_does_not_end_a_traced_reply(make_client):
    def trace(_line: str) -> None:
        raise BrokenPipeError

    assert text_of(make_client(trace=trace).generate(QUESTION)) == "one two three four "


def test_a_listener_that_fails_costs_nobody_else_anything(make_client, caplog):
    client = make_client(*steps("stall"))
    task = client.generate(QUESTION)
    assert "one" in next(iter(task.wait_events())).text
    task.take_events()

    def wake() -> None:
        raise RuntimeError("the window is gone")

    task.set_wake(wake)
    task.cancel()
    assert task.result(5).reason is FinishReason.CANCELLED
    assert text_of(client.generate(QUESTION)) == "one two three four "
    assert "a listener failed" in caplog.text


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
