"""One client: enqueue, listen, cancel.

Requests wait here, not in the worker, so that a chat can overtake a batch and a dead worker takes
only the request it was at. The worker is started when first needed and started again after a
death: with a back-off, three times at most without a success between, then only when a person
asks again.
"""

import itertools
import logging
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
    ForgetState,
    Generate,
    GetStatus,
    Hello,
    LoadModel,
    Measured,
    MeasureModel,
    ModelReady,
    PreviewTemplate,
    Quantize,
    Quantized,
    RenderedPrompt,
    RenderPrompt,
    Request,
    ScoreLabels,
    ScoringFinished,
    StateForgotten,
    Status,
    TokenCount,
    Unloaded,
    UnloadModel,
)
from desktop_llm.core.errors import (
    DesktopLlmError,
    EnvironmentFault,
    FaultCode,
    ProgramFault,
    fault_from,
)
from desktop_llm.core.generation import GenerationRequest
from desktop_llm.core.label_requests import LabelRequest
from desktop_llm.core.messages import Message
from desktop_llm.core.models import LoadedModel, LoadOptions, StateCache
from desktop_llm.core.tasks import Task
from desktop_llm.engine.arbiter import Arbiter, Priority
from desktop_llm.engine.process import WORKER_COMMAND, WorkerProcess

logger = logging.getLogger(__name__)

BACK_OFF = (0.0, 0.5, 2.0)  # seconds before restart 1, 2, 3
HELLO_SECONDS = 60.0  # a cold start from a slow disk; a worker silent for longer is broken
ATTEMPTS = 4  # of a request that a worker could not take
CANCEL_SECONDS = 10.0  # the worker answers a cancel at once, except from within a call into C


@dataclass(eq=False)
class _Call:
    request: Request
    task: Task[Event, Any]
    number: int = 0  # at the worker; 0 while it waits here
    heard: bool = False  # a worker has begun with it, or it was given to a second one


class CancelledError(Exception):
    """The call was cancelled before there was anything to keep."""


class _ReplacedError(Exception):
    """The worker ended before it began with the request: another one gets it."""


