"""Whose turn it is: a person's chat, then the local API, then batch work."""

import heapq
import itertools
from enum import IntEnum
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Priority(IntEnum):
    CHAT = 0
    API = 1
    BATCH = 2


class Arbiter(Generic[Item]):
    """A queue by priority, first come first served within one. Not thread-safe by itself."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Item]] = []
        self._order = itertools.count()

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, item: Item, priority: Priority) -> None:
        heapq.heappush(self._heap, (priority, next(self._order), item))

    def next(self) -> Item | None:
        return heapq.heappop(self._heap)[2] if self._heap else None

    def remove(self, item: Item) -> bool:
        """Take a waiting item out; False if it does not wait here."""
        for entry in self._heap:
            if entry[2] is item:
                self._heap.remove(entry)
                heapq.heapify(self._heap)
                return True
        return False

    def drain(self) -> list[Item]:
        """Everything that waits, in order; nothing waits afterwards."""
        items = [entry[2] for entry in sorted(self._heap, key=lambda entry: entry[:2])]
        self._heap.clear()
        return items
