"""One worker process and its two pipes."""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from desktop_llm.core.engine import EXIT_REPLACE, Event, Hello, Request
from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.protocol.codec import (
    PROTOCOL_VERSION,
    MalformedFrameError,
    decode,
    encode,
    to_json,
)
from desktop_llm.protocol.frames import MAX_FRAME, BrokenFrameError, read_frame, write_frame

STOP_SECONDS = 3.0  # a worker whose pipe closed ends by itself within this, or is killed

# -P: a file called json.py in the folder a person works in is no module of ours.
WORKER_COMMAND = (sys.executable, "-P", "-m", "desktop_llm", "worker")


class WorkerProcess:
    """Spawns, speaks and listens; `on_event` and `on_end` are called on its reading thread.

    A pipe is full when its reader sleeps, so what is sent goes through a thread of its own: no
    caller ever waits for the worker. Raises WORKER_CRASHED where the system starts no process. A
    log that cannot be written is done without.
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
        self._trace_to = trace
        self._outgoing: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._kills_before = out_of_memory_kills()
        self._silent = False
        self.hello: Hello | None = None
        self.other_version: int | None = None  # of the protocol
        self.broke_protocol = False
        with contextlib.ExitStack() as stack:
            errors = None if log is None else stack.enter_context(appending(log))
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
        self._threads = [
            threading.Thread(target=self._listen, name="worker-events", daemon=True),
            threading.Thread(target=self._speak, name="worker-requests", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        return self._process.poll()

    @property
    def wants_replacement(self) -> bool:
        """Whether it ended in good order, after its last answer."""
        return self.exit_code == EXIT_REPLACE and not self.broke_protocol

    def send(self, number: int, request: Request) -> None:
        """Send one request; a worker that is gone does not hear it. Raises EnvironmentFault."""
        payload = encode(number, request)
        if len(payload) > MAX_FRAME:
            raise EnvironmentFault(
                FaultCode.REQUEST_TOO_LARGE, size_bytes=len(payload), most_bytes=MAX_FRAME
            )
        self._trace(">", number, request)
        self._outgoing.put(payload)

    def kill(self) -> None:
        self._process.kill()

    def end_silent(self) -> None:
        """Kill it because it does not answer."""
        self._silent = True
        self._process.kill()

    def close(self) -> None:
        """Close the pipe and wait for the end; kill where that takes too long."""
        self._outgoing.put(None)
        self._wait()
        for thread in self._threads:
            if threading.current_thread() is not thread:
                thread.join()

    def death(self, loading: str | None) -> EnvironmentFault:
        """Why the process ended, as a fault. `loading`: the file it was loading, if any."""
        code = self._process.returncode
        reason = exit_in_words(code)
        if self.other_version is not None:
            return EnvironmentFault(
                FaultCode.WORKER_VERSION, found=self.other_version, wanted=PROTOCOL_VERSION
            )
        if self._silent:
            return EnvironmentFault(FaultCode.WORKER_SILENT)
        if code == -signal.SIGKILL and not self.broke_protocol:
            if out_of_memory_kills() > self._kills_before:
                if loading is not None:
                    return EnvironmentFault(FaultCode.MODEL_OUT_OF_MEMORY, path=loading)
                return EnvironmentFault(FaultCode.WORKER_OUT_OF_MEMORY, reason=reason)
            if loading is None:
                return EnvironmentFault(FaultCode.WORKER_KILLED, reason=reason)
        if loading is not None:
            return EnvironmentFault(FaultCode.MODEL_CRASHED_LOADING, path=loading, reason=reason)
        if self.broke_protocol:
            reason = "garbage"
        return EnvironmentFault(FaultCode.WORKER_CRASHED, reason=reason)

    # --- its threads ---------------------------------------------------------------------------

    def _speak(self) -> None:
        stream = self._process.stdin
        assert stream is not None
        with contextlib.suppress(OSError):  # the listener sees the end
            while (payload := self._outgoing.get()) is not None:
                write_frame(stream, payload)
        with contextlib.suppress(OSError):
            stream.close()

    def _listen(self) -> None:
        stream = self._process.stdout
        assert stream is not None
        try:
            while (payload := read_frame(stream)) is not None:
                self._hear(payload)
        except (BrokenFrameError, MalformedFrameError):
            self.broke_protocol = True
            self._process.kill()
        except OSError:
            pass
        self._wait()
        stream.close()
        self._outgoing.put(None)
        self._on_end(self)

    def _hear(self, payload: bytes) -> None:
        number, value = decode(payload)
        self._trace("<", number, value)
        if isinstance(value, Hello):
            if value.protocol != PROTOCOL_VERSION:
                self.other_version = value.protocol
                raise MalformedFrameError(f"protocol version {value.protocol}")
            self.hello = value
        if not isinstance(value, Event):
            raise MalformedFrameError(f"a worker sent {type(value).__name__}")
        self._on_event(number, value)

    def _wait(self) -> None:
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _trace(self, sign: str, number: int, value: Request | Event) -> None:
        if self._trace_to is not None:
            with contextlib.suppress(OSError):  # a closed terminal is no fault of the worker
                self._trace_to(f"{sign} {to_json(number, value)}")


def appending(log: Path) -> IO[bytes]:
    """The log, opened for one more worker; where it cannot be written, what swallows it."""
    try:
        log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError:
        descriptor = os.open(os.devnull, os.O_WRONLY)
    return os.fdopen(descriptor, "wb")


def exit_in_words(code: int) -> str:
    """SIGSEGV, "exit 3" …: names, the same in every language."""
    if code < 0:
        try:
            return signal.Signals(-code).name
        except ValueError:
            return f"signal {-code}"
    return f"exit {code}"


def out_of_memory_kills(counters: Path = Path("/proc/vmstat")) -> int:
    """How many processes this computer's kernel has killed for memory; 0 where it does not tell.

    Free memory says nothing about it: the dead process has just given its own back.
    """
    with contextlib.suppress(OSError, ValueError, UnicodeDecodeError):
        for line in counters.read_text("ascii").splitlines():
            name, _, number = line.partition(" ")
            if name == "oom_kill":
                return int(number)
    return 0
