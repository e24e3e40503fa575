"""Formulas drawn by a real child process."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest

from desktop_llm.rendering import formulas
from desktop_llm.rendering.formulas import DEEPEST, LONGEST, FormulaRenderer, Wanted, may_draw

FRACTION = Wanted(r"\frac{a}{b}", 18, "#123456", False)


def wanted(latex, display=True):
    return Wanted(latex, 18, "#123456", display)


@pytest.fixture(scope="module")
def renderer():
    renderer = FormulaRenderer()
    yield renderer
    renderer.close()
    assert renderer.process is None


@pytest.fixture
def own():
    renderer = FormulaRenderer()
    yield renderer
    renderer.close()


def test_a_formula_has_its_measures_and_its_colour(renderer):
    drawn = renderer.draw(FRACTION)
    assert drawn.svg.startswith("<svg")
    assert "#123456" in drawn.svg
    assert 0 < drawn.depth < drawn.height
    assert renderer.draw(wanted(r"\frac{a}{b}")).height > drawn.height
    assert renderer.draw(FRACTION) is drawn


def test_boxes_and_numbers_have_its_colour_too(renderer):
    for latex in (r"\boxed{x}", r"x = 1 \tag{7}", r"\rule{9px}{9px}"):
        svg = renderer.draw(wanted(latex)).svg
        assert "black" not in svg
        assert "#123456" in svg


@pytest.mark.parametrize(
    "latex",
    [r"\frac{" * 30, "x" * (LONGEST + 1), "{" * (DEEPEST + 1) + "x" + "}" * (DEEPEST + 1),
     r"\def\a{\a\a}\a", r"\newcommand{\a}{\a}\a", r"\input{/etc/passwd}",
     r"\href{javascript:alert(1)}{x}", r"\includegraphics{/dev/zero}", r"\let\a=\b", " "],
)  # fmt: skip
def test_what_nobody_is_asked_for(latex):
    assert not may_draw(latex)
    own = FormulaRenderer()
    assert own.draw(wanted(latex)) is None
    assert own.process is None


def test_braces_that_are_escaped_and_names_that_begin_alike_are_fine():
    assert may_draw(r"\{" * 50 + r"\left( \definite \inputs \right)")


@pytest.mark.parametrize(
    "latex",
    [r"\frac{a}{", r"\unknown{x}", r"\text{速度}", "a & b", r"\rule{100000px}{10px}",
     r"\hspace{100000em}x", "<svg><image href='file:///dev/zero'/></svg>", r"\end{x}"],
)  # fmt: skip
def test_what_cannot_be_drawn_stays_latex(renderer, latex):
    drawn = renderer.draw(wanted(latex))
    assert drawn is None or "<image" not in drawn.svg
    child = renderer.process
    assert child is not None
    assert renderer.draw(FRACTION) is not None
    assert renderer.process == child


def test_a_child_that_is_killed_is_replaced(own):
    assert own.draw(FRACTION)
    first = own.process
    os.kill(first, signal.SIGKILL)
    psutil.Process(first).wait(5)
    assert own.draw(wanted("x + 1"))
    assert own.process != first
    assert own.draw(FRACTION)


def test_a_child_that_hangs_is_ended_in_time(own, monkeypatch):
    assert own.draw(FRACTION)
    child = psutil.Process(own.process)
    child.suspend()
    begun = time.monotonic()
    assert own.draw(wanted("x + 1")) is None
    assert time.monotonic() - begun < 3
    assert not child.is_running()
    monkeypatch.setattr(formulas, "TIME_LIMIT", 0.0)
    assert own.draw(wanted("x + 1")) is None, "it is not tried again"
    monkeypatch.undo()
    assert own.draw(wanted("x + 2"))


def test_a_child_that_cannot_start(own, monkeypatch):
    monkeypatch.setattr(formulas, "COMMAND", (sys.executable, "-c", "pass"))
    for number in range(5):
        assert own.draw(wanted(f"{number}")) is None
    monkeypatch.undo()
    assert own.draw(FRACTION) is None, "nothing is tried any more"


def test_closed_while_it_draws(own):
    assert own.draw(FRACTION)
    psutil.Process(own.process).suspend()
    found = []
    thread = threading.Thread(target=lambda: found.append(own.draw(wanted("x + 1"))))
    thread.start()
    own.close()
    thread.join(5)
    assert found == [None]
    assert own.draw(wanted("x + 2")) is None
    assert own.process is None


def test_many_threads(renderer):
    found = []
    threads = [
        threading.Thread(target=lambda n=n: found.append(renderer.draw(wanted(f"x_{n % 3}"))))
        for n in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 12
    assert all(found)


def test_what_is_kept_is_bounded(renderer, monkeypatch):
    monkeypatch.setattr(formulas, "KEPT", 3)
    for number in range(6):
        renderer.draw(wanted(f"{number} + y"))
    assert len(renderer._known) == 3
    monkeypatch.setattr(formulas, "KEPT_BYTES", 1)
    renderer.draw(wanted("7 + y"))
    assert not renderer._known
    assert renderer._bytes == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits and ends it so")
def test_the_child_is_limited_and_dies_with_its_parent(renderer):
    renderer.draw(FRACTION)
    import resource

    child = psutil.Process(renderer.process)
    assert child.rlimit(resource.RLIMIT_AS) == (2**29, 2**29)
    assert child.rlimit(resource.RLIMIT_FSIZE) == (0, 0)
    code = (
        "from desktop_llm.rendering.formulas import *; import os\n"
        "r = FormulaRenderer(); r.draw(Wanted('x', 9, '#000000', True))\n"
        "print(r.process, flush=True); os._exit(0)"
    )
    answer = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
    number = int(answer.stdout)
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(number).wait(5)
    assert not psutil.pid_exists(number) or psutil.Process(number).status() == "zombie"
