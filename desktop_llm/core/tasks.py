"""A long call, as its caller sees it: events, cancel, result.

Services are synchronous and threaded. Whoever starts a long call gets a `Task`; events gather in
its mailbox, and `wake` is called (from the producer's thread) when the mailbox goes from empty to
non-empty. A window posts one queued signal there, a server `call_soon_threadsafe`; the command
line has none and blocks in `wait_events`.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from desktop_llm.core.engine import TextDelta

logger = logging.getLogger(__name__)

E = TypeVar("E")
R = TypeVar("R")


class Task(Generic[E, R]):
    """One running call. Every method may be called from any thread.

    The mailbox is bounded by merging: a `TextDelta` joins the one before it when nobody has
    collected that yet. Other events are never dropped; they are few.
    """

    def __init__(
        self,
        on_cancel: Callable[[], None] | None = None,
        wake: Callable[[], None] | None = None,
    ) -> None:
        self._condition = threading.Condition()
        self._events: deque[E] = deque()
        self._on_cancel = on_cancel
        self._wake = wake
        self._result: R | None = None
        self._error: BaseException | None = None
        self._done = False
        self._cancelled = False
        self._ending = False
        self._callbacks: list[Callable[[BaseException | None], None]] = []

    # --- the caller's side ---------------------------------------------------------------------

    @property
    def done(self) -> bool:
        return self._done

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called; the call may still be running."""
        return self._cancelled

    def cancel(self) -> None:
        """Ask the call to end early. Safe to repeat and after the end."""
        with self._condition:
            if self._done or self._cancelled:
                return
            self._cancelled = True
        if self._on_cancel is not None:
            self._on_cancel()

    def set_wake(self, wake: Callable[[], None]) -> None:
        """Install the callback; it is called at once if something already waits."""
        with self._condition:
            self._wake = wake
            pending = bool(self._events) or self._done
        if pending:
            wake()

    def on_end(self, callback: Callable[[BaseException | None], None]) -> None:
        """Call back once when the call has ended, with its error; at once if it already has.

        On the producer's thread, before anybody who waits for the result goes on.
        """
        with self._condition:
            if not self._done:
                self._callbacks.append(callback)
                return
        callback(self._error)

    def take_events(self) -> list[E]:
        """Everything in the mailbox, without waiting."""
        with self._condition:
            events = list(self._events)
            self._events.clear()
        return events

    def wait_events(self) -> Iterator[E]:
        """Events as they come, until the call ends. Blocks."""
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._events or self._done)
                events = list(self._events)
                self._events.clear()
                finished = self._done and not events
            if finished:
                return
            yield from events

    def result(self, timeout: float | None = None) -> R:
        """Wait for the end and return the result or raise what the call raised.

        Raises TimeoutError after `timeout` seconds.
        """
        with self._condition:
            if not self._condition.wait_for(lambda: self._done, timeout):
                raise TimeoutError
            if self._error is not None:
                raise self._error
            return self._result  # type: ignore[return-value]  # set together with _done

    # --- the producer's side -------------------------------------------------------------------

    def post(self, event: E) -> None:
        with self._condition:
            if self._done:
                return
            was_empty = not self._events
            last = self._events[-1] if self._events else None
            if isinstance(event, TextDelta) and isinstance(last, TextDelta):
                merged = TextDelta(
                    last.text + event.text, last.tokens + event.tokens, last.scores + event.scores
                )
                self._events[-1] = merged  # type: ignore[assignment]  # E admits TextDelta here
            else:
                self._events.append(event)
            self._condition.notify_all()
            wake = self._wake if was_empty else None
        _call(wake)

    def finish(self, result: R) -> None:
        self._end(result, None)

    def fail(self, error: BaseException) -> None:
        self._end(None, error)

    def _end(self, result: R | None, error: BaseException | None) -> None:
        with self._condition:
            if self._ending:
                return
            self._ending = True
        while True:
            with self._condition:
                if not self._callbacks:
                    self._result, self._error, self._done = result, error, True
                    self._condition.notify_all()
                    wake = self._wake
                    break
                callback = self._callbacks.pop(0)
            callback(error)
        _call(wake)


def _call(wake: Callable[[], None] | None) -> None:
    """A listener that fails is its own fault; the producer's thread serves others too."""
    if wake is not None:
        try:
            wake()
        except Exception:
            logger.exception("a listener failed")
