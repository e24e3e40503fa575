"""The worker's process: frames in, events out.

One thread reads frames, so that a cancel is seen while the other, which owns the model, computes.
When the pipe closes, the process ends, whatever it was doing.
"""

import contextlib
import logging
import os
import queue
import threading
import time
from pathlib import Path
from typing import BinaryIO

from desktop_llm import __version__
from desktop_llm.core.confinement import drop_privileges, refuse_network, take_pipes
from desktop_llm.core.engine import (
    EXIT_REPLACE,
    Cancel,
    CountTokens,
    Event,
    Failed,
    ForgetState,
    Generate,
    GetStatus,
    Hello,
    LoadModel,
    LoadProgress,
    MeasureModel,
    MeasureProgress,
    ModelReady,
    PreviewTemplate,
    Quantize,
    Quantized,
    RenderPrompt,
    Request,
    ScoreLabels,
    StateForgotten,
    Status,
    Unloaded,
    UnloadModel,
)
from desktop_llm.core.errors import DesktopLlmError, EnvironmentFault, FaultCode
from desktop_llm.core.log_records import WordlessFormatter, log_uncaught
from desktop_llm.protocol.codec import PROTOCOL_VERSION, MalformedFrameError, decode, encode
from desktop_llm.protocol.frames import BrokenFrameError, read_frame, write_frame
from desktop_llm.worker.cores import usable_cores
from desktop_llm.worker.guard import CallGuard
from desktop_llm.worker.llama import (
    AbortFlag,
    LoadCancelledError,
    native_log,
    runtime_system,
    runtime_version,
)
from desktop_llm.worker.measuring import quantize
from desktop_llm.worker.session import Session
from desktop_llm.worker.template import preview

logger = logging.getLogger(__name__)

STATES_AFTER = 1.5  # seconds of quiet before states are saved
SCORES_AFTER = 60.0  # seconds of quiet before the memory for scores of labels is given back
EXIT_GRACE = 1.0  # seconds the owning thread gets to stop once the pipe has closed


