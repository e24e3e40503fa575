"""The worker's process: stopped, killed, orphaned, and spoken to out of turn."""

import json
import os
import signal
import subprocess
import sys

import psutil
import pytest

from desktop_llm.core.engine import Failed, Generate, GetStatus, Hello, Status, TextDelta
from desktop_llm.core.errors import FaultCode
from desktop_llm.core.models import LoadOptions
from desktop_llm.engine.client import EngineClient
from desktop_llm.engine.process import WORKER_COMMAND
from desktop_llm.protocol.codec import PROTOCOL_VERSION, decode, encode
from desktop_llm.protocol.frames import read_frame, write_frame
from tests.fakes.gguf_files import entry, rewrite
from tests.integration.helpers import ask, fault_of, said

SMALL = LoadOptions(context_length=512, threads=1)
SHORT = ask("Name a colour.", max_tokens=4)
LONG = ask("Write a very long story.", max_tokens=60)


def test_a_worker_stopped_for_a_while_is_not_taken_for_dead(ready):
    pid = ready.worker_pid
    task = ready.generate(LONG)
    next(iter(task.wait_events()))
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(TimeoutError):
        task.result(1)
    os.kill(pid, signal.SIGCONT)
    assert task.result(60).stats.completion_tokens > 10
    assert ready.worker_pid == pid


# A program of its own: it prints its worker's pid, then what it is told to do.
CLIENT = """
import sys
from pathlib import Path
from desktop_llm.core.engine import TextDelta
from desktop_llm.core.models import LoadOptions
from desktop_llm.engine.client import EngineClient
from tests.integration.helpers import ask

client = EngineClient()
client.load(Path(sys.argv[1]), LoadOptions(context_length=512, threads=1)).result(60)
print(client.worker_pid, flush=True)
if sys.argv[2] == "reply":
    task = client.generate(ask("Write a very long story.", max_tokens=100))
    for event in task.wait_events():
        if isinstance(event, TextDelta):
            print("token", flush=True)
    print(task.result().stats.completion_tokens, flush=True)
elif sys.argv[2] == "template":
    task = client.generate(ask("hi", max_tokens=4))
    print("asked", flush=True)
    task.result()
    sys.stdin.read()
client.close()
"""


