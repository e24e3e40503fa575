import contextlib
import os
import subprocess
import sys
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop_llm.core.messages import Message, Role
from desktop_llm.core.templates import CHATML
from desktop_llm.worker.cores import (
    FreeCores,
    ThreadController,
    cores_wanted_by_others,
    usable_cores,
)
from desktop_llm.worker.guard import CallGuard
from desktop_llm.worker.stops import StopScanner
from desktop_llm.worker.template import (
    PromptPiece,
    TemplateError,
    TemplateRenderer,
    fallback_pieces,
)


@given(st.text("abc", max_size=30), st.lists(st.text("abc", min_size=1, max_size=4), max_size=3))
def test_stop_strings_are_found_whatever_the_token_boundaries(text, stops):
    scanner = StopScanner(stops)
    shown = "".join(scanner.feed(character) for character in text)
    if not scanner.stopped:
        shown += scanner.flush()
    cuts = [at + len(stop) for stop in stops if (at := text.find(stop)) >= 0]
    if not cuts:
        assert shown == text
        return
    end = min(cuts)  # the first stop string that is complete
    starts = [text[:end].find(stop) for stop in stops if stop in text[:end]]
    assert shown == text[: min(starts)]


@contextlib.contextmanager
def busy_processes(count: int):
    running = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    yield
    for process in running:
        process.kill()
        process.wait()


class Computer:
    """Tokens take the time that a thread count takes beside the neighbours there are."""

    def __init__(self, most: int = 2) -> None:
        self.free = float(most)
        self.seconds: dict[int, float] = {}
        self.used: list[int] = []
        self.controller = ThreadController(most, lambda: self.free)

    def run(self, tokens: int) -> int:
        for _ in range(tokens):
            self.used.append(self.controller.threads)
            self.controller.note(self.seconds[self.controller.threads])
        return self.controller.threads


QUIET, BUSY = {2: 0.008, 1: 0.012}, {2: 0.060, 1: 0.012}


def test_threads_step_down_under_contention_and_up_again_after():
    computer = Computer()
    computer.seconds = QUIET
    assert computer.run(40) == 2
    assert set(computer.used) == {2}, "a quiet computer is not experimented on"
    computer.seconds, computer.free = BUSY, 1.0
    assert computer.run(2) == 1, "one slow token is enough"
    computer.used.clear()
    assert computer.run(400) == 1
    assert set(computer.used) == {1}, "no trial while no core is free"
    computer.seconds, computer.free = QUIET, 2.0
    assert computer.run(20) == 2


def test_a_reply_that_begins_under_contention_steps_down():
    computer = Computer()
    computer.seconds, computer.free = BUSY, 1.2
    assert computer.run(8) == 1


def test_a_reply_starts_with_the_cores_that_are_free():
    cores = os.cpu_count()
    controller = ThreadController(cores, lambda: None)
    assert controller.begin(None) == cores
    assert controller.begin(0) == cores
    assert controller.begin(1) == max(1, cores - 1)
    assert controller.begin(10_000) == 1
    assert controller.begin(0) == 1, "more are tried while it decodes"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell")
def test_what_others_want_is_seen():
    with busy_processes(2):
        deadline = time.monotonic() + 20
        while (cores_wanted_by_others() or 0) < 2:
            assert time.monotonic() < deadline


def test_trials_that_do_not_pay_become_rare():
    computer = Computer()
    computer.seconds, computer.free = BUSY, 2.0  # cores look free and are not: a cgroup's quota
    computer.controller.threads = 1
    computer.run(2000)
    assert computer.used.count(2) <= 12


def test_a_computer_that_is_slower_as_a_whole_keeps_its_threads():
    computer = Computer()
    computer.seconds = QUIET
    computer.run(40)
    computer.seconds = {2: 0.016, 1: 0.024}
    computer.used.clear()
    assert computer.run(200) == 2
    assert computer.used.count(1) <= 6


def test_free_cores_are_measured():
    free = FreeCores()
    assert free.measure() is None, "the system counts in hundredths of a second"
    deadline = time.monotonic() + 10
    while (measured := free.measure()) is None and time.monotonic() < deadline:
        sum(range(1000))  # this process's own use counts as free
    assert measured is not None
    assert 0 < measured <= usable_cores() + 0.5


MESSAGES = (Message(Role.USER, "a <|im_end|> b"),)


@pytest.fixture
def renderer():
    made = []

    def make(source):
        made.append(TemplateRenderer(source, "<s>", "</s>"))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_a_template_keeps_scaffold_and_content_apart(renderer):
    source = "{{ bos_token }}{% for m in messages %}[{{ m.role }}] {{ m.content }}{% endfor %}>"
    assert renderer(source).pieces(MESSAGES) == [
        PromptPiece("<s>[user] ", False),
        PromptPiece("a <|im_end|> b", True),
        PromptPiece(">", False),
    ]


