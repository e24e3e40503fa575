"""A worker without a model, for faults and speed: the same protocol, behaviour by script.

    python -m desktop_llm.worker.fake --step stall --step die:9 …

Each `Generate` takes the next step; when they run out, replies are ordinary again. A file given
with `--state` counts the steps taken, so that a script goes on across restarts.

    reply            the words of the question, one a token
    first            the words of the first message, one a token
    stall            two words, then nothing until it is cancelled or the pipe closes
    stuck            two words, then nothing whatever happens, as within a call into C
    die:SIGNAL       two words, then the signal, e.g. die:9, die:11
    exit:CODE        two words, then an orderly exit
    garbage          two words, then bytes that are no frame
    huge             two words, then the announcement of a frame over the limit
    malformed        two words, then a frame that holds no event
    request          two words, then a request, which only the other side may send
    deaf             says nothing at all
    fallback         the words, by another chat template than the model's
    idle             has just unloaded the model by itself
    replace          ends before it takes the request, and wants another worker to take it
"""

import argparse
import os
import queue
import signal
import sys
import threading
from pathlib import Path
from typing import IO

from desktop_llm import __version__
from desktop_llm.core.confinement import take_pipes
from desktop_llm.core.engine import (
    EXIT_REPLACE,
    Cancel,
    CountTokens,
    Event,
    Failed,
    Finished,
    Generate,
    GetStatus,
    Hello,
    LabelsScored,
    LoadModel,
    LoadProgress,
    ModelReady,
    PreviewTemplate,
    PromptPiece,
    RenderedPrompt,
    RenderPrompt,
    Request,
    ScoreLabels,
    ScoringFinished,
    Status,
    TextDelta,
    TokenCount,
    Unloaded,
)
from desktop_llm.core.errors import FaultCode
from desktop_llm.core.generation import FinishReason, GenerationStats
from desktop_llm.core.label_requests import LabelRequest, LabelScores
from desktop_llm.core.models import LoadedModel
from desktop_llm.core.scores import TokenScore
from desktop_llm.protocol.codec import PROTOCOL_VERSION, decode, encode
from desktop_llm.protocol.frames import MAX_FRAME, read_frame, write_frame


def _frame(payload: bytes) -> bytes:
    return len(payload).to_bytes(4, "little") + payload


BROKEN = {
    "garbage": b"\xff" * 64,
    "huge": (MAX_FRAME + 1).to_bytes(4, "little") + b"x" * 64,
    "malformed": _frame(b"\x93\xa9TextDelta\x01\xc0"),
    "request": _frame(encode(1, GetStatus())),
}


