"""How much memory there is for a model."""

import contextlib
import os
from pathlib import Path

import psutil

MAPPED = 64 * 1024 * 1024  # bytes of files that a process maps, from which it may hold a model
_WEIGHTS = (".gguf",)  # what files of weights are called; and those of Ollama:
_BLOB = "sha256-"


def free_memory(
    worker: int | None = None, cgroup: Path = Path("/sys/fs/cgroup"), loading: str = ""
) -> int:
    """Bytes that a model may take: what the computer can give, or this process's group of it.

    What the worker of that pid holds for itself counts as free: it unloads before it loads. Weights
    that others have mapped (another window, a job, another program) count as taken, though the
    system would give them back: they would be read from the disk again with every token. Not so
    those of the file `loading`: they are there once for all.
    """
    free = psutil.virtual_memory().available - mapped_weights(worker, loading)
    room = _group_room(cgroup)
    if room is not None:
        free = min(free, room)
    if worker is not None:
        with contextlib.suppress(psutil.Error):
            memory = psutil.Process(worker).memory_info()
            free += max(0, memory.rss - getattr(memory, "shared", 0))  # mapped weights are free
    return free


def mapped_weights(worker: int | None = None, loading: str = "") -> int:
    """Bytes in memory of model files that processes but `worker` have mapped. Linux alone tells."""
    held: dict[str, int] = {}
    if not hasattr(psutil.Process, "memory_maps"):
        return 0
    for process in psutil.process_iter():
        if process.pid in (worker, os.getpid()):
            continue
        with contextlib.suppress(psutil.Error, OSError):
            if getattr(process.memory_info(), "shared", 0) < MAPPED:
                continue
            for found in process.memory_maps(grouped=True):
                name = Path(found.path).name
                if name.lower().endswith(_WEIGHTS) or name.startswith(_BLOB):
                    held[found.path] = max(held.get(found.path, 0), found.rss)
    return sum(size for path, size in held.items() if path != loading)


def _group_room(cgroup: Path) -> int | None:
    """What the group (cgroup v2 or v1) still grants; None without a limit.

    File pages can be given back, so they count as free.
    """
    for limit, used, files in (
        ("memory.max", "memory.current", ("active_file", "inactive_file")),
        (
            "memory/memory.limit_in_bytes",
            "memory/memory.usage_in_bytes",
            ("total_active_file", "total_inactive_file"),
        ),
    ):
        with contextlib.suppress(OSError, ValueError):  # "max", or no such group
            granted, taken = (int((cgroup / name).read_text()) for name in (limit, used))
            lines = (cgroup / used).with_name("memory.stat").read_text().splitlines()
            counts = dict(line.split() for line in lines)
            return max(0, granted - taken + sum(int(counts.get(name, 0)) for name in files))
    return None
