"""What the tests of the real worker share."""

import time

from desktop_llm.core.engine import Finished, TextDelta
from desktop_llm.core.errors import DesktopLlmError
from desktop_llm.core.generation import GenerationRequest, Sampling
from desktop_llm.core.messages import Message, Role
from desktop_llm.engine.client import EngineClient

GREEDY = Sampling(temperature=0)


def ask(text: str, **fields) -> GenerationRequest:
    fields.setdefault("sampling", GREEDY)
    return GenerationRequest(messages=(Message(Role.USER, text),), **fields)


def talk(*texts: str, **fields) -> GenerationRequest:
    """A conversation: the person and the model in turns."""
    roles = (Role.USER, Role.ASSISTANT)
    messages = tuple(Message(roles[at % 2], text) for at, text in enumerate(texts))
    fields.setdefault("sampling", GREEDY)
    return GenerationRequest(messages=messages, **fields)


def reply(engine: EngineClient, request: GenerationRequest) -> tuple[str, Finished]:
    task = engine.generate(request)
    text = "".join(event.text for event in task.wait_events() if isinstance(event, TextDelta))
    return text, task.result(1)


def said(engine: EngineClient, request: GenerationRequest) -> str:
    return reply(engine, request)[0]


def wait_until(condition, seconds: float = 20) -> None:
    """Until another process has done its work."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def fault_of(task, timeout: float = 60) -> DesktopLlmError:
    """The fault that a call ends with."""
    try:
        result = task.result(timeout)
    except DesktopLlmError as fault:
        return fault
    raise AssertionError(f"it did not fail: {result}")
