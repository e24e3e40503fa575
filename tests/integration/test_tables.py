"""`batch` with the starter model, in a real runner that is killed."""

import csv
import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from desktop_llm.core.jobs import JobKind, JobState
from desktop_llm.services.jobs import JobService, runner_lock
from desktop_llm.storage.paths import Folders
from desktop_llm.storage.table_runs import open_table_run, table_run_keys
from tests.integration.helpers import wait_until

GOOD, BAD = "a wonderful film that i loved", "a boring and terrible waste of time"
ROWS = 600


@pytest.fixture
def folders(tmp_path):
    made = Folders(tmp_path / "data", tmp_path / "data" / "cache", fixed=True)
    made.ensure()
    yield made
    wait_until(lambda: runner_lock(made).is_free(), 60)


def batch(folders, *arguments):
    return subprocess.run(
        [sys.executable, "-P", "-m", "desktop_llm", "--data-dir", str(folders.data), "batch",
         *map(str, arguments)],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def write(path, texts):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text"])
        writer.writerows(enumerate(texts))


def read(path):
    with Path(path).open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def test_sentiment_of_a_table(folders, tmp_path):
    source = tmp_path / "reviews.csv"
    write(source, [GOOD, BAD, "", "=1+1 " + GOOD, "这家酒店很好，服务也不错"] + [GOOD, BAD] * 3)
    shown = batch(folders, source, "--preview", "--json")
    assert shown.returncode == 0, shown.stderr
    preview = json.loads(shown.stdout)
    assert "text" in preview["rows"][2]["sentiment_error"]
    assert len(preview["rows"]) == 10
    assert preview["seconds"] > 0
    done = batch(folders, source)
    assert done.returncode == 1, done.stderr  # a row is empty
    rows = read(done.stdout.strip())
    assert [row["id"] for row in rows] == [str(at) for at in range(11)]
    assert rows[0]["sentiment"] == "positive"
    assert rows[1]["sentiment"] == "negative"
    assert 0.5 <= float(rows[0]["sentiment_confidence"]) <= 1
    assert rows[2]["sentiment"] == ""
    assert rows[2]["sentiment_error"]
    assert rows[3]["text"].startswith("'=1+1")
    assert rows[4]["sentiment"] in ("positive", "negative")
    assert rows[0]["sentiment"] == preview["rows"][0]["sentiment"]


def test_documents_and_tools_that_write(folders, tmp_path):
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "a.txt").write_text("The library in Lindau opens at nine and closes at six.")
    (folder / "b.md").write_text("# Bridge\n\nThe bridge cost 14 million euros.")
    (folder / "c.pdf").write_bytes(b"%PDF-1.4 broken")
    done = batch(folders, folder, "--tool", "title", "--tool", "sentiment")
    assert done.returncode == 1, done.stderr
    rows = read(done.stdout.strip())
    assert [row["file"] for row in rows] == ["a.txt", "b.md", "c.pdf"]
    assert rows[0]["title"]
    assert rows[1]["sentiment"] in ("positive", "negative")
    assert rows[2]["title_error"]
    assert rows[2]["sentiment_error"]


def test_kills_repeat_a_batch_at_most_and_lose_no_row(folders, tmp_path):
    source = tmp_path / "many.csv"
    chance = random.Random(11)
    write(source, [f"{chance.choice([GOOD, BAD])} {at}" for at in range(ROWS)])
    begun = batch(folders, source, "--no-wait", "--json")
    assert begun.returncode == 0, begun.stderr
    number = json.loads(begun.stdout)["job"]
    service = JobService(folders)
    service.watch(lambda: None)  # starts a runner where one has died
    kept: dict[int, str] = {}
    try:
        wait_until(lambda: table_run_keys(folders.tables), 60)
        [key] = table_run_keys(folders.tables)
        rows = open_table_run(folders.tables, key)
        for kill in range(3):
            wanted = 64 * (2 * kill + 1)
            wait_until(lambda wanted=wanted: rows.done(0) > wanted, 120)
            for at, _row, [found] in rows.pages(1):
                if found is not None:
                    assert kept.setdefault(at, found.value) == found.value
            for child in runners(folders):
                os.kill(child.pid, signal.SIGKILL)
        wait_until(lambda: service.get(number).state is JobState.DONE, 240)
        rows.close()
        job = service.get(number)
    finally:
        service.close()
    assert job.kind == JobKind.TABLE
    assert job.result["rows"] == ROWS
    assert job.result["errors"] == 0
    written = read(job.result["target"])
    assert [row["id"] for row in written] == [str(at) for at in range(ROWS)]
    assert all(written[at]["sentiment"] == value for at, value in kept.items())
    right = sum(
        row["sentiment"] == ("positive" if row["text"].startswith(GOOD) else "negative")
        for row in written
    )
    assert right > 0.9 * ROWS


def runners(folders):
    found = []
    for process in psutil.process_iter(["cmdline"]):
        line = process.info["cmdline"] or []
        if line[-2:] == ["jobs", "run"] and str(folders.data) in line:
            found.append(process)
    return found


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none.csv"], "none.csv"),
        (["t.csv", "--column", "nowhere"], "nowhere"),
        (["t.csv", "--tool", "nonsense"], "nonsense"),
        (["t.csv", "--tool", "translate:into=de"], "into"),
        (["t.csv", "--tool", "sentiment:aspects=price"], "aspects"),
        (["t.csv", "--output", "t.csv"], "t.csv"),
        (["t.parquet"], "t.parquet"),
    ],
)
def test_what_cannot_be_done_is_said_at_once(folders, tmp_path, arguments, said):
    write(tmp_path / "t.csv", [GOOD])
    (tmp_path / "t.parquet").write_bytes(b"PAR1")
    found = subprocess.run(
        [sys.executable, "-P", "-m", "desktop_llm", "--data-dir", str(folders.data), "batch",
         *arguments],
        capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert found.returncode == 1
    assert said in found.stderr
    assert found.stdout == ""
