"""What a bug report needs to know of an installation, and nothing of what a person wrote.

The report is made of numbers, versions and names: of the computer, the models, the settings. A
setting that can hold somebody's words is told by its length. The logs are wordless to begin with.
"""

import logging
import os
import platform
import re
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime
from enum import Enum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from desktop_llm import __version__
from desktop_llm.core.errors import DesktopLlmError, EnvironmentFault, FaultCode
from desktop_llm.core.model_facts import ModelKind
from desktop_llm.core.settings import Settings
from desktop_llm.engine.client import EngineClient
from desktop_llm.hub.gguf import read_header
from desktop_llm.storage.inspection import inspect_database
from desktop_llm.storage.library import Library
from desktop_llm.storage.logs import CRASH_LOG, ENGINE_LOG, RUNNER_LOG, WINDOW_LOG, tail
from desktop_llm.storage.paths import Folders
from desktop_llm.storage.settings import peek

logger = logging.getLogger(__name__)

PACKAGES = (
    "PySide6_Essentials", "llama-cpp-python", "apsw", "msgspec", "jinja2", "platformdirs",
    "tomlkit", "markdown-it-py", "pygments", "qtawesome", "psutil",
)  # fmt: skip
VARIABLES = ("LANG", "LC_ALL", "XDG_SESSION_TYPE", "XDG_CURRENT_DESKTOP", "QT_QPA_PLATFORM",
             "QT_SCALE_FACTOR")  # fmt: skip
NAMES = ("model",)  # settings whose text is a name and may be shown
LOG_BYTES = 40_000  # of each log
ROUND_TRIP_SECONDS = 60.0

