"""Before a model is loaded: is there memory for it, and did it survive the last time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.gguf import Header
from desktop_llm.core.memory import estimate, kv_numbers_per_token, largest_context
from desktop_llm.core.models import FlashAttention, KvType, LoadOptions
from desktop_llm.core.tasks import Task
from desktop_llm.engine.client import CancelledError, EngineClient
from desktop_llm.engine.memory import free_memory, mapped_weights
from desktop_llm.services.models import ModelService
from desktop_llm.storage.library import Library, find_starter
from desktop_llm.storage.paths import Folders
from tests.fakes.gguf_files import entry, gguf, number


def shape(key: str, value: int) -> bytes:
    return number(f"llama.{key}", value)


SHAPE = {
    "block_count": 32,
    "context_length": 32768,
    "embedding_length": 4096,
    "feed_forward_length": 14336,
    "attention.head_count": 32,
    "attention.head_count_kv": 8,
}


def header(end_of_data: int = 4_000_000_000, **metadata) -> Header:
    values = {f"llama.{key}": value for key, value in {**SHAPE, **metadata}.items()}
    return Header(3, {"general.architecture": "llama", **values}, {}, 1, 1, end_of_data)


def options(context_length: int = 8192, **changed) -> LoadOptions:
    return LoadOptions(context_length=context_length, **changed)


def test_the_cache_of_a_token_follows_from_the_heads():
    assert kv_numbers_per_token(header()) == 32 * 8 * (128 + 128)
    wide = header(**{"attention.key_length": 256, "attention.value_length": 64})
    assert kv_numbers_per_token(wide) == 32 * 8 * (256 + 64)
    by_layer = header(**{"attention.head_count_kv": [8, 0, 4]})
    assert kv_numbers_per_token(by_layer) == (8 + 0 + 4 + 29 * 8) * 256


def test_a_longer_context_and_a_larger_batch_take_more():
    assert estimate(header(), options()) - estimate(header(), options(4096)) == 4096 * 131_072
    small = options(4096, batch_size=64)
    assert estimate(header(), options(4096)) > estimate(header(), small) > 4_000_000_000


def test_a_context_beyond_what_it_was_trained_for_takes_no_more():
    assert estimate(header(), options(100_000)) == estimate(header(), options(32768))


def test_a_quantized_cache_takes_less():
    full = estimate(header(), options())
    half = estimate(header(), options(kv_type=KvType.Q8_0))
    quarter = estimate(header(), options(kv_type=KvType.Q4_0))
    assert full - half == 8192 * 65_536 * (2 - 34 / 32)
    assert full - quarter == 8192 * 65_536 * (2 - 18 / 32)
    with pytest.raises(ValueError, match="flash attention"):
        options(kv_type=KvType.Q8_0, flash_attention=FlashAttention.OFF)


def test_the_table_of_scores_takes_memory_too():
    without = options(flash_attention=FlashAttention.OFF)
    assert estimate(header(), without) - estimate(header(), options()) == 8192 * 512 * 32 * 4


def test_the_context_that_fits_is_found():
    needed = estimate(header(), options())
    assert largest_context(header(), options(32768), needed) == 8192
    assert largest_context(header(), options(4096), needed) == 4096
    assert largest_context(header(), options(32768), needed - 1) == 8192 - 256
    assert largest_context(header(), options(32768, kv_type=KvType.Q8_0), needed) > 15_000
    assert largest_context(header(), options(32768), 4_000_000_000) == 0


def test_a_header_that_lies_costs_nothing_but_a_refusal():
    for value in (-1, 2**63, float("nan"), float("inf"), "many", [[1], "x", -3, 2**63]):
        estimate(header(**dict.fromkeys(SHAPE, value)), options())
        largest_context(header(**dict.fromkeys(SHAPE, value)), options(), 10**10)


@pytest.mark.skipif(sys.platform != "linux", reason="no other system tells what is mapped")
def test_weights_that_another_process_uses_are_not_free(tmp_path):
    path = tmp_path / "other.gguf"
    path.write_bytes(b"x" * 200_000_000)
    script = (
        "import mmap, sys\n"
        "file = open(sys.argv[1], 'rb')\n"
        "mapped = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)\n"
        "sum(mapped[at] for at in range(0, len(mapped), 4096))\n"
        "print('ready', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout.readline() == b"ready\n"
        assert mapped_weights() >= 200_000_000
        assert mapped_weights(other.pid) < 200_000_000
        assert mapped_weights(loading=str(path)) < 200_000_000
        other.stdin.close()


def test_a_groups_limit_counts(tmp_path):
    assert 0 < free_memory() < 2**50
    (tmp_path / "memory.max").write_text("3000\n")
    (tmp_path / "memory.current").write_text("2500\n")
    (tmp_path / "memory.stat").write_text("anon 2000\nactive_file 300\ninactive_file 200\n")
    assert free_memory(cgroup=tmp_path) == 1000
    (tmp_path / "memory.max").write_text("max\n")
    assert free_memory(cgroup=tmp_path) > 1000
    older = tmp_path / "memory"
    older.mkdir()
    (older / "memory.limit_in_bytes").write_text("5000\n")
    (older / "memory.usage_in_bytes").write_text("4500\n")
    (older / "memory.stat").write_text("cache 9\ntotal_active_file 100\ntotal_inactive_file 50\n")
    assert free_memory(cgroup=tmp_path) == 650


class Models:
    """The service on a fake worker, with files of any shape."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folders = Folders(folder / "data", folder / "cache")
        self.folders.models.mkdir(parents=True, exist_ok=True)
        command = (sys.executable, "-m", "desktop_llm.worker.fake", *arguments)
        self.engine = EngineClient(folder / "worker.log", command, back_off=(0.0, 0.0, 0.0))
        self.marker = self.folders.loading_model
        self.service = self.reopen()

    def reopen(self) -> ModelService:
        """As at the next start of the program."""
        return ModelService(Library(self.folders), self.engine, self.marker)

    def add(self, name: str, **changes: int) -> str:
        path = self.folders.models / f"{name}.gguf"
        entries = [shape(key, value) for key, value in {**SHAPE, **changes}.items()]
        path.write_bytes(gguf([entry("general.architecture", "llama"), *entries]))
        return str(path)

    def load(self, name: str, context_length: int = 1024):
        options = LoadOptions(context_length=context_length)
        return self.service.load(self.service.find(name), options)


