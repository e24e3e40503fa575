"""The sentiment tool on SST-2: accuracy, calibration, batches against one by one, and speed.

    python benchmarks/sentiment.py DATA [LLAMA_SERVER]

DATA is a folder with `sst2_dev.csv` (columns text and label, 1 is positive). Zero-shot: no example
is in the prompt. Wording, label words and temperature of the tool were chosen on training data;
here the development data is scored once. Prints one JSON object.
"""

import csv
import json
import math
import random
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from measure import HERE, starter
from peer import wait_until_ready

sys.path.insert(0, str(HERE.parent))

from desktop_llm.core.calibration_measures import Share, expected_calibration_error, wilson
from desktop_llm.core.engine import LabelsScored, PromptPiece
from desktop_llm.core.label_requests import LabelPrompt, LabelRequest, LabelScores
from desktop_llm.core.labels import Judgement, judge, probabilities
from desktop_llm.core.messages import Message, Role
from desktop_llm.core.models import LoadOptions
from desktop_llm.core.tool_files import tool_from_toml
from desktop_llm.engine.client import EngineClient
from desktop_llm.resources import resource
from desktop_llm.services.engine_work import EngineWork
from desktop_llm.services.labelling import Labeller
from desktop_llm.services.models import ModelService
from desktop_llm.storage.library import Library
from desktop_llm.storage.paths import Folders

OPTIONS = LoadOptions(context_length=2048)
TIMED, TURN = 300, 50  # rows of which the speed is taken, and those of one turn
PLAIN = LabelPrompt(  # as one would write it at first, nothing calibrated
    head="Is the sentiment of this text positive or negative? Answer with one word.\n\n",
    labels=("Positive", "Negative"),
)


def main() -> None:
    data = Path(sys.argv[1])
    peer = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    with (data / "sst2_dev.csv").open(encoding="utf-8") as file:
        rows = [(row["text"], 0 if row["label"] in ("1", "positive") else 1)
                for row in csv.DictReader(file)]  # fmt: skip
    texts, gold = [text for text, _ in rows], [label for _, label in rows]
    engine = EngineClient()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        models = ModelService(Library(Folders(folder, folder / "cache")), engine)
        engine.load(starter(), OPTIONS).result(60)
        tool = tool_from_toml(resource("prompts", "sentiment.toml").read_text("utf-8"), own=False)
        labeller = Labeller(EngineWork(engine, models), tool, {}, "en")
        together = score(engine, labeller.prompt, texts)
        calibration = labeller.calibration()
        judged = [judge(LabelScores(each), calibration, labeller.rule) for each in together]
        answer = measures(judged, gold)
        print(json.dumps(answer), file=sys.stderr, flush=True)  # the rest takes minutes
        plain = score(engine, PLAIN, texts)
        answer["plain"] = right_share([_best(each) for each in plain], gold).value
        answer |= one_by_one(together, score(engine, labeller.prompt, texts, at_once=1))
        sample = random.Random(1).sample(texts, min(TIMED, len(texts)))
        answer |= speeds(engine, folder, labeller.prompt, sample, peer)
        engine.close()
    print(json.dumps(answer))


def measures(judged: Sequence[Judgement], gold: Sequence[int]) -> dict[str, float]:
    right = right_share([each.label for each in judged], gold)
    return {
        "rows": len(gold),
        "accuracy": right.value,
        "low": right.low,
        "high": right.high,
        "ece": expected_calibration_error(
            [each.probability for each in judged],
            [each.label == label for each, label in zip(judged, gold, strict=True)],
        ),
        "unsure": sum(bool(each.unsure) for each in judged) / len(gold),
    }


def right_share(labels: Sequence[int], gold: Sequence[int]) -> Share:
    right = sum(one == other for one, other in zip(labels, gold, strict=True))
    return wilson(right, len(gold))


