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
