"""Sentences by rules, for languages without a pack: also those that put no space after a stop.

A sentence ends after 。！？ and their like wherever they stand; after . ! ? … where a space or the
end follows and what comes next does not go on in a small letter; and at an empty line. Closing
quotes and brackets belong to the sentence before them.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

WIDE_ENDS = frozenset("。！？｡‼⁇⁈⁉︒")
ENDS = frozenset(".!?…؟۔।॥") | WIDE_ENDS
CLOSING = frozenset("\"'”’»›」』】〕）〉》)]}\u201c")  # “ closes what „ opened
OPENING = frozenset("“‘«‹「『【〔（〈《([{„‚")
_EMPTY_LINE = re.compile(r"\n[^\S\n]*\n")


class Word(NamedTuple):
    start: int
    end: int
    text: str


def split(text: str, words: Sequence[Word]) -> Iterator[tuple[int, int]]:
    """Starts and ends of sentences, without the space around them; `words` in order."""
    first, at = 0, 0
    while at < len(words):
        after = _end_of_sentence(text, words, at, first)
        if after:
            yield words[first].start, words[after - 1].end
            first = at = after
        else:
            at += 1
    if first < len(words):
        yield words[first].start, words[-1].end


def _end_of_sentence(text: str, words: Sequence[Word], at: int, first: int) -> int:
    """The number of the next sentence's first word where this one ends at word `at`; else 0."""
    after = at + 1
    following = text[words[at].end : words[after].start] if after < len(words) else ""
    if _EMPTY_LINE.search(following):
        return after
    sign = words[at].text
    if sign not in ENDS and not (len(sign) > 1 and set(sign) <= ENDS):
        return 0
    while after < len(words) and words[after].text in ENDS:
        after += 1
    closed = after
    while after < len(words) and _closes(text, words, after):
        after += 1
    if after >= len(words):
        return after
    if first == at:  # nothing but the sign: a list's dots
        return 0
    gap = words[after].start - words[after - 1].end
    if any(word.text[-1] in WIDE_ENDS for word in words[at:closed]):
        return after
    if sign[0] == "…" and not gap:
        return after if after > closed else 0
    if not gap:
        return 0
    return 0 if words[after].text[0].islower() and sign[-1] != "?" else after


def _closes(text: str, words: Sequence[Word], at: int) -> bool:
    """Straight quotes close where nothing but a stop stands before them."""
    sign = words[at].text
    if sign not in CLOSING:
        return False
    gap = words[at].start > words[at - 1].end
    if sign == "“":  # opens in English and Chinese, closes in German
        return not gap and "„" in text[max(0, words[at].start - 2000) : words[at].start]
    return not gap


def words_of(found: Iterable[tuple[int, str]]) -> list[Word]:
    return [Word(start, start + len(text), text) for start, text in found if not text.isspace()]
