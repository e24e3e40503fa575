"""Jobs that measure a model, and that make it faster for this computer.

Another format is made aside, measured like the model itself, and left there until a person takes it
or does not; whether it is worth taking is said, not decided.
"""

import hashlib
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from desktop_llm import __version__
from desktop_llm.core.engine import Measured, MeasureProgress
from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.jobs import Job, JobPhase, JobProgress
from desktop_llm.core.measurement import BITS, FORMATS, Candidate, Measurement
from desktop_llm.core.memory import estimate
from desktop_llm.core.model_facts import ModelKind
from desktop_llm.core.models import InstalledModel, LoadOptions
from desktop_llm.engine.client import CancelledError, EngineClient
from desktop_llm.engine.memory import free_memory
from desktop_llm.resources import resource
from desktop_llm.services.model_library import ModelLibrary
from desktop_llm.services.runner import JobRun, Lane
from desktop_llm.storage.disk import disk_faults, free_bytes
from desktop_llm.storage.library import write_source
from desktop_llm.storage.library_file import Entry
from desktop_llm.storage.speed_history import SpeedHistory

ASIDE = ".optimised"  # in the models folder: what nobody has decided on yet
MADE = "optimised"  # where what was taken lies
CONTEXT = 1024  # tokens: enough to measure with
SPARE = 200_000_000  # bytes of disk beyond the file
UNITS = 1000  # of progress, a step


def measured_text() -> str:
    """In English and Chinese, of several kinds; the same for every model and version."""
    return resource("evaluation", "text.txt").read_text("utf-8")


class _Measuring:
    """What both kinds share."""

    lane = Lane.COMPUTE

    def __init__(
        self,
        library: ModelLibrary,
        models: Path,
        make_engine: Callable[[], EngineClient] = EngineClient,
    ) -> None:
        self._library = library
        self._models = models
        self._make_engine = make_engine
        self._history = SpeedHistory(models)

    def run(self, run: JobRun) -> Mapping[str, Any]:
        """Raises EnvironmentFault."""
        model = self._library.find(str(run.job.spec.get("path", "")))
        if model.kind is not ModelKind.CHAT:
            raise EnvironmentFault(
                FaultCode.MODEL_OTHER_KIND, path=model.path, detail=model.kind.value
            )
        engine = self._make_engine()
        run.on_stop(engine.close)
        try:
            return self._work(run, model, engine)
        except (EnvironmentFault, CancelledError):
            run.check()  # the engine was ended because the job is to stop
            raise
        finally:
            engine.close()

    def discard(self, job: Job) -> None:
        shutil.rmtree(self._aside(job.spec), ignore_errors=True)

    def _work(self, run: JobRun, model: InstalledModel, engine: EngineClient) -> dict[str, Any]:
        raise NotImplementedError

    def _aside(self, spec: Mapping[str, Any]) -> Path:
        name = hashlib.sha256(str(spec.get("path", "")).encode()).hexdigest()[:16]
        return self._models / ASIDE / name

    def _measure(
        self, run: JobRun, engine: EngineClient, model: InstalledModel, path: Path, form: str,
        step: "_Step",
    ) -> Measurement:  # fmt: skip
        header = self._library.header(str(path))
        options = LoadOptions(context_length=min(CONTEXT, header.context_length or CONTEXT))
        self._check_memory(path, estimate(header, options), engine)
        engine.load(path, options).result()
        task = engine.measure(measured_text())
        for event in task.wait_events():
            if isinstance(event, MeasureProgress):
                step.report(run, event.fraction, JobPhase.MEASURING)
        found: Measured = task.result()
        hello = engine.hello
        measured = Measurement(
            time=time.time(), program=__version__, runtime=hello.runtime if hello else "",
            path=str(path), name=model.name, quantization=form, size_bytes=_size(path, model),
            threads=found.threads, prompt_rate=found.prompt_rate, decode_rate=found.decode_rate,
            perplexity=found.perplexity, tokens=found.tokens,
        )  # fmt: skip
        self._history.record(measured)
        return measured

    def _check_memory(self, path: Path, needed: int, engine: EngineClient) -> None:
        free = free_memory(engine.worker_pid, loading=str(path))
        if needed > free:
            raise EnvironmentFault(
                FaultCode.MODEL_TOO_LARGE, path=str(path), context=CONTEXT, needed_bytes=needed,
                free_bytes=free, fits=0,
            )  # fmt: skip


@dataclass(slots=True)
class _Step:
    at: int
    of: int

    def report(self, run: JobRun, fraction: float, phase: JobPhase) -> None:
        run.check()
        done = round(UNITS * (self.at + fraction))
        run.report(JobProgress(done, UNITS * self.of, 0.0, phase))