@pytest.fixture
def program():
    started = []

    def start(*arguments: str) -> subprocess.Popen:
        made = subprocess.Popen(
            [sys.executable, "-c", CLIENT, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        started.append(made)
        return made

    yield start
    for each in started:
        each.kill()
        each.wait()
        each.stdin.close()
        each.stdout.close()


def test_a_program_stopped_for_a_while_finds_its_worker_alive(program, starter):
    made = program(str(starter), "reply")
    made.stdout.readline()
    assert made.stdout.readline() == "token\n"
    made.send_signal(signal.SIGSTOP)
    with pytest.raises(subprocess.TimeoutExpired):
        made.wait(1)
    made.send_signal(signal.SIGCONT)
    *_tokens, last = made.stdout.read().split()
    assert int(last) > 10
    assert made.wait(10) == 0


def test_a_killed_program_leaves_nothing_behind(program, starter, tmp_path):
    """Not its worker, and not the child that renders a template which never ends."""
    key = "tokenizer.chat_template"
    loop = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
    path = rewrite(starter, tmp_path / "loop.gguf", {key: entry(key, loop)})
    made = program(str(path), "template")
    worker = psutil.Process(int(made.stdout.readline()))
    assert made.stdout.readline() == "asked\n"
    family = [worker, *worker.children(recursive=True)]
    assert len(family) == 2
    made.kill()
    made.wait()
    _, alive = psutil.wait_procs(family, timeout=5)
    assert alive == []


def test_a_worker_killed_while_it_loads_names_the_file(watched, starter):
    client = watched.client

    def kill(line: str) -> None:
        if line.startswith('< ["LoadProgress"'):
            os.kill(client.worker_pid, signal.SIGKILL)

    watched.traced = kill
    fault = fault_of(client.load(starter, SMALL))
    assert fault.code is FaultCode.MODEL_CRASHED_LOADING
    assert fault.data == {"path": str(starter), "reason": "SIGKILL"}
    watched.traced = lambda _line: None
    assert fault_of(client.generate(SHORT)).code is FaultCode.NO_MODEL, "not tried again by itself"
    assert client.load(starter, SMALL).result(60)
    assert said(client, SHORT)


def test_a_worker_killed_while_it_was_idle_costs_no_reply(watched, starter):
    client = watched.client
    client.load(starter, SMALL).result(60)
    for _ in range(5):
        os.kill(client.worker_pid, signal.SIGKILL)
        assert said(client, SHORT), "asked before anybody could see its death"


def test_after_deaths_in_a_row_it_waits_for_the_person(watched):
    client = watched.client

    def kill(line: str) -> None:
        kind, _, hello = json.loads(line[2:])
        if kind == "Hello":
            os.kill(hello["pid"], signal.SIGKILL)

    watched.traced = kill
    codes = [fault_of(client.status()).code for _ in range(5)]
    assert codes == [FaultCode.WORKER_KILLED] * 4 + [FaultCode.WORKER_GAVE_UP]
    watched.traced = lambda _line: None
    assert client.status().result(60).model is None


def test_a_worker_refuses_what_it_does_not_understand_and_goes_on():
    """Frames as no client of ours writes them."""
    worker = subprocess.Popen(
        WORKER_COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:

        def answer() -> tuple[int, object]:
            payload = read_frame(worker.stdout)
            assert payload is not None
            return decode(payload)

        _, hello = answer()
        assert isinstance(hello, Hello)
        assert (hello.protocol, hello.pid) == (PROTOCOL_VERSION, worker.pid)
        generate = encode(7, Generate(SHORT))
        broken = generate.replace(b"\xa5top_k\x28", b"\xa5top_k\xc3")  # True for 40
        assert broken != generate
        for payload in (broken, b"\x93\xa5Dance\x07\x80", b"\x93\xa8Generate\x07\xc0"):
            write_frame(worker.stdin, payload)
            number, failed = answer()
            assert isinstance(failed, Failed)
            assert (number, failed.code) == (7, "bug")
        write_frame(worker.stdin, encode(8, GetStatus()))
        number, status = answer()
        assert number == 8
        assert isinstance(status, Status)
        write_frame(worker.stdin, b"\xff" * 64)
        assert worker.stdout.read() == b"", "what belongs to no request ends it"
        assert worker.wait(5) == 0
    finally:
        worker.kill()
        worker.wait()
        worker.stdin.close()
        worker.stdout.close()


def test_the_worker_imports_nothing_from_the_folder_it_is_started_in(tmp_path):
    (tmp_path / "msgspec.py").write_text("raise SystemExit(99)")
    worker = subprocess.run(
        WORKER_COMMAND, cwd=tmp_path, input=b"", capture_output=True, timeout=60, check=False
    )
    assert worker.returncode == 0
    assert b"Hello" in worker.stdout


def test_nothing_that_was_said_is_in_the_log_after_an_abort(starter, tmp_path):
    log = tmp_path / "engine.log"
    client = EngineClient(log)
    try:
        client.load(starter, SMALL).result(60)
        task = client.generate(ask("The password is Xyzzy-4711. Write a story.", max_tokens=300))
        next(event for event in task.wait_events() if isinstance(event, TextDelta))
        os.kill(client.worker_pid, signal.SIGABRT)
        fault = fault_of(task)
        assert (fault.code, fault.data["reason"]) == (FaultCode.WORKER_CRASHED, "SIGABRT")
    finally:
        client.close()
    assert "Xyzzy" not in log.read_text(errors="replace")
    assert oct(log.stat().st_mode & 0o777) == "0o600"
