"""How many cores this process may really use, and how many pay off at the moment."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import psutil

WINDOW = 3  # tokens measured at a thread count before it is judged
SLOWER = 1.3  # times the best known time of this thread count: something else wants the cores
HOPELESS = 2.5  # times the best known time: a single token is enough to act on
BETTER = 0.97  # of the time of the other thread count: worth the change
TAKEN = 0.3  # of a core may be somebody else's for a thread to pay off on it
LOOK = 16  # tokens between two looks at the cores, so that the last one is never old
FIRST_GAP, LAST_GAP = 10, 320  # tokens between two tries of more threads
DRIFT = 1.0015  # a window: the best time ages, since a longer context is slower


def usable_cores() -> int:
    """Cores by affinity and by the cgroup's quota, at least one."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    quota = _cgroup_quota()
    if quota is not None:
        cores = min(cores, max(1, int(quota)))
    return max(1, cores)


def _cgroup_quota(root: Path = Path("/sys/fs/cgroup")) -> float | None:
    """CPUs granted by cgroup v2 or v1, None where unlimited or unknown."""
    try:
        quota, period = (root / "cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        pass
    try:
        granted = int((root / "cpu/cpu.cfs_quota_us").read_text())
        period_us = int((root / "cpu/cpu.cfs_period_us").read_text())
        return granted / period_us if granted > 0 and period_us > 0 else None
    except (OSError, ValueError):
        return None


def cores_wanted_by_others(looks: int = 4, pause: float = 0.002) -> int | None:
    """Threads of the whole system that run or wait for a core at this moment, but this one.

    The least of some looks (`pause` in seconds): who only blinks, wants no core. None where the
    system does not tell.
    """
    least: int | None = None
    for look in range(looks):
        if look:
            time.sleep(pause)
        try:
            stat = Path("/proc/stat").read_text()
            running = int(stat.partition("\nprocs_running ")[2].split(None, 1)[0])
        except (OSError, ValueError, IndexError):
            return None
        least = running - 1 if least is None else min(least, running - 1)
        if least <= 0:
            return 0
    return least


class FreeCores:
    """Measures how many of the cores in reach nobody else uses: idle ones, and those this process
    is using itself.
    """

    SHORTEST = 0.1  # seconds between two readings: the system counts in hundredths

    def __init__(self) -> None:
        self._before = self._read()

    def measure(self) -> float | None:
        """Cores free since the last measurement; None where that was too short ago."""
        now = self._read()
        elapsed = now[0] - self._before[0]
        if elapsed < self.SHORTEST:
            return None
        idle, own = (now[at] - self._before[at] for at in (1, 2))
        self._before = now
        return (idle + own) / elapsed

    @staticmethod
    def _read() -> tuple[float, float, float]:
        """The time, idle seconds of the cores in reach, seconds of this process."""
        cores = psutil.cpu_times(percpu=True)
        if hasattr(os, "sched_getaffinity"):
            reached = os.sched_getaffinity(0)
            cores = [core for number, core in enumerate(cores) if number in reached]
        idle = sum(core.idle + getattr(core, "iowait", 0.0) for core in cores)
        return time.monotonic(), idle, time.process_time()


class ThreadController:
    """Chooses the thread count of the next token from the times of the tokens before.

    llama.cpp's threads meet at a barrier after every operation and spin there: one thread that
    lost its core to another process holds up all. With a busy neighbour on one of two cores, two
    threads reach a third of the speed of one. So: when tokens become slower than this thread count
    is known to be, and others use the cores, one thread less is tried and kept if it is faster.
    While below the most, one more is tried when a core looks free, ever less often as long as it
    does not help.
    """

    def __init__(self, most: int, free_cores: Callable[[], float | None]) -> None:
        self.most = most
        self.threads = most
        self._free_cores = free_cores
        self._best: dict[int, float] = {}  # seconds a token, the fastest median seen
        self._window: list[float] = []
        self._trial: tuple[int, float] | None = None  # thread count left behind, its time
        self._free: float | None = None  # cores, as seen last
        self._look_in = LOOK
        self._wait = 0  # tokens until the next try of more threads
        self._gap = FIRST_GAP

    def begin(self, wanted_by_others: int | None) -> int:
        """Before a reply: start below the most where others want the cores already. A token tried
        with too many threads can take seconds. Where this process may not use every core, nobody
        knows whether the others want those it may.
        """
        if wanted_by_others is not None and self.most == os.cpu_count():
            free = max(1, self.most - wanted_by_others)
            if free < self.threads:
                self.threads = free
                self._trial = None
                self._window.clear()
                self._wait = FIRST_GAP
        return self.threads

    def note(self, seconds: float) -> int:
        """Take the time of one decoded token; return the threads to use for the next."""
        if self.most == 1:
            return 1
        self._window.append(seconds)
        self._wait -= 1
        self._look_in -= 1
        if self._look_in <= 0:
            self._look()
        if len(self._window) < WINDOW and not self._hopeless(seconds):
            return self.threads
        now = sorted(self._window)[len(self._window) // 2]
        self._window.clear()
        measured, known = self.threads, self._best.get(self.threads)
        if self._trial is not None:
            self._judge(now)
        elif measured > 1 and self._slow(now):
            self._try(measured - 1, now)
        elif measured < self.most and self._wait <= 0 and self._core_free():
            self._try(measured + 1, now)
        for threads in self._best:
            self._best[threads] *= DRIFT
        if measured == self.threads or known is None:
            self._best[measured] = now if known is None else min(known, now)
        return self.threads

    def _hopeless(self, seconds: float) -> bool:
        """A token so slow that the next is better decoded otherwise."""
        known = self._trial[1] if self._trial is not None else self._best.get(self.threads)
        return known is not None and seconds > HOPELESS * known

    def _slow(self, now: float) -> bool:
        """Slower than known, or nothing known yet; and it is others that use the cores."""
        known = self._best.get(self.threads)
        if known is not None and now <= SLOWER * known:
            return False
        free = self._look()
        if free is None:
            return known is not None
        return free < self.threads - TAKEN

    def _core_free(self) -> bool:
        free = self._look()
        return free is not None and free > self.threads + 1 - TAKEN

    def _look(self) -> float | None:
        """Free cores now, or as seen a moment ago."""
        self._look_in = LOOK
        now = self._free_cores()
        if now is not None:
            self._free = now
        return self._free

    def _try(self, threads: int, now: float) -> None:
        self._trial = (self.threads, now)
        self.threads = threads

    def _judge(self, now: float) -> None:
        assert self._trial is not None
        (threads, before), self._trial = self._trial, None
        went_up = self.threads > threads
        if now < BETTER * before:
            self._gap = self._wait = FIRST_GAP
            return
        self.threads = threads
        if went_up:
            self._gap = self._wait = min(2 * self._gap, LAST_GAP)
        else:
            self._best[threads] = before  # not contention: everything is slower now
