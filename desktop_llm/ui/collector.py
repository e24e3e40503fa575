"""Python's cyclic garbage, collected on the window's thread alone.

Python collects on whichever thread makes the next object. What it frees may belong to Qt, and that
disconnects signals: under a lock of Qt's, within which the interpreter's lock is asked for. Where
the window's thread holds the one and waits for the other, both wait for ever. So Python is told not
to collect by itself, and a timer of the window's thread does it, by Python's own thresholds.
"""

import gc

from PySide6.QtCore import QObject, QTimer

LOOK = 1000  # milliseconds
SETTLED = 4000  # milliseconds after the window was made


class Collector(QObject):
    """From when it is made until `close`."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        gc.disable()
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK)
        self._timer.timeout.connect(self.look)
        self._timer.start()
        self._settling = QTimer(self)
        self._settling.setSingleShot(True)
        self._settling.setInterval(SETTLED)
        self._settling.timeout.connect(self._settle)

    def window_made(self) -> None:
        """What stands there soon is there to stay: it is not looked through again and again."""
        self._settling.start()

    def look(self) -> None:
        """Collect the oldest generation that is full, as Python would."""
        counts, limits = gc.get_count(), gc.get_threshold()
        for generation in (2, 1, 0):
            if counts[generation] > limits[generation]:
                gc.collect(generation)
                return

    def close(self) -> None:
        """Python collects by itself again."""
        self._timer.stop()
        self._settling.stop()
        gc.unfreeze()
        gc.enable()

    def _settle(self) -> None:
        gc.unfreeze()  # of the window before, for another language
        gc.collect()
        gc.freeze()