@pytest.fixture
def make_models(tmp_path):
    made = []

    def make(*arguments: str) -> Models:
        made.append(Models(tmp_path, *arguments))
        return made[-1]

    yield make
    for models in made:
        models.engine.close()


def test_a_model_that_does_not_fit_is_refused_with_the_numbers(make_models):
    models = make_models()
    path = models.add("wide", block_count=4000)
    with pytest.raises(EnvironmentFault) as caught:
        models.load("wide", context_length=32768)
    fault = caught.value
    assert (fault.code, fault.data["path"]) == (FaultCode.MODEL_TOO_LARGE, path)
    assert fault.data["needed_bytes"] > fault.data["free_bytes"] > 0
    fits = fault.data["fits"]
    assert 0 <= fits < 32768
    assert fits % 256 == 0
    assert not models.marker.exists()


def test_the_marker_lies_there_while_a_model_is_loaded(make_models):
    models = make_models("--hangs-at-load", "1")
    path = models.add("one")
    task = models.load("one")
    next(iter(task.wait_events()))
    assert models.marker.read_text() == path
    assert models.reopen().suspect() == path, "the program dies here"
    task.cancel()
    with pytest.raises(CancelledError):
        task.result(10)
    assert not models.marker.exists()
    assert models.load("one").result(10).path == path
    assert not models.marker.exists()
    assert models.service.suspect() == ""


def test_a_file_that_kills_the_worker_is_suspect_until_a_person_loads_it(make_models):
    models = make_models("--dies-loading", "11")
    path = models.add("bad")
    with pytest.raises(EnvironmentFault) as caught:
        models.load("bad").result(10)
    assert caught.value.code is FaultCode.MODEL_CRASHED_LOADING
    assert models.service.suspect() == path
    models.engine.close()

    better = Models(models.folders.data.parent)
    try:
        assert better.service.suspect() == path
        better.add("good")
        better.load("good").result(10)
        assert better.service.suspect() == path, "another model says nothing about this one"
        assert better.marker.read_text() == path
        better.load("bad").result(10)
        assert better.service.suspect() == ""
        assert not better.marker.exists()
    finally:
        better.engine.close()


def test_a_folder_that_cannot_be_written_to_does_not_keep_a_model_from_loading(make_models):
    models = make_models()
    models.add("one")
    models.marker = models.folders.data / "no folder" / "marker"
    models.service = models.reopen()
    assert models.load("one").result(10)
    assert models.service.suspect() == ""


def test_who_wants_what_is_being_loaded_joins_in(make_models):
    models = make_models("--hangs-at-load", "1")
    models.add("one")
    first = models.load("one")
    next(iter(first.wait_events()))
    assert models.load("one") is first
    first.cancel()
    second = models.load("one")
    assert second is not first
    assert second.result(10)
    assert models.load("one") is not second
    assert models.load("one", context_length=512).result(10)


def test_a_changed_file_is_read_again(make_models):
    models = make_models()
    path = Path(models.add("one"))
    assert models.service.find("one").context_length == 32768
    models.add("one", context_length=4096, expert_count=8)
    assert models.service.find("one").context_length == 4096
    path.write_bytes(b"no model")
    with pytest.raises(EnvironmentFault) as caught:
        models.service.find("one")
    assert caught.value.code is FaultCode.MODEL_NOT_GGUF
    assert path.name not in [Path(model.path).name for model in models.service.installed()]


def test_a_pipe_in_the_models_folder_is_passed_over(make_models):
    models = make_models()
    os.mkfifo(models.folders.models / "pipe.gguf")
    names = [model.name for model in models.service.installed()]
    starter = find_starter()
    assert names == ([] if starter is None else [starter.name])


def test_who_asked_to_hear_of_the_end_hears_before_the_result_is_there():
    task: Task[None, int] = Task()
    heard: list[object] = []
    task.on_end(lambda error: heard.append((error, task.done)))
    task.finish(1)
    task.on_end(lambda error: heard.append(error))
    task.fail(ValueError())
    assert heard == [(None, False), None]
    assert task.result(0) == 1
