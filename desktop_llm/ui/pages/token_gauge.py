"""How much of the model's context the text in the composer takes: said before it is sent."""

from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer

from desktop_llm.core.engine import TokenCount
from desktop_llm.ui.bridge import Bridge
from desktop_llm.ui.widgets.composer import Composer
from desktop_llm.words import _

QUIET_MILLISECONDS = 300  # before the tokens of what is typed are counted
NEARLY_FULL = 0.8  # of the context


class TokenGauge(QObject):
    """Counts one text at a time, off the window's thread.

    `measure(text)` gives what counts it, or None while it cannot be counted; that gives None
    where the model is not to be loaded for it.
    """

    def __init__(
        self,
        bridge: Bridge,
        composer: Composer,
        measure: Callable[[str], Callable[[], TokenCount | None] | None],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self._composer = composer
        self._measure = measure
        self._counting = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(QUIET_MILLISECONDS)
        self._timer.timeout.connect(self._count)
        composer.changed.connect(self.refresh)

    def refresh(self) -> None:
        self._timer.start()

    def clear(self) -> None:
        self._timer.stop()
        self._composer.set_gauge("")

    def _count(self) -> None:
        text = self._composer.text()
        if not text.strip():
            self._composer.set_gauge("")
            return
        work = None if self._counting else self._measure(text)
        if work is None:
            return
        self._counting = True

        def show(count: TokenCount | None) -> None:
            self._counting = False
            if text != self._composer.text():
                self._timer.start()
            elif count is not None:
                self._show(count)

        self._bridge.run(work, show, lambda _fault: show(None))

    def _show(self, count: TokenCount) -> None:
        used, room = f"{count.tokens:,}", f"{count.context_length:,}"
        over = count.tokens >= count.context_length
        crowded = count.tokens > NEARLY_FULL * count.context_length
        if over:
            hint = _("Too long: {used} tokens, and {room} fit. Shorten it to send it.")
        elif crowded:
            hint = _("{used} of {room} tokens: little room is left for the reply.")
        else:
            hint = _("{used} of the {room} tokens that the model can look at")
        hint = hint.format(used=used, room=room)
        self._composer.set_gauge(
            hint if crowded else _("{used} / {room} tokens").format(used=used, room=room),
            hint,
            over,
        )
