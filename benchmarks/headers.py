"""10,000 mutated GGUF headers: how long each takes, how much memory, whether one does harm.

    python benchmarks/headers.py COUNT

Half are made of the starter model's own header with all its data behind it, half of a made one.
"""

import io
import json
import random
import sys
import time
import tracemalloc

from measure import HERE, starter

sys.path.insert(0, str(HERE.parent))

from desktop_llm.core.errors import EnvironmentFault
from desktop_llm.core.gguf import NeedMoreError, parse_header
from desktop_llm.core.memory import estimate
from desktop_llm.core.model_facts import facts_of
from desktop_llm.core.models import LoadOptions
from tests.fakes.gguf_files import entry, gguf, mutated, number

WARM_UP = 50


class Sparse(io.RawIOBase):
    """A mutated head before the rest of a file that is not copied."""

    def __init__(self, head: bytes, rest: bytes, begin: int) -> None:
        self._head, self._rest, self._begin, self._at = head, rest, begin, 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        at, self._at = self._at, self._at + size
        if at < len(self._head):
            return self._head[at : at + size]
        at = at - len(self._head) + self._begin
        return self._rest[at : at + size]


def main() -> None:
    count = int(sys.argv[1])
    whole = starter().read_bytes()
    head = whole[: 2 * 1024 * 1024]
    made = gguf([entry("general.architecture", "llama"), number("llama.block_count", 30)])
    chance = random.Random(11)
    times, faults, crashes, peak = [], 0, 0, 0
    for at in range(count + WARM_UP):
        if at % 2:
            stream = Sparse(mutated(head, chance), whole, len(head))
        else:
            stream = io.BytesIO(mutated(made, chance))
        if at % 21 == 0:  # measuring memory makes it five times slower
            tracemalloc.start()
        begun = time.perf_counter()
        try:
            header = parse_header(stream, "x")
            facts_of(header)
            estimate(header, LoadOptions())
        except (EnvironmentFault, NeedMoreError):
            faults += 1
        except Exception:  # noqa: BLE001  # what is counted here
            crashes += 1
        seconds = time.perf_counter() - begun
        if tracemalloc.is_tracing():
            peak = max(peak, tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        elif at >= WARM_UP:
            times.append(1000 * seconds)
    times.sort()
    print(
        json.dumps(
            {
                "count": count, "refused": faults, "crashes": crashes,
                "longest_milliseconds": times[-1],
                "median_milliseconds": times[len(times) // 2], "peak_megabytes": peak / 1e6,
            }
        )
    )  # fmt: skip


main()
