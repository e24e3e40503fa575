"""The one hop between threads: work goes out to a pool, results come back to the window's thread.

Nothing else in the window starts a thread or touches a widget from one.
"""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from desktop_llm.core.errors import DesktopLlmError, FaultCode, ProgramFault
from desktop_llm.core.tasks import Task

logger = logging.getLogger(__name__)

T = TypeVar("T")
# Deltas of a stream that are drawn together come within so many milliseconds: at least, at most.
SOONEST, LATEST = 33, 100
SHARE = 0.03  # of a core that following a stream may take, drawing what came of it included


def pause_after(seconds: float) -> int:
    """Milliseconds until a stream is looked at again, where showing the last look took so long."""
    return round(min(LATEST, max(SOONEST, 1000 * seconds / SHARE)))


class Bridge(QObject):
    """Lives on the window's thread; `post` may be called from any."""

    _posted = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._posted.connect(_call, Qt.ConnectionType.QueuedConnection)
        self._pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="window-work")
        self._lane = ThreadPoolExecutor(max_workers=1, thread_name_prefix="window-writes")
        self._work: set[Future[None]] = set()
        self._writes: set[Future[None]] = set()
        self._closed = False

    def post(self, call: Callable[[], object]) -> None:
        """Run `call` on the window's thread, soon."""
        if not self._closed:
            self._posted.emit(call)

    def run(
        self,
        work: Callable[[], T],
        on_success: Callable[[T], object] = lambda _: None,
        on_failure: Callable[[DesktopLlmError], object] | None = None,
    ) -> None:
        """Run `work` off the window's thread; then one of the others on it."""
        if not self._closed:
            self._work = {future for future in self._work if not future.done()}
            self._work.add(self._pool.submit(self._job, work, on_success, on_failure))

    def detached(
        self,
        work: Callable[[], T],
        on_success: Callable[[T], object] = lambda _: None,
        on_failure: Callable[[DesktopLlmError], object] | None = None,
    ) -> None:
        """The same for what waits for others (a server, a person at a keyring): it takes no place
        in the pool, and nobody waits for it when the window closes.
        """
        if not self._closed:
            arguments = (work, on_success, on_failure)
            name = "window-detached"
            threading.Thread(target=self._job, args=arguments, name=name, daemon=True).start()

    def write(
        self,
        work: Callable[[], T],
        on_success: Callable[[T], object] = lambda _: None,
        on_failure: Callable[[DesktopLlmError], object] | None = None,
    ) -> None:
        """The same for what must happen in the order it was asked for: one after the other."""
        if not self._closed:
            self._writes = {future for future in self._writes if not future.done()}
            self._writes.add(self._lane.submit(self._job, work, on_success, on_failure))

    def _job(
        self,
        work: Callable[[], T],
        on_success: Callable[[T], object],
        on_failure: Callable[[DesktopLlmError], object] | None,
    ) -> None:
        try:
            result = work()
        except DesktopLlmError as error:
            self._failed(error, on_failure)
        except Exception as error:
            logger.exception("work for the window failed")
            detail = f"{type(error).__name__}: {error}"
            self._failed(ProgramFault(FaultCode.BUG, detail=detail), on_failure)
        else:
            self.post(lambda: on_success(result))

    def follow(
        self,
        task: Task[Any, T],
        on_event: Callable[[Any], object],
        on_success: Callable[[T], object],
        on_failure: Callable[[DesktopLlmError], object],
    ) -> Callable[[], None]:
        """Hand a task's events to the window's thread, those that come close together at once: the
        dearer it is to show them, the more of them. Returns what hands over at once whatever waits.
        """
        timer = QTimer(self)
        timer.setSingleShot(True)

        ended = False
        spent = time.thread_time()  # by the window's thread, when this was looked at last
        due = time.monotonic()  # before that it is not looked at again

        def drain() -> None:
            nonlocal ended, spent, due
            if ended:
                return
            done, before = task.done, spent
            spent = time.thread_time()
            due = time.monotonic() + pause_after(spent - before) / 1000  # with what was drawn since
            for event in task.take_events():
                on_event(event)
            if not done:
                return
            ended = True
            timer.deleteLater()
            try:
                result = task.result()
            except DesktopLlmError as fault:
                on_failure(fault)
            else:
                on_success(result)

        def wake() -> None:
            if not ended:  # what comes after a while of nothing is shown at once
                timer.start(max(0, round(1000 * (due - time.monotonic()))))

        timer.timeout.connect(drain)
        task.set_wake(lambda: self.post(wake))
        return drain

    def drain(self) -> None:
        """Wait for all that was given so far. Not on the window's thread."""
        wait(self._work | self._writes)

    def drain_writes(self) -> None:
        """Wait for what `write` was given so far. Not on the window's thread."""
        wait(set(self._writes))

    def retire(self) -> None:
        """What runs goes on to its end; its results are no longer shown."""
        self._shut(wait=False)

    def close(self) -> None:
        """Wait for the work that runs; its results are no longer shown."""
        self._shut(wait=True)

    def _shut(self, wait: bool) -> None:
        self._closed = True
        for pool in (self._pool, self._lane):
            pool.shutdown(wait=wait)

    def _failed(
        self, fault: DesktopLlmError, on_failure: Callable[[DesktopLlmError], object] | None
    ) -> None:
        if on_failure is None:
            logger.error("work for the window failed: %s", fault.code.value)
        else:
            self.post(lambda: on_failure(fault))


def _call(call: Callable[[], object]) -> None:
    call()
