"""The estimate made from a header, beside what the worker then really takes."""

import psutil
import pytest

from desktop_llm.core.memory import estimate
from desktop_llm.core.models import KvType, LoadOptions
from desktop_llm.engine.memory import free_memory
from desktop_llm.hub.gguf import read_header
from tests.integration.helpers import ask, reply


@pytest.mark.parametrize("context_length", [2048, 8192])
@pytest.mark.parametrize("kv_type", [KvType.F16, KvType.Q8_0])
@pytest.mark.parametrize("use_mmap", [True, False])
def test_the_estimate_is_near_what_is_taken(watched, starter, context_length, kv_type, use_mmap):
    client = watched.client
    client.status().result(60)
    worker = psutil.Process(client.worker_pid)
    options = LoadOptions(
        context_length=context_length, kv_type=kv_type, use_mmap=use_mmap, threads=1
    )
    before = _memory(worker)
    client.load(starter, options).result(60)
    _, finished = reply(client, ask("word " * 600, max_tokens=1))
    assert finished.stats.prompt_tokens > options.batch_size
    taken = _memory(worker) - before
    assert 0.9 * taken < estimate(read_header(starter), options) < 1.1 * taken


def _memory(process: psutil.Process) -> int:
    """Its share of the memory, where the system tells."""
    found = process.memory_full_info()
    return getattr(found, "pss", found.rss)


def test_what_the_worker_holds_counts_as_free(watched, starter):
    client = watched.client
    client.load(starter, LoadOptions(context_length=8192)).result(60)
    held = free_memory(client.worker_pid) - free_memory()
    assert 150_000_000 < held < 400_000_000, "the KV cache and buffers, not the mapped weights"
