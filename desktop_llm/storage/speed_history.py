"""What was measured, with date and version: JSON, a line each, in the models folder."""

import json
import threading
from contextlib import suppress
from pathlib import Path

from desktop_llm.core.measurement import Measurement
from desktop_llm.storage.logs import KEPT, MOST_BYTES, AppendedLines, tail

HISTORY = "speeds.jsonl"


class SpeedHistory:
    """May be used by several threads and processes."""

    def __init__(self, models: Path) -> None:
        self._path = models / HISTORY
        self._lines = AppendedLines(self._path)
        self._lock = threading.Lock()

    def record(self, measured: Measurement) -> None:
        """What cannot be written costs the line alone."""
        with self._lock:
            self._lines.append(json.dumps(measured.to_values(), ensure_ascii=False))
            self._lines.close()

    def all(self, path: str = "") -> list[Measurement]:
        """The newest first; of one model's file where `path` is given."""
        found = []
        for line in tail(self._path, (KEPT + 1) * MOST_BYTES).splitlines():
            with suppress(ValueError, KeyError, TypeError):  # another version's
                measured = Measurement.from_values(json.loads(line))
                if path in ("", measured.path):
                    found.append(measured)
        return found[::-1]
