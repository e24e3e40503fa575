"""Translations as values: units of a text, what is known of their translation, what is wrong."""

import re
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

SIMILAR = 0.7  # of 1: from which an earlier translation is shown to the model as an example
_SPACE = re.compile(r"\s+")


class Flaw(StrEnum):
    """What a translation of one unit lacks, after it was tried again."""

    KEPT_MISSING = "kept-missing"  # code, a link, a placeholder that must be in it
    TERM_MISSED = "term-missed"  # of the glossary
    NUMBER_CHANGED = "number-changed"
    REPEATS = "repeats"  # it went round in circles, and was cut
    UNTRANSLATED = "untranslated"  # it came back as it was


@dataclass(frozen=True, slots=True)
class Problem:
    unit: int
    flaw: Flaw
    detail: str = ""  # what is missing


@dataclass(frozen=True, slots=True)
class Pair:
    source: str
    target: str


def normal(segment: str) -> str:
    """As a translation memory looks a segment up: white space makes no difference."""
    return _SPACE.sub(" ", segment).strip()


_NUMBER = re.compile(r"\d[\d.,\u2009\u202f' ]{0,30}\d|\d")


def changed_numbers(source: str, target: str) -> list[str]:
    """Numbers of the source that the target does not have, by their digits: "1,234.5" and "1.234,5"
    are one, and what stands in words is not counted as long as its digits are few.
    """
    have = Counter(_digits(number) for number in _NUMBER.findall(target))
    missing = []
    for number in _NUMBER.findall(source):
        digits = _digits(number)
        if have[digits] > 0:
            have[digits] -= 1
        elif len(digits) > 1:  # "2" may well be "two" or 二
            missing.append(number)
    return missing


def _digits(number: str) -> str:
    return "".join(sign for sign in number if sign.isdigit()).lstrip("0") or "0"


def chrf(reference: str, said: str, order: int = 6, beta: float = 2.0) -> float:
    """chrF of Popović, 2015: the F-score over n-grams of characters, 0 … 1, without white space."""
    one, other = _SPACE.sub("", reference), _SPACE.sub("", said)
    precisions, recalls = [], []
    for n in range(1, order + 1):
        wanted = Counter(one[at : at + n] for at in range(len(one) - n + 1))
        found = Counter(other[at : at + n] for at in range(len(other) - n + 1))
        if not wanted or not found:
            continue
        both = sum((wanted & found).values())
        precisions.append(both / sum(found.values()))
        recalls.append(both / sum(wanted.values()))
    if not precisions:
        return 0.0
    precision, recall = sum(precisions) / len(precisions), sum(recalls) / len(recalls)
    if precision + recall == 0:
        return 0.0
    return (1 + beta**2) * precision * recall / (beta**2 * precision + recall)
