"""Model files that are hostile, broken, or change under the worker that has loaded them."""

import contextlib
import os
import shutil

import pytest

from desktop_llm.core.engine import TextDelta
from desktop_llm.core.errors import DesktopLlmError, FaultCode
from desktop_llm.core.models import LoadOptions
from tests.fakes.gguf_files import entry, gguf, number, rewrite
from tests.integration.helpers import ask, fault_of, reply, said

SMALL = LoadOptions(context_length=512, threads=1)
SHORT = ask("Name a colour.", max_tokens=4)
TEMPLATE = "tokenizer.chat_template"


@pytest.fixture
def copy(starter, tmp_path):
    """A copy of the starter model, to be harmed."""
    path = tmp_path / "copy.gguf"
    shutil.copyfile(starter, path)
    return path


# --- files that change while they are loaded -----------------------------------------------------


def test_a_deleted_file_goes_on_until_it_is_unloaded(watched, copy):
    client = watched.client
    client.load(copy, SMALL).result(60)
    before = said(client, ask("Say a word.", max_tokens=6, reproducible=True))
    copy.unlink()
    assert said(client, ask("Say a word.", max_tokens=6, reproducible=True)) == before
    client.unload().result(10)
    fault = fault_of(client.load(copy, SMALL))
    assert (fault.code, fault.data["path"]) == (FaultCode.MODEL_MISSING, str(copy))


def test_a_file_deleted_before_it_comes_back_by_itself_is_named_every_time(watched, copy):
    client, models = watched.client, watched.models
    client.load(copy, SMALL, idle_unload_seconds=1).result(60)
    assert models.get(timeout=10) is not None
    copy.unlink()
    assert models.get(timeout=20) is None
    for _ in range(2):
        assert fault_of(client.generate(SHORT)).code is FaultCode.MODEL_MISSING


def test_a_file_cut_short_within_a_reply_is_a_death_and_the_next_request_hears_why(watched, copy):
    client = watched.client
    client.load(copy, SMALL).result(60)
    task = client.generate(ask("Write a very long story.", max_tokens=400))
    assert next(event.text for event in task.wait_events() if isinstance(event, TextDelta))
    os.truncate(copy, 1_000_000)  # its mapping loses the pages: the next touch is a SIGBUS
    fault = fault_of(task)
    assert (fault.code, fault.data["reason"]) == (FaultCode.WORKER_CRASHED, "SIGBUS")
    fault = fault_of(client.generate(SHORT))
    assert (fault.code, fault.data["path"]) == (FaultCode.MODEL_TRUNCATED, str(copy))


def test_a_file_cut_short_between_replies_costs_no_worker(watched, copy):
    client = watched.client
    client.load(copy, SMALL).result(60)
    pid = client.worker_pid
    os.truncate(copy, 1_000_000)
    fault = fault_of(client.generate(SHORT))
    assert (fault.code, fault.data["path"]) == (FaultCode.MODEL_TRUNCATED, str(copy))
    assert client.worker_pid == pid


def test_a_file_written_over_is_not_believed_any_more(watched, copy):
    client = watched.client
    client.load(copy, SMALL).result(60)
    with copy.open("r+b") as file:
        file.write(b"no longer a model" * 1000)
    assert fault_of(client.generate(SHORT)).code is FaultCode.MODEL_NOT_GGUF


def test_a_file_written_over_within_a_reply_ends_no_program(watched, copy, starter):
    client = watched.client
    client.load(copy, SMALL).result(60)
    task = client.generate(ask("Write a very long story.", max_tokens=120))
    next(iter(task.wait_events()))
    with copy.open("r+b") as file:
        file.seek(20_000_000)
        file.write(os.urandom(40_000_000))
    with contextlib.suppress(DesktopLlmError):  # nonsense or a death, as llama.cpp takes it
        task.result(60)
    assert client.load(starter, SMALL).result(60)
    assert said(client, SHORT)


def test_a_file_replaced_by_another_is_used_from_the_next_loading_on(watched, copy, starter):
    client = watched.client
    client.load(copy, SMALL).result(60)
    pid, text = client.worker_pid, said(client, SHORT)
    changed = rewrite(starter, copy.with_name("new"), {"general.name": entry("general.name", "N")})
    changed.replace(copy)
    assert said(client, SHORT) == text
    assert client.model.name != "N", "the file that was loaded lives on in its mapping"
    assert client.load(copy, SMALL).result(60).name == "N"
    assert client.worker_pid == pid


def test_a_file_touched_in_place_is_loaded_anew(watched, copy):
    client, models = watched.client, watched.models
    client.load(copy, SMALL).result(60)
    text = said(client, SHORT)
    assert models.get(timeout=10) is not None
    os.utime(copy, (1, 1))
    assert said(client, SHORT) == text
    assert models.get(timeout=10) is None
    assert models.get(timeout=10) is not None


# --- files that are no models --------------------------------------------------------------------


def hostile(starter, path, kind):
    if kind == "directory":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "truncated":
        path.write_bytes(starter.read_bytes()[:50_000_000])
    elif kind == "tensor missing":
        rewrite(starter, path, {"llama.block_count": number("llama.block_count", 31)})
    elif kind == "heads that divide nothing":
        heads = "llama.attention.head_count"
        rewrite(starter, path, {heads: number(heads, 7)})
    elif kind == "no vocabulary":
        rewrite(starter, path, {"tokenizer.ggml.tokens": None})
    else:
        path.write_bytes(
            {
                "text": b"hello",
                "empty": b"",
                "counts": gguf(tensors=2**60),
                "strings": gguf(count=2**60),
                "nothing of use": gguf(),
                "unknown": gguf([entry("general.architecture", "unheard-of")]),
            }[kind]
        )


