"""A text cut where it may be cut: at headings, paragraphs, ends of sentences.

Ends of sentences are told by rule, for scripts with and without spaces; closing quotes and brackets
belong to the sentence before them. A full stop after an abbreviation, an initial or within a number
ends none.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

Count = Callable[[Sequence[str]], Sequence[int]]  # tokens of each text

LONGEST_SENTENCE = 4000  # characters; what goes on longer is cut there
COUNTED_TEXTS, COUNTED_CHARACTERS = 512, 500_000  # that are counted at once

_CLOSING = "\"'”’»›)\\]）」』】》〉＂＇"
_END = re.compile(
    rf"[.!?…]{{1,8}}[{_CLOSING}]{{0,4}}(?=\s|$)"  # where words are spaced
    rf"|[。！？｡；…]{{1,8}}[{_CLOSING}]{{0,4}}"  # where they are not
    r"|\n"
)
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\[“\"'])(?:[A-Z]|Mr|Mrs|Ms|Dr|Prof|Sr|Jr|St|vs|etc|e\.g|i\.e|cf|al|No|Nr|Fig|Figs|Eq"
    r"|Vol|pp?|Ch|Sec|Inc|Ltd|Co|Corp|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|U\.S|U\.K"
    r"|a\.m|p\.m|approx|z\.B|bzw|usw|ca|M|Mme|Sra?)\.$"
)
_BLOCK = re.compile(r"[ \t]{0,8}(?:#{1,6}[ \t]|[-*+•][ \t]|\d{1,4}[.)][ \t]|>|\||```)")
_HEADING = re.compile(
    r"[ \t]{0,3}#{1,6}[ \t]|第[一二三四五六七八九十百\d]{1,6}[章节部篇]|Chapter\s"
)


@dataclass(frozen=True, slots=True)
class Span:
    start: int  # characters
    end: int

    def of(self, text: str) -> str:
        return text[self.start : self.end]


@dataclass(frozen=True, slots=True)
class Part:
    """Of a text: `first` to before `last` of its sentences."""

    span: Span
    first: int
    last: int


def sentences(text: str) -> list[Span]:
    """In order, without the white space between them; none is empty."""
    found: list[Span] = []
    start = 0
    for mark in _END.finditer(text):
        if mark.end() <= start or not _ends(text, start, mark):
            continue
        _add(found, text, start, mark.end())
        start = mark.end()
    _add(found, text, start, len(text))
    return found


def _ends(text: str, start: int, mark: "re.Match[str]") -> bool:
    if mark.group() == "\n":
        return is_break(text, mark.start())
    if mark.group()[0] == "." and len(mark.group().rstrip("\"'”’»)")) == 1:
        before = text[max(start, mark.start() - 12) : mark.start() + 1]
        if _ABBREVIATION.search(before):
            return False
        # "the 3. floor", "1. Introduction": a number at the beginning of its sentence.
        if text[start : mark.start()].strip().isdigit():
            return False
    return True


def is_break(text: str, at: int) -> bool:
    """Whether a line break is more than the end of a line that was wrapped."""
    after = text[at + 1 : at + 200]
    if not after or (after[0] in "\n \t" and not after.strip()):
        return True
    first = after.lstrip(" \t")[:1]
    line = text.rfind("\n", 0, at) + 1
    if first == "\n" or _BLOCK.match(after) or _HEADING.match(text, line, at):
        return True
    return not (first.islower() or (first.isdigit() and _spaced(text[max(line, at - 20) : at])))


def _spaced(line: str) -> bool:
    return " " in line


def _add(found: list[Span], text: str, start: int, end: int) -> None:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    while end - start > LONGEST_SENTENCE:
        cut = text.rfind(" ", start + LONGEST_SENTENCE // 2, start + LONGEST_SENTENCE)
        cut = cut if cut > start else start + LONGEST_SENTENCE
        found.append(Span(start, cut))
        start = cut
        while start < end and text[start].isspace():
            start += 1
    if start < end:
        found.append(Span(start, end))


def parts(text: str, spans: Sequence[Span], most: int, count: Count) -> list[Part]:
    """The text in parts of at most so many tokens, as `count` has them, which begin at a heading
    or a paragraph where that leaves them at least half full, else at a sentence. A sentence of
    more tokens is a part of its own.
    """
    costs = _counted(text, spans, count)
    sums = [0, *accumulate(cost + 1 for cost in costs)]  # what stands between them counts as one
    found: list[Part] = []
    first = 0
    while first < len(spans):
        end = bisect_left(sums, sums[first] + most + 1, lo=first + 1) - 1
        end = max(first + 1, min(end, len(spans)))
        if end < len(spans):
            end = _better_end(text, spans, sums, first, end)
        found.append(Part(Span(spans[first].start, spans[end - 1].end), first, end))
        first = end
    return found


def _counted(text: str, spans: Sequence[Span], count: Count) -> list[int]:
    costs: list[int] = []
    held: list[str] = []
    size = 0
    for span in spans:
        held.append(span.of(text))
        size += span.end - span.start
        if len(held) >= COUNTED_TEXTS or size >= COUNTED_CHARACTERS:
            costs += count(held)
            held, size = [], 0
    if held:
        costs += count(held)
    return costs


def _better_end(text: str, spans: Sequence[Span], sums: Sequence[int], first: int, end: int) -> int:
    half = sums[first] + (sums[end] - sums[first]) // 2
    paragraph = 0
    for at in range(end, first, -1):
        if sums[at] < half:
            break
        gap = text[spans[at - 1].end : spans[at].start]
        if "\n" in gap and _HEADING.match(text, spans[at].start):
            return at
        if gap.count("\n") > 1 and not paragraph:
            paragraph = at
    return paragraph or end
