"""How often judgements are right, and whether they are as sure as they are right."""

import itertools
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

BINS = 15  # as in Guo et al., 2017
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Share:
    """A share of `total` with its interval, all within 0 … 1."""

    value: float
    low: float
    high: float
    total: int


def wilson(right: int, total: int, confidence: float = CONFIDENCE) -> Share:
    """`right` of `total`, with Wilson's score interval (1927). Raises ValueError for none."""
    if not 0 <= right <= total or total == 0:
        raise ValueError(f"{right} of {total}")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = right / total
    middle = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total)
    half *= math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return Share(share, max(0.0, middle - half), min(1.0, middle + half), total)


def bootstrap(
    values: Sequence[float], confidence: float = CONFIDENCE, rounds: int = 2000, seed: int = 0
) -> Share:
    """The mean of `values`, with the interval of means of samples drawn anew (Efron, 1979).

    Of the difference of two judges on the same texts: their differences text by text. That mean
    may be below 0. Raises ValueError for none.
    """
    if not values:
        raise ValueError("no values")
    chance = random.Random(seed)
    count = len(values)
    means = sorted(math.fsum(chance.choices(values, k=count)) / count for _ in range(rounds))
    aside = (1 - confidence) / 2
    low, high = means[int(aside * rounds)], means[min(rounds - 1, int((1 - aside) * rounds))]
    return Share(math.fsum(values) / count, low, high, count)


def expected_calibration_error(
    sureness: Sequence[float], right: Sequence[bool], bins: int = BINS
) -> float:
    """Mean distance between how sure and how often right, over bins of equally many judgements.

    Each bin counts by its size, which differs by one at most; fewer judgements than bins are a bin
    each. Equal values may lie in two bins: which of them is then a matter of their order. Raises
    ValueError for none, or where the lengths differ.
    """
    pairs = sorted(zip(sureness, right, strict=True), key=lambda pair: pair[0])
    if not pairs or bins < 1:
        raise ValueError("no judgements or no bins")
    bins = min(bins, len(pairs))
    edges = [at * len(pairs) // bins for at in range(bins + 1)]
    error = 0.0
    for begin, end in itertools.pairwise(edges):
        part = pairs[begin:end]
        sure = math.fsum(value for value, _right in part)
        error += abs(sure - sum(hit for _value, hit in part))
    return error / len(pairs)
