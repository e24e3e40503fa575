"""The memory that was estimated from the header, beside what the worker took after a full batch.

    python benchmarks/fit.py

Every combination of context, KV cache and mapping, each in a worker of its own; its share of the
memory (PSS) before it is told to load and after it has read a prompt longer than a batch.
"""

import itertools
import json
import sys

import psutil
from measure import HERE, starter

sys.path.insert(0, str(HERE.parent))

from desktop_llm.core.generation import GenerationRequest
from desktop_llm.core.memory import estimate
from desktop_llm.core.messages import Message, Role
from desktop_llm.core.models import KvType, LoadOptions
from desktop_llm.engine.client import EngineClient
from desktop_llm.hub.gguf import read_header


def main() -> None:
    path = starter()
    header, rows = read_header(path), []
    for kv_type, mapped, context in itertools.product(
        (KvType.F16, KvType.Q8_0), (True, False), (2048, 4096, 8192)
    ):
        options = LoadOptions(context_length=context, kv_type=kv_type, use_mmap=mapped, threads=1)
        client = EngineClient()
        try:
            client.status().result(60)
            worker = psutil.Process(client.worker_pid)
            before = worker.memory_full_info().pss
            client.load(path, options).result(60)
            question = Message(Role.USER, "word " * 600)
            request = GenerationRequest(messages=(question,), max_tokens=1)
            client.generate(request).result(120)
            taken = worker.memory_full_info().pss - before
        finally:
            client.close()
        rows.append(
            {
                "kv": kv_type.value, "mapped": mapped, "context": context,
                "estimated": estimate(header, options), "taken": taken,
            }
        )  # fmt: skip
    print(json.dumps(rows))


main()
