"""Pictures of formulas, drawn off the window's thread. QtSvg is imported for the first of them."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QGuiApplication, QImage, QPainter

from desktop_llm.rendering.formulas import TIME_LIMIT, Drawn, FormulaRenderer, Wanted
from desktop_llm.ui.bridge import Bridge
from desktop_llm.ui.widgets.formula_object import Picture

KEPT = 2000  # formulas; a message that is rendered again shows their pictures at once
KEPT_BYTES = 32 * 1024 * 1024
AT_ONCE = 25  # formulas shown together: laying out more would be felt
SECONDS = 0.1  # after which those that are ready are shown
MOST_SLOW = 5  # formulas of one message that may run into their time, before the rest is left
MARGIN = 1.5  # pixels above and below, so that formulas of two lines do not touch
WIDEST = 720  # pixels; no column is wider, so a wider picture is scaled down anyway

Then = Callable[[Mapping[Wanted, Picture]], bool]
_Key = tuple[Wanted, float]


@dataclass(slots=True, eq=False)
class _Request:
    """What of one message is still to be drawn."""

    rest: list[Wanted]
    then: Then
    slow: int = 0


class FormulaPictures:
    def __init__(self, bridge: Bridge, renderer: FormulaRenderer) -> None:
        self._bridge = bridge
        self._renderer = renderer
        self._known: OrderedDict[_Key, Picture | None] = OrderedDict()
        self._bytes = 0
        self._requests: list[_Request] = []
        self._busy = False

    def __call__(self, wanted: Sequence[Wanted], then: Then) -> None:
        """`then` is given the pictures that are known at once, and others as they are drawn, as
        long as it answers True. What cannot be drawn never comes.
        """
        found, rest = self._sorted(wanted)
        if found and not then(found):
            return
        if rest:
            self._requests.append(_Request(rest, then))
            self._go_on()

    def _sorted(self, wanted: Sequence[Wanted]) -> tuple[dict[Wanted, Picture], list[Wanted]]:
        ratio = _ratio()
        found: dict[Wanted, Picture] = {}
        rest = []
        for each in wanted:
            if (each, ratio) not in self._known:
                rest.append(each)
                continue
            self._known.move_to_end((each, ratio))
            if (picture := self._known[each, ratio]) is not None:
                found[each] = picture
        return found, rest

    def _go_on(self) -> None:
        """One piece at a time, of what was asked for last: that is what is looked at."""
        if self._busy or not self._requests:
            return
        request, ratio = self._requests[-1], _ratio()
        self._busy = True

        def drawn(found: dict[Wanted, tuple[Picture | None, bool]]) -> None:
            self._busy = False
            for wanted, (picture, slow) in found.items():
                self._keep((wanted, ratio), picture)
                request.slow += slow
            request.rest = [each for each in request.rest if each not in found]
            pictures = {each: picture for each, (picture, _) in found.items() if picture}
            more = not pictures or request.then(pictures)
            if not more or not found or not request.rest or request.slow >= MOST_SLOW:
                self._requests.remove(request)
            self._go_on()

        def failed(_fault: object) -> None:
            drawn({})

        piece = request.rest[:AT_ONCE]
        self._bridge.run(lambda: _draw(self._renderer, piece, ratio), drawn, failed)

    def _keep(self, key: _Key, picture: Picture | None) -> None:
        if key in self._known:
            return
        self._known[key] = picture
        self._bytes += _bytes(picture)
        while len(self._known) > KEPT or self._bytes > KEPT_BYTES:
            self._bytes -= _bytes(self._known.popitem(last=False)[1])


def _draw(
    renderer: FormulaRenderer, wanted: Sequence[Wanted], ratio: float
) -> dict[Wanted, tuple[Picture | None, bool]]:
    """As many as there is time for, at least one; and whether each was slow."""
    found: dict[Wanted, tuple[Picture | None, bool]] = {}
    begun = time.monotonic()
    for each in wanted:
        before = time.monotonic()
        drawn = renderer.draw(each)
        slow = drawn is None and time.monotonic() - before >= TIME_LIMIT
        found[each] = (None if drawn is None else picture_of(drawn, ratio), slow)
        if time.monotonic() - begun > SECONDS:
            break
    return found


def picture_of(drawn: Drawn, ratio: float) -> Picture | None:
    """None where Qt cannot read the SVG. The line that letters stand on is between two pixels."""
    from PySide6.QtCore import QByteArray
    from PySide6.QtSvg import QSvgRenderer

    svg = QSvgRenderer(QByteArray(drawn.svg.encode()))
    if not svg.isValid():
        return None
    fine = ratio * min(1.0, 2 * WIDEST / drawn.width)
    margin = math.ceil(MARGIN * fine)
    above = math.ceil((drawn.height - drawn.depth) * fine) + margin
    below = max(0, math.ceil(drawn.depth * fine)) + margin
    across = math.ceil(drawn.width * fine) + 2
    image = QImage(across, above + below, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    top = above - (drawn.height - drawn.depth) * fine
    svg.render(painter, QRectF(1, top, drawn.width * fine, drawn.height * fine))
    painter.end()
    return Picture(image, across / fine, (above + below) / fine, above / fine)


def _ratio() -> float:
    """Of the finest screen: the window may be moved there."""
    return max((each.devicePixelRatio() for each in QGuiApplication.screens()), default=1.0)


def _bytes(picture: Picture | None) -> int:
    return 200 if picture is None else picture.image.sizeInBytes() + 200
