"""Kills the program, or its worker, at random moments of a reply and looks at what is left.

    python benchmarks/kills.py --count 200 [--seed 1] [--json FILE]

The real services, worker and starter model run in a process of their own. After each kill: is the
database sound, the question there, the partial reply at most half a second behind what had been
shown, the reply "interrupted", and is the worker gone?
"""

import argparse
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from desktop_llm.core.errors import FaultCode
from desktop_llm.core.messages import MessageState
from desktop_llm.storage.conversations import Conversations
from desktop_llm.storage.database import Database

DRIVER = Path(__file__).with_name("kills_driver.py")
QUESTION = "Tell me a very long story about a whale, in many chapters."
BEHIND_SECONDS = 0.5  # that a partial reply may be behind
ORPHAN_SECONDS = 5.0  # that a worker may outlive its program
SPREAD_SECONDS = 2.0  # within which a kill falls, from sending or from the first word on
GAVE_UP = FaultCode.WORKER_GAVE_UP.value
PATIENCE = 120.0  # seconds for anything on a busy machine


@dataclass
class Kill:
    """One kill and what was found. `faults`: what must not be."""

    kind: str
    since: str  # what the moment is counted from: "sending" or "text"
    moment: float  # seconds
    phase: str = ""  # "before the first word", "while it streamed", "after the end"
    shown: int = 0  # characters
    stored: int = 0
    behind: float = 0.0  # seconds between the first character that is missing and the kill
    orphan: float = 0.0  # seconds the worker outlived its program
    faults: list[str] = field(default_factory=list)


