"""How many cores this process may really use, and how many pay off at the moment."""

import os
from pathlib import Path

EXPLORE_TOKENS = 4  # tokens measured at a thread count before it is judged
SLOWER = 1.25  # times the best known time of this thread count: something else wants the cores
BETTER = 0.97  # of the time of the other thread count: worth the change
FIRST_RETRY, LAST_RETRY = 24, 192  # tokens between two tries of more threads
HOPELESS = 1.8  # times the time before: a trial of more threads ends at its first such token
TRIAL_SHARE = 0.03  # of the time that trials of more threads may cost
DRIFT = 1.0005  # a token: the best time ages, since a longer context is slower


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


class ThreadController:
    """Chooses the thread count of the next token from the times of the tokens before.

    llama.cpp's threads meet at a barrier after every operation and spin there: one thread that
    lost its core to another process holds up all. With a busy neighbour on one of two cores, two
    threads can be slower than one. So: when tokens become slower than this thread count is known
    to be, one thread less is tried, and kept if it is faster; while below the most, one more is
    tried from time to time, ever less often as long as it does not help.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.threads = most
        self._best: dict[int, float] = {}  # seconds a token, the fastest median seen
        self._window: list[float] = []
        self._settled: tuple[int, float] | None = None  # thread count left behind, its time
        self._retry_in = FIRST_RETRY
        self._retry_gap = FIRST_RETRY

    def note(self, seconds: float) -> int:
        """Take the time of one decoded token; return the threads to use for the next."""
        if self.most == 1:
            return 1
        self._window.append(seconds)
        if self._hopeless(seconds):
            self._judge_trial(seconds)
            return self.threads
        for threads in self._best:
            self._best[threads] *= DRIFT
        if len(self._window) < EXPLORE_TOKENS:
            return self.threads
        now = sorted(self._window)[len(self._window) // 2]
        self._window.clear()
        known = self._best.get(self.threads)
        self._best[self.threads] = now if known is None else min(known, now)
        if self._settled is not None:
            self._judge_trial(now)
        elif self.threads > 1 and (
            now > SLOWER * self._best[self.threads] or self.threads - 1 not in self._best
        ):
            self._try(self.threads - 1, now)
        elif self.threads < self.most:
            self._retry_in -= EXPLORE_TOKENS
            if self._retry_in <= 0:
                self._try(self.threads + 1, now)
        return self.threads

    def _hopeless(self, seconds: float) -> bool:
        """One token of a contended trial can last as long as twenty of those before it."""
        if self._settled is None or self.threads < self._settled[0]:
            return False
        return seconds > HOPELESS * self._settled[1]

    def _try(self, threads: int, now: float) -> None:
        self._settled = (self.threads, now)
        self.threads = threads

    def _judge_trial(self, now: float) -> None:
        assert self._settled is not None
        before_threads, before = self._settled
        self._settled = None
        went_up = self.threads > before_threads
        cost = sum(self._window) or now * EXPLORE_TOKENS
        self._window.clear()
        if now < BETTER * before:
            self._retry_gap = self._retry_in = FIRST_RETRY
            return
        self.threads = before_threads
        if went_up:
            self._retry_gap = min(2 * self._retry_gap, LAST_RETRY)
        self._retry_in = max(self._retry_gap, round(cost / TRIAL_SHARE / before))
