"""The conversations of a JSON file, one after the other, without the whole file in memory.

The file holds our own format, or a list, or one value a line. What is damaged ends the reading;
what came before it has been given out by then.
"""

import codecs
import json
import math
import re
from collections.abc import Callable, Iterator
from typing import Any

from desktop_llm.core.exchange import FORMAT, VERSION

PIECE = 1_000_000  # bytes
LONGEST = 128_000_000  # characters of one value: Python takes many times as much for it
DIGITS = 400  # of a number; no float has more
TAIL = 16  # characters: whoever finds an error before them would find it in the whole file too

_SPACE = re.compile(r"[\s,]*")


class DamagedError(Exception):
    """What follows is no JSON, or ends too early."""


class NewerError(DamagedError):
    """It is our own format, of a version that is not known here."""


class ReadCancelledError(Exception):
    """The person stopped it."""


def _whole_number(text: str) -> int | float:
    return int(text) if len(text) <= DIGITS else math.inf


_DECODER = json.JSONDecoder(parse_int=_whole_number)


class JsonValues:
    """`read` gives up to so many bytes, none at the end; `go_on` is asked before each value and
    each piece.
    """

    def __init__(self, read: Callable[[int], bytes], go_on: Callable[[], bool]) -> None:
        self._read = read
        self._go_on = go_on
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._text, self._at, self._ended = "", 0, False
        self.bytes_read = 0
        self.ours = False  # it is our own format

    def conversations(self) -> Iterator[object]:
        """Raises DamagedError, NewerError, ReadCancelledError, and what `read` raises."""
        if self._peek() == "[":
            self._at += 1
        elif self._peek() == "{":
            head = self._object()
            if self.ours and head is None:
                yield from self._elements()
                return
            ours = _listed(head)
            if ours is not None:
                self.ours = True
                yield from ours
                return
            yield None if head is not None and head.get("format") == FORMAT else head
        yield from self._elements()

    def _elements(self) -> Iterator[object]:
        """Values with commas or lines between them, up to a closing bracket or the end."""
        while self._peek() not in ("", "]"):
            value = self._value()
            self._check()
            yield value

    def _object(self) -> dict[str, Any] | None:
        """The first object of the file; None where it is our own and its list begins here."""
        self._at += 1
        values: dict[str, Any] = {}
        while self._peek() == '"':
            key = self._value()
            if self._peek() != ":":
                raise DamagedError
            self._at += 1
            if key == "conversations":
                _refuse_newer(values)
            if key == "conversations" and self._peek() == "[" and _is_ours(values):
                self._at += 1
                self.ours = True
                return None
            self._peek()
            values[key] = self._value()
        if self._peek() != "}":
            raise DamagedError
        self._at += 1
        _refuse_newer(values)
        return values

    def _value(self) -> Any:
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                open_string = error.msg.startswith("Unterminated string")
                if not open_string and error.pos < len(self._text) - TAIL:
                    raise DamagedError from error
                if not self._more():
                    raise DamagedError from error
            except (ValueError, RecursionError, MemoryError) as error:
                raise DamagedError from error
            else:
                if end + 2 < len(self._text) or not self._more():  # "1" may be of "1e+5"
                    self._at = end
                    return value

    def _peek(self) -> str:
        """The next character that is no space; empty at the end."""
        while True:
            found = _SPACE.match(self._text, self._at)
            self._at = self._at if found is None else found.end()
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def _more(self) -> bool:
        """At least as much again as is not used yet: what is long is not tried too often. When it
        is here, `_at` is 0 at the beginning of that.
        """
        if self._ended:
            return False
        rest = self._text[self._at :]
        if len(rest) > LONGEST:
            raise DamagedError
        parts, wanted = [rest], max(PIECE, len(rest))
        while wanted > 0 and not self._ended:
            self._check()
            piece = self._read(PIECE)
            self._ended = not piece
            self.bytes_read += len(piece)
            wanted -= len(piece)
            parts.append(self._decoder.decode(piece, final=self._ended))
        self._text, self._at = "".join(parts), 0
        return True

    def _check(self) -> None:
        if not self._go_on():
            raise ReadCancelledError


def _is_ours(head: dict[str, Any]) -> bool:
    return head.get("format") == FORMAT


def _refuse_newer(head: dict[str, Any]) -> None:
    """A file of a program that knows more is not guessed at."""
    version = head.get("version", VERSION)
    if _is_ours(head) and isinstance(version, int) and version > VERSION:
        raise NewerError


def _listed(head: dict[str, Any] | None) -> list[Any] | None:
    """The conversations of a file of ours that another program has put in another order."""
    found = None if head is None or not _is_ours(head) else head.get("conversations")
    return found if isinstance(found, list) else None
