"""One worker process and its two pipes."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from desktop_llm.core.engine import Event, Hello, Request
from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.protocol.codec import (
    PROTOCOL_VERSION,
    MalformedFrameError,
    decode,
    encode,
    to_json,
)
from desktop_llm.protocol.frames import BrokenFrameError, read_frame, write_frame

STOP_SECONDS = 3.0  # a worker whose pipe closed ends by itself within this, or is killed

WORKER_COMMAND = (sys.executable, "-m", "desktop_llm", "worker")


class WorkerProcess:
    """Spawns, speaks and listens; `on_event` and `on_end` are called on its reading thread.

    Raises WORKER_CRASHED where the system starts no process. A log that cannot be written is done
    without.
    """

    def __init__(
        self,
        command: Sequence[str],
        log: Path | None,
        on_event: Callable[[int, Event], None],
        on_end: Callable[["WorkerProcess"], None],
        trace: Callable[[str], None] | None = None,
    ) -> None:
        self._on_event = on_event
        self._on_end = on_end
        self._trace = trace
        self._write_lock = threading.Lock()
        self.hello: Hello | None = None
        self.broke_protocol = False
        with contextlib.ExitStack() as stack:
            errors = None if log is None else stack.enter_context(_appending(log))
            try:
                self._process = subprocess.Popen(
                    list(command),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    start_new_session=True,  # Ctrl+C in a terminal is the program's to handle
                )
            except OSError as error:
                raise EnvironmentFault(
                    FaultCode.WORKER_CRASHED, reason=error.strerror or ""
                ) from error
        self._thread = threading.Thread(target=self._listen, name="worker-events", daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        return self._process.poll()

    def send(self, number: int, request: Request) -> bool:
        """Write one request; False if the worker is gone."""
        if self._trace is not None:
            self._trace(f"> {to_json(number, request)}")
        assert self._process.stdin is not None
        with self._write_lock:
            try:
                write_frame(self._process.stdin, encode(number, request))
            except (OSError, ValueError):
                return False
        return True

    def kill(self) -> None:
        self._process.kill()

    def close(self) -> None:
        """Close the pipe and wait for the end; kill where that takes too long."""
        assert self._process.stdin is not None
        with self._write_lock, contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        try:
            while (payload := read_frame(self._process.stdout)) is not None:
                number, value = decode(payload)
                if self._trace is not None:
                    self._trace(f"< {to_json(number, value)}")
                if isinstance(value, Hello):
                    if value.protocol != PROTOCOL_VERSION:
                        raise MalformedFrameError(f"protocol version {value.protocol}")
                    self.hello = value
                assert isinstance(value, Event)
                self._on_event(number, value)
        except (BrokenFrameError, MalformedFrameError, AssertionError):
            self.broke_protocol = True
            self._process.kill()
        except OSError:
            pass
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._on_end(self)

    def death(self, loading: str | None) -> EnvironmentFault:
        """Why the process ended, as a fault. `loading`: the file it was loading, if any."""
        code = self._process.returncode
        reason = _exit_in_words(code)
        if loading is not None:
            return EnvironmentFault(FaultCode.MODEL_CRASHED_LOADING, path=loading, reason=reason)
        if code == -signal.SIGKILL and not self.broke_protocol:
            if _memory_is_short():
                return EnvironmentFault(FaultCode.WORKER_OUT_OF_MEMORY, reason=reason)
            return EnvironmentFault(FaultCode.WORKER_KILLED, reason=reason)
        if self.broke_protocol:
            reason = "garbage"
        return EnvironmentFault(FaultCode.WORKER_CRASHED, reason=reason)


def _appending(log: Path) -> IO[bytes]:
    """The log, opened for one more worker; where it cannot be written, what swallows it."""
    try:
        log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError:
        descriptor = os.open(os.devnull, os.O_WRONLY)
    return os.fdopen(descriptor, "wb")


def _exit_in_words(code: int) -> str:
    """SIGSEGV, "exit 3" …: names, the same in every language."""
    if code < 0:
        try:
            return signal.Signals(-code).name
        except ValueError:
            return f"signal {-code}"
    return f"exit {code}"


def _memory_is_short() -> bool:
    """A killed process and little free memory: likely the system's out-of-memory killer."""
    import psutil

    memory = psutil.virtual_memory()
    return bool(memory.available < 0.05 * memory.total)
