"""The window's own process, as the system sees it: started twice, killed, ended."""

import os
import signal
import subprocess
import sys

import psutil
import pytest

from desktop_llm.storage.instance import InstanceLock

READY = 60  # seconds a start may take on a busy machine


@pytest.fixture
def start(tmp_path):
    """Start the window on a data folder; its standard error is a pipe."""
    processes = []

    def begin(*, offscreen: bool = True) -> subprocess.Popen[str]:
        environment = {**os.environ, "LC_ALL": "C.UTF-8"}
        if offscreen:
            environment["QT_QPA_PLATFORM"] = "offscreen"
        process = subprocess.Popen(
            [sys.executable, "-m", "desktop_llm", "--data-dir", str(tmp_path / "data")],
            stderr=subprocess.PIPE, text=True, env=environment,
        )  # fmt: skip
        processes.append(process)
        return process

    yield begin
    for process in processes:
        process.kill()
        process.wait()
        process.stderr.close()


def wait_for_window(data, process):
    """Until a second start would be answered; raises what the process said where it ended."""
    for _ in range(READY):
        if process.poll() is not None:
            raise AssertionError(process.stderr.read())
        if (data / "window.lock").exists() and InstanceLock(data).ask_holder(seconds=1.0):
            return
        psutil.wait_procs([psutil.Process(process.pid)], timeout=0.2)
    raise TimeoutError


def test_a_second_start_shows_the_first_window_and_ends(start, tmp_path):
    first = start()
    wait_for_window(tmp_path / "data", first)
    second = start()
    assert second.wait(READY) == 0
    assert first.poll() is None


def test_nobody_else_may_read_what_it_writes(start, tmp_path):
    wait_for_window(tmp_path / "data", start())
    written = [path for path in (tmp_path / "data").rglob("*") if path.exists()]
    assert {path.name for path in written} >= {"window.lock", "conversations.db"}
    assert [path.name for path in written if path.stat().st_mode & 0o077] == []


def test_a_killed_window_leaves_nothing_that_hinders_the_next(start, tmp_path):
    first = start()
    wait_for_window(tmp_path / "data", first)
    children = psutil.Process(first.pid).children(recursive=True)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    _gone, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []
    second = start()
    wait_for_window(tmp_path / "data", second)


def test_a_data_folder_that_cannot_be_made_is_said(start, tmp_path):
    (tmp_path / "data").write_text("a file in its place")
    process = start()
    assert process.wait(READY) == 1
    words = process.stderr.read()
    assert str(tmp_path / "data") in words
    assert "Traceback" not in words
