"""Downloads as jobs: files that belong together arrive aside, are checked, and placed at once."""

import hashlib
import json
import logging
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from desktop_llm.core.downloads import DownloadSpec, RemoteFile
from desktop_llm.core.errors import DesktopLlmError, EnvironmentFault, FaultCode
from desktop_llm.core.jobs import Job, JobEventKind, JobPhase, JobProgress
from desktop_llm.hub.connections import Connections
from desktop_llm.hub.download import Download, Patience, RateLimit, Received, Watcher
from desktop_llm.hub.gguf import read_header
from desktop_llm.services.discovery import about_repo
from desktop_llm.services.runner import JobRun, Lane
from desktop_llm.storage.disk import disk_faults, sync, write_atomically
from desktop_llm.storage.library import write_source

logger = logging.getLogger(__name__)

ORPHAN_SECONDS = 30 * 86400.0
INCOMING = ".incoming"  # in the models folder: on the disk they go to, so that placing is a rename


class Downloads:
    """The kind of job that fetches files into the models folder."""

    lane = Lane.NETWORK

    def __init__(
        self,
        models: Path,
        connect: Callable[[], Connections] = Connections,
        patience: Patience | None = None,
        limit: RateLimit | None = None,
        token_for: Callable[[str], str] = lambda _host: "",
    ) -> None:
        """`connect` is called for each job; `token_for`: a host."""
        self._token_for = token_for
        self._models = models
        self._connect = connect
        self._patience = patience
        self._limit = limit

    def run(self, run: JobRun) -> Mapping[str, Any]:
        """The files, as they are now. Raises EnvironmentFault."""
        spec = _spec(run.job)
        aside = self._aside(spec)
        with disk_faults(self._models):
            aside.mkdir(parents=True, exist_ok=True, mode=0o700)
        received = self._marked(spec, aside)
        if received is None:
            connections = self._connect()
            run.on_stop(connections.close)
            try:
                with about_repo(spec.source if "/" in spec.source else ""):
                    received = self._fetch(run, spec, aside, connections)
            finally:
                connections.close()
            run.check()
            _check_models(spec, received)
            _mark(_marker(aside), received)
        size = sum(one.size for one in received)
        run.report(JobProgress(size, size, 0.0, JobPhase.PLACING))
        return {"files": self._place(spec, received, aside)}

    def discard(self, job: Job) -> None:
        try:
            spec = _spec(job)
        except EnvironmentFault:
            return
        shutil.rmtree(self._aside(spec), ignore_errors=True)
        _marker(self._aside(spec)).unlink(missing_ok=True)

    def tidy(self, jobs: Iterable[Job]) -> None:
        """Delete what belongs to none of these jobs, as after the loss of a database, and has not
        been touched for long: until then the same download would go on from it.
        """
        wanted: set[Path] = set()
        for job in jobs:
            with suppress(EnvironmentFault):
                aside = self._aside(_spec(job))
                wanted |= {aside, _marker(aside)}
        incoming = self._models / INCOMING
        with suppress(OSError):
            for found in incoming.iterdir():
                if found not in wanted and time.time() - found.stat().st_mtime > ORPHAN_SECONDS:
                    logger.info("what no job knows is removed: %s", found.name)
                    if found.is_dir() and not found.is_symlink():
                        shutil.rmtree(found, ignore_errors=True)
                    else:
                        found.unlink(missing_ok=True)

    def _fetch(
        self, run: JobRun, spec: DownloadSpec, aside: Path, connections: Connections
    ) -> list[Received]:
        received: list[Received] = []
        before = 0
        for file in spec.files:
            here = aside / file.name
            known = _known(here, file)
            if known is None:
                watcher = _watcher(run, spec, before, file)
                token = self._token_for(urlsplit(file.url).hostname or "")
                download = Download(
                    connections, file, here, watcher, self._patience, self._limit, token
                )
                known = download.run()
                run.note(JobEventKind.CHECKED, path=file.name, sha256=known.sha256)
            received.append(known)
            before += known.size
        return received

    def _place(
        self, spec: DownloadSpec, received: list[Received], aside: Path
    ) -> list[dict[str, Any]]:
        """One rename after the other; a run after a crash goes on with what is still aside."""
        root = self._models.resolve()
        placed: list[dict[str, Any]] = []
        folders: set[Path] = set()
        with disk_faults(self._models):
            for file, one in zip(spec.files, received, strict=True):
                target = self._models / spec.folder / file.name
                target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                if not target.parent.resolve().is_relative_to(root):
                    raise EnvironmentFault(FaultCode.FILE_UNWRITABLE, path=str(target), reason="")
                if one.path.exists():
                    one.path.replace(target)
                folders.add(target.parent)
                placed.append({"path": str(target), "size": one.size, "sha256": one.sha256})
            for folder in folders:
                sync(folder)
        _say_source(self._models / spec.folder, spec, received)
        shutil.rmtree(aside, ignore_errors=True)
        _marker(aside).unlink(missing_ok=True)
        return placed

    def _marked(self, spec: DownloadSpec, aside: Path) -> list[Received] | None:
        """What a run before this one was placing; None: it had not come to that."""
        try:
            values = json.loads(_marker(aside).read_text("utf-8"))
            received = [
                Received(path=aside / file.name, size=one["size"], sha256=one["sha256"])
                for file, one in zip(spec.files, values, strict=True)
            ]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        folder = self._models / spec.folder
        for file, one in zip(spec.files, received, strict=True):
            if not one.path.exists() and not (folder / file.name).exists():
                return None  # somebody has been here
        return received

    def _aside(self, spec: DownloadSpec) -> Path:
        """The same for the same download, whatever the number of its job."""
        text = json.dumps(spec.to_values(), sort_keys=True)
        return self._models / INCOMING / hashlib.sha256(text.encode()).hexdigest()[:16]


