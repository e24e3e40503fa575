"""How much memory there is for a model."""

import contextlib
from pathlib import Path

import psutil


def free_memory(worker: int | None = None, cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes that a model may take: what the computer can give, or this process's group of it.

    What the worker of that pid holds for itself counts as free: it unloads before it loads.
    """
    free = psutil.virtual_memory().available
    room = _group_room(cgroup)
    if room is not None:
        free = min(free, room)
    if worker is not None:
        with contextlib.suppress(psutil.Error):
            memory = psutil.Process(worker).memory_info()
            free += max(0, memory.rss - getattr(memory, "shared", 0))  # mapped weights are free
    return free


def _group_room(cgroup: Path) -> int | None:
    """What cgroup v2 still grants; None where it sets no limit. File pages can be given back."""
    try:
        limit = int((cgroup / "memory.max").read_text())
        used = int((cgroup / "memory.current").read_text())
        lines = (cgroup / "memory.stat").read_text().splitlines()
    except (OSError, ValueError):  # "max", or no such group
        return None
    files = sum(
        int(line.split()[1])
        for line in lines
        if line.startswith(("active_file ", "inactive_file "))
    )
    return max(0, limit - used + files)