class Program:
    """The driver's process, and everything it has said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._said: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        self._ended = False
        self.process = subprocess.Popen(
            [sys.executable, str(DRIVER), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._thread = threading.Thread(target=self._listen, name="driver", daemon=True)
        self._thread.start()
        assert self.wait_for("ready", 0) is not None, "the driver does not start"

    def ask(self, question: str) -> int:
        """Returns the place from which on everything said belongs to it."""
        assert self.process.stdin is not None
        start = len(self._said)
        self.process.stdin.write(json.dumps(question).encode("ascii") + b"\n")
        self.process.stdin.flush()
        return start

    def said(self, what: str, start: int = 0) -> list[dict[str, Any]]:
        with self._changed:
            return [line for line in self._said[start:] if line["what"] == what]

    def wait_for(self, what: str, start: int, seconds: float = PATIENCE) -> dict[str, Any] | None:
        """The first of its kind; None if it does not come in time, or the reply ends first."""

        def come() -> bool:
            return self._ended or any(line["what"] in (what, "answered") for line in said())

        def said() -> list[dict[str, Any]]:
            return self._said[start:]

        with self._changed:
            self._changed.wait_for(come, seconds)
            return next((line for line in said() if line["what"] == what), None)

    def worker(self) -> int | None:
        pids = self.said("worker")
        return pids[-1]["pid"] if pids else None

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self._close()

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(PATIENCE)
        self._close()

    def _close(self) -> None:
        self._thread.join()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._changed:
                self._said.append(json.loads(line))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()


def kill_program(folder: Path, kill: Kill) -> None:
    """A program of its own for the kill; nothing of it may be left but its files."""
    program = Program(folder)
    start = program.ask(QUESTION)
    program.wait_for(kill.since, start)
    program.wait_for("answered", start, kill.moment)
    family = psutil.Process(program.process.pid).children(recursive=True)
    at = time.monotonic()
    program.kill()
    kill.orphan = _outlived(family, at, kill)
    _look(kill, program, start, at)


def kill_worker(program: Program, kill: Kill) -> bool:
    """The program goes on, and everything that it was shown must be stored.

    False where there was no worker to kill: after some deaths in a row the program waits for a
    person, who asks once more.
    """
    start = program.ask(QUESTION)
    program.wait_for(kill.since, start)
    program.wait_for("answered", start, kill.moment)
    if not _runs(program.worker()):
        program.wait_for("worker", start)
    worker, at = program.worker(), time.monotonic()
    if worker is not None and _runs(worker):
        os.kill(worker, signal.SIGKILL)
    answered = program.wait_for("answered", start)
    if answered is None:
        kill.faults.append("the reply never ended")
        return True
    if answered["fault"] == GAVE_UP:
        return False
    _look(kill, program, start, at)
    if kill.phase == "while it streamed" and not answered["fault"]:
        kill.faults.append("no fault was named")
    return True


def _runs(pid: int | None) -> bool:
    return pid is not None and psutil.pid_exists(pid)


def _outlived(family: list[psutil.Process], at: float, kill: Kill) -> float:
    _, alive = psutil.wait_procs(family, timeout=ORPHAN_SECONDS)
    if alive:
        kill.faults.append(f"{len(alive)} processes outlive their program")
    return time.monotonic() - at


def _look(kill: Kill, program: Program, start: int, at: float) -> None:
    """Open the database as the next start of the program does, and compare."""
    shown = program.said("text", start)
    answered = program.said("answered", start)
    ended = bool(answered) and answered[0]["at"] <= at
    before = bool(shown) and shown[0]["at"] <= at
    kill.phase = (
        "after the end" if ended else ("while it streamed" if before else "before the first word")
    )
    text = "".join(line["text"] for line in shown)
    kill.shown = len(text)
    database = Database(program.folder / "data" / "conversations.db")
    store = Conversations(database)
    try:
        found = database.write(lambda to: to.execute("PRAGMA integrity_check").fetchall())
        if found != [("ok",)]:
            kill.faults.append(f"unsound: {found[0]}")
        if kill.kind == "program":
            store.mark_interrupted()
        for asked in program.said("asked", start):
            _compare(kill, store, asked, shown, text, at)
    finally:
        database.close()


def _compare(
    kill: Kill,
    store: Conversations,
    asked: dict[str, Any],
    shown: list[dict[str, Any]],
    text: str,
    at: float,
) -> None:
    try:
        question, reply = store.message(asked["question"]), store.message(asked["reply"])
    except KeyError:
        kill.faults.append("the question is lost")
        return
    kill.stored = len(reply.text)
    if question.text != QUESTION:
        kill.faults.append("the question is another")
    wanted = MessageState.COMPLETE if kill.phase == "after the end" else MessageState.INTERRUPTED
    if reply.state is not wanted and not (reply.state is MessageState.COMPLETE and reply.finish):
        kill.faults.append(f"the reply is {reply.state.value}")
    if not (text.startswith(reply.text) or reply.text.startswith(text)):
        kill.faults.append("the partial reply is another text")
    kill.behind = _behind(shown, kill.stored, at)
    if kill.behind > BEHIND_SECONDS or (kill.kind == "worker" and kill.stored < kill.shown):
        kill.faults.append(f"{kill.shown - kill.stored} characters are lost")


def _behind(shown: list[dict[str, Any]], stored: int, at: float) -> float:
    """How long before the kill the first character that is not stored was shown."""
    length = 0
    for line in shown:
        length += len(line["text"])
        if length > stored:
            return max(0.0, float(at - line["at"]))
    return 0.0


def run(
    folder: Path,
    count: int,
    seed: int,
    report: Callable[[Kill], None] = lambda _kill: None,
    spread: float = SPREAD_SECONDS,
) -> list[Kill]:
    """`count` kills, half of each kind. Those of the worker share a program."""
    chance = random.Random(seed)
    kills: list[Kill] = []
    for kind in ("program", "worker"):
        program = Program(folder) if kind == "worker" else None
        for _ in range(count // 2):
            since = chance.choice(("sending", "text", "text"))
            kill = Kill(kind, since, chance.uniform(0, spread))
            if program is None:
                kill_program(folder, kill)
            else:
                while not kill_worker(program, kill):
                    pass
            kills.append(kill)
            report(kill)
        if program is not None:
            program.close()
    return kills


def table(kills: list[Kill]) -> str:
    lines = [
        f"{'killed':8} {'kills':>5} {'no word':>8} {'streaming':>9} {'ended':>6} {'faults':>6}"
        f" {'behind p50':>10} {'p95':>6} {'longest':>8} {'outlived':>9}"
    ]
    for kind in dict.fromkeys(kill.kind for kill in kills):
        group = [kill for kill in kills if kill.kind == kind]
        phases = [kill.phase for kill in group]
        behind = sorted(1000 * kill.behind for kill in group if kill.phase == "while it streamed")
        p50 = statistics.median(behind) if behind else 0.0
        p95 = behind[int(0.95 * (len(behind) - 1))] if behind else 0.0
        faults = sum(bool(kill.faults) for kill in group)
        outlived = max(kill.orphan for kill in group)
        lines.append(
            f"{kind:8} {len(group):5} {phases.count('before the first word'):8}"
            f" {phases.count('while it streamed'):9} {phases.count('after the end'):6} {faults:6}"
            f" {p50:7.0f} ms {p95:3.0f} ms {max(behind, default=0):5.0f} ms {outlived:7.2f} s"
        )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="kills in all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()

    def report(kill: Kill) -> None:
        told = f"{kill.shown} characters shown, {kill.stored} stored, {1000 * kill.behind:.0f} ms"
        when = f"{kill.moment:.2f} s after {kill.since}"
        print(f"{kill.kind:8} {when}, {kill.phase}: {told}", *kill.faults, flush=True)

    with tempfile.TemporaryDirectory() as folder:
        kills = run(Path(folder), options.count, options.seed, report)
    print(table(kills))
    if options.json is not None:
        options.json.write_text(json.dumps([asdict(kill) for kill in kills], indent=1))
    return 1 if any(kill.faults for kill in kills) else 0


if __name__ == "__main__":
    sys.exit(main())
