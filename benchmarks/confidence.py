"""What noting each token's probability costs of the speed of replies.

    python benchmarks/confidence.py MODEL [--rounds N]

The same reply with it and without, one after the other, through the whole stack. Prints one JSON
object: tokens a second of each.
"""

import argparse
import json
from pathlib import Path

from measure import QUESTION

from desktop_llm.core.generation import GenerationRequest, Sampling
from desktop_llm.core.messages import Message, Role
from desktop_llm.core.models import LoadOptions
from desktop_llm.engine.client import EngineClient

TOKENS = 192


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("--rounds", type=int, default=12)
    options = parser.parse_args()
    engine = EngineClient()
    try:
        engine.load(options.model, LoadOptions(threads=1)).result()  # one: nothing is tried out
        speed(engine, scores=False)
        plain, noted = [], []
        for number in range(options.rounds):
            order = (False, True) if number % 2 else (True, False)
            for scores in order:
                (noted if scores else plain).append(speed(engine, scores))
    finally:
        engine.close()
    print(json.dumps({"plain": plain, "noted": noted}))


def speed(engine: EngineClient, scores: bool) -> float:
    request = GenerationRequest(
        messages=(Message(Role.USER, QUESTION),),
        sampling=Sampling(seed=5),
        max_tokens=TOKENS,
        scores=scores,
    )
    return float(engine.generate(request).result().stats.tokens_per_second)


if __name__ == "__main__":
    main()
