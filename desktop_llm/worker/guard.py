"""Watches calls into C that nothing can interrupt, and ends the process rather than wait for ever.

A grammar of thirty short lines can keep llama.cpp busy for minutes or fill the memory, within one
call. The process is then cheap to replace; the computer is not.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil

POLL_SECONDS = 0.1
CALL_SECONDS = 5.0  # a list of 8,000 words as alternatives takes one
MEMORY_LIMIT = 1024 * 1024 * 1024  # bytes that one call may add


class CallGuard:
    """`give_up` is called on the watching thread, once, and is expected to end the process."""

    def __init__(
        self,
        give_up: Callable[[], object],
        call_seconds: float = CALL_SECONDS,
        memory_limit: int = MEMORY_LIMIT,
    ) -> None:
        self._give_up = give_up
        self._call_seconds = call_seconds
        self._memory_limit = memory_limit
        self._call = 0  # odd within a call

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Within this, calls wrapped in `call` are watched."""
        over = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(over,), name="guard", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()

    @contextmanager
    def call(self) -> Iterator[None]:
        self._call += 1
        try:
            yield
        finally:
            self._call += 1

    def _watch(self, over: threading.Event) -> None:
        """Counts polls, not seconds: a process that was suspended did not compute."""
        process = psutil.Process()
        seen = polls = before = 0
        while not over.wait(POLL_SECONDS):
            call = self._call
            if call != seen or call % 2 == 0:
                seen, polls, before = call, 0, process.memory_info().rss
                continue
            polls += 1
            grown = process.memory_info().rss - before
            if polls * POLL_SECONDS >= self._call_seconds or grown > self._memory_limit:
                self._give_up()
                return
