"""The probability of the token that was chosen, from the logits that it was chosen from."""

from typing import Any

import llama_cpp.llama_cpp as llama
import numpy as np

from desktop_llm.core.scores import SHAKY

MOST_OTHERS = 4
WORTH_NAMING = np.float32(4.0)  # nats below the likeliest; a fiftieth of its probability


class Scorer:
    """Some 100 µs a token: one pass of NumPy over the logits, which need not be sorted.

    A sampler's own top-k would give the sum over its candidates alone, and that calls the model
    surer than it is; so the sum is over the whole vocabulary.
    """

    def __init__(self, vocabulary: int) -> None:
        self._vocabulary = vocabulary
        self._powers = np.empty(vocabulary, np.float32)

    def score(self, context: Any, token: int) -> tuple[float, list[tuple[int, float]]]:
        """Its probability, and those of others where it was shaky, the likeliest first. Before
        anything else is decoded.
        """
        pointer = llama.llama_get_logits_ith(context, -1)
        logits = np.ctypeslib.as_array(pointer, shape=(self._vocabulary,))
        highest = logits.max()
        np.subtract(logits, highest, out=self._powers)
        np.exp(self._powers, out=self._powers)
        total = float(self._powers.sum())
        probability = float(self._powers[token]) / total
        if probability >= SHAKY:
            return probability, []
        near = np.flatnonzero(logits > highest - WORTH_NAMING)
        best = near[np.argsort(-logits[near], kind="stable")[: MOST_OTHERS + 1]]
        others = [(int(other), float(self._powers[other]) / total) for other in best]
        return probability, [each for each in others if each[0] != token][:MOST_OTHERS]