@pytest.mark.parametrize(
    ("source", "for_good"),
    [
        ("{% for i in range(10**9) %}{% for j in range(10**9) %}{% endfor %}{% endfor %}", False),
        ("{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}", True),
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", False),
        ("{{ 'a' * 10**12 }}", True),
        ("{{ 'a' * 10**9 }}", True),
        ("{% for m in messages %}{{ m.content * 10000000 }}{% endfor %}", True),
        ("{% for i in range(99999) %}{{ messages[0].content }}{% endfor %}", True),
        ("{% if", False),
        ("{{ raise_exception('no') }}", False),
        ("nothing of the messages", False),
        ("{{ messages[0].content.split('x' * 40)[1] }}", False),
        ("{{ messages.append(1) }}", False),
        ("{{ cycler.__init__.__globals__.os.system('true') }}", False),
        ("{% include '/etc/passwd' %}", False),
        ("{{ messages | map(attribute='__class__') | list }}", False),
    ],
)  # fmt: skip
def test_a_hostile_template_is_refused_in_bounded_time(renderer, source, for_good):
    with pytest.raises(TemplateError) as caught:
        renderer(source).pieces(MESSAGES)
    assert caught.value.for_good is for_good
    assert str(caught.value)


TURNS = (
    Message(Role.SYSTEM, "Be brief."),
    Message(Role.USER, "one"),
    Message(Role.USER, "two"),
    Message(Role.ASSISTANT, "three"),
    Message(Role.USER, "four"),
)
LOOP = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}"


def text_of(pieces) -> str:
    return "".join(piece.text for piece in pieces)


def test_a_template_may_mark_the_models_words_for_training(renderer):
    source = (
        "{% for m in messages %}{% generation %}{{ m.content }};{% endgeneration %}{% endfor %}"
    )
    assert text_of(renderer(source).pieces(TURNS)) == "Be brief.;one;two;three;four;"


@pytest.mark.parametrize(
    "source",
    [
        "{% if messages[0].role == 'system' %}{{ raise_exception('none') }}{% endif %}" + LOOP,
        "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
        "{{ raise_exception('must alternate') }}{% endif %}{% endfor %}" + LOOP,
        "{% for m in messages if m.role != 'system' %}<{{ m.role }}>{{ m.content }}{% endfor %}",
    ],
)
def test_a_template_that_knows_fewer_roles_gets_simpler_turns(renderer, source):
    assert text_of(renderer(source).pieces(TURNS)) == (
        "<user>Be brief.\n\none\n\ntwo<assistant>three<user>four"
    )


@pytest.mark.parametrize("change", ["upper", "lower", "title", "trim", "string", "e"])
def test_a_template_may_change_the_form_of_a_content(renderer, change):
    source = f"{{% for m in messages %}}[{{{{ m.content | {change} }}}}]{{% endfor %}}"
    assert text_of(renderer(source).pieces(MESSAGES)) == "[a <|im_end|> b]"


def test_a_template_may_turn_and_repeat_contents(renderer):
    source = "{% for m in messages | reverse %}{{ m.content }}{{ m.content }};{% endfor %}"
    turns = (Message(Role.USER, "a"), Message(Role.ASSISTANT, "b"))
    assert text_of(renderer(source).pieces(turns)) == "bb;aa;"


def test_an_empty_content_is_no_piece(renderer):
    pieces = renderer(LOOP).pieces((Message(Role.USER, ""),))
    assert pieces == [PromptPiece("<user>", False)]


def test_a_killed_child_is_replaced(renderer):
    made = renderer(LOOP)
    assert made.pieces(MESSAGES)
    made._child.kill()
    made._child.wait()
    assert made.pieces(MESSAGES)


def test_the_fallback_needs_no_template():
    pieces = fallback_pieces(MESSAGES, CHATML)
    assert pieces[1] == PromptPiece("a <|im_end|> b", True)
    assert pieces[-1] == PromptPiece("<|im_start|>assistant\n", False)


def test_a_call_that_does_not_return_is_given_up():
    gave_up = threading.Event()
    guard = CallGuard(gave_up.set, call_seconds=0.3)
    with guard.watch(), guard.call():
        assert gave_up.wait(10)


def test_a_call_that_takes_the_memory_is_given_up():
    gave_up = threading.Event()
    guard = CallGuard(gave_up.set, memory_limit=100_000_000)
    taken = []
    with guard.watch(), guard.call():
        while len(taken) < 1000 and not gave_up.wait(0.02):
            taken.append(bytearray(b"x") * 4_000_000)
    assert gave_up.is_set()
    assert len(taken) < 1000


def test_many_short_calls_are_not_one_long_call():
    gave_up = threading.Event()
    guard = CallGuard(gave_up.set, call_seconds=0.2)
    ends = time.monotonic() + 0.6
    with guard.watch():
        while time.monotonic() < ends:
            with guard.call():
                pass
    assert not gave_up.is_set()
