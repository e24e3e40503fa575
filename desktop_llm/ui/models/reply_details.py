"""What a reply was made with, and how sure the model was, in words."""

import time
from collections.abc import Sequence
from pathlib import Path

from desktop_llm.core.conversations import StoredMessage
from desktop_llm.core.details import Comparison, ReplyDetails
from desktop_llm.core.messages import MessageState
from desktop_llm.core.presets import set_values
from desktop_llm.core.scores import SHAKY, TokenScore
from desktop_llm.ui.models.messages import speed_of
from desktop_llm.ui.pages.parameter_words import name_of
from desktop_llm.ui.widgets.scored_text import ScoredPiece
from desktop_llm.words import _

VERY_SHAKY = 0.2  # probability


def facts_of(
    reply: StoredMessage, details: ReplyDetails | None, file_hash: str
) -> list[tuple[str, str]]:
    """Pairs of a name and a value; a hash that nobody knows yet says so."""
    facts = [(_("Model"), reply.model or _("unknown"))]
    if details is not None:
        here = Path(details.file.path).is_absolute()
        waits = _("being computed …") if here else _("unknown")
        facts.append((_("File (SHA-256)"), file_hash or waits))
        template = details.template_sha256 or _("the program's own")
        facts.append((_("Chat template (SHA-256)"), template))
        facts.append((_("Adapter"), details.adapter or _("none")))
    stats = reply.stats
    if stats is not None:
        facts.append((_("Seed"), str(stats.seed)))
    if details is not None:
        for name, value in set_values(details.parameters).items():
            if name not in ("seed", "reproducible") and value not in ("", ()):
                facts.append((name_of(name), _value(value)))
        facts.append((_("Reproducible"), _("yes") if details.reproducible else _("no")))
        facts.append((_("Context"), _tokens(details.context_length)))
    if stats is not None:
        if speed := speed_of(reply):
            facts.append((_("Speed"), speed))
        if stats.first_token_seconds:
            facts.append((_("Time to first token"), _seconds(stats.first_token_seconds)))
        facts.append((_("Prompt"), _prompt(stats.prompt_tokens, stats.reused_tokens)))
        facts.append((_("Reply"), _tokens(stats.completion_tokens)))
        facts.append((_("Threads"), str(stats.threads)))
    if details is not None and details.program:
        facts.append((_("Program"), f"desktop-llm {details.program}, llama.cpp {details.runtime}"))
    made = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(reply.created))
    facts.append((_("Made"), made))
    return facts


def may_replay(reply: StoredMessage, details: ReplyDetails | None) -> bool:
    whole = reply.state is MessageState.COMPLETE
    return details is not None and reply.stats is not None and whole and reply.parent is not None


def comparison_words(comparison: Comparison) -> str:
    """What came of a replay."""
    if comparison.at is None and comparison.approximate:
        return _(
            "Identical, although the reply was not made in reproducible mode: that may be chance."
        )
    if comparison.at is None:
        return _("Identical: the model said the same again, letter for letter.")
    place = f"{comparison.at + 1:,}"
    if comparison.approximate:
        words = _(
            "Approximate: it differs from character {place} on. The reply was not made in "
            "reproducible mode, so that this proves nothing."
        )
    else:
        words = _("It differs from character {place} on, although both are reproducible.")
    words = words.format(place=place)
    if comparison.changed:
        changed = ", ".join(_changed(name) for name in comparison.changed)
        words += " " + _("Not as it was then: {things}.").format(things=changed)
    return words


def pieces_of(text: str, scores: Sequence[TokenScore]) -> list[ScoredPiece]:
    """The text by its tokens; what stands before the first was not made with them."""
    start = max(0, len(text) - sum(score.length for score in scores))
    pieces = [ScoredPiece(text[:start], 0, "")] if start else []
    for score in scores:
        piece = text[start : start + score.length]
        start += score.length
        if not piece:
            continue
        level = 0
        if score.probability < SHAKY:
            level = 2 if score.probability < VERY_SHAKY else 1
        pieces.append(ScoredPiece(piece, level, _note(piece, score)))
    return pieces


def _note(piece: str, score: TokenScore) -> str:
    lines = [f"{_quoted(piece)}  {_percent(score.probability)}"]
    if score.others:
        lines.append(_("Instead:"))
        lines += [f"{_quoted(text)}  {_percent(p)}" for text, p in score.others]
    return "\n".join(lines)


def _quoted(text: str) -> str:
    shown = text.replace("\n", "↵").replace("\t", "⇥")
    return f"“{shown}”"


def _percent(probability: float) -> str:
    return f"{100 * probability:.0f} %" if probability >= 0.01 else "< 1 %"


def _value(value: object) -> str:
    if isinstance(value, tuple | list):
        return ", ".join(map(repr, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _tokens(count: int) -> str:
    return _("{number} tokens").format(number=f"{count:,}")


def _prompt(tokens: int, reused: int) -> str:
    if not reused:
        return _tokens(tokens)
    words = _("{number} tokens, {reused} of them known before")
    return words.format(number=f"{tokens:,}", reused=f"{reused:,}")


def _seconds(seconds: float) -> str:
    return _("{number} s").format(number=f"{seconds:,.2f}")


def _changed(name: str) -> str:
    return {
        "file": _("the model file"),
        "template_sha256": _("the chat template"),
        "adapter": _("the adapter"),
        "prompt_sha256": _("what was sent"),
        "context_length": _("the context's length"),
        "runtime": _("the version of llama.cpp"),
    }[name]
