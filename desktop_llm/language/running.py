"""One running request, as those who serve it see it."""

import threading
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.language import Event

PORTION = 50_000  # characters that are looked at together
_ENDS = ("\n\n", "\n", "。", ". ", " ")  # where a portion may end, the best first


class CancelledError(Exception):
    """Nobody wants the answer any more."""


class Running:
    def __init__(self, post: Callable[[Event], None]) -> None:
        self.post = post
        self.cancelled = threading.Event()

    def check(self) -> None:
        """To be called now and then. Raises CancelledError."""
        if self.cancelled.is_set():
            raise CancelledError

    def portions(self, text: str) -> Iterator[tuple[int, str]]:
        """A text in pieces, each with where it begins. Raises CancelledError."""
        start = 0
        while start < len(text):
            self.check()
            end = cut(text, start)
            yield start, text[start:end]
            start = end


def cut(text: str, start: int, most: int = PORTION) -> int:
    """Where the portion that begins at `start` ends: after a paragraph, line, sentence or word."""
    end = start + most
    if end >= len(text):
        return len(text)
    for mark in _ENDS:
        found = text.rfind(mark, start + most // 2, end)
        if found >= 0:
            return found + len(mark)
    return end


def library(name: str) -> Any:
    """Raises LANGUAGE_TOOL_MISSING where it is not installed."""
    try:
        return import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise EnvironmentFault(FaultCode.LANGUAGE_TOOL_MISSING, name=package) from error
