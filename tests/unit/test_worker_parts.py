import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop_llm.core.messages import Message, Role
from desktop_llm.worker.cores import ThreadController
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


def run(controller: ThreadController, seconds: dict[int, float], tokens: int) -> int:
    for _ in range(tokens):
        controller.note(seconds[controller.threads])
    return controller.threads


def test_threads_step_down_under_contention_and_up_again_after():
    controller = ThreadController(2)
    assert run(controller, {2: 0.010, 1: 0.014}, 40) == 2
    assert run(controller, {2: 0.030, 1: 0.015}, 40) == 1
    assert run(controller, {2: 0.010, 1: 0.014}, 240) == 2


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
