"""Checking model files as jobs: gigabytes are read, so it goes on without the window."""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.jobs import Job, JobPhase, JobProgress
from desktop_llm.core.models import InstalledModel
from desktop_llm.hub.gguf import read_header
from desktop_llm.services.model_library import ModelLibrary
from desktop_llm.services.runner import JobRun, Lane
from desktop_llm.storage.library_file import Entry

PIECE = 4 * 1024 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class CheckSpec:
    """`sha256`: of the first file, where somebody has said it; else that of an earlier check."""

    files: tuple[str, ...]
    sha256: str = ""

    @classmethod
    def of(cls, model: InstalledModel) -> "CheckSpec":
        if Path(model.path).is_dir():
            files = sorted(Path(model.path).glob("*.safetensors"))
            return cls(tuple(map(str, files)))
        return cls(model.all_files, model.sha256)

    def to_values(self) -> dict[str, Any]:
        return {"files": list(self.files), "sha256": self.sha256}


class Verification:
    """The kind of job that reads files whole and compares their hashes."""

    lane = Lane.COMPUTE

    def __init__(self, library: ModelLibrary) -> None:
        self._library = library

    def run(self, run: JobRun) -> Mapping[str, Any]:
        """Raises EnvironmentFault: MODEL_CHANGED among others."""
        files = [Path(str(each)) for each in run.job.spec.get("files", ())]
        promised = str(run.job.spec.get("sha256", ""))
        total = sum(file.stat().st_size for file in files if file.is_file())
        done, results = 0, []
        for at, file in enumerate(files):
            if file.suffix.lower() == ".gguf":
                read_header(file)
            digest = self._hash(run, file, done, total)
            done += file.stat().st_size
            entry = self._library.files.file.known().entries.get(str(file))
            wanted = (promised if at == 0 else "") or ("" if entry is None else entry.sha256)
            if wanted and wanted != digest:
                raise EnvironmentFault(FaultCode.MODEL_CHANGED, path=str(file))
            self._library.change_entry(str(file), partial(_keep, digest))
            results.append({"path": str(file), "sha256": digest, "compared": bool(wanted)})
        return {"files": results}

    def discard(self, job: Job) -> None:
        """It leaves nothing."""

    def _hash(self, run: JobRun, file: Path, before: int, total: int) -> str:
        digest, done, begun = hashlib.sha256(), 0, time.monotonic()
        try:
            with file.open("rb", buffering=0) as opened:
                while piece := opened.read(PIECE):
                    run.check()
                    digest.update(piece)
                    done += len(piece)
                    rate = done / max(0.001, time.monotonic() - begun)
                    run.report(JobProgress(before + done, total, rate, JobPhase.CHECKING))
        except OSError as error:
            raise EnvironmentFault(
                FaultCode.FILE_UNREADABLE, path=str(file), reason=error.strerror or ""
            ) from error
        return digest.hexdigest()


def _keep(digest: str, entry: Entry) -> None:
    entry.sha256 = digest