def score(
    engine: EngineClient, prompt: LabelPrompt, texts: Sequence[str], at_once: int | None = None
) -> list[tuple[float, ...]]:
    request = LabelRequest(prompt=prompt, texts=tuple(texts), at_once=at_once)
    task = engine.score_labels(request)
    found = [each.log_probs for event in task.wait_events() if isinstance(event, LabelsScored)
             for each in event.scores]  # fmt: skip
    task.result()
    return found


def one_by_one(
    together: Sequence[tuple[float, ...]], alone: Sequence[tuple[float, ...]]
) -> dict[str, float]:
    odds = [(one[0] - one[1], other[0] - other[1])
            for one, other in zip(together, alone, strict=True)]  # fmt: skip
    largest = max(abs(one - other) for one, other in odds)
    flips = [max(abs(one), abs(other)) for one, other in odds if (one > 0) != (other > 0)]
    return {"largest_change": largest, "flips": len(flips), "widest_flip": max(flips, default=0.0)}


def _best(scores: Sequence[float]) -> int:
    shares = probabilities(scores)
    return max(range(len(shares)), key=shares.__getitem__)


def rate(work: object, rows: int) -> float:
    begun = time.perf_counter()
    work()  # type: ignore[operator]
    return rows / (time.perf_counter() - begun)


def speeds(
    engine: EngineClient, folder: Path, prompt: LabelPrompt, texts: Sequence[str],
    peer: Path | None,
) -> dict[str, list[float]]:  # fmt: skip
    """Rows a second, in turns over the same rows: this file, llama-server with it one request at a
    time, and the file that `models optimise` makes of it.
    """
    found: dict[str, list[float]] = {"rows_a_second": [], "faster_rows_a_second": []}
    faster = folder / "Q8_0.gguf"
    engine.quantize(starter(), faster, "Q8_0").result(300)
    optimised = EngineClient()
    optimised.load(faster, OPTIONS).result(60)
    server = None if peer is None else Peer(engine, peer, prompt)
    score(engine, prompt, texts[:8])
    score(optimised, prompt, texts[:8])
    try:
        for at in range(0, len(texts), TURN):
            turn = texts[at : at + TURN]
            found["rows_a_second"].append(rate(partial(score, engine, prompt, turn), len(turn)))
            if server is not None:
                found.setdefault("peer_rows_a_second", []).append(server.rate(turn))
            found["faster_rows_a_second"].append(
                rate(partial(score, optimised, prompt, turn), len(turn))
            )
    finally:
        optimised.close()
        if server is not None:
            server.close()
    return found


class Peer:
    """llama-server, asked one request at a time; it keeps the beginning that all prompts share."""

    def __init__(self, engine: EngineClient, server: Path, prompt: LabelPrompt) -> None:
        self._engine, self._prompt = engine, prompt
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        command = [str(server), "-m", str(starter()), "-t", "2", "-c", "2048", "--port",
                   str(self._port), "--host", "127.0.0.1", "--parallel", "1"]  # fmt: skip
        self._process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_until_ready(self._process, self._port)
        self.rate(["warm"])

    def rate(self, texts: Sequence[str]) -> float:
        prompts = [self._rendered(text) for text in texts]
        return rate(lambda: [ask(self._port, each) for each in prompts], len(prompts))

    def close(self) -> None:
        self._process.kill()
        self._process.wait()

    def _rendered(self, text: str) -> str:
        message = Message(Role.USER, self._prompt.head + text + self._prompt.tail)
        pieces: tuple[PromptPiece, ...] = self._engine.render_prompt((message,)).result().pieces
        return "".join(piece.text for piece in pieces) + self._prompt.begun


def ask(port: int, prompt: str) -> float:
    body = {"prompt": prompt, "n_predict": 1, "n_probs": 20, "temperature": 0,
            "cache_prompt": True}  # fmt: skip
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/completion", json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=120) as answer:
        return math.fsum([len(json.loads(answer.read()).get("content", ""))])


if __name__ == "__main__":
    main()
