"""What the benchmarks share: the model, neighbours that keep a core busy, numbers in a table."""

import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
QUESTION = "Tell a long story about a whale."
SECONDS = 900  # that one part may take; two threads beside two busy processes take minutes


@dataclass
class Series:
    """One quantity, measured several times."""

    unit: str
    values: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def __str__(self) -> str:
        digits = 0 if self.median >= 100 else 1 if self.median >= 10 else 3
        low, high = min(self.values), max(self.values)
        return f"{self.median:,.{digits}f} {self.unit} ({low:,.{digits}f} … {high:,.{digits}f})"


@dataclass
class Row:
    """A line of the report: what was measured, against what, and what is wanted of it."""

    name: str
    measured: Series
    against: Series | None = None
    ratio: float | None = None  # median of the pairs' ratios
    bound: str = ""
    met: bool | None = None

    def cells(self) -> list[str]:
        ratio = "" if self.ratio is None else f"{self.ratio:.3f}"
        met = {None: "", True: "yes", False: "NO"}[self.met]
        against = "" if self.against is None else str(self.against)
        return [self.name, str(self.measured), against, ratio, self.bound, met]


def paired_ratio(measured: Series, against: Series) -> float:
    """Of values measured beside each other, pair by pair: a noisy machine is noisy for both."""
    pairs = zip(measured.values, against.values, strict=True)
    return statistics.median(one / other for one, other in pairs)


def table(rows: Sequence[Row]) -> str:
    head = ["", "measured", "beside", "ratio", "bound", "met"]
    cells = [head, *(row.cells() for row in rows)]
    widths = [max(len(line[at]) for line in cells) for at in range(len(head))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    ]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def as_json(rows: Sequence[Row]) -> list[dict[str, Any]]:
    return [
        {
            "name": row.name,
            "unit": row.measured.unit,
            "measured": row.measured.values,
            "beside": None if row.against is None else row.against.values,
            "ratio": row.ratio,
            "bound": row.bound,
            "met": row.met,
        }
        for row in rows
    ]


def starter() -> Path:
    from desktop_llm.storage.library import find_starter

    model = find_starter()
    if model is None:
        raise SystemExit("the starter model is missing: make setup")
    return Path(model.path)


def child(script: str, *arguments: object) -> dict[str, Any]:
    """Run a benchmark's part in a process of its own; the last line it prints is its answer."""
    command = [sys.executable, str(HERE / script), *map(str, arguments)]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}  # as an installed program runs
    if not ({"DISPLAY", "WAYLAND_DISPLAY"} & set(environment)):
        environment["QT_QPA_PLATFORM"] = "offscreen"
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=SECONDS, env=environment, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"{script}: {done.stderr.strip()[-2000:]}")
    answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer


@contextmanager
def screen() -> Iterator[str]:
    """A screen for the windows: the one there is, else Xvfb's, else none (offscreen)."""
    if "DISPLAY" in os.environ or sys.platform != "linux":
        yield "the desktop's screen"
        return
    if (server := shutil.which("Xvfb")) is None:
        yield "offscreen"
        return
    reader, writer = os.pipe()
    size = ["-screen", "0", "1920x1080x24", "-nolisten", "tcp"]
    process = subprocess.Popen(
        [server, "-displayfd", str(writer), *size], pass_fds=[writer], stderr=subprocess.DEVNULL
    )
    os.close(writer)
    with os.fdopen(reader) as pipe:
        os.environ["DISPLAY"] = f":{pipe.readline().strip()}"
    try:
        yield "Xvfb"
    finally:
        del os.environ["DISPLAY"]
        process.terminate()
        process.wait()


@contextmanager
def busy(count: int) -> Iterator[None]:
    """So many processes that want a core each."""
    command = [sys.executable, "-c", "while True: pass"]
    neighbours = [subprocess.Popen(command) for _ in range(count)]
    try:
        yield
    finally:
        for neighbour in neighbours:
            neighbour.kill()
            neighbour.wait()


@contextmanager
def hub_of(folder: Path) -> Iterator[tuple[Path, str, str]]:
    """A server of one large sparse file: 10 GB, or 2 where the disk has less than 30 free. The
    file, its address, its SHA-256.
    """
    room = shutil.disk_usage(folder).free
    file = folder / "large"
    with file.open("wb") as opened:
        opened.truncate(10_000_000_000 if room >= 30_000_000_000 else 2_000_000_000)
    with file.open("rb") as opened:
        sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
    command = [sys.executable, str(HERE / "hub_server.py"), str(file), sha256]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        yield file, server.stdout.readline().strip(), sha256
    finally:
        server.terminate()
        server.wait()
        server.stdout.close()
        file.unlink()
