"""Measured and made faster for real: the starter model, a runner, the command line."""

import json
import subprocess
import sys
import time

import pytest

from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.jobs import ENDED, JobKind, JobPhase, JobState
from desktop_llm.core.models import LoadOptions
from desktop_llm.services.jobs import JobService, runner_lock
from desktop_llm.services.optimisation import ASIDE, candidates, measured_text
from desktop_llm.storage.paths import Folders
from tests.fakes.gguf_files import gguf
from tests.integration.helpers import ask, reply


@pytest.fixture
def folders(tmp_path):
    made = Folders(tmp_path / "data", tmp_path / "cache", fixed=True)
    made.ensure()
    return made


def wait(ready, seconds=120):
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end
        time.sleep(0.1)


def command(folders, *arguments):
    line = [sys.executable, "-P", "-m", "desktop_llm", "--data-dir", str(folders.data)]
    return subprocess.run(
        [*line, "models", *arguments], capture_output=True, text=True, timeout=300, check=False
    )


def test_the_starter_is_made_faster_and_taken(folders, starter):
    done = command(folders, "optimise", str(starter), "--json")
    assert done.returncode == 0, done.stderr
    exact, small = json.loads(done.stdout)
    assert exact["after"]["quantization"] == "Q8_0"
    assert abs(exact["costs"]) < 0.02
    assert exact["before"]["tokens"] == exact["after"]["tokens"] > 1000
    assert small["after"]["quantization"] == "Q4_0"
    assert small["costs"] > 0.1
    waiting = list((folders.models / ASIDE).rglob("*.gguf"))
    assert waiting
    form = waiting[0].stem.rpartition("-")[2]
    assert command(folders, "optimise", str(starter), "--adopt", "Q2_K").returncode == 1
    taken = command(folders, "optimise", str(starter), "--adopt", form.lower())
    assert taken.returncode == 0, taken.stderr
    listed = json.loads(command(folders, "list", "--json").stdout)
    assert {model["quantization"] for model in listed} == {"Q4_1", form}
    assert command(folders, "optimise", str(starter), "--discard").returncode == 0
    assert list((folders.models / ASIDE).rglob("*.gguf")) == []
    history = json.loads(command(folders, "bench", str(starter), "--history", "--json").stdout)
    assert len(history) == 1
    assert history[0]["program"]


def test_work_that_is_cancelled_leaves_nothing(folders, starter):
    service = JobService(folders)
    try:
        job = service.add(JobKind.OPTIMISE, "starter", {"path": str(starter)}).id
        wait(lambda: service.get(job).progress.phase is JobPhase.CONVERTING)
        service.cancel(job)
        wait(lambda: service.get(job).state in ENDED, 20)
        assert service.get(job).state is JobState.CANCELLED
        assert list((folders.models / ASIDE).rglob("*")) == []
        wait(runner_lock(folders).is_free)
    finally:
        service.close()


def test_a_model_of_no_use_is_said(folders):
    path = folders.models / "a.gguf"
    path.parent.mkdir(parents=True)
    path.write_bytes(gguf())
    service = JobService(folders)
    try:
        job = service.add(JobKind.BENCH, "a", {"path": str(path)}).id
        wait(lambda: service.get(job).state in ENDED)
        found = service.get(job)
        assert found.state is JobState.FAILED
        assert found.fault.code in (FaultCode.MODEL_NOT_LOADABLE, FaultCode.MODEL_CRASHED_LOADING)
        assert candidates(found) == []
        wait(runner_lock(folders).is_free)
    finally:
        service.close()


def test_a_conversation_goes_on_after_a_measurement(watched, starter):
    client = watched.client
    client.load(starter, LoadOptions(context_length=1024)).result(60)
    before, _ = reply(client, ask("Name three colours.", max_tokens=8, reproducible=True))
    measured = client.measure(measured_text()).result(120)
    assert measured.prompt_rate > measured.decode_rate > 0
    assert 5 < measured.perplexity < 100
    after, _ = reply(client, ask("Name three colours.", max_tokens=8, reproducible=True))
    assert after == before


def test_what_is_no_model_cannot_be_brought_into_another_format(watched, tmp_path):
    source = tmp_path / "no.gguf"
    source.write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(EnvironmentFault):
        watched.client.quantize(source, tmp_path / "to.gguf", "Q8_0").result(60)
    source.write_bytes(gguf())
    with pytest.raises(EnvironmentFault):
        watched.client.quantize(source, tmp_path / "to.gguf", "Q8_0").result(60)
    assert not (tmp_path / "to.gguf").exists()
