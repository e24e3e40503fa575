"""Coming back to a conversation of 1,500 tokens: from memory, from disk, and read anew.

    python benchmarks/returning.py MODEL [TOKENS]

The seconds from the question to its first word, with the model already loaded; how long the new
process and its model took is told apart. Prints one JSON object.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

from desktop_llm.core.engine import TextDelta
from desktop_llm.core.generation import GenerationRequest, Sampling
from desktop_llm.core.messages import Message, Role
from desktop_llm.core.models import LoadOptions, StateCache
from desktop_llm.engine.client import EngineClient

SENTENCE = "The ship sailed on past the {number}th island, and the crew told stories of the sea. "
MEGABYTES = 256_000_000


def main() -> None:
    path = Path(sys.argv[1])
    tokens = int(sys.argv[2]) if len(sys.argv) > 2 else 1500
    with tempfile.TemporaryDirectory() as folder:
        answer = measure(path, tokens, Path(folder))
    print(json.dumps(answer))


def measure(path: Path, tokens: int, folder: Path) -> dict[str, float]:
    states = StateCache(folder=str(folder), disk_bytes=MEGABYTES, memory_bytes=MEGABYTES)
    engine, _started = start(path, states)
    text = of_length(engine, tokens)
    said: tuple[str, ...] = (text,)
    reply, cold, read = first_word(engine, "one", *said)
    said = (*said, reply, "And then?")
    first_word(engine, "other", f"Now something else. {text}")
    reply, memory, _read = first_word(engine, "one", *said)
    said = (*said, reply, "And after that?")
    wait_for(folder / "one.kv")
    engine.close()
    engine, started = start(path, states)
    _reply, disk, left = first_word(engine, "one", *said)
    engine.close()
    return {
        "cold_seconds": cold,
        "memory_seconds": memory,
        "disk_seconds": disk,
        "start_seconds": started,
        "prompt_tokens": read,
        "tokens_read_after_restart": left,
        "state_megabytes": (folder / "one.kv").stat().st_size / 1e6,
    }


def start(path: Path, states: StateCache) -> tuple[EngineClient, float]:
    began = time.perf_counter()
    engine = EngineClient()
    engine.load(path, LoadOptions(), states=states).result()
    return engine, time.perf_counter() - began


def of_length(engine: EngineClient, tokens: int) -> str:
    """Text of about so many tokens, none of it twice."""
    text, number = "", 0
    while True:
        text += "".join(SENTENCE.format(number=number + at) for at in range(10))
        number += 10
        if engine.count_tokens((Message(Role.USER, text),)).result().tokens >= tokens:
            return text


def first_word(engine: EngineClient, name: str, *texts: str) -> tuple[str, float, int]:
    """A short reply, the seconds until its first word, and the tokens that had to be read."""
    roles = (Role.USER, Role.ASSISTANT)
    messages = tuple(Message(roles[at % 2], text) for at, text in enumerate(texts))
    request = GenerationRequest(
        messages=messages, sampling=Sampling(temperature=0), max_tokens=16, conversation=name
    )
    asked = time.perf_counter()
    task = engine.generate(request)
    first, reply = 0.0, ""
    for event in task.wait_events():
        if isinstance(event, TextDelta):
            first = first or time.perf_counter() - asked
            reply += event.text
    stats = task.result().stats
    return reply, first, stats.prompt_tokens - stats.reused_tokens


def wait_for(path: Path) -> None:
    """Until the engine has written it, in its own time, and once more what it was given since."""
    before, end = 0.0, time.monotonic() + 30
    while time.monotonic() < end:
        time.sleep(2)
        if path.exists() and path.stat().st_mtime == before:
            return
        before = path.stat().st_mtime if path.exists() else 0.0


if __name__ == "__main__":
    main()
