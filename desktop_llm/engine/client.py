"""One client: enqueue, listen, cancel.

Requests wait here, not in the worker, so that a chat can overtake a batch and a dead worker takes
only the request it was at. The worker is started when first needed and started again after a
death: with a back-off, three times at most without a success between, then only when a person
asks again.
"""

import itertools
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from desktop_llm.core.engine import (
    TERMINAL,
    Cancel,
    CountTokens,
    Event,
    Failed,
    Finished,
    Generate,
    GetStatus,
    Hello,
    LoadModel,
    ModelReady,
    Request,
    Status,
    TokenCount,
    Unloaded,
    UnloadModel,
)
from desktop_llm.core.errors import DesktopLlmError, EnvironmentFault, FaultCode, fault_from
from desktop_llm.core.generation import GenerationRequest
from desktop_llm.core.messages import Message
from desktop_llm.core.models import LoadedModel, LoadOptions
from desktop_llm.core.tasks import Task
from desktop_llm.engine.arbiter import Arbiter, Priority
from desktop_llm.engine.process import WORKER_COMMAND, WorkerProcess

BACK_OFF = (0.0, 0.5, 2.0)  # seconds before restart 1, 2, 3
HELLO_SECONDS = 60.0  # a cold start from a slow disk; a worker silent for longer is broken


@dataclass(eq=False)
class _Call:
    request: Request
    task: Task[Event, Any]
    number: int = 0  # at the worker; 0 while it waits here


class CancelledError(Exception):
    """The call was cancelled before there was anything to keep."""