class Bench(_Measuring):
    """The kind of job that measures one model and remembers it."""

    def _work(self, run: JobRun, model: InstalledModel, engine: EngineClient) -> dict[str, Any]:
        path = Path(model.path)
        measured = self._measure(run, engine, model, path, model.quantization, _Step(0, 1))

        def note(entry: Entry) -> None:
            entry.prompt_rate, entry.decode_rate = measured.prompt_rate, measured.decode_rate

        self._library.change_entry(model.path, note)
        return {"measured": measured.to_values()}


class Optimisation(_Measuring):
    """The kind of job that makes other formats of a model, and measures before and after."""

    def _work(self, run: JobRun, model: InstalledModel, engine: EngineClient) -> dict[str, Any]:
        path, aside = Path(model.path), self._aside(run.job.spec)
        forms = [form for form in FORMATS if form != model.quantization]
        steps = 1 + 2 * len(forms)
        before = self._measure(run, engine, model, path, model.quantization, _Step(0, steps))
        shutil.rmtree(aside, ignore_errors=True)  # of a run before this one
        with disk_faults(self._models):
            aside.mkdir(parents=True, mode=0o700)
        found: list[dict[str, Any]] = []
        left_out: list[str] = []  # too large for the memory
        for at, form in enumerate(forms):
            target = aside / f"{_stem(model)}-{form}.gguf"
            try:
                self._check_room(model, form, engine)
            except EnvironmentFault as fault:
                if fault.code is not FaultCode.MODEL_TOO_LARGE:
                    raise
                left_out.append(form)
                continue
            step = _Step(1 + 2 * at, steps)
            step.report(run, 0.0, JobPhase.CONVERTING)
            engine.unload().result()
            engine.quantize(path, target, form).result()
            step = _Step(2 + 2 * at, steps)
            after = self._measure(run, engine, model, target, form, step)
            candidate = Candidate(before=before, after=after)
            if not candidate.is_faster:
                engine.unload().result()
                target.unlink(missing_ok=True)
            found.append(after.to_values())
        return {"before": before.to_values(), "after": found, "left_out": left_out}

    def _check_room(self, model: InstalledModel, form: str, engine: EngineClient) -> None:
        """For the file, and for the model in memory beside what else runs."""
        size = round(model.parameters * BITS[form] / 8) or model.size_bytes
        free = free_bytes(self._models)
        if free is not None and free < size + SPARE:
            raise EnvironmentFault(
                FaultCode.NO_ROOM, path=str(self._models), needed_bytes=size + SPARE,
                free_bytes=free,
            )  # fmt: skip
        self._check_memory(Path(model.path), size, engine)


# --- deciding ------------------------------------------------------------------------------------


def candidates(job: Job) -> list[Candidate]:
    """What a job found; empty for what it cannot be read from."""
    try:
        before = Measurement.from_values(job.result["before"])
        return [
            Candidate(before=before, after=Measurement.from_values(one))
            for one in job.result["after"]
        ]
    except (KeyError, ValueError, TypeError):
        return []


def left_out(job: Job) -> list[str]:
    """Formats that were not tried: they would not fit into the memory."""
    found = job.result.get("left_out", [])
    return [str(form) for form in found] if isinstance(found, list) else []


def is_there(candidate: Candidate) -> bool:
    """It can still be taken."""
    return Path(candidate.after.path).is_file()


def adopt(library: ModelLibrary, models: Path, candidate: Candidate) -> Path:
    """Among the models of this computer from now on, and loaded as the one it was made of. Raises
    EnvironmentFault.
    """
    source, made = Path(candidate.after.path), candidate.after
    if not source.is_file():
        raise EnvironmentFault(FaultCode.MODEL_MISSING, path=str(source))
    folder = models / MADE / source.stem
    with disk_faults(folder):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        target = folder / source.name
        source.replace(target)
    with suppress(EnvironmentFault):  # the one it was made of may be gone by now
        model = library.find(candidate.before.path)
        write_source(
            folder,
            {
                "repo": model.repo, "revision": model.revision, "licence": model.licence,
                "languages": list(model.languages), "files": {}, "made": True,
            },
        )  # fmt: skip
        library.set(str(target), model.settings)

    def note(entry: Entry) -> None:
        entry.prompt_rate, entry.decode_rate = made.prompt_rate, made.decode_rate

    library.change_entry(str(target), note)
    return target


def discard(models: Path, candidate: Candidate) -> None:
    """It is deleted; what lies elsewhere is left alone."""
    path, root = Path(candidate.after.path), (models / ASIDE).resolve()
    if path.resolve().is_relative_to(root):
        with disk_faults(models):
            path.unlink(missing_ok=True)
        with suppress(OSError):
            path.parent.rmdir()  # where it was the last


def _stem(model: InstalledModel) -> str:
    """Of its file's name, without the format it has."""
    stem = Path(model.path).stem
    if model.quantization:
        at = stem.upper().rfind(model.quantization.upper())
        if at > 0:
            stem = stem[:at].rstrip("-._")
    return stem or "model"


def _size(path: Path, model: InstalledModel) -> int:
    if str(path) == model.path:
        return model.size_bytes
    with suppress(OSError):
        return path.stat().st_size
    return 0
