"""Log files: wordless, private, of a bounded size, and never in the way."""

import errno
import logging
import os
import subprocess
import sys
import threading

import pytest

from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.log_records import WordlessFormatter, describe, log_uncaught
from desktop_llm.engine.client import EngineClient
from desktop_llm.storage.logs import (
    ENGINE_LOG,
    KEPT,
    MOST_BYTES,
    WINDOW_LOG,
    LogFile,
    log_crashes,
    rotate,
    start_logging,
)

SECRET = "gezwitscher"
OTHER = "Ünterschied 天空为什么是蓝色的"
logger = logging.getLogger("desktop_llm.tests")

posix = pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "data" / "logs"


@pytest.fixture
def logging_into(folder):
    undo = start_logging(folder)
    yield folder / WINDOW_LOG
    undo()


@pytest.fixture
def silent_hooks(monkeypatch):
    """pytest's own hooks would take what a test leaves uncaught for a failure."""
    monkeypatch.setattr(sys, "excepthook", lambda *_: None)
    monkeypatch.setattr(threading, "excepthook", lambda *_: None)


def fill(path, size: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_record_has_time_level_and_logger(logging_into):
    logger.info("conversation %d has %d messages", 3, 14)
    line = logging_into.read_text(encoding="utf-8")
    time, level, name, rest = line.split(" ", 3)
    assert (level, name) == ("INFO", "desktop_llm.tests:")
    assert rest == "conversation 3 has 14 messages\n"
    assert time[:2] == "20"
    assert time[-6] in "+-"


def test_no_exception_brings_its_words(logging_into, caplog):
    for error in (ValueError(SECRET), KeyError(SECRET), OSError(errno.ENOSPC, SECRET, OTHER),
                  EnvironmentFault(FaultCode.PROMPT_TOO_LONG, path=SECRET, tokens=91)):  # fmt: skip
        try:
            try:
                raise RuntimeError(OTHER)
            except RuntimeError as cause:
                raise error from cause
        except Exception:
            logger.exception("a reply failed")
        logger.error("also as an argument: %s", error)
    text = logging_into.read_text(encoding="utf-8")
    assert SECRET not in text
    assert OTHER not in text
    assert "KeyError\n" in text
    assert "OSError ENOSPC\n" in text
    assert "EnvironmentFault prompt-too-long tokens=91" in text
    assert "RuntimeError" in text
    assert f"{__file__}:" in text
    assert SECRET in caplog.text  # it was there to be told


def test_a_line_stays_a_line_and_odd_letters_stay_letters(logging_into):
    logger.info("one\ntwo %s", "\ud800é")
    assert "one\\ntwo \\ud800é\n" in logging_into.read_text(encoding="utf-8")


def test_of_another_library_only_the_place_is_kept(logging_into, caplog):
    logging.getLogger("elsewhere").warning("it met %s", SECRET)
    logging.getLogger("elsewhere").info("not even this")
    text = logging_into.read_text(encoding="utf-8")
    assert "WARNING elsewhere: test_logs:" in text
    assert SECRET not in text
    assert len(text.splitlines()) == 1
    assert SECRET in caplog.text


def test_names_in_code_are_no_words():
    with pytest.raises(AttributeError) as error:
        object().missing  # noqa: B018
    assert describe(error.value) == "AttributeError name=missing"
    assert describe(ModuleNotFoundError("x", name="torch")) == "ModuleNotFoundError name=torch"


@posix
def test_it_is_for_this_person_only(logging_into):
    logger.info("one")
    assert logging_into.stat().st_mode & 0o777 == 0o600
    assert logging_into.parent.stat().st_mode & 0o777 == 0o700
    assert logging_into.parent.parent.stat().st_mode & 0o777 == 0o700


def test_nothing_is_made_before_there_is_something_to_say(logging_into):
    assert not logging_into.parent.exists()


def test_it_is_undone(folder):
    hooks = sys.excepthook, threading.excepthook
    level = logging.getLogger("desktop_llm").level
    start_logging(folder)()
    logger.info("nobody hears this")
    assert (sys.excepthook, threading.excepthook) == hooks
    assert logging.getLogger("desktop_llm").level == level
    assert not folder.exists()


def test_what_nobody_catches_is_logged(logging_into, silent_hooks, caplog):  # noqa: ARG001
    undo = log_uncaught(logger, and_print=True)

    def fail():
        raise ValueError(SECRET)

    thread = threading.Thread(target=fail, name="chat-reply")
    thread.start()
    thread.join()
    try:
        fail()
    except ValueError as error:
        sys.excepthook(type(error), error, error.__traceback__)
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    undo()
    text = logging_into.read_text(encoding="utf-8")
    assert "in the thread chat-reply\n  ValueError\n" in text
    assert "CRITICAL desktop_llm.tests: an exception was not caught\n  ValueError\n" in text
    assert text.count("CRITICAL") == 2
    assert SECRET not in text
    assert SECRET in caplog.text


def test_a_bug_in_the_command_line_is_logged_said_and_70(tmp_path):
    script = (
        "import sys; from desktop_llm.cli import main, models;"
        "models.run_list = lambda options: {}[sys.argv[1]];"
        "sys.exit(main.main(['--data-dir', sys.argv[2], 'models', 'list'], print))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, SECRET, str(tmp_path)],
        capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    assert done.returncode == 70
    assert done.stderr.startswith("desktop-llm: This is a bug of ours: KeyError")
    assert len(done.stderr.splitlines()) == 1
    text = (tmp_path / "logs" / WINDOW_LOG).read_text(encoding="utf-8")
    assert "models failed" in text
    assert "KeyError" in text
    assert SECRET not in text


def test_three_older_files_are_kept(logging_into):
    line = "y" * 99_000
    for number in range(60):
        logger.info("%d %s", number, line)
    folder = logging_into.parent
    assert names(folder) == [WINDOW_LOG, *(f"{WINDOW_LOG}.{n}" for n in range(1, KEPT + 1))]
    assert all(path.stat().st_size <= MOST_BYTES for path in folder.iterdir())
    newest = logging_into.read_text(encoding="utf-8").splitlines()[-1]
    older = (folder / f"{WINDOW_LOG}.1").read_text(encoding="utf-8").splitlines()[-1]
    assert newest.split()[3] == "59"
    assert int(older.split()[3]) < 59


def test_two_processes_lose_no_line(folder):
    """The second has the file open that the first puts aside."""
    one, two = LogFile(folder / WINDOW_LOG), LogFile(folder / WINDOW_LOG)
    for handler in (one, two):
        handler.setFormatter(WordlessFormatter())
    record = logging.makeLogRecord({"name": "desktop_llm", "msg": "z" * 99_000})
    for _ in range(8):
        one.emit(record)
        two.emit(record)
    one.close()
    two.close()
    assert names(folder) == [WINDOW_LOG, f"{WINDOW_LOG}.1"]
    lines = sum(path.read_bytes().count(b"\n") for path in folder.iterdir())
    assert lines == 16


@pytest.mark.parametrize("kind", ["file", "read-only"])
def test_a_folder_that_cannot_be_written_costs_only_the_log(tmp_path, kind):
    folder = tmp_path / "logs"
    if kind == "file":
        folder.write_text("in the way", encoding="ascii")
    else:
        folder.mkdir(0o500)
        if os.access(folder, os.W_OK):
            (folder / WINDOW_LOG).mkdir()  # nobody is refused anything: something else is
            (folder / "crash.log").mkdir()
            (folder / ENGINE_LOG).mkdir()
    undo = start_logging(folder)
    log_crashes(folder)()
    logger.info("nobody hears this")
    undo()
    client = fake_engine(folder / ENGINE_LOG)
    try:
        client.status().result(20)
    finally:
        client.close()


def test_a_file_over_the_limit_is_put_aside(folder):
    log = folder / ENGINE_LOG
    fill(log, MOST_BYTES)
    rotate(log)
    assert names(folder) == [ENGINE_LOG]
    for size in range(1, 6):
        fill(log, MOST_BYTES + size)
        rotate(log)
    assert names(folder) == [f"{ENGINE_LOG}.{number}" for number in range(1, KEPT + 1)]
    sizes = [(folder / f"{ENGINE_LOG}.{n}").stat().st_size - MOST_BYTES for n in (1, 2, 3)]
    assert sizes == [5, 4, 3]
    rotate(log)


def fake_engine(log) -> EngineClient:
    return EngineClient(log, (sys.executable, "-m", "desktop_llm.worker.fake"), rotate=rotate)


def test_the_engines_log_is_rotated_when_a_worker_starts(folder):
    log = folder / ENGINE_LOG
    fill(log, MOST_BYTES + 1)
    client = fake_engine(log)
    try:
        client.status().result(20)
        assert names(folder) == [ENGINE_LOG, f"{ENGINE_LOG}.1"]
        fill(log, MOST_BYTES + 1)
        client.status().result(20)
        assert names(folder) == [ENGINE_LOG, f"{ENGINE_LOG}.1"]
    finally:
        client.close()
    if os.name == "posix":
        assert log.stat().st_mode & 0o777 == 0o600


@posix
def test_a_native_crash_leaves_its_stack(folder):
    script = (
        "import os, sys; from pathlib import Path;"
        "from desktop_llm.storage.logs import log_crashes;"
        "log_crashes(Path(sys.argv[1])); os.kill(os.getpid(), 11)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(folder)], check=False)
    assert done.returncode == -11
    assert "Segmentation fault" in (folder / "crash.log").read_text(encoding="utf-8")
    assert (folder / "crash.log").stat().st_mode & 0o777 == 0o600
