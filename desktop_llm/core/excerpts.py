"""The passages of a long text that have most to do with a question.

Passages are ranked by BM25 (Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009)
over words, and pairs of characters where a script does not space its words. The beginning of a text
says what it is, and is always taken.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence

PASSAGE = 700  # characters, about; a paragraph or a few short ones
GAP = "[…]"  # stands for what is left out
_K1, _B = 1.2, 0.75

_SPACED = re.compile(r"[^\W_]+")
# Han, kana and the scripts of South East Asia write words without spaces.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]+")
_PARAGRAPH = re.compile(r"\n\s*\n")
_SENTENCE = re.compile(r"(?<=[.!?])\s|(?<=[。！？])|\n")


class Excerpts:
    """Of one text; made once, asked often."""

    def __init__(self, text: str) -> None:
        self.passages = tuple(passages_of(text))
        self._counts = [Counter(words_of(passage)) for passage in self.passages]
        self._lengths = [sum(counts.values()) for counts in self._counts]
        self._mean = max(1.0, sum(self._lengths) / max(1, len(self._lengths)))
        self._in: Counter[str] = Counter()  # passages that a word stands in
        for counts in self._counts:
            self._in.update(counts.keys())

    def best(self, question: str, most_bytes: int) -> str:
        """In the order of the text, with a sign for what is left out; at most that many bytes of
        UTF-8, but the first passage in any case.
        """
        if not self.passages:
            return ""
        words = set(words_of(question))
        order = sorted(range(1, len(self.passages)), key=lambda at: (-self._score(at, words), at))
        taken, used = {0}, _cost(self.passages[0])
        for at in order:
            cost = _cost(self.passages[at])
            if used + cost <= most_bytes:
                taken.add(at)
                used += cost
        return _joined(self.passages, sorted(taken))

    def _score(self, at: int, words: set[str]) -> float:
        counts, length, score = self._counts[at], self._lengths[at], 0.0
        total = len(self.passages)
        for word in words & counts.keys():
            rare = math.log(1 + (total - self._in[word] + 0.5) / (self._in[word] + 0.5))
            often = counts[word]
            score += rare * often * (_K1 + 1) / (often + _K1 * (1 - _B + _B * length / self._mean))
        return score


def passages_of(text: str) -> Iterator[str]:
    """Whole paragraphs as far as they are not long, else whole sentences, else pieces."""
    held = ""
    for paragraph in _PARAGRAPH.split(text):
        for piece in _pieces(paragraph.strip("\n")):
            if held and len(held) + len(piece) > PASSAGE:
                yield held
                held = ""
            held = f"{held}\n\n{piece}" if held else piece
    if held.strip():
        yield held


def _pieces(paragraph: str) -> Iterator[str]:
    if len(paragraph) <= PASSAGE:
        if paragraph.strip():
            yield paragraph
        return
    held = ""
    start = 0
    for mark in _SENTENCE.finditer(paragraph):
        sentence, start = paragraph[start : mark.end()], mark.end()
        if held and len(held) + len(sentence) > PASSAGE:
            yield held
            held = ""
        held += sentence
    held += paragraph[start:]
    while len(held) > 2 * PASSAGE:  # no end of a sentence anywhere
        yield held[:PASSAGE]
        held = held[PASSAGE:]
    if held.strip():
        yield held


def words_of(text: str) -> Iterator[str]:
    for run in _SPACED.findall(text.lower()):
        at = 0
        for unspaced in _UNSPACED.finditer(run):
            if unspaced.start() > at:
                yield run[at : unspaced.start()]
            signs = unspaced.group()
            yield from (signs[i : i + 2] for i in range(max(1, len(signs) - 1)))
            at = unspaced.end()
        if at < len(run):
            yield run[at:]


def _cost(passage: str) -> int:
    return len(passage.encode()) + len(GAP.encode()) + 4


def _joined(passages: Sequence[str], taken: Sequence[int]) -> str:
    parts: list[str] = []
    before = -1
    for at in taken:
        if at != before + 1:
            parts.append(GAP)
        parts.append(passages[at])
        before = at
    if before != len(passages) - 1:
        parts.append(GAP)
    return "\n\n".join(parts)
