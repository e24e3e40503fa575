"""The language process, as its callers see it: one request at a time, each blocks.

The process is started when first asked and again after a death. Whoever cancels waits a few
seconds at most: a process that does not answer is killed.
"""

import contextlib
import itertools
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any, get_args

from desktop_llm.core import language
from desktop_llm.core.engine import Cancel, Failed
from desktop_llm.core.errors import EnvironmentFault, FaultCode, fault_from
from desktop_llm.core.language import LANGUAGE_VERSION, AnalysedPortion, Started
from desktop_llm.engine.process import appending, exit_in_words, out_of_memory_kills
from desktop_llm.protocol.codec import Codec, MalformedFrameError
from desktop_llm.protocol.frames import MAX_FRAME, BrokenFrameError, read_frame, write_frame

COMMAND = (sys.executable, "-P", "-m", "desktop_llm.language.main")
CODEC = Codec((*get_args(language.Request), *get_args(language.Event)))
START_SECONDS = 60.0  # a cold start from a slow disk
CANCEL_SECONDS = 3.0
STOP_SECONDS = 3.0
SECONDS = 120.0  # for any request
SECONDS_PER_CHARACTER = 3e-4  # more for a long text
LOOK = 0.1  # seconds between two looks at whether it is to end


class CancelledError(Exception):
    """Whoever asked does not want the answer any more."""


