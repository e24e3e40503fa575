"""Files of KV states in the cache folder. The engine's process writes and reads them; here they are
only removed with their conversations.
"""

import contextlib
from pathlib import Path

from desktop_llm.core.conversations import state_name


class KvFiles:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def remove(self, conversation: int) -> None:
        """Whole and half-written ones."""
        for path in self._files(state_name(conversation)):
            with contextlib.suppress(OSError):
                path.unlink()

    def _files(self, name: str) -> list[Path]:
        return [self.folder / f"{name}.kv", self.folder / f"{name}.kv.part"]