class EngineClient:
    """Speaks to one worker at a time. Every method may be called from any thread."""

    def __init__(
        self,
        log: Path | None = None,
        command: Sequence[str] = WORKER_COMMAND,
        trace: Callable[[str], None] | None = None,
        back_off: Sequence[float] = BACK_OFF,
        rotate: Callable[[Path], object] | None = None,
    ) -> None:
        """`log`: where the worker's stderr goes, `rotate` what is done with it before each one."""
        self._command = command
        self._log = log
        self._rotate = rotate
        self._trace = trace
        self._back_off = back_off
        self._changed = threading.Condition()
        self._waiting: Arbiter[_Call] = Arbiter()
        self._active: _Call | None = None
        self._process: WorkerProcess | None = None
        self._numbers = itertools.count(1)
        self._answer: Event | None = None  # the active call's last event
        self._ended: WorkerProcess | None = None  # the worker that was seen to end last
        self._deaths = 0  # since the last success
        self._model: LoadedModel | None = None
        self._wanted: LoadModel | None = None  # what a new worker loads before anything else
        self._closing = False
        self._thread = threading.Thread(target=self._dispatch, name="engine-client", daemon=True)
        self._thread.start()

    # --- requests ------------------------------------------------------------------------------

    def load(
        self,
        path: Path,
        options: LoadOptions | None = None,
        idle_unload_seconds: int = 0,
        priority: Priority = Priority.CHAT,
    ) -> Task[Event, LoadedModel]:
        request = LoadModel(str(path), options or LoadOptions(), idle_unload_seconds)
        return self._enqueue(request, priority)

    def unload(self) -> Task[Event, None]:
        return self._enqueue(UnloadModel(), Priority.CHAT)

    def generate(
        self, request: GenerationRequest, priority: Priority = Priority.CHAT
    ) -> Task[Event, Finished]:
        return self._enqueue(Generate(request), priority)

    def count_tokens(self, messages: tuple[Message, ...]) -> Task[Event, TokenCount]:
        return self._enqueue(CountTokens(messages), Priority.CHAT)

    def status(self) -> Task[Event, Status]:
        return self._enqueue(GetStatus(), Priority.CHAT)

    @property
    def model(self) -> LoadedModel | None:
        """The model loaded now, as far as is known."""
        return self._model

    @property
    def worker_pid(self) -> int | None:
        process = self._process
        return process.pid if process is not None and process.exit_code is None else None

    def resident_bytes(self) -> int:
        """Memory that the worker's process holds; 0 where there is none."""
        import psutil

        pid = self.worker_pid
        try:
            return 0 if pid is None else int(psutil.Process(pid).memory_info().rss)
        except psutil.Error:
            return 0

    @property
    def hello(self) -> Hello | None:
        process = self._process
        return process.hello if process is not None else None

    def close(self) -> None:
        """End the worker; whatever still waits fails as killed."""
        with self._changed:
            self._closing = True
            calls = self._waiting.drain()
            active = self._active
            self._changed.notify_all()
            process = self._process
        for call in [*calls, *([active] if active else [])]:
            call.task.fail(EnvironmentFault(FaultCode.WORKER_KILLED, reason="shutdown"))
        if process is not None:
            process.close()
        self._thread.join()

    # --- inside --------------------------------------------------------------------------------

    def _enqueue(self, request: Request, priority: Priority) -> Task[Event, Any]:
        task: Task[Event, Any] = Task(on_cancel=lambda: self._cancel(call))
        call = _Call(request, task)
        with self._changed:
            if self._closing:
                task.fail(EnvironmentFault(FaultCode.WORKER_KILLED, reason="shutdown"))
                return task
            self._waiting.add(call, priority)
            self._changed.notify_all()
        return task

    def _cancel(self, call: _Call) -> None:
        with self._changed:
            waiting = self._waiting.remove(call)
            process = self._process
        if waiting:
            call.task.fail(CancelledError())
        elif process is not None and call.number:
            process.send(0, Cancel(call.number))

    def _dispatch(self) -> None:
        """The client's own thread: one call at the worker at a time."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closing or len(self._waiting))
                if self._closing:
                    return
                call = self._waiting.next()
                self._active = call
            assert call is not None
            try:
                if isinstance(call.request, Generate | CountTokens):
                    self._restore_model(call)
                result = self._converse(call.request, call)
            except (DesktopLlmError, CancelledError) as error:
                call.task.fail(error)
            else:
                call.task.finish(result)
            with self._changed:
                self._active = None

    def _restore_model(self, call: _Call) -> None:
        """After a death or an idle unload: load again what was loaded."""
        if self._model is None and self._wanted is not None:
            self._converse(self._wanted, call)

    def _converse(self, request: Request, call: _Call) -> Any:
        """Send one request and wait for its last event. Raises faults."""
        process = self._ensure_process()
        number = next(self._numbers)
        with self._changed:
            self._answer = None
            call.number = number
        if isinstance(request, LoadModel):
            self._wanted = None  # a file that kills the worker is not tried again by itself
            self._model = None
        if process.send(number, request) and call.task.cancelled:
            process.send(0, Cancel(number))
        with self._changed:
            self._changed.wait_for(
                lambda: self._answer is not None or self._ended is process or self._closing
            )
            answer = self._answer
        if answer is None:
            if self._closing:
                raise EnvironmentFault(FaultCode.WORKER_KILLED, reason="shutdown")
            self._bury(process)
            loading = request.path if isinstance(request, LoadModel) else None
            raise process.death(loading)
        self._deaths = 0
        if isinstance(answer, Failed):
            raise fault_from(answer.code, answer.data)
        if isinstance(answer, ModelReady):
            assert isinstance(request, LoadModel)
            self._model, self._wanted = answer.model, request
            return answer.model
        if isinstance(answer, Unloaded):
            self._model = None
            if isinstance(request, LoadModel):
                raise CancelledError
            self._wanted = None
            return None
        return answer

    def _ensure_process(self) -> WorkerProcess:
        """The running worker, started if need be. Raises faults."""
        process = self._process
        if process is not None and self._ended is process:
            self._bury(process)
            process = None
        if process is not None:
            return process
        if self._deaths > len(self._back_off):
            self._deaths = 0  # the next request of a person starts afresh
            raise EnvironmentFault(FaultCode.WORKER_GAVE_UP, restarts=len(self._back_off))
        if self._deaths:
            pause = self._back_off[self._deaths - 1]
            with self._changed:
                self._changed.wait_for(lambda: self._closing, timeout=pause)
        if self._log is not None and self._rotate is not None:
            self._rotate(self._log)
        process = WorkerProcess(self._command, self._log, self._on_event, self._on_end, self._trace)
        with self._changed:
            self._process = process
            self._changed.wait_for(
                lambda: process.hello or self._ended is process or self._closing, HELLO_SECONDS
            )
        if process.hello is None:
            process.kill()
            self._bury(process)
            if self._closing:
                raise EnvironmentFault(FaultCode.WORKER_KILLED, reason="shutdown")
            raise process.death(None)
        return process

    def _bury(self, process: WorkerProcess) -> None:
        process.close()
        self._deaths += 1
        with self._changed:
            self._process = None
            self._model = None

    # --- the process's reading thread ----------------------------------------------------------

    def _on_event(self, number: int, event: Event) -> None:
        with self._changed:
            call = self._active
            mine = call is not None and call.number == number and number != 0
            if isinstance(event, Unloaded) and event.idle:
                self._model = None
            if isinstance(event, Hello) or (mine and isinstance(event, TERMINAL)):
                if mine:
                    self._answer = event
                self._changed.notify_all()
        if mine and call is not None and not isinstance(event, TERMINAL):
            call.task.post(event)

    def _on_end(self, process: WorkerProcess) -> None:
        with self._changed:
            self._ended = process
            self._changed.notify_all()
