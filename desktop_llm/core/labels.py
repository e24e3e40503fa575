"""From the scores of labels to a judgement: probabilities, calibration, and when to say "unsure".

A small model prefers some labels whatever it reads. That preference is taken off each label's
log-probability before they are made into probabilities, in one of two ways:

- contextual calibration (Zhao et al., 2021, "Calibrate Before Use"): the preference is the mean
  answer to inputs without content, `CONTENT_FREE`;
- batch calibration (Zhou et al., 2024): it is the mean log-probability over the texts of a table.
  Right where the labels are about balanced there, wrong for a single text or a skewed table.

A temperature, found on texts with known labels, makes the probabilities as sure as they are right.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from desktop_llm.core.label_requests import LabelScores
from desktop_llm.core.ranges import check_range

CONTENT_FREE = ("N/A", "", "[MASK]")
LEAST_TEMPERATURE, MOST_TEMPERATURE = 0.01, 100.0


class Unsure(StrEnum):
    """Why a judgement should be looked at by a person. It stands beside the label."""

    NO = ""
    CLOSE = "close"  # another label is nearly as likely
    WEAK = "weak"  # no label is likely
    SPLIT = "split"  # parts of the text speak for different labels
    CUT = "cut"  # the end of the text was not read


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """`preference`: taken off each label's log-probability, in nats; empty: nothing is."""

    preference: tuple[float, ...] = ()
    temperature: float = 1.0

    def __post_init__(self) -> None:
        check_range("temperature", self.temperature, LEAST_TEMPERATURE, MOST_TEMPERATURE)
        for value in self.preference:
            check_range("preference", value, -1000, 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsureRule:
    """Below these a judgement is called unsure. 0 switches one off."""

    least_probability: float = 0.0
    least_margin: float = 0.2  # between the likeliest and the next

    def __post_init__(self) -> None:
        check_range("least_probability", self.least_probability, 0, 1)
        check_range("least_margin", self.least_margin, 0, 1)


@dataclass(frozen=True, slots=True)
class Judgement:
    label: int  # which of the labels is the likeliest; the first of equals
    probabilities: tuple[float, ...]  # of all labels; their sum is 1
    unsure: Unsure = Unsure.NO

    @property
    def probability(self) -> float:
        return self.probabilities[self.label]


def probabilities(
    scores: Sequence[float], calibration: Calibration | None = None
) -> tuple[float, ...]:
    """Softmax over the labels of their log-probabilities, which may be -inf but not all of them.

    Raises ValueError where the calibration is of another number of labels.
    """
    calibration = calibration or Calibration()
    preference = calibration.preference or (0.0,) * len(scores)
    if len(preference) != len(scores):
        raise ValueError(f"{len(scores)} scores, calibrated for {len(preference)}")
    shifted = [
        (score - taken) / calibration.temperature
        for score, taken in zip(scores, preference, strict=True)
    ]
    highest = max(shifted)
    powers = [math.exp(value - highest) for value in shifted]
    total = sum(powers)
    return tuple(power / total for power in powers)


def content_free_preference(scores: Sequence[LabelScores]) -> tuple[float, ...]:
    """Logarithm of the mean answer to inputs without content. Raises ValueError for none."""
    if not scores:
        raise ValueError("no scores")
    answers = [probabilities(each.log_probs) for each in scores]
    return tuple(math.log(_mean(column)) for column in zip(*answers, strict=True))


def batch_preference(scores: Sequence[LabelScores]) -> tuple[float, ...]:
    """Mean log-probability of each label over the texts. Raises ValueError for none."""
    if not scores:
        raise ValueError("no scores")
    columns = zip(*(each.log_probs for each in scores), strict=True)
    return tuple(_mean(column) for column in columns)


def best_temperature(
    scores: Sequence[LabelScores], gold: Sequence[int], preference: tuple[float, ...] = ()
) -> float:
    """The temperature with the least mean negative log-likelihood of the right labels (Guo et al.,
    2017), by golden-section search. `gold`: which label is right of each text.
    """

    def loss(logarithm: float) -> float:
        calibration = Calibration(preference=preference, temperature=math.exp(logarithm))
        return -sum(
            math.log(max(1e-300, probabilities(each.log_probs, calibration)[right]))
            for each, right in zip(scores, gold, strict=True)
        )

    low, high = math.log(LEAST_TEMPERATURE * 1.001), math.log(MOST_TEMPERATURE * 0.999)
    ratio = (math.sqrt(5) - 1) / 2
    one, other = high - ratio * (high - low), low + ratio * (high - low)
    loss_one, loss_other = loss(one), loss(other)
    while high - low > 1e-4:
        if loss_one < loss_other:
            high, other, loss_other = other, one, loss_one
            one = high - ratio * (high - low)
            loss_one = loss(one)
        else:
            low, one, loss_one = one, other, loss_other
            other = low + ratio * (high - low)
            loss_other = loss(other)
    return math.exp((low + high) / 2)


def judge(
    scores: LabelScores,
    calibration: Calibration | None = None,
    rule: UnsureRule | None = None,
    evidence: Sequence[int] = (),
) -> Judgement:
    """The likeliest label, and whether that is unsure.

    `evidence`: for which labels parts of the text were found to speak.
    """
    rule = rule or UnsureRule()
    found = probabilities(scores.log_probs, calibration)
    best = max(range(len(found)), key=found.__getitem__)
    second = max(value for at, value in enumerate(found) if at != best)
    unsure = Unsure.NO
    if found[best] < rule.least_probability:
        unsure = Unsure.WEAK
    elif found[best] - second < rule.least_margin:
        unsure = Unsure.CLOSE
    elif len(set(evidence)) > 1:
        unsure = Unsure.SPLIT
    elif scores.cut:
        unsure = Unsure.CUT
    return Judgement(best, found, unsure)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
