"""Replies that have ended: on disk, or held until they can be written there."""

import threading
from collections.abc import Iterable

from desktop_llm.core.conversations import StoredMessage
from desktop_llm.storage.conversations import Conversations


class KeptReplies:
    def __init__(self, store: Conversations) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._unstored: dict[int, StoredMessage] = {}  # that are not on disk

    def keep(self, reply: StoredMessage) -> None:
        """Store how a reply ended. Raises EnvironmentFault and holds it then."""
        with self._lock:
            self._unstored[reply.id] = reply
        self._store.finish(
            reply.id,
            reply.text,
            reply.state,
            reason=reply.reason,
            finish=reply.finish,
            stats=reply.stats,
            unseen=reply.unseen,
        )
        with self._lock:
            self._unstored.pop(reply.id, None)

    def store_again(self) -> None:
        """Write those that could not be written. Raises EnvironmentFault."""
        with self._lock:
            unstored = list(self._unstored.values())
        for reply in unstored:
            self.keep(reply)

    def within(self, branch: Iterable[StoredMessage]) -> list[StoredMessage]:
        """What was read from disk, with what is newer than that."""
        with self._lock:
            unstored = dict(self._unstored)
        return [unstored.get(message.id, message) for message in branch]
