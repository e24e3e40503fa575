"""LaTeX formulas as SVG, drawn by a child process that can be killed.

A formula comes with a model's words and may be made to hurt: nested braces take minutes, and no
thread is ended from outside. So a child draws (`formula_child`), each formula has its time, and
what nobody can draw stays LaTeX.
"""

import contextlib
import json
import re
import subprocess
import sys
import threading
from collections import OrderedDict
from dataclasses import asdict, dataclass
from typing import Any

LONGEST = 2000  # characters of LaTeX
DEEPEST = 6  # braces within braces; the time doubles with each
TIME_LIMIT = 0.5  # seconds for one formula
START_LIMIT = 20.0  # more for a child that has to start first, on a busy computer
MOST_STARTS = 3  # that failed one after the other, before nothing is tried any more
KEPT = 2000  # formulas
KEPT_BYTES = 8 * 1024 * 1024
WIDEST, TALLEST = 4000.0, 1500.0  # pixels; larger ones are made to hurt
COMMAND = (sys.executable, "-P", "-m", "desktop_llm.rendering.formula_child")
# They define something, read something or lead somewhere: no part of a formula. What they would
# become without their meaning is not what was written.
_REFUSED = re.compile(
    r"\\(?:[gex]?def|let|futurelet|(?:re)?newcommand|providecommand|(?:re)?newenvironment"
    r"|DeclareMathOperator|DeclarePairedDelimiter|csname|catcode|expandafter|loop|input|include"
    r"|includegraphics|require|usepackage|href|url|read|write|openin|openout|immediate|special)"
    r"(?![A-Za-z])"
)
_ELEMENTS = frozenset(["svg", "g", "path", "rect", "line", "polyline", "ellipse", "circle"])
_ELEMENT = re.compile(r"<[/!?]?\s*([^\s/>]*)")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A formula to draw; `size` in pixels, `colour` as `#rrggbb`, `display`: on its own line."""

    latex: str
    size: int
    colour: str
    display: bool


@dataclass(frozen=True, slots=True)
class Drawn:
    """Pixels; `depth` of `height` lies below the line that letters stand on."""

    svg: str
    width: float
    height: float
    depth: float


class FormulaRenderer:
    """Used from any thread; one formula is drawn after the other. `close` ends the child."""

    def __init__(self) -> None:
        self._drawing = threading.Lock()  # held by who talks to the child
        self._guard = threading.Lock()  # of what follows
        self._known: OrderedDict[Wanted, Drawn | None] = OrderedDict()
        self._bytes = 0
        self._child: subprocess.Popen[str] | None = None
        self._closed = False
        self._failed_starts = 0

    def draw(self, wanted: Wanted) -> Drawn | None:
        """None where it stays LaTeX. Slow: call it off a window's thread."""
        with self._guard:
            if wanted in self._known:
                self._known.move_to_end(wanted)
                return self._known[wanted]
        if not may_draw(wanted.latex):
            return None
        with self._drawing:
            try:
                drawn = _checked(self._ask(wanted))
            except _NoChildError:
                return None
        with self._guard:
            self._keep(wanted, drawn)
        return drawn

    def close(self) -> None:
        """For good; what is being drawn is given up."""
        with self._guard:
            self._closed = True
            if self._child is not None:
                self._child.kill()
        with self._drawing:
            self._end()

    @property
    def process(self) -> int | None:
        """The child's number, while it runs."""
        child = self._child
        return None if child is None else child.pid

    def _keep(self, wanted: Wanted, drawn: Drawn | None) -> None:
        if wanted in self._known:
            return
        self._known[wanted] = drawn
        self._bytes += _bytes(wanted, drawn)
        while len(self._known) > KEPT or self._bytes > KEPT_BYTES:
            self._bytes -= _bytes(*self._known.popitem(last=False))

    # --- the child, under `_drawing` ---------------------------------------------------------

    def _ask(self, wanted: Wanted) -> dict[str, Any] | None:
        """Its answer; None where the formula broke it. A child that died before is no fault of
        this formula: it is asked of another.
        """
        if self._child is not None:
            answer, late = self._talk(json.dumps(asdict(wanted)), TIME_LIMIT)
            if answer is not None:
                return answer
            self._end()
            if late:
                return None
        self._start()
        answer, _ = self._talk(json.dumps(asdict(wanted)), TIME_LIMIT)
        if answer is None:
            self._end()
        return answer

    def _start(self) -> None:
        """Raises _NoChildError."""
        with self._guard:
            if self._closed or self._failed_starts >= MOST_STARTS:
                raise _NoChildError
            try:
                self._child = subprocess.Popen(
                    COMMAND,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,  # warnings there would hold the person's text
                    text=True,
                    encoding="utf-8",
                )
            except OSError as error:
                self._failed_starts += 1
                raise _NoChildError from error
        answer, _ = self._talk(None, START_LIMIT)
        if answer is None:
            self._end()
            self._failed_starts += 1
            raise _NoChildError
        self._failed_starts = 0

    def _talk(self, line: str | None, limit: float) -> tuple[dict[str, Any] | None, bool]:
        """Its answer, or None where it died; and whether it was killed for being late."""
        child = self._child
        assert child is not None
        assert child.stdin is not None
        assert child.stdout is not None
        late = False

        def kill() -> None:
            nonlocal late
            late = True
            child.kill()

        timer = threading.Timer(limit, kill)
        timer.start()
        try:
            if line is not None:
                child.stdin.write(line + "\n")
                child.stdin.flush()
            answer = child.stdout.readline()
        except (OSError, UnicodeError):
            answer = ""
        finally:
            timer.cancel()
            timer.join()
        if late or not answer.endswith("\n"):
            return None, late
        found: dict[str, Any] = json.loads(answer)
        return found, False

    def _end(self) -> None:
        with self._guard:
            child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        child.wait()
        for stream in (child.stdin, child.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


class _NoChildError(Exception):
    """Nothing can draw now."""


def may_draw(latex: str) -> bool:
    """Whether a child is asked at all."""
    if not latex.strip() or len(latex) > LONGEST or _REFUSED.search(latex):
        return False
    depth = deepest = 0
    for sign in re.findall(r"\\.|[{}]", latex, re.DOTALL):
        depth += (sign == "{") - (sign == "}")
        deepest = max(deepest, depth)
    return deepest <= DEEPEST


def _checked(answer: dict[str, Any] | None) -> Drawn | None:
    """Paths and rectangles of a sound size; anything else in an SVG could load something."""
    if answer is None or "svg" not in answer:
        return None
    drawn = Drawn(answer["svg"], answer["width"], answer["height"], answer["depth"])
    sound = 0 < drawn.width <= WIDEST and 0 < drawn.height <= TALLEST
    if not sound or not _ELEMENTS.issuperset(_ELEMENT.findall(drawn.svg)):
        return None
    return drawn


def _bytes(wanted: Wanted, drawn: Drawn | None) -> int:
    return len(wanted.latex) + (0 if drawn is None else len(drawn.svg)) + 200