class FakeWorker:
    def __init__(
        self, reader: IO[bytes], writer: IO[bytes], steps: list[str], state: Path | None
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._steps = steps
        self._state = state
        self._taken = int(state.read_text()) if state is not None and state.exists() else 0
        self._requests: queue.SimpleQueue[tuple[int, Request] | None] = queue.SimpleQueue()
        self._cancelled = threading.Event()
        self._model: LoadedModel | None = None
        self._loads = 0
        self._used = 0  # of the context
        self.hangs_at_load = 0

    def run(self, dies_loading: int, protocol: int) -> None:
        self._send(0, Hello(protocol, os.getpid(), __version__, "fake"))
        threading.Thread(target=self._read, daemon=True).start()
        while (item := self._requests.get()) is not None:
            number, request = item
            self._cancelled.clear()
            if isinstance(request, LoadModel) and dies_loading:
                os.kill(os.getpid(), dies_loading)
            self._serve(number, request)

    def _read(self) -> None:
        while (payload := read_frame(self._reader)) is not None:
            number, value = decode(payload)
            if isinstance(value, Cancel):
                self._cancelled.set()
            elif isinstance(value, Request):
                self._requests.put((number, value))
        os._exit(0)

    def _serve(self, number: int, request: Request) -> None:
        if isinstance(request, LoadModel):
            self._loads += 1
            if self._loads == self.hangs_at_load:
                self._send(number, LoadProgress(0.5))
                self._cancelled.wait()
                self._send(number, Unloaded(idle=False))
                return
            self._model = LoadedModel(
                path=request.path,
                name=Path(request.path).stem,
                architecture="fake",
                description="fake",
                parameters=1,
                size_bytes=1,
                context_length=request.options.context_length,
                trained_context=8192,
                vocabulary=2,
                has_template=False,
            )
            self._send(number, ModelReady(self._model))
        elif isinstance(request, Generate):
            self._generate(number, request)
        elif isinstance(request, ScoreLabels):
            self._score_labels(number, request.request)
        elif isinstance(request, CountTokens):
            parts = tuple(len(message.text.split()) for message in request.messages)
            context = self._model.context_length if self._model else 4096
            self._send(number, TokenCount(sum(parts), context, parts))
        elif isinstance(request, RenderPrompt | PreviewTemplate):
            pieces = tuple(PromptPiece(message.text, True) for message in request.messages)
            self._send(number, RenderedPrompt(pieces, len(pieces)))
        elif isinstance(request, GetStatus):
            self._send(number, Status(self._model, 0, 1, self._used))
        else:
            self._model = None
            self._send(number, Unloaded(idle=False))

    def _next_step(self) -> tuple[str, int]:
        step = self._steps[self._taken] if self._taken < len(self._steps) else "reply"
        self._taken += 1
        if self._state is not None:
            self._state.write_text(str(self._taken))
        name, _, argument = step.partition(":")
        return name, int(argument or 0)

    def _generate(self, number: int, request: Generate) -> None:
        if self._model is None:
            self._send(number, Failed(FaultCode.NO_MODEL.value, {}))
            return
        name, argument = self._next_step()
        if name == "idle":
            self._model = None
            self._send(0, Unloaded(idle=True))
            self._send(number, Failed(FaultCode.NO_MODEL.value, {}))
            return
        if name == "replace":
            os._exit(EXIT_REPLACE)
        words = request.request.messages[0 if name == "first" else -1].text.split()
        if name == "deaf":
            self._cancelled.wait()
        shown = words if name in ("reply", "first", "fallback") else words[:2]
        most = request.request.max_tokens
        cut = most is not None and len(shown) > most
        shown = shown[:most]
        for word in shown:
            score = TokenScore(len(word) + 1, 0.25 if word == "maybe" else 0.75)
            wanted = (score,) if request.request.scores else ()
            self._send(number, TextDelta(word + " ", 1, wanted))
        if name == "stall":
            self._cancelled.wait()
        elif name == "die":
            os.kill(os.getpid(), argument)
            signal.pause()
        elif name == "exit":
            os._exit(argument)
        elif name == "stuck":
            threading.Event().wait()
        elif name in BROKEN:
            self._writer.write(BROKEN[name])
            self._writer.flush()
            self._cancelled.wait()
        reason = FinishReason.LENGTH if cut else FinishReason.STOP
        if self._cancelled.is_set():
            reason = FinishReason.CANCELLED
        self._used = len(words) + len(shown)
        stats = GenerationStats(
            prompt_tokens=len(words),
            reused_tokens=0,
            completion_tokens=len(shown),
            prompt_seconds=0.0,
            completion_seconds=1e-3 * len(shown),
            seed=0,
            threads=1,
            context_used=self._used,
        )
        fault = "it drops the question" if name == "fallback" else ""
        self._send(number, Finished(reason, stats, fault))

    def _score_labels(self, number: int, request: LabelRequest) -> None:
        """A label that is a word of the text is likely; a batch is one text. The steps of a
        `Generate` count here too: after two texts.
        """
        if self._model is None:
            self._send(number, Failed(FaultCode.NO_MODEL.value, {}))
            return
        name, argument = self._next_step()
        labels = request.prompt.labels
        shown = request.texts if name in ("reply", "first", "fallback") else request.texts[:2]
        for at, text in enumerate(shown):
            scores = tuple(
                -0.5 if label.strip().casefold() in text.casefold() else -2.5 for label in labels
            )
            self._send(number, LabelsScored(at, (LabelScores(scores),), len(request.texts)))
        if name == "die":
            os.kill(os.getpid(), argument)
            signal.pause()
        elif name == "exit":
            os._exit(argument)
        elif len(shown) < len(request.texts):
            self._cancelled.wait()
        cancelled = self._cancelled.is_set()
        tokens = tuple(len(label.split()) for label in labels)
        self._send(number, ScoringFinished(len(shown), cancelled, 0, 0, tokens, 0.0))

    def _send(self, number: int, event: Event) -> None:
        write_frame(self._writer, encode(number, event))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--step", action="append", default=[])
    parser.add_argument("--state", type=Path)
    parser.add_argument("--dies-loading", type=int, default=0, metavar="SIGNAL")
    parser.add_argument("--dies-starting", action="store_true")
    parser.add_argument("--hangs-starting", action="store_true")
    parser.add_argument("--hangs-at-load", type=int, default=0, metavar="NUMBER")
    parser.add_argument("--protocol", type=int, default=PROTOCOL_VERSION)
    options = parser.parse_args()
    if options.dies_starting:
        sys.exit(3)
    reader, writer = take_pipes()
    worker = FakeWorker(reader, writer, options.step, options.state)
    worker.hangs_at_load = options.hangs_at_load
    if options.hangs_starting:
        reader.read()
    worker.run(options.dies_loading, options.protocol)


if __name__ == "__main__":
    main()
