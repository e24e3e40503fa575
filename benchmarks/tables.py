"""A table of 10,000 rows through `batch`, its runner killed at random moments.

    python benchmarks/tables.py [--rows N] [--kills N] [--seed N]

Every row must come out once, in its order, with the result that was on the disk before a kill; what
a kill costs is a batch at most, and its time.
"""

import argparse
import csv
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from desktop_llm.core.jobs import ENDED, JobState
from desktop_llm.services.jobs import JobService
from desktop_llm.services.row_work import BATCH
from desktop_llm.storage.paths import Folders
from desktop_llm.storage.table_runs import TableRun, open_table_run, table_run_keys

ROWS, KILLS, SEED = 10_000, 10, 1
LIMIT = 3600.0  # seconds
_WORDS = (
    "a wonderful film", "boring and far too long", "the acting is superb", "i left early",
    "a story that moves", "not worth the money", "funny from start to end", "a dull copy",
)  # fmt: skip


def run(folder: Path, rows: int = ROWS, kills: int = KILLS, seed: int = SEED) -> dict[str, float]:
    """`lost`, `twice`, `changed`: rows; `rate`: rows a second, the kills included."""
    chance = random.Random(seed)
    folders = Folders(folder / "data", folder / "data" / "cache", fixed=True)
    folders.ensure()
    source = folder / "table.csv"
    with source.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text"])
        writer.writerows((at, f"{chance.choice(_WORDS)}, number {at}") for at in range(rows))
    said = subprocess.run(
        [sys.executable, "-P", "-m", "desktop_llm", "--data-dir", str(folders.data), "batch",
         str(source), "--no-wait", "--json"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    number = json.loads(said.stdout)["job"]
    service = JobService(folders)
    service.watch(lambda: None)  # another runner where one has died
    before: dict[int, str] = {}
    begun = time.monotonic()
    moments = sorted(chance.uniform(0.02, 0.98) * rows for _kill in range(kills))
    state = None
    try:
        while not table_run_keys(folders.tables) and time.monotonic() - begun < LIMIT:
            time.sleep(0.1)
        with_rows = open_table_run(folders.tables, table_run_keys(folders.tables)[0])
        changed = 0
        while time.monotonic() - begun < LIMIT:
            state = service.get(number).state
            if state in ENDED:
                break
            if moments and with_rows.done(0) >= moments[0]:
                moments.pop(0)
                time.sleep(chance.uniform(0.0, 4.0))  # at any moment of a batch
                _kill_runner(folders)
                changed += _compare(with_rows, before)
            time.sleep(0.2)
        changed += _compare(with_rows, before)
        with_rows.close()
        job = service.get(number)
    finally:
        service.close()
    seconds = time.monotonic() - begun
    if state is not JobState.DONE:
        raise SystemExit(f"the job is not done: {state}")
    with Path(job.result["target"]).open(newline="", encoding="utf-8-sig") as file:
        found = [row["id"] for row in csv.DictReader(file)]
    return {
        "rows": rows, "kills": kills, "lost": len(set(map(str, range(rows))) - set(found)),
        "twice": len(found) - len(set(found)), "changed": changed,
        "ordered": float(found == sorted(found, key=int)), "batch": BATCH,
        "rate": rows / seconds,
    }  # fmt: skip


def _compare(rows: TableRun, before: dict[int, str]) -> int:
    """How many results are others than they were, or gone."""
    now = {at: found.value for at, _row, [found] in rows.pages(1) if found is not None}
    changed = sum(now.get(at) != value for at, value in before.items())
    before |= now
    return changed


def _kill_runner(folders: Folders) -> None:
    for process in psutil.process_iter(["cmdline"]):
        line = process.info["cmdline"] or []
        if line[-2:] == ["jobs", "run"] and str(folders.data) in line:
            os.kill(process.pid, signal.SIGKILL)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        print(json.dumps(run(Path(name), options.rows, options.kills, options.seed)))
