"""The client and the service against processes that do what a scenario says."""

import sys
import threading

import pytest

from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.language import Concordance, Identified, StopWords
from desktop_llm.engine.language_client import CancelledError, LanguageClient
from desktop_llm.services.language import LanguageTools

# A process that answers as the program given to it says; `ask` is the next request.
_BODY = """
import os, sys, time
from typing import get_args
from desktop_llm.core import language as l
from desktop_llm.protocol.codec import Codec
from desktop_llm.protocol.frames import read_frame, write_frame
codec = Codec((*get_args(l.Request), *get_args(l.Event)))
def say(number, event):
    write_frame(sys.stdout.buffer, codec.encode(number, event))
def ask():
    frame = read_frame(sys.stdin.buffer)
    return codec.decode(frame) if frame else sys.exit()
def hello(version=l.LANGUAGE_VERSION):
    say(0, l.Started(version, os.getpid(), "x"))
"""
_ANSWER = "number, _ = ask(); say(number, l.ListedStopWords((str(os.getpid()),)))\n"


@pytest.fixture
def client():
    made = []

    def make(program, **more):
        command = (sys.executable, "-c", _BODY + program)
        made.append(LanguageClient(command=command, cancel_seconds=0.3, **more))
        return made[-1]

    yield make
    for each in made:
        each.close()


def fault_of(client, **more):
    with pytest.raises(EnvironmentFault) as fault:
        client.ask(StopWords("en"), **more)
    return fault.value


def test_a_process_serves_many_requests_and_is_started_again_after_its_end(client):
    asked = client("hello()\nwhile True: " + _ANSWER)
    first = asked.ask(StopWords("en")).words
    assert asked.ask(StopWords("en")).words == first == (str(asked.pid),)
    asked.end()
    assert asked.pid is None
    assert asked.ask(StopWords("en")).words != first


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("hello(); ask(); os.abort()", "SIGABRT"),
        ("hello(); ask(); sys.exit(3)", "exit 3"),
        ("sys.exit(4)", "exit 4"),
        ("hello(); ask(); print('x' * 100, flush=True); time.sleep(60)", "garbage"),
        ("hello(); number, value = ask(); say(number, value); time.sleep(60)", "garbage"),
    ],
)
def test_a_death_is_a_fault_and_the_next_request_starts_another(client, program, reason):
    asked = client(program)
    for _ in range(2):
        fault = fault_of(asked)
        assert fault.code is FaultCode.LANGUAGE_STOPPED
        assert fault.data["reason"] == reason


def test_a_death_while_nobody_asked_costs_nothing(client):
    asked = client("hello()\n" + _ANSWER)  # it ends after each answer
    assert asked.ask(StopWords("en")).words != asked.ask(StopWords("en")).words


def test_another_version_is_said(client):
    fault = fault_of(client("hello(99); time.sleep(60)"))
    assert fault.code is FaultCode.WORKER_VERSION


def test_a_request_that_takes_too_long_is_ended(client):
    asked = client("hello(); ask(); time.sleep(60)")
    assert fault_of(asked, seconds=0.2).code is FaultCode.LANGUAGE_TOO_MUCH
    assert asked.pid is None


@pytest.mark.parametrize("program", ["hello(); ask(); time.sleep(60)", "time.sleep(60)"])
def test_a_cancelled_request_does_not_wait_for_a_silent_process(client, program):
    asked, cancelled = client(program), threading.Event()
    timer = threading.Timer(0.3, cancelled.set)
    timer.start()
    with pytest.raises(CancelledError):
        asked.ask(StopWords("en"), cancelled)
    timer.join()
    assert asked.pid is None


def test_a_process_that_hears_the_cancel_lives_on(client):
    program = "hello()\nwhile True:\n number, _ = ask(); ask(); say(number, l.Failed('bug', {}))"
    asked, cancelled = client(program), threading.Event()
    timer = threading.Timer(0.3, cancelled.set)
    timer.start()
    with pytest.raises(CancelledError):
        asked.ask(StopWords("en"), cancelled)
    timer.join()
    assert asked.pid is not None


def test_a_listener_that_fails_does_not_leave_answers_to_the_next(client):
    program = (
        "hello(); number, _ = ask(); say(number, l.AnalysedPortion(1))\n"
        "say(number, l.AnalysedPortion(2)); time.sleep(60)"
    )
    asked = client(program)
    with pytest.raises(ZeroDivisionError):
        asked.ask(StopWords("en"), on_portion=lambda _portion: 1 / 0)


def test_a_missing_program_is_a_fault():
    asked = LanguageClient(command=("/nothing/here",))
    assert fault_of(asked).code is FaultCode.LANGUAGE_STOPPED


# --- the service ----------------------------------------------------------------------------------


def test_calls_are_tasks_one_after_the_other(client):
    tools = LanguageTools(client("hello()\nwhile True: " + _ANSWER))
    tasks = [tools.stop_words("en") for _ in range(3)]
    assert len({task.result(30) for task in tasks}) == 1
    tools.close()
    assert tools.stop_words("en").result(1) is None


def test_the_process_ends_after_some_quiet_and_starts_again(client):
    asked = client("hello()\nwhile True: " + _ANSWER)
    tools = LanguageTools(asked, idle_seconds=0.05)
    first = tools.stop_words("en").result(30)
    ended = threading.Event()
    while asked.pid is not None and not ended.wait(0.02):
        pass
    assert tools.stop_words("en").result(30) != first
    tools.close()


def test_a_cancelled_call_has_no_result(client):
    tools = LanguageTools(client("hello(); ask(); time.sleep(60)"))
    running, waiting = tools.stop_words("en"), tools.stop_words("en")
    waiting.cancel()
    running.cancel()
    assert running.result(30) is None
    assert waiting.result(30) is None
    tools.close()


def test_closing_gives_up_what_runs(client):
    tools = LanguageTools(client("hello(); ask(); time.sleep(60)"))
    task = tools.stop_words("en")
    tools.close()
    assert task.result(30) is None


def test_a_fault_reaches_whoever_asked(client):
    tools = LanguageTools(client("hello(); ask(); os.abort()"))
    for task, code in [
        (tools.stop_words("en"), FaultCode.LANGUAGE_STOPPED),
        (tools.readability("a", "../../en"), FaultCode.LANGUAGE_UNSUPPORTED),
        (tools.concordance("a", ""), FaultCode.INPUT_EMPTY),
    ]:
        with pytest.raises(EnvironmentFault) as fault:
            task.result(30)
        assert fault.value.code is code
    tools.close()


def test_texts_are_cleaned_at_the_entrance(client):
    program = (
        "hello(); number, value = ask()\n"
        "say(number, l.IdentifiedTexts((l.Identified(value.texts[0], 0.5, False),)))"
    )
    tools = LanguageTools(client(program))
    assert tools.identify("a\ud800\r\nb").result(30) == (Identified("a\ufffd\nb", 0.5, False),)
    tools.close()


def test_a_request_is_checked_before_it_is_sent():
    with pytest.raises(EnvironmentFault):
        Concordance("a", "a", 2000)
