import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop_llm.core.messages import Message, Role
from desktop_llm.worker.cores import FreeCores, ThreadController, usable_cores
from desktop_llm.worker.stops import StopScanner
from desktop_llm.worker.template import Piece, TemplateError, TemplateRenderer, fallback_pieces


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
        Piece("<s>[user] ", False),
        Piece("a <|im_end|> b", True),
        Piece(">", False),
    ]


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in range(10**9) %}{% for j in range(10**9) %}{% endfor %}{% endfor %}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ 'a' * 10**12 }}",
        "{% for m in messages %}{{ m.content * 10000000 }}{% endfor %}",
        "{% if",
        "{{ raise_exception('no') }}",
        "nothing of the messages",
    ],
)
def test_a_hostile_template_is_refused_in_bounded_time(renderer, source):
    with pytest.raises(TemplateError):
        renderer(source).pieces(MESSAGES)


def test_the_fallback_needs_no_template():
    pieces = fallback_pieces(MESSAGES, chatml=True)
    assert pieces[1] == Piece("a <|im_end|> b", True)
    assert pieces[-1] == Piece("<|im_start|>assistant\n", False)
