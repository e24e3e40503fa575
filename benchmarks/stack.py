"""The engine as the program uses it: client, pipe, worker, template, session, without a window.

    python benchmarks/stack.py MODEL TOKENS

Prints one JSON object, measured where the text arrives.
"""

import json
import sys
import time
from pathlib import Path

from measure import QUESTION

from desktop_llm.core.engine import TextDelta
from desktop_llm.core.generation import GenerationRequest, Sampling
from desktop_llm.core.messages import Message, Role
from desktop_llm.core.models import LoadOptions
from desktop_llm.engine.client import EngineClient


def main() -> None:
    path, wanted = Path(sys.argv[1]), int(sys.argv[2])
    engine = EngineClient()
    engine.load(path, LoadOptions()).result()
    request = GenerationRequest(
        messages=(Message(Role.USER, QUESTION),),
        sampling=Sampling(temperature=0),
        max_tokens=wanted,
        reproducible=False,
    )
    other = GenerationRequest(messages=(Message(Role.USER, "Hi"),), max_tokens=2)
    first_ever = measure(engine, request)[1]
    engine.generate(other).result()  # so that the question is not in the cache
    speed, first = measure(engine, request)
    engine.close()
    answer = {
        "tokens_per_second": speed,
        "first_token_seconds": first,
        "first_reply_seconds": first_ever,
    }
    print(json.dumps(answer))


def measure(engine: EngineClient, request: GenerationRequest) -> tuple[float, float]:
    """Tokens a second after the first text, and the seconds until it."""
    asked = time.perf_counter()
    task = engine.generate(request)
    first, before = 0.0, 0
    tokens = 0
    for event in task.wait_events():
        if isinstance(event, TextDelta):
            tokens += event.tokens
            if not first:
                first, before = time.perf_counter(), tokens
    ended = time.perf_counter()
    task.result()
    return (tokens - before) / (ended - first), first - asked


if __name__ == "__main__":
    main()
