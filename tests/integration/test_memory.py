"""The estimate made from a header, beside what the worker then really takes."""

import psutil
import pytest

from desktop_llm.core.memory import estimate
from desktop_llm.core.models import LoadOptions
from desktop_llm.engine.memory import free_memory
from desktop_llm.hub.gguf import read_header
from tests.integration.helpers import ask, reply


@pytest.mark.parametrize("context_length", [512, 2048, 8192])
def test_the_estimate_is_near_what_is_taken(watched, starter, context_length):
    client = watched.client
    client.status().result(60)
    worker = psutil.Process(client.worker_pid)
    before = worker.memory_info().rss
    client.load(starter, LoadOptions(context_length=context_length, threads=1)).result(60)
    _, finished = reply(client, ask("word " * 120, max_tokens=2))
    assert finished.stats.prompt_tokens > 120
    taken = worker.memory_info().rss - before
    estimated = estimate(read_header(starter), context_length, 512)
    assert 0.65 * taken < estimated < 1.35 * taken


def test_what_the_worker_holds_counts_as_free(watched, starter):
    client = watched.client
    client.load(starter, LoadOptions(context_length=8192)).result(60)
    held = free_memory(client.worker_pid) - free_memory()
    assert 150_000_000 < held < 400_000_000, "the KV cache and buffers, not the mapped weights"