class EngineClient:
    """Speaks to one worker at a time. Every method may be called from any thread."""

    def __init__(
        self,
        log: Path | None = None,
        command: Sequence[str] = WORKER_COMMAND,
        trace: Callable[[str], None] | None = None,
        back_off: Sequence[float] = BACK_OFF,
        rotate: Callable[[Path], object] | None = None,
        hello_seconds: float = HELLO_SECONDS,
        cancel_seconds: float = CANCEL_SECONDS,
        on_model: Callable[[LoadedModel | None], None] | None = None,
    ) -> None:
        """`log`: where the worker's stderr goes, `rotate` what is done with it before each one.

        `on_model` hears of every change of `model`, on one of the client's threads.
        """
        self._command = command
        self._log = log
        self._rotate = rotate
        self._trace = trace
        self._back_off = back_off
        self._hello_seconds = hello_seconds
        self._cancel_seconds = cancel_seconds
        self._on_model = on_model
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
        states: StateCache | None = None,
    ) -> Task[Event, LoadedModel]:
        request = LoadModel(
            str(path), options or LoadOptions(), idle_unload_seconds, states or StateCache()
        )
        return self._enqueue(request, priority)

    def unload(self) -> Task[Event, None]:
        return self._enqueue(UnloadModel(), Priority.CHAT)

    def generate(
        self, request: GenerationRequest, priority: Priority = Priority.CHAT
    ) -> Task[Event, Finished]:
        return self._enqueue(Generate(request), priority)

    def score_labels(
        self, request: LabelRequest, priority: Priority = Priority.BATCH
    ) -> Task[Event, ScoringFinished]:
        """`LabelsScored` come as events, in the order of the texts, also before a cancel or fault.

        A chat waits until a request ends: ask for a few dozen texts at a time. The worker keeps
        the tokens of the prompt before the text, so that this costs next to nothing.
        """
        return self._enqueue(ScoreLabels(request), priority)

    def count_tokens(
        self, messages: tuple[Message, ...], bare: bool = False
    ) -> Task[Event, TokenCount]:
        return self._enqueue(CountTokens(messages, bare), Priority.CHAT)

    def forget_state(self, conversation: str) -> Task[Event, StateForgotten]:
        return self._enqueue(ForgetState(conversation), Priority.CHAT)

    def render_prompt(self, messages: tuple[Message, ...]) -> Task[Event, RenderedPrompt]:
        return self._enqueue(RenderPrompt(messages), Priority.CHAT)

    def preview_template(
        self, source: str, messages: tuple[Message, ...]
    ) -> Task[Event, RenderedPrompt]:
        return self._enqueue(PreviewTemplate(source, messages), Priority.CHAT)

    def measure(self, text: str) -> Task[Event, Measured]:
        return self._enqueue(MeasureModel(text), Priority.CHAT)

    def quantize(self, source: Path, target: Path, form: str) -> Task[Event, Quantized]:
        return self._enqueue(Quantize(str(source), str(target), form), Priority.CHAT)

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
        if (late := self._process) is not None:  # started meanwhile
            late.close()

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
            self._changed.notify_all()
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
                result = self._serve(call)
            except (DesktopLlmError, CancelledError) as error:
                call.task.fail(error)
            except Exception as error:  # nothing may end this thread: calls would wait for ever
                logger.exception("the engine's client failed")
                detail = f"{type(error).__name__}: {error}"
                call.task.fail(ProgramFault(FaultCode.BUG, detail=detail))
            else:
                call.task.finish(result)
            with self._changed:
                self._active = None

    def _serve(self, call: _Call) -> Any:
        """A call's result. Raises faults."""
        needs_model = isinstance(call.request, Generate | ScoreLabels | CountTokens)
        for _ in range(ATTEMPTS):
            try:
                if needs_model:
                    self._restore_model(call)
                return self._converse(call.request, call)
            except _ReplacedError:
                continue
            except EnvironmentFault as fault:
                # Between our last look and the request the worker may have unloaded by itself.
                forgotten = needs_model and self._model is None and self._wanted is not None
                if fault.code is not FaultCode.NO_MODEL or not forgotten:
                    raise
        raise EnvironmentFault(FaultCode.WORKER_SILENT)

    def _restore_model(self, call: _Call) -> None:
        """After a death or an idle unload: load again what was loaded.

        What cannot be loaded now is tried again with the next request, and says again why not;
        except a file that ends the worker.
        """
        wanted = self._wanted
        if self._model is not None or wanted is None:
            return
        deaths = self._deaths
        try:
            self._converse(wanted, call)
        except (DesktopLlmError, CancelledError):
            if self._deaths <= deaths:
                self._wanted = wanted
            raise

    def _converse(self, request: Request, call: _Call) -> Any:
        """Send one request and wait for its last event. Raises faults."""
        stood_there = self._process
        process = self._ensure_process(call)
        number = next(self._numbers)
        with self._changed:
            self._answer = None
            call.number = number
        self._send(process, number, request)
        if isinstance(request, LoadModel):
            self._wanted = None  # a file that kills the worker is not tried again by itself
            self._set_model(None)
        if call.task.cancelled:
            process.send(0, Cancel(number))
        answer = self._wait_for_answer(process, call)
        if answer is None:
            if self._closing:
                raise EnvironmentFault(FaultCode.WORKER_KILLED, reason="shutdown")
            replaced = process.wants_replacement
            self._bury(process)
            if replaced:
                raise _ReplacedError
            death = process.death(request.path if isinstance(request, LoadModel) else None)
            killed = death.code is FaultCode.WORKER_KILLED and not call.heard
            if killed and process is stood_there:  # while it was idle, and nobody had seen it yet
                call.heard = True
                raise _ReplacedError
            raise death
        self._deaths = 0
        if isinstance(answer, Failed):
            raise fault_from(answer.code, answer.data)
        if isinstance(answer, ModelReady):
            assert isinstance(request, LoadModel)
            self._wanted = request
            self._set_model(answer.model)
            return answer.model
        if isinstance(answer, Unloaded):
            self._set_model(None)
            if isinstance(request, LoadModel):
                raise CancelledError
            self._wanted = None
            return None
        return answer

    @staticmethod
    def _send(process: WorkerProcess, number: int, request: Request) -> None:
        """Raises EnvironmentFault for what cannot be written down."""
        try:
            process.send(number, request)
        except UnicodeEncodeError:
            if isinstance(request, LoadModel):
                path = request.path.encode("utf-8", "replace").decode()
                raise EnvironmentFault(
                    FaultCode.FILE_UNREADABLE, path=path, reason="not UTF-8"
                ) from None
            raise

    def _wait_for_answer(self, process: WorkerProcess, call: _Call) -> Event | None:
        """The call's last event; None where the worker or this client ends before.

        A worker that does not answer a cancel sits in a call into C that nothing interrupts. It is
        ended: a person who stops something does not wait. Raises CancelledError then.
        """

        def over() -> bool:
            return self._answer is not None or self._ended is process or self._closing

        with self._changed:
            self._changed.wait_for(lambda: over() or call.task.cancelled)
            answered = self._wait_awake(over, self._cancel_seconds)
            if not answered:
                process.kill()
                self._changed.wait_for(over)
            answer, closing = self._answer, self._closing
        if not answered and answer is None and not closing:
            self._bury(process, counts=False)
            raise CancelledError
        return answer

    def _wait_awake(self, over: Callable[[], bool], seconds: float) -> bool:
        """`wait_for` that does not count the time this process was suspended. Needs the lock."""
        while seconds > 0:
            step = min(seconds, 0.25)
            if self._changed.wait_for(over, step):
                return True
            seconds -= step
        return over()

    def _ensure_process(self, call: _Call) -> WorkerProcess:
        """The running worker, started if need be. Raises faults."""
        process = self._process
        if process is not None and self._ended is process:
            self._bury(process, counts=not process.wants_replacement)
            process = None
        if process is None:
            process = self._start_process(call)
        ended = False
        with self._changed:

            def over() -> bool:
                nonlocal ended
                ended = self._closing or self._ended is process
                return ended or process.hello is not None or call.task.cancelled

            in_time = self._wait_awake(over, self._hello_seconds)
        if process.hello is not None and not ended:
            return process
        if in_time and not ended:
            raise CancelledError  # it goes on starting, for the next call
        if not in_time:
            process.end_silent()
        self._bury(process)
        if self._closing:
            raise EnvironmentFault(FaultCode.WORKER_KILLED, reason="shutdown")
        raise process.death(None)

    def _start_process(self, call: _Call) -> WorkerProcess:
        if self._deaths > len(self._back_off):
            self._deaths = 0  # the next request of a person starts afresh
            raise EnvironmentFault(FaultCode.WORKER_GAVE_UP, restarts=len(self._back_off))
        if self._deaths:
            pause = self._back_off[self._deaths - 1]
            with self._changed:
                self._changed.wait_for(lambda: self._closing or call.task.cancelled, timeout=pause)
        if self._log is not None and self._rotate is not None:
            self._rotate(self._log)
        try:
            process = WorkerProcess(
                self._command, self._log, self._on_event, self._on_end, self._trace
            )
        except EnvironmentFault:
            self._deaths += 1
            raise
        with self._changed:
            self._process = process
        return process

    def _bury(self, process: WorkerProcess, counts: bool = True) -> None:
        process.close()
        self._deaths += counts
        with self._changed:
            self._process = None
        self._set_model(None)

    def _set_model(self, model: LoadedModel | None) -> None:
        changed = model != self._model
        self._model = model
        if changed and self._on_model is not None:
            self._on_model(model)

    # --- the process's reading thread ----------------------------------------------------------

    def _on_event(self, number: int, event: Event) -> None:
        with self._changed:
            call = self._active
            mine = call is not None and call.number == number and number != 0
            if mine and call is not None:
                call.heard = True
            if isinstance(event, Hello) or (mine and isinstance(event, TERMINAL)):
                if mine:
                    self._answer = event
                self._changed.notify_all()
        if isinstance(event, Unloaded) and event.idle:
            self._set_model(None)
        if mine and call is not None and not isinstance(event, TERMINAL):
            call.task.post(event)

    def _on_end(self, process: WorkerProcess) -> None:
        if process is self._process:
            self._set_model(None)
        with self._changed:
            self._ended = process
            self._changed.notify_all()
