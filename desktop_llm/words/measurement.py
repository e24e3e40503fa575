"""What was measured, in words."""

import time
from collections.abc import Sequence

from desktop_llm.core.measurement import WORSE, Candidate, Measurement
from desktop_llm.words import _


def rate_words(rate: float) -> str:
    """Tokens a second."""
    return _("{number} tok/s").format(number=f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}")


def measured_words(measured: Measurement) -> str:
    """In one line."""
    words = _("reads {reads}, writes {writes}, perplexity {perplexity}")
    return words.format(
        reads=rate_words(measured.prompt_rate),
        writes=rate_words(measured.decode_rate),
        perplexity=f"{measured.perplexity:.2f}",
    )


def when_words(measured: Measurement) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(measured.time))


def verdict_words(candidate: Candidate) -> str:
    """What another format brings here, and what it costs."""
    if not candidate.is_faster:
        words = _("Reads {times} times as fast here: not enough to be worth it.")
        return words.format(times=f"{candidate.reads:.1f}")
    cost = f"{100 * candidate.costs:.0f}"
    if candidate.costs > WORSE:
        words = _("Reads {times} times as fast, but its perplexity is {cost} % higher: its answers "
                  "become worse.")  # fmt: skip
        return words.format(times=f"{candidate.reads:.1f}", cost=cost)
    words = _("Reads {times} times as fast, and is as good as before (perplexity {cost} %).")
    return words.format(times=f"{candidate.reads:.1f}", cost=f"{100 * candidate.costs:+.1f}")


def left_out_words(forms: Sequence[str]) -> str:
    words = _("{forms} was not tried: it would not fit into the memory now.")
    return words.format(forms=", ".join(forms)) if forms else ""


def outcome_words(found: Sequence[Candidate]) -> str:
    """Of all together."""
    good = [each for each in found if each.passes]
    if good:
        best = max(good, key=lambda each: each.reads)
        return _("{form} is worth taking.").format(form=best.after.quantization)
    if any(each.is_faster for each in found):
        return _("Nothing is faster here without becoming worse; take a faster one only where "
                 "speed matters more than the answers.")  # fmt: skip
    return _("Nothing is faster here: the model is best left as it is.")