@pytest.mark.parametrize(
    ("kind", "code", "detail"),
    [
        ("text", FaultCode.MODEL_NOT_GGUF, ""),
        ("empty", FaultCode.MODEL_TRUNCATED, ""),
        ("directory", FaultCode.MODEL_NOT_GGUF, ""),
        ("pipe", FaultCode.MODEL_NOT_GGUF, ""),
        ("truncated", FaultCode.MODEL_TRUNCATED, ""),
        ("counts", FaultCode.MODEL_ABSURD, ""),
        ("strings", FaultCode.MODEL_ABSURD, ""),
        ("nothing of use", FaultCode.MODEL_NOT_LOADABLE, "key not found in model"),
        ("unknown", FaultCode.MODEL_NOT_LOADABLE, "unknown model architecture: 'unheard-of'"),
        (
            "tensor missing",
            FaultCode.MODEL_NOT_LOADABLE,
            "tensor 'blk.30.attn_norm.weight' not found",
        ),
        ("heads that divide nothing", None, ""),
        ("no vocabulary", FaultCode.MODEL_NOT_LOADABLE, "vocab"),
    ],
)
def test_a_hostile_file_is_named_and_the_worker_goes_on(
    engine, starter, tmp_path, kind, code, detail
):
    pid = engine.worker_pid
    path = tmp_path / f"{kind}.gguf"
    hostile(starter, path, kind)
    fault = fault_of(engine.load(path, SMALL))
    assert fault.data["path"] == str(path)
    if code is None:  # a check of llama.cpp's own ends its process
        assert fault.code in (FaultCode.MODEL_CRASHED_LOADING, FaultCode.MODEL_NOT_LOADABLE)
    else:
        assert fault.code is code
        assert detail in str(fault.data.get("detail", ""))
        assert engine.worker_pid == pid
    assert engine.model is None
    assert engine.status().result(60).model is None


def test_after_all_those_the_worker_still_loads(engine, starter):
    assert engine.load(starter, SMALL).result(60).vocabulary == 49152
    assert said(engine, SHORT)


def test_a_name_of_250_characters_with_chinese_and_emoji(engine, starter, tmp_path):
    folder = tmp_path / ("模型与🙂" * 16)
    folder.mkdir()
    path = folder / ("好🦙" + "n" * 243 + ".gguf")
    assert len(path.name) == 250
    path.symlink_to(starter)
    assert engine.load(path, SMALL).result(60).path == str(path)
    assert said(engine, SHORT)


def test_a_name_that_is_no_unicode_is_a_fault(engine, tmp_path):
    path = tmp_path / os.fsdecode(b"bad\xff.gguf")
    path.write_bytes(gguf())
    assert fault_of(engine.load(path)).code is FaultCode.FILE_UNREADABLE


# --- chat templates ------------------------------------------------------------------------------

LOOP = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
HOSTILE = {
    "endless": (
        "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
        "did not finish within 2 s",
    ),
    "a gigabyte": ("{{ 'a' * 10**9 }}", "too much memory"),
    "code": ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "SecurityError"),
    "drops the question": ("{{ bos_token }}Hello", "drops a message of the user"),
    "syntax": ("{% for m in messages %}{{ m.content", "TemplateSyntaxError"),
    "refuses": ("{{ raise_exception('I take no orders') }}", "I take no orders"),
}


def template(starter, path, source):
    return rewrite(starter, path, {TEMPLATE: None if source is None else entry(TEMPLATE, source)})


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_template_gives_way_and_says_why(engine, starter, tmp_path, kind):
    source, reason = HOSTILE[kind]
    assert (
        engine.load(template(starter, tmp_path / "t.gguf", source), SMALL).result(60).has_template
    )
    pid = engine.worker_pid
    task = engine.generate(SHORT)
    finished = task.result(15)
    assert reason in finished.template_fault
    assert finished.stats.completion_tokens > 0
    _, again = reply(engine, SHORT)
    assert again.template_fault == finished.template_fault
    assert engine.worker_pid == pid


def test_a_file_without_a_template_says_so(engine, starter, tmp_path):
    loaded = engine.load(template(starter, tmp_path / "t.gguf", None), SMALL).result(60)
    assert not loaded.has_template
    text, finished = reply(engine, SHORT)
    assert text
    assert finished.template_fault == "the file has none"


@pytest.mark.parametrize(
    "source",
    [
        LOOP + "<|im_start|>assistant\n",
        LOOP.replace("{{ m.content }}", "{% generation %}{{ m.content }}{% endgeneration %}")
        + "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
        "{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}" + LOOP,
    ],
)
def test_an_unusual_template_is_used_as_it_is(engine, starter, tmp_path, source):
    engine.load(template(starter, tmp_path / "t.gguf", source), SMALL).result(60)
    text, finished = reply(engine, SHORT)
    assert text
    assert finished.template_fault == ""


def test_the_starter_model_needs_no_fallback(engine):
    assert reply(engine, SHORT)[1].template_fault == ""
