"""Files of KV states in the cache folder. The engine's process writes and reads them; here they are
only removed with their conversations.
"""

import contextlib
import time
from collections.abc import Iterable
from pathlib import Path

from desktop_llm.core.conversations import state_name

YOUNG = 3600.0  # seconds


class KvFiles:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def remove(self, conversation: int) -> None:
        """Whole and half-written ones."""
        for path in self._files(state_name(conversation)):
            with contextlib.suppress(OSError):
                path.unlink()

    def sweep(self, alive: Iterable[int], most_bytes: int) -> int:
        """Remove those of conversations that are gone, and the least recently used ones over the
        budget. Returns how many files went.
        """
        names = {state_name(conversation) for conversation in alive}
        removed, size = 0, 0
        with contextlib.suppress(OSError):
            found = [(path.stat(), path) for path in self.folder.glob("*.kv*")]
            for stat, path in sorted(found, key=lambda each: -each[0].st_mtime):
                if path.suffix != ".kv" and time.time() - stat.st_mtime < YOUNG:
                    continue  # the engine may be writing it
                size += stat.st_size
                if path.suffix != ".kv" or path.stem not in names or size > most_bytes:
                    path.unlink(missing_ok=True)
                    removed += 1
        return removed

    def _files(self, name: str) -> list[Path]:
        return [self.folder / f"{name}.kv", self.folder / f"{name}.kv.part"]
