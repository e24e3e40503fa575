"""States of the KV cache: kept for each conversation, restored on return and after a restart."""

import json
import os
import stat
import time

import pytest

from desktop_llm.core.generation import GenerationRequest, Sampling
from desktop_llm.core.messages import Message, Role
from desktop_llm.core.models import LoadOptions, StateCache
from desktop_llm.engine.client import EngineClient
from tests.integration.conftest import OPTIONS
from tests.integration.helpers import reply, wait_until

LONG = "The ship sailed on, and the crew told stories of the sea. " * 12
WHOLE = 100_000_000


def ask(conversation, *texts, **fields):
    roles = (Role.USER, Role.ASSISTANT)
    messages = tuple(Message(roles[at % 2], text) for at, text in enumerate(texts))
    fields.setdefault("sampling", Sampling(temperature=0))
    return GenerationRequest(messages=messages, conversation=conversation, max_tokens=4, **fields)


class Place:
    def __init__(self, folder, starter):
        self.folder = folder / "sessions"
        self.starter = starter
        self.engines = []

    def start(self, *, memory=WHOLE, disk=WHOLE, options=OPTIONS):
        engine = EngineClient()
        cache = StateCache(folder=str(self.folder), memory_bytes=memory, disk_bytes=disk)
        engine.load(self.starter, options, states=cache).result(120)
        self.engines.append(engine)
        return engine

    def files(self):
        return sorted(path.name for path in self.folder.glob("*")) if self.folder.is_dir() else []

    def saved(self, *names):
        wait_until(lambda: self.files() == sorted(f"{name}.kv" for name in names))


@pytest.fixture
def place(tmp_path, starter):
    place = Place(tmp_path, starter)
    yield place
    for engine in place.engines:
        engine.close()


def reused(engine, request):
    stats = reply(engine, request)[1].stats
    return stats.reused_tokens, stats.prompt_tokens


def test_a_conversation_that_is_returned_to_is_not_read_again(place):
    engine = place.start(disk=0)
    first, _ = reply(engine, ask("one", LONG))
    reply(engine, ask("two", "Something else entirely."))
    taken, prompt = reused(engine, ask("one", LONG, first, "And then?"))
    assert taken > prompt - 30
    assert place.files() == []


def test_a_state_outlives_the_process(place):
    engine = place.start()
    first, _ = reply(engine, ask("one", LONG))
    place.saved("one")
    file = place.folder / "one.kv"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(place.folder.stat().st_mode) == 0o700
    head = json.loads(file.read_bytes().split(b"\n")[0])
    assert len(head["sha256"]) == 64
    engine.close()
    engine = place.start()
    text, finished = reply(engine, ask("one", LONG, first, "And then?"))
    assert finished.stats.reused_tokens > finished.stats.prompt_tokens - 30
    cold, _ = reply(engine, ask("", LONG, first, "And then?", reproducible=True))
    assert text[:8] == cold[:8]


def test_a_state_that_was_saved_is_loaded_as_it_was(place):
    """The very next token: bit for bit the logits of the process that is gone."""
    texts = []
    for _ in range(2):
        engine = place.start()
        texts.append(reply(engine, ask("one", LONG, sampling=Sampling(temperature=0)))[0])
        place.saved("one")
        engine.close()
    assert texts[0] == texts[1]


@pytest.mark.parametrize("damage", ["flip", "cut", "longer", "no line", "other tokens"])
def test_a_damaged_file_is_never_used(place, damage):
    engine = place.start()
    first, _ = reply(engine, ask("one", LONG))
    place.saved("one")
    engine.close()
    file = place.folder / "one.kv"
    data = bytearray(file.read_bytes())
    if damage == "flip":
        data[-1000] ^= 1
    elif damage == "cut":
        del data[-1000:]
    elif damage == "longer":
        data += b"x"
    elif damage == "no line":
        data = bytearray(b'{"tokens": 1}\n')
    else:
        data[data.index(b"\n") + 9] ^= 1
    file.write_bytes(data)
    engine = place.start()
    assert reused(engine, ask("one", LONG, first, "And then?"))[0] < 60


def test_other_parameters_have_other_states(place):
    engine = place.start()
    first, _ = reply(engine, ask("one", LONG))
    place.saved("one")
    engine.close()
    engine = place.start(options=LoadOptions(context_length=1024))
    assert reused(engine, ask("one", LONG, first, "And then?"))[0] == 0


def test_the_least_recently_used_go_first(place):
    engine = place.start(memory=0)
    reply(engine, ask("one", LONG))
    place.saved("one")
    size = (place.folder / "one.kv").stat().st_size
    engine.close()
    os.utime(place.folder / "one.kv", (1, 1))
    engine = place.start(memory=0, disk=int(2.5 * size))
    for name in ("two", "three"):
        reply(engine, ask(name, LONG + name))
        wait_until(lambda name=name: f"{name}.kv" in place.files())
    wait_until(lambda: place.files() == ["three.kv", "two.kv"])


def test_memory_has_its_budget(place):
    engine = place.start(disk=0, memory=1000)
    first, _ = reply(engine, ask("one", LONG))
    reply(engine, ask("two", "Something else entirely."))
    taken, _prompt = reused(engine, ask("one", LONG, first, "And then?"))
    assert taken < 60


def test_a_conversation_that_is_gone_leaves_no_state(place):
    engine = place.start()
    first, _ = reply(engine, ask("one", LONG))
    engine.forget_state("one").result(20)
    engine.forget_state("never heard of").result(20)
    reply(engine, ask("two", "Now " + LONG))
    place.saved("two")
    assert reused(engine, ask("one", LONG, first, "And then?"))[0] < 60
    place.saved("one", "two")
    engine.forget_state("one").result(20)
    place.saved("two")


def test_nobodys_prompts_and_odd_names_are_not_kept(place):
    engine = place.start()
    for name in ("", "../evil", "a/b", "x" * 65, "Ä"):
        reply(engine, ask(name, LONG + name))
    reply(engine, ask("last", LONG))
    place.saved("last")
    assert sorted(path.name for path in place.folder.parent.iterdir()) == ["sessions"]


def test_a_question_ends_the_saving(place):
    engine = place.start()
    reply(engine, ask("one", LONG))
    time.sleep(1.4)  # the saving is about to begin
    text, finished = reply(engine, ask("one", LONG, "x", "Next?"))
    assert text
    assert finished.stats.reused_tokens > 0
    place.saved("one")


def test_a_folder_that_cannot_be_written_costs_nothing(place):
    place.folder.write_text("a file where the folder should be")
    engine = place.start()
    first, _ = reply(engine, ask("one", LONG))
    time.sleep(2)
    taken, prompt = reused(engine, ask("one", LONG, first, "And then?"))
    assert taken > prompt - 30
    place.folder.unlink()