class LanguageClient:
    """Every method may be called from any thread."""

    def __init__(
        self,
        log: Path | None = None,
        command: Sequence[str] = COMMAND,
        rotate: Callable[[Path], object] | None = None,
        start_seconds: float = START_SECONDS,
        cancel_seconds: float = CANCEL_SECONDS,
        seconds: float = SECONDS,
    ) -> None:
        """`log`: where its stderr goes, `rotate` what is done with it before each start."""
        self._log = log
        self._command = command
        self._rotate = rotate
        self._start_seconds = start_seconds
        self._cancel_seconds = cancel_seconds
        self._seconds = seconds
        self._turn = threading.Lock()
        self._numbers = itertools.count(1)
        self._process: _Process | None = None
        self._closed = threading.Event()

    @property
    def pid(self) -> int | None:
        process = self._process
        return process.pid if process is not None and process.alive else None

    def ask(
        self,
        request: language.Request,
        cancelled: threading.Event | None = None,
        on_portion: Callable[[AnalysedPortion], object] | None = None,
        seconds: float | None = None,
    ) -> Any:
        """The event that ends the answer. Raises EnvironmentFault, ProgramFault, CancelledError.

        `seconds`: how long it may take; by default as long as the text needs.
        """
        cancelled = cancelled or threading.Event()
        while not self._turn.acquire(timeout=LOOK):
            self._check(cancelled)
        try:
            self._check(cancelled)
            limit = self._limit(request) if seconds is None else seconds
            reused = self._process is not None
            try:
                return self._converse(request, cancelled, on_portion, limit)
            except _UnheardError:  # it had ended while nobody looked
                if not reused:
                    raise EnvironmentFault(FaultCode.LANGUAGE_STOPPED, reason="exit") from None
                return self._converse(request, cancelled, on_portion, limit)
        finally:
            self._turn.release()

    def end(self) -> None:
        """Give the memory back; the next request starts it anew. Waits for a running one."""
        with self._turn:
            self._bury()

    def close(self) -> None:
        """For good; what is running is given up."""
        self._closed.set()
        with self._turn:
            self._bury()

    def _check(self, cancelled: threading.Event) -> None:
        if self._closed.is_set():
            raise EnvironmentFault(FaultCode.LANGUAGE_STOPPED, reason="shutdown")
        if cancelled.is_set():
            raise CancelledError

    def _limit(self, request: language.Request) -> float:
        texts = getattr(request, "texts", (getattr(request, "text", ""),))
        return self._seconds + SECONDS_PER_CHARACTER * sum(map(len, texts))

    def _converse(
        self,
        request: language.Request,
        cancelled: threading.Event,
        on_portion: Callable[[AnalysedPortion], object] | None,
        seconds: float,
    ) -> Any:
        number = next(self._numbers)
        process = self._ensure(cancelled)
        heard = False
        payload = CODEC.encode(number, request)
        if len(payload) > MAX_FRAME:
            raise EnvironmentFault(
                FaultCode.REQUEST_TOO_LARGE, size_bytes=len(payload), most_bytes=MAX_FRAME
            )
        with process.watched(self._watch(process, number, cancelled, seconds)) as watch:
            process.write(payload)
            while True:
                event = process.read(number)
                if event is None or not isinstance(event, AnalysedPortion):
                    break
                heard = True
                if on_portion is not None:
                    on_portion(event)
        if event is None:
            self._bury()
            self._check(cancelled)
            if watch.too_long:
                raise EnvironmentFault(FaultCode.LANGUAGE_TOO_MUCH)
            if process.exit_code == 0 and not heard:
                raise _UnheardError
            raise process.death()
        self._check(cancelled)
        if isinstance(event, Failed):
            raise fault_from(event.code, event.data)
        return event

    def _watch(
        self, process: "_Process", number: int, cancelled: threading.Event, seconds: float
    ) -> "_Watch":
        def wants_end() -> bool:
            return cancelled.is_set() or self._closed.is_set()

        return _Watch(process, number, wants_end, seconds, self._cancel_seconds)

    def _ensure(self, cancelled: threading.Event) -> "_Process":
        process = self._process
        if process is not None and process.alive:
            return process
        self._bury()
        if self._log is not None and self._rotate is not None:
            self._rotate(self._log)
        process = _Process(self._command, self._log)
        self._process = process
        watch = self._watch(process, 0, cancelled, self._start_seconds)
        with process.watched(watch):
            started = process.read(0)
        if isinstance(started, Started) and started.protocol == LANGUAGE_VERSION:
            return process
        self._bury()
        self._check(cancelled)
        if isinstance(started, Started):
            raise EnvironmentFault(
                FaultCode.WORKER_VERSION, found=started.protocol, wanted=LANGUAGE_VERSION
            )
        raise process.death()

    def _bury(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.end()


class _UnheardError(Exception):
    """The process ended in good order before it said anything of the request."""


class _Process:
    """The process and its two pipes."""

    def __init__(self, command: Sequence[str], log: Path | None) -> None:
        self._kills_before = out_of_memory_kills()
        self._writing = threading.Lock()
        self._garbage = False
        with contextlib.ExitStack() as stack:
            errors = subprocess.DEVNULL if log is None else stack.enter_context(appending(log))
            try:
                self._popen = subprocess.Popen(
                    list(command),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    start_new_session=True,  # Ctrl+C in a terminal is the program's to handle
                )
            except OSError as error:
                reason = error.strerror or ""
                raise EnvironmentFault(FaultCode.LANGUAGE_STOPPED, reason=reason) from error
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        self._input: IO[bytes] = self._popen.stdin
        self._output: IO[bytes] = self._popen.stdout

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def alive(self) -> bool:
        return self._popen.poll() is None

    @property
    def exit_code(self) -> int | None:
        return self._popen.poll()

    def write(self, payload: bytes) -> None:
        """A process that is gone does not hear it."""
        with contextlib.suppress(OSError, ValueError), self._writing:
            write_frame(self._input, payload)

    def cancel(self, number: int) -> None:
        """Unless somebody is still writing: then it does not read, and will be killed."""
        if self._writing.acquire(blocking=False):
            try:
                with contextlib.suppress(OSError, ValueError):
                    write_frame(self._input, CODEC.encode(0, Cancel(number)))
            finally:
                self._writing.release()

    def read(self, number: int) -> Any:
        """The next event of that request; None where it ended."""
        try:
            while (payload := read_frame(self._output)) is not None:
                of, event = CODEC.decode(payload)
                if not isinstance(event, get_args(language.Event)):
                    raise MalformedFrameError("a request", of)
                if of == number:
                    return event
        except (BrokenFrameError, MalformedFrameError):
            self._garbage = True
            self.kill()
        except (OSError, ValueError):
            pass
        self._wait()
        return None

    @contextlib.contextmanager
    def watched(self, watch: "_Watch") -> Any:
        watch.start()
        try:
            yield watch
        except BaseException:  # a listener's: what is still said would answer the next request
            self.kill()
            raise
        finally:
            watch.stop()

    def kill(self) -> None:
        self._popen.kill()

    def end(self) -> None:
        """Close its pipe and wait; kill it where that takes too long."""
        with contextlib.suppress(OSError):
            self._input.close()
        self._wait()
        self._output.close()

    def _wait(self) -> None:
        try:
            self._popen.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            self._popen.wait()

    def death(self) -> EnvironmentFault:
        code = self._popen.wait()
        if code == -signal.SIGKILL and out_of_memory_kills() > self._kills_before:
            return EnvironmentFault(FaultCode.LANGUAGE_TOO_MUCH)
        reason = "garbage" if self._garbage else exit_in_words(code)
        return EnvironmentFault(FaultCode.LANGUAGE_STOPPED, reason=reason)


class _Watch:
    """Looks now and then whether a request is to end. Time in which this computer or this program
    was suspended does not count.
    """

    def __init__(
        self,
        process: _Process,
        number: int,
        wants_end: Callable[[], bool],
        seconds: float,
        grace: float,
    ) -> None:
        self._process = process
        self._number = number
        self._wants_end = wants_end
        self._left = seconds
        self._grace = grace
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="language-watch", daemon=True)
        self.too_long = False

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        asked = False
        while not self._over.wait(LOOK):
            self._left -= LOOK
            if not asked and self._wants_end():
                asked, self._left = True, min(self._left, self._grace)
                if self._number:
                    self._process.cancel(self._number)
            if self._left <= 0:
                self.too_long = not asked
                self._process.kill()
                return
