"""Stopping at any moment, and a model that rests when nobody uses it."""

import time

import psutil
import pytest

from desktop_llm.core.engine import LoadProgress, PromptProgress, TextDelta
from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.generation import FinishReason, Sampling
from desktop_llm.core.messages import Message, Role
from desktop_llm.core.models import LoadOptions
from desktop_llm.engine.client import CancelledError
from tests.integration.conftest import OPTIONS
from tests.integration.helpers import ask, reply, said

STORY = ask("Tell a story.", max_tokens=12, reproducible=True, sampling=Sampling(seed=7))
LONG = ask("word " * 1800, max_tokens=4, reproducible=True)  # one batch of 2,048, from cold


def seconds_to_cancel(engine, request) -> float:
    """From the cancel of a prompt that is being read to the last event."""
    task = engine.generate(request)
    assert isinstance(next(iter(task.wait_events())), PromptProgress)
    started = time.perf_counter()
    task.cancel()
    finished = task.result(30)
    seconds = time.perf_counter() - started
    assert finished.reason is FinishReason.CANCELLED
    assert finished.stats.prompt_tokens > 1500
    assert finished.stats.completion_tokens == 0
    return seconds


def test_a_long_prompt_in_one_batch_is_cancelled_at_once(engine, starter):
    engine.load(starter, LoadOptions(context_length=4096, batch_size=2048, threads=1)).result(60)
    before = said(engine, STORY)
    seconds = seconds_to_cancel(engine, LONG)
    if seconds > 0.2:  # once more, against noise
        seconds = seconds_to_cancel(engine, LONG)
    assert seconds < 0.2
    assert engine.status().result(10).context_used == 0, "nothing of the batch was kept"
    assert said(engine, STORY) == before


def test_a_prompt_cancelled_between_batches_keeps_the_whole_ones(engine, starter):
    engine.load(starter, LoadOptions(context_length=2048, batch_size=128, threads=1)).result(60)
    before = said(engine, STORY)
    task = engine.generate(LONG)
    for event in task.wait_events():
        if isinstance(event, PromptProgress) and event.done >= 128:
            task.cancel()
            break
    finished = task.result(30)
    assert finished.reason is FinishReason.CANCELLED
    kept = finished.stats.context_used
    assert 0 < kept < finished.stats.prompt_tokens
    assert kept % 128 == 0
    _, again = reply(engine, ask("word " * 150, max_tokens=1))
    assert again.stats.reused_tokens >= 128
    assert said(engine, STORY) == before


def test_a_reply_cancelled_in_the_middle_leaves_a_sound_context(ready):
    before = said(ready, STORY)
    task = ready.generate(ask("Write a very long story.", max_tokens=1500))
    text = next(event.text for event in task.wait_events() if isinstance(event, TextDelta))
    task.cancel()
    finished = task.result(10)
    assert text
    assert finished.reason is FinishReason.CANCELLED
    assert finished.stats.completion_tokens >= 1
    assert said(ready, STORY) == before


def test_a_request_cancelled_while_it_waits_never_runs(ready):
    running = ready.generate(ask("Write a very long story.", max_tokens=1500))
    next(iter(running.wait_events()))
    waiting = ready.generate(STORY)
    waiting.cancel()
    with pytest.raises(CancelledError):
        waiting.result(10)
    running.cancel()
    running.result(10)


def test_loading_reports_and_can_be_cancelled(ready, starter):
    before = said(ready, STORY)
    task = ready.load(starter, OPTIONS)
    fractions = [event.fraction for event in task.wait_events() if isinstance(event, LoadProgress)]
    assert fractions == sorted(fractions)
    assert len(fractions) > 10
    assert fractions[-1] == 1.0
    for _ in range(20):  # it takes a fifth of a second: a cancel may come too late
        task = ready.load(starter, LoadOptions(use_mmap=False))
        next(iter(task.wait_events()))
        task.cancel()
        try:
            task.result(30)
        except CancelledError:
            break
    else:
        pytest.fail("no cancel was ever in time")
    assert ready.model is None
    assert ready.status().result(10).model is None
    with pytest.raises(EnvironmentFault) as caught:
        ready.generate(STORY).result(10)
    assert caught.value.code is FaultCode.NO_MODEL
    ready.load(starter, OPTIONS).result(60)
    assert said(ready, STORY) == before


def test_a_model_that_nobody_uses_is_unloaded_and_comes_back_by_itself(watched, starter):
    client, models = watched.client, watched.models
    options = LoadOptions(context_length=8192, threads=1)
    loaded = client.load(starter, options, idle_unload_seconds=1).result(60)
    assert models.get(timeout=10) == loaded
    text = said(client, STORY)
    worker = psutil.Process(client.worker_pid)
    resident = worker.memory_info().rss
    assert client.status().result(10).model == loaded
    assert models.get(timeout=20) is None, "it unloads after a second"
    assert client.model is None
    status = client.status().result(10)
    assert status.model is None
    assert (status.threads, status.context_used) == (0, 0)
    assert status.resident_bytes < resident - 250_000_000  # 98 MB of weights, 189 of KV cache
    assert [child.name() for child in worker.children()] == []
    assert client.model is None, "asking for the status is not use"

    assert said(client, STORY) == text
    assert models.get(timeout=10) == loaded
    assert client.worker_pid == worker.pid
    assert client.count_tokens((Message(Role.USER, "a"),)).result(10).tokens > 0


def test_asking_how_it_is_does_not_keep_a_model_awake(watched, starter):
    client, models = watched.client, watched.models
    client.load(starter, LoadOptions(context_length=512), idle_unload_seconds=1).result(60)
    assert models.get(timeout=10) is not None
    deadline = time.monotonic() + 20
    while models.empty() and time.monotonic() < deadline:
        client.status().result(10)
    assert models.get(timeout=0) is None
    assert client.count_tokens((Message(Role.USER, "a"),)).result(20).context_length == 512
