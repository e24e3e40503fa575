"""How sure a model was of each token of a reply.

Probabilities are the model's own: the softmax of its logits over the whole vocabulary, before
penalties, temperature and whatever else shapes the choice.
"""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from desktop_llm.core.text import clean_text

SHAKY = 0.5  # probability below which other tokens are noted


@dataclass(frozen=True, slots=True)
class TokenScore:
    length: int  # characters that the token added to the text
    probability: float  # 0 … 1
    others: tuple[tuple[str, float], ...] = ()  # likelier or nearly as likely, where it was shaky


def perplexity(scores: Sequence[TokenScore]) -> float:
    """The inverse of the geometric mean of the probabilities; at least 1."""
    logs = [math.log(max(score.probability, 1e-30)) for score in scores]
    return math.exp(-sum(logs) / len(logs)) if logs else 1.0


def fitting(scores: Iterable[TokenScore], length: int) -> tuple[TokenScore, ...]:
    """Those of the tokens that stand in a text of that length; a stop string cuts the last."""
    kept: list[TokenScore] = []
    for score in scores:
        if length <= 0:
            break
        kept.append(TokenScore(min(score.length, length), score.probability, score.others))
        length -= score.length
    return tuple(kept)


def scores_to_lists(scores: Sequence[TokenScore]) -> list[Any]:
    """Lengths, probabilities, and the others by the number of their token."""
    others = {
        str(at): [[text, _rounded(p)] for text, p in score.others]
        for at, score in enumerate(scores)
        if score.others
    }
    return [
        [score.length for score in scores],
        [_rounded(score.probability) for score in scores],
        others,
    ]


def scores_from_lists(values: Any) -> tuple[TokenScore, ...]:
    """What `scores_to_lists` made. Raises ValueError for anything else."""
    try:
        lengths, probabilities, others = values
        return tuple(
            TokenScore(
                _length(length),
                _probability(p),
                tuple(
                    (clean_text(str(word)), _probability(q)) for word, q in others.get(str(at), ())
                ),
            )
            for at, (length, p) in enumerate(zip(lengths, probabilities, strict=True))
        )
    except (TypeError, AttributeError, KeyError) as error:
        raise ValueError("no scores") from error


def scores_to_json(scores: Sequence[TokenScore]) -> str:
    return json.dumps(scores_to_lists(scores), ensure_ascii=False, separators=(",", ":"))


def scores_from_json(text: str) -> tuple[TokenScore, ...]:
    """Raises ValueError."""
    return scores_from_lists(json.loads(text))


def _length(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 1_000_000:
        raise ValueError(value)
    return value


def _probability(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError(value)
    return float(value)


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
