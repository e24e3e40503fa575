"""Stop strings, found across token boundaries."""

from collections.abc import Sequence


class StopScanner:
    """Lets text through except what is, or may yet become, a stop string."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stops)
        self._held = ""
        self.stopped = False

    def feed(self, text: str) -> str:
        """Text that may be shown now. After `stopped` nothing more comes."""
        if self.stopped or not self._stops:
            return "" if self.stopped else text
        self._held += text
        ends = [at for stop in self._stops if (at := self._held.find(stop)) >= 0]
        if ends:
            self.stopped = True
            return self._take(min(ends), drop_rest=True)
        return self._take(len(self._held) - self._overlap())

    def flush(self) -> str:
        """What was held back, once no more text can come."""
        return self._take(len(self._held))

    def _take(self, count: int, drop_rest: bool = False) -> str:
        text = self._held[:count]
        self._held = "" if drop_rest else self._held[count:]
        return text

    def _overlap(self) -> int:
        """Length of the longest end of the held text that begins a stop string."""
        longest = max(len(stop) for stop in self._stops) - 1
        for size in range(min(longest, len(self._held)), 0, -1):
            end = self._held[-size:]
            if any(stop.startswith(end) for stop in self._stops):
                return size
        return 0