def _spec(job: Job) -> DownloadSpec:
    try:
        return DownloadSpec.from_values(job.spec)
    except ValueError as error:
        raise EnvironmentFault(FaultCode.HUB_ODD, host="?", reason=str(error)) from error


def _known(path: Path, file: RemoteFile) -> Received | None:
    """A file that a run before this one has received whole. It was checked before it got its name;
    that its hash is not known any more costs a reading.
    """
    if not path.is_file():
        return None
    with disk_faults(path.parent), path.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
        size = opened.tell()
    if file.sha256 not in ("", digest) or file.size not in (None, size):
        return None
    return Received(path=path, size=size, sha256=digest)


def _check_models(spec: DownloadSpec, received: list[Received]) -> None:
    """What calls itself a model must be one before it stands among them."""
    for file, one in zip(spec.files, received, strict=True):
        if file.name.lower().endswith(".gguf"):
            try:
                read_header(one.path)
            except EnvironmentFault as fault:
                one.path.unlink(missing_ok=True)
                raise EnvironmentFault(fault.code, **{**fault.data, "path": file.name}) from fault


def _marker(aside: Path) -> Path:
    """Is there when all files are here and checked, until all are placed."""
    return aside.with_name(f"{aside.name}.placing")


def _mark(marker: Path, received: list[Received]) -> None:
    values = [{"size": one.size, "sha256": one.sha256} for one in received]
    write_atomically(marker, json.dumps(values))


def _say_source(folder: Path, spec: DownloadSpec, received: list[Received]) -> None:
    """For the library: whence the files are, and what their hashes were."""
    files = {
        file.name: {"sha256": one.sha256, "size": one.size}
        for file, one in zip(spec.files, received, strict=True)
    }
    source = {"repo": spec.source, "revision": spec.revision, "licence": spec.licence}
    write_source(folder, {**source, "languages": list(spec.languages), "files": files})


def _watcher(run: JobRun, spec: DownloadSpec, before: int, file: RemoteFile) -> Watcher:
    all_known = all(each.size is not None for each in spec.files)

    def progress(done: int, size: int, rate: float, phase: JobPhase) -> None:
        total = spec.size if all_known else before + size
        run.report(JobProgress(before + done, total, rate, phase))

    def retrying(fault: DesktopLlmError, seconds: float) -> None:
        run.note(
            JobEventKind.RETRYING, fault=fault.code.value, values=dict(fault.data), seconds=seconds
        )

    def restarted(why: FaultCode) -> None:
        run.note(JobEventKind.RESTARTED, fault=why.value, values={"path": file.name})

    return Watcher(run.check, progress, retrying, restarted)
