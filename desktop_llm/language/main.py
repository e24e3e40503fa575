"""The process: frames in, events out.

One thread reads frames, so that a cancel is seen while the other works. Libraries are imported by
the first request that needs them. When the pipe closes, the process ends, whatever it was at.
"""

import contextlib
import logging
import os
import queue
import sys
import threading
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, BinaryIO, get_args

from desktop_llm import __version__
from desktop_llm.core import language
from desktop_llm.core.confinement import (
    drop_privileges,
    limit_memory,
    refuse_network,
    take_pipes,
)
from desktop_llm.core.engine import Cancel, Failed
from desktop_llm.core.errors import DesktopLlmError, EnvironmentFault, FaultCode
from desktop_llm.core.log_records import WordlessFormatter, log_uncaught
from desktop_llm.core.offline import go_offline
from desktop_llm.language import analyse, counting, identify, pipelines, readability, vader
from desktop_llm.language.running import CancelledError, Running
from desktop_llm.protocol.codec import Codec, MalformedFrameError
from desktop_llm.protocol.frames import MAX_FRAME, BrokenFrameError, read_frame, write_frame

logger = logging.getLogger(__name__)

MEMORY = 6 << 30  # bytes of address space
EXIT_GRACE = 1.0  # seconds a running request gets once the pipe has closed

CODEC = Codec((*get_args(language.Request), *get_args(language.Event)))


def stop_words(request: language.StopWords, _running: Running) -> language.ListedStopWords:
    return language.ListedStopWords(tuple(sorted(pipelines.stop_words(request.language))))


SERVES: dict[type, Callable[[Any, Running], language.Event]] = {
    language.Identify: identify.identify,
    language.Analyse: analyse.analyse,
    language.Vader: vader.vader,
    language.Frequencies: counting.frequencies,
    language.Collocations: counting.collocations,
    language.Concordance: counting.concordance,
    language.Readability: readability.readability,
    language.StopWords: stop_words,
}


class Process:
    """Requests in order, one at a time; cancels overtake."""

    def __init__(self, reader: BinaryIO, writer: BinaryIO) -> None:
        self._reader = reader
        self._writer = writer
        self._queue: queue.SimpleQueue[tuple[int, object] | None] = queue.SimpleQueue()
        self._sending = threading.Lock()
        self._lock = threading.Lock()  # of what follows
        self._running: dict[int, Running] = {}  # and waiting

    def run(self) -> None:
        self._send(0, language.Started(language.LANGUAGE_VERSION, os.getpid(), __version__))
        threading.Thread(target=self._read, name="frames", daemon=True).start()
        while (item := self._queue.get()) is not None:
            self._serve(*item)

    def _read(self) -> None:
        with contextlib.suppress(BrokenFrameError, OSError):
            while (payload := read_frame(self._reader)) is not None:
                try:
                    number, value = CODEC.decode(payload)
                except MalformedFrameError as error:
                    logger.warning("a malformed frame")
                    if not error.number:
                        break  # nobody knows what this is: the pipe is out of step
                    self._send(error.number, Failed(FaultCode.BUG.value, {"detail": "frame"}))
                    continue
                if isinstance(value, Cancel):
                    with self._lock:
                        running = self._running.get(value.target)
                    if running is not None:
                        running.cancelled.set()
                else:
                    with self._lock:
                        self._running[number] = Running(partial(self._send, number))
                    self._queue.put((number, value))
        with self._lock:
            for running in self._running.values():
                running.cancelled.set()
        self._queue.put(None)
        threading.Timer(EXIT_GRACE, os._exit, (0,)).start()

    def _serve(self, number: int, request: object) -> None:
        running = self._running[number]
        answer: language.Event
        try:
            running.check()
            answer = SERVES[type(request)](request, running)
        except CancelledError:
            answer = Failed(FaultCode.WORKER_KILLED.value, {"reason": "cancelled"})
        except DesktopLlmError as error:
            answer = Failed(error.code.value, dict(error.data))
        except (MemoryError, RecursionError):
            answer = Failed(FaultCode.LANGUAGE_TOO_MUCH.value, {})
        except Exception as error:
            logger.exception("request failed")
            answer = Failed(FaultCode.BUG.value, {"detail": type(error).__name__})
        with self._lock:
            del self._running[number]
        try:
            self._send(number, answer)
        except EnvironmentFault as fault:
            self._send(number, Failed(fault.code.value, dict(fault.data)))

    def _send(self, number: int, event: language.Event) -> None:
        payload = CODEC.encode(number, event)
        if len(payload) > MAX_FRAME:
            raise EnvironmentFault(FaultCode.LANGUAGE_TOO_MUCH)
        try:
            with self._sending:
                write_frame(self._writer, payload)
        except OSError:  # nobody listens any more
            os._exit(0)


def main() -> int:
    go_offline()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # each would reserve its own memory
    reader, writer = take_pipes()
    drop_privileges()
    refuse_network()
    limit_memory(MEMORY)
    warnings.simplefilter("ignore")  # they would hold the person's text
    errors = logging.StreamHandler()
    errors.setFormatter(WordlessFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[errors])
    log_uncaught(logger, and_print=False)
    Process(reader, writer).run()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
