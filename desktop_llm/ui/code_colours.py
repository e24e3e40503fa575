"""Colours of source code, found off the window's thread."""

from collections import OrderedDict
from collections.abc import Callable, Sequence

from desktop_llm.rendering.highlight import Run, highlight, may_highlight
from desktop_llm.ui.bridge import Bridge

KEPT = 64  # pieces of code; a message that is rendered again shows its colours at once


class CodeColours:
    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._known: OrderedDict[tuple[str, str], Sequence[Run]] = OrderedDict()

    def __call__(self, code: str, language: str, then: Callable[[Sequence[Run]], None]) -> None:
        key = (code, language)
        if key in self._known:
            self._known.move_to_end(key)
            then(self._known[key])
        elif may_highlight(code, language):
            self._bridge.run(lambda: highlight(code, language), lambda runs: keep(runs))

        def keep(runs: Sequence[Run]) -> None:
            self._known[key] = runs
            if len(self._known) > KEPT:
                self._known.popitem(last=False)
            then(runs)
