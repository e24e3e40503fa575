"""What was changed in a text: word by word, character by character where words are not spaced.

Each change can be taken or left by itself; what lies between two changes is the same in both texts.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby

from rapidfuzz.distance import Indel

_PIECES = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3]"
    r"|[^\W_]+(?:['’][^\W_]+)*|\n|[^\S\n]+|.",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Piece:
    """Of both texts where `old` and `new` are equal; else a change."""

    old: str
    new: str

    @property
    def is_change(self) -> bool:
        return self.old != self.new


def differences(old: str, new: str) -> list[Piece]:
    """Changes and what lies between them, in order: put together, the `old` sides are the old
    text, and the `new` sides the new one.
    """
    before, after = _PIECES.findall(old), _PIECES.findall(new)
    pieces: list[Piece] = []
    for code in Indel.opcodes(before, after):
        was = "".join(before[code.src_start : code.src_end])
        is_now = "".join(after[code.dest_start : code.dest_end])
        pieces.append(Piece(was, is_now))
    return _joined(pieces)


def _joined(pieces: Sequence[Piece]) -> list[Piece]:
    """Changes that only white space parts are one: a reader sees a phrase that was replaced."""

    def changes(at: int) -> bool:
        piece = pieces[at]
        if piece.is_change:
            return True
        small = not piece.old.strip() and "\n" not in piece.old
        inside = 0 < at < len(pieces) - 1
        return small and inside and pieces[at - 1].is_change and pieces[at + 1].is_change

    found = []
    for _changed, run in groupby(range(len(pieces)), key=changes):
        members = [pieces[at] for at in run]
        whole = Piece("".join(each.old for each in members), "".join(each.new for each in members))
        if whole.old or whole.new:
            found.append(whole)
    return found


def with_changes(pieces: Sequence[Piece], taken: Collection[int]) -> str:
    """The text with those changes, numbered among the pieces, and no others."""
    return "".join(piece.new if at in taken else piece.old for at, piece in enumerate(pieces))
