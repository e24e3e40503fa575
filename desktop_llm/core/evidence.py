"""Which sentences of a text a sentence about it rests on.

Lexical, so that it can be checked by eye: a sentence is supported as far as its words, weighted by
how rare they are in the text, stand in a few sentences of it. A number that the text does not have
is never supported. What was said in quite other words, or in another language, is not found: that
is said as "no source found", never as "wrong".
"""

import math
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from desktop_llm.core.excerpts import words_of

MOST_SOURCES = 3  # sentences that one rests on
SUPPORTED = 0.5  # of the weight of its words that must be found
GAIN = 0.08  # of it that another source must add
_NUMBER = re.compile(r"\d[\d.,]{0,30}")
_COMMON = 0.4  # of the sentences: a word that stands in so many tells nothing


@dataclass(frozen=True, slots=True)
class Support:
    """`sources`: indices of sentences, the one that tells most first."""

    sources: tuple[int, ...]
    share: float  # 0 … 1, of the sentence's words
    missing_numbers: tuple[str, ...] = ()

    @property
    def is_supported(self) -> bool:
        return bool(self.sources) and self.share >= SUPPORTED and not self.missing_numbers


class Evidence:
    """Of one text; made once, asked often."""

    def __init__(self, sentences: Sequence[str]) -> None:
        self._holders: dict[str, list[int]] = defaultdict(list)  # word: sentences that have it
        numbers: set[str] = set()
        for at, sentence in enumerate(sentences):
            for word in _stems(sentence):
                self._holders[word].append(at)
            numbers.update(map(_plain, _NUMBER.findall(sentence)))
        self._numbers = numbers
        total = max(1, len(sentences))
        self._rarest = math.log(1 + total)
        few = total < 4
        self._weights = {
            word: math.log(1 + total / len(holders))
            for word, holders in self._holders.items()
            if few or len(holders) <= max(2, _COMMON * total)
        }

    def of(self, sentence: str) -> Support:
        words = {word for word in _stems(sentence) if self._tells(word)}
        missing = tuple(
            number for number in _NUMBER.findall(sentence) if _plain(number) not in self._numbers
        )
        if not words:
            return Support((), 0.0, missing)
        weights = {word: self._weights.get(word, self._rarest) for word in words}
        whole = sum(weights.values())
        left, share = set(words), 0.0
        sources: list[int] = []
        while len(sources) < MOST_SOURCES:
            gains: dict[int, float] = defaultdict(float)
            for word in left:
                for at in self._holders.get(word, ()):
                    gains[at] += weights[word]
            if not gains:
                break
            best = min(gains, key=lambda at: (-gains[at], at))
            if gains[best] < GAIN * whole:
                break
            sources.append(best)
            share += gains[best] / whole
            left = {word for word in left if best not in self._holders.get(word, ())}
        return Support(tuple(sources), min(1.0, share), missing)

    def _tells(self, word: str) -> bool:
        """Words of every other sentence tell nothing; those that the text lacks tell much."""
        return word in self._weights or word not in self._holders


_STOP = frozenset(
    re.findall(
        r"\w+",
        """
a an and are as at be been but by can could did do does for from had has have he her his how
i if in into is it its may more most not of on or our she should so such than that the their
them then there these they this those to was we were what when which who will with would you
your about also after all any because before being between both during each few further just
only other over own same some through under until up very while
        """,
    )
)


def _stems(text: str) -> set[str]:
    return {_stem(word) for word in words_of(text) if word not in _STOP}


def _stem(word: str) -> str:
    """Endings of words in Latin script are left out, roughly: they differ, the word does not."""
    if len(word) > 5 and word.isascii() and word.isalpha():
        return word[: max(5, len(word) - 3)]
    return word


def _plain(number: str) -> str:
    return number.rstrip(".,").replace(",", "")