class Worker:
    """Requests in order, one at a time; cancels overtake."""

    def __init__(self, reader: BinaryIO, writer: BinaryIO) -> None:
        self._reader = reader
        self._writer = writer
        self._queue: queue.SimpleQueue[tuple[int, Request] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()  # of the three fields below
        self._current = 0
        self._cancelled: set[int] = set()
        self._waiting: set[int] = set()
        self._sending = threading.Lock()
        self._abort = AbortFlag()
        self._session: Session | None = None
        self._idle_seconds = 0
        self._used = time.monotonic()  # the model, last
        self._unsaved = False  # a state of a conversation may be new

    def run(self) -> None:
        native_log.install(muted=self._abort.is_set)
        system, offloads = runtime_system()
        hello = Hello(
            PROTOCOL_VERSION, os.getpid(), __version__, runtime_version(), system, offloads
        )
        self._send(0, hello)
        threading.Thread(target=self._read, name="frames", daemon=True).start()
        while True:
            try:
                item = self._queue.get(timeout=self._until_next())
            except queue.Empty:
                self._pass_the_time()
                continue
            if item is None:
                break
            self._serve(*item)
        self._unload()

    def _until_next(self) -> float | None:
        """Seconds until there is something to do where nobody asks for anything; None: never."""
        if self._session is None:
            return None
        waits = [STATES_AFTER] if self._unsaved else []
        waits += [SCORES_AFTER] if self._session.scores_kept else []
        waits += [self._idle_seconds] if self._idle_seconds else []
        return max(0.0, self._used + min(waits) - time.monotonic()) if waits else None

    def _pass_the_time(self) -> None:
        """Save the states of conversations; later free what scores need; then unload the model."""
        idle = time.monotonic() - self._used
        if idle >= SCORES_AFTER and self._session is not None:
            self._session.free_scores()
        if self._unsaved and self._session is not None and self._session.sound:
            self._session.save_states(lambda: not self._queue.empty())
            self._unsaved = not self._queue.empty()
        elif self._idle_seconds and idle >= self._idle_seconds:
            self._unload()
            self._send(0, Unloaded(idle=True))
        else:
            self._unsaved = False

    # --- the reading thread --------------------------------------------------------------------

    def _read(self) -> None:
        with contextlib.suppress(BrokenFrameError, OSError):
            while (payload := read_frame(self._reader)) is not None:
                try:
                    number, value = decode(payload)
                except MalformedFrameError as error:
                    logger.warning("a malformed frame: %s", error)
                    if not error.number:
                        break  # nobody knows what this is: the pipe is out of step
                    self._send(error.number, Failed(FaultCode.BUG.value, {"detail": str(error)}))
                    continue
                if isinstance(value, Cancel):
                    self._cancel(value.target)
                elif isinstance(value, Request):
                    with self._lock:
                        self._waiting.add(number)
                    self._queue.put((number, value))
        self._abort.set()
        self._queue.put(None)
        threading.Timer(EXIT_GRACE, os._exit, (0,)).start()

    def _cancel(self, target: int) -> None:
        with self._lock:
            if target == self._current:
                self._abort.set()
            elif target in self._waiting:
                self._cancelled.add(target)

    # --- the owning thread ---------------------------------------------------------------------

    def _serve(self, number: int, request: Request) -> None:
        with self._lock:
            self._waiting.discard(number)
            self._current = number
            if number in self._cancelled:
                self._abort.set()
        try:
            answer = self._answer(number, request)
        except DesktopLlmError as error:
            answer = Failed(error.code.value, dict(error.data))
        except Exception as error:
            logger.exception("request failed")
            answer = Failed(FaultCode.BUG.value, {"detail": f"{type(error).__name__}: {error}"})
        with self._lock:
            self._current = 0
            self._cancelled.discard(number)
            self._abort.clear()
        self._send(number, answer)

    def _answer(self, number: int, request: Request) -> Event:
        if isinstance(request, LoadModel):
            return self._load(number, request)
        if isinstance(request, UnloadModel):
            self._unload()
            return Unloaded(idle=False)
        if isinstance(request, GetStatus):
            return self._status()
        if isinstance(request, PreviewTemplate):
            return preview(request.source, request.messages)
        if isinstance(request, Quantize):
            source, target = Path(request.source), Path(request.target)
            return Quantized(quantize(source, target, request.form, usable_cores()))
        session = self._session
        if session is not None and not session.sound:
            logger.warning("the model file has changed on disk; it is unloaded")
            self._unload()
            self._send(0, Unloaded(idle=True))
            session = None
        if session is None:
            if isinstance(request, ForgetState):
                return StateForgotten()  # nothing is in memory
            raise EnvironmentFault(FaultCode.NO_MODEL)
        try:
            if isinstance(request, Generate):
                self._unsaved = True
                return session.generate(request.request, lambda event: self._send(number, event))
            if isinstance(request, ScoreLabels):
                return session.score_labels(
                    request.request, lambda event: self._send(number, event)
                )
            if isinstance(request, ForgetState):
                session.forget_state(request.conversation)
                return StateForgotten()
            if isinstance(request, MeasureModel):
                return session.measure(
                    request.text, lambda part: self._send(number, MeasureProgress(part))
                )
            if isinstance(request, RenderPrompt):
                return session.render(request.messages)
            assert isinstance(request, CountTokens)
            return session.count(request.messages, request.bare)
        finally:
            self._used = time.monotonic()

    def _load(self, number: int, request: LoadModel) -> Event:
        self._unload()
        shown = -1

        def progress(fraction: float) -> bool:
            nonlocal shown
            percent = int(100 * fraction)
            if percent > shown:
                shown = percent
                self._send(number, LoadProgress(fraction))
            return not self._abort.is_set()

        try:
            self._session = Session(
                Path(request.path),
                request.options,
                self._abort,
                progress,
                logger.warning,
                CallGuard(self._give_up),
                request.states,
            )
        except LoadCancelledError:
            return Unloaded(idle=False)
        self._idle_seconds = request.idle_unload_seconds
        self._used = time.monotonic()
        return ModelReady(self._session.describe())

    def _unload(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def _status(self) -> Status:
        import psutil

        session = self._session
        return Status(
            model=session.describe() if session else None,
            resident_bytes=psutil.Process().memory_info().rss,
            threads=session.threads if session else 0,
            context_used=session.context_used if session else 0,
        )

    def _send(self, number: int, event: Event) -> None:
        try:
            with self._sending:
                write_frame(self._writer, encode(number, event))
        except OSError:  # nobody listens any more
            os._exit(0)

    def _give_up(self) -> None:
        """Answer the current request and end: it is stuck in C, on the other thread."""
        with self._lock:
            number = self._current
        logger.warning("a grammar took too long or too much memory; this process is replaced")
        self._send(number, Failed(FaultCode.GRAMMAR_TOO_COMPLEX.value, {}))
        os._exit(EXIT_REPLACE)


def main() -> int:
    reader, writer = take_pipes()
    drop_privileges()
    refuse_network()
    errors = logging.StreamHandler()
    errors.setFormatter(WordlessFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[errors])
    log_uncaught(logger, and_print=False)  # Python would print what the code stumbled over
    Worker(reader, writer).run()
    os._exit(0)  # native destructors at exit are known to crash; everything is written