Section = tuple[str, Callable[[], list[str]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """Facts that are quick to find; `desktop-llm doctor --json` prints them by these names."""

    program: str
    python: str
    system: str
    packages: dict[str, str]
    cpu_features: list[str]
    memory_bytes: int
    memory_free_bytes: int
    data_folder: str
    data_free_bytes: int
    models: list[str]


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """One question to the worker: how long the answer took, or why there was none."""

    seconds: float
    fault: DesktopLlmError | None = None


def examine(folders: Folders) -> Installation:
    import psutil

    memory = psutil.virtual_memory()
    return Installation(
        program=__version__,
        python=platform.python_version(),
        system=platform.platform(),
        packages={name: _version(name) for name in PACKAGES},
        cpu_features=_cpu_features(),
        memory_bytes=memory.total,
        memory_free_bytes=memory.available,
        data_folder=str(folders.data),
        data_free_bytes=_disk(folders.data).free,
        models=[model.name for model in Library(folders).models()],
    )


def ask_worker(engine: EngineClient) -> RoundTrip:
    """Start the worker if need be and have it answer. Blocks."""
    started = time.perf_counter()
    try:
        engine.status().result(ROUND_TRIP_SECONDS)
    except DesktopLlmError as fault:
        return RoundTrip(time.perf_counter() - started, fault)
    return RoundTrip(time.perf_counter() - started)


class Diagnostics:
    """Makes the report. Every method reads files: call it off a window's thread.

    `settings`: those in use; absent, the file is read and left as it is.
    """

    def __init__(
        self,
        folders: Folders,
        engine: EngineClient,
        settings: Callable[[], Settings | None] | None = None,
    ) -> None:
        self._folders = folders
        self._engine = engine
        self._settings = settings or (lambda: peek(folders.settings_file))

    def save(self, path: Path, round_trip: RoundTrip | None = None) -> None:
        """One file of text. Raises EnvironmentFault."""
        text = self.report(round_trip, logs=True)
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise EnvironmentFault(
                FaultCode.FILE_UNWRITABLE, path=str(path), reason=error.strerror or ""
            ) from error

    def report(self, round_trip: RoundTrip | None = None, *, logs: bool) -> str:
        """Sections of text. One that cannot be made says so and spoils no other."""
        sections: list[Section] = [
            ("Program", self._program),
            ("Computer", self._computer),
            ("Data folder", self._data),
            ("Settings that differ from the default", self._changed_settings),
            ("Models", self._models),
            ("Language packs", self._language_packs),
            ("Database", self._database),
            ("Engine", lambda: self._worker(round_trip)),
        ]
        if logs:
            for name in (WINDOW_LOG, ENGINE_LOG, RUNNER_LOG, CRASH_LOG):
                sections.append((f"End of {name}", lambda name=name: self._log(name)))  # type: ignore[misc]
        now = datetime.now().astimezone().isoformat("T", "seconds")
        parts = [f"desktop-llm diagnostics, {now}\nNo word of any conversation is in it.\n"]
        parts += [_section(*section) for section in sections]
        return _without_home("\n".join(parts))

    def _program(self) -> list[str]:
        lines = [
            f"desktop-llm {__version__}",
            f"Python {platform.python_version()} at {sys.executable}",
            *(f"{name} {_version(name)}" for name in PACKAGES),
        ]
        return lines + [f"{name}={os.environ[name]}" for name in VARIABLES if name in os.environ]

    def _computer(self) -> list[str]:
        import psutil

        memory = psutil.virtual_memory()
        return [
            platform.platform(),
            f"processor: {os.cpu_count()} threads, {' '.join(_cpu_features()) or 'unknown'}",
            f"memory: {_size(memory.total)}, {_size(memory.available)} free",
        ]

    def _data(self) -> list[str]:
        folders = self._folders
        disk = _disk(folders.data)
        lines = [
            f"data: {folders.data}",
            f"cache: {folders.cache}",
            f"disk: {_size(disk.total)}, {_size(disk.free)} free",
        ]
        if folders.backups.is_dir():
            sizes = [path.stat().st_size for path in folders.backups.iterdir()]
            lines.append(f"backups: {len(sizes)}, {_size(sum(sizes))}")
        return lines

    def _changed_settings(self) -> list[str]:
        current = self._settings()
        if current is None:
            return ["the settings file cannot be read"]
        defaults = Settings()
        return [
            f"{name} = {_shown(name, value)}"
            for name in (declared.name for declared in fields(Settings))
            if (value := getattr(current, name)) != getattr(defaults, name)
        ]

    def _models(self) -> list[str]:
        lines = []
        for model in Library(self._folders).models():
            facts = [model.source, _size(model.size_bytes)]
            if model.kind is ModelKind.ENCODER:
                lines.append(f"{model.name}: {', '.join(facts)}, encoder")
                continue
            try:
                header = read_header(Path(model.path))
            except EnvironmentFault as fault:
                facts.append(fault.code.value)
            else:
                facts += [
                    f"GGUF {header.version}",
                    header.architecture or "unknown architecture",
                    f"{header.parameters:,} parameters",
                    header.quantization or "unknown quantization",
                    f"context {header.context_length:,}",
                    "chat template" if header.text("tokenizer.chat_template") else "no template",
                ]
            lines.append(f"{model.name}: {', '.join(facts)}")
        return lines

    def _language_packs(self) -> list[str]:
        from desktop_llm.storage.language_packs import LanguagePackFiles

        return [
            f"{pack.name} {pack.version}: {pack.language}, {_size(pack.size_bytes)}, "
            f"spaCy {pack.spacy_version}, hash {'known' if pack.known_hash else 'unknown'}"
            for pack in LanguagePackFiles(self._folders.language_packs).installed()
        ]

    def _database(self) -> list[str]:
        facts = inspect_database(self._folders.database)
        if facts is None:
            return ["none yet"]
        lines = [
            f"schema {facts.version}, this program knows {facts.known}",
            _size(facts.size_bytes),
        ]
        if (counts := facts.counts) is not None:
            lines += [
                f"{counts.conversations:,} conversations, {counts.deleted:,} more deleted",
                f"{counts.messages:,} messages",
            ]
        return lines

    def _worker(self, round_trip: RoundTrip | None) -> list[str]:
        lines = []
        if round_trip is not None:
            fault = round_trip.fault
            outcome = "answered" if fault is None else _fault(fault)
            lines.append(f"{outcome} after {round_trip.seconds:.2f} s")
        hello, model = self._engine.hello, self._engine.model
        if hello is None:
            lines.append("no worker runs")
        else:
            lines.append(f"worker {hello.program}, llama-cpp-python {hello.runtime}")
            used = " ".join(processor_features(hello.system)) or "unknown"
            lines.append(f"uses of the processor: {used}")
            lines.append(f"graphics card: {'can be used' if hello.offloads else 'not built for'}")
        if model is not None:
            lines.append(
                f"loaded: {model.name}, {model.description}, context {model.context_length:,}"
                f" of {model.trained_context:,}"
            )
        return lines

    def _log(self, name: str) -> list[str]:
        return tail(self._folders.logs / name, LOG_BYTES).splitlines()


def processor_features(system: str) -> list[str]:
    """Of what llama.cpp says of itself: the names that are 1."""
    pairs = (part.rpartition(":")[2].partition("=") for part in system.split("|"))
    return [name.strip() for name, _equals, value in pairs if value.strip() == "1"]


def _section(title: str, make: Callable[[], list[str]]) -> str:
    try:
        lines = make()
    except DesktopLlmError as fault:
        lines = [_fault(fault)]
    except Exception as error:
        logger.exception("a section of the diagnostics failed")
        lines = [f"failed: {type(error).__name__}"]
    return "\n".join([f"== {title} ==", *(lines or ["none"]), ""])


def _shown(name: str, value: object) -> str:
    """A setting's value, or its length where it can hold a person's words."""
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, bool | int | float) or name in NAMES:
        return str(value)
    return f"({len(str(value)):,} characters)"


def _fault(fault: DesktopLlmError) -> str:
    return f"{fault.code.value} {fault.data.get('reason', '')}".strip()


def _without_home(text: str) -> str:
    """Folders below the home folder, whose name is often that of a person, begin with `~`."""
    for home in {str(Path.home()), str(Path.home().resolve())}:
        if home != Path(home).anchor:
            text = re.sub(rf"{re.escape(home)}(?![\w.-])", "~", text)
    return text


def _disk(path: Path) -> "shutil._ntuple_diskusage":
    """Of the folder, or of the first above it that exists."""
    existing = next(folder for folder in (path, *path.parents) if folder.exists())
    return shutil.disk_usage(existing)


def _size(size: int) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def _cpu_features() -> list[str]:
    """Vector extensions that llama.cpp's kernels use, where the system tells."""
    if sys.platform != "linux":
        return []
    wanted = {"avx", "avx2", "fma", "f16c", "avx512f", "avx512_vnni", "avx_vnni", "asimd", "i8mm"}
    try:
        with Path("/proc/cpuinfo").open(encoding="ascii", errors="replace") as file:
            for line in file:
                if line.startswith(("flags", "Features")):
                    return sorted(wanted.intersection(line.split()))
    except OSError:
        pass
    return []
