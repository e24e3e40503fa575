"""What of a conversation goes into the model's context when not all of it fits.

Decided anew for every prompt, from the messages alone: walking through the conversation, the window
moves on whenever a question would not fit with room for its reply, and by so much that the next
ones will. Between two moves the prompt only grows, so that the KV cache keeps its use; a window
that moved with every question would have the whole prompt read again every time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate

from desktop_llm.core.messages import Role

LEFT_AFTER_MOVE = 0.6  # of the room, at most, is taken once the window has moved
LEAST_REPLY = 256  # tokens that are kept for a reply, or an eighth of a small context


class Policy(StrEnum):
    """What to do with a conversation that has become too long."""

    ASK = ""  # nobody has decided
    STOP = "stop"  # nothing is sent
    FIRST_AND_NEWEST = "first-and-newest"  # the first question and its reply stay
    NEWEST = "newest"
    SUMMARY = "summary"  # a summary stands for what was dropped


class Care(StrEnum):
    """What a person wants of a message."""

    USUAL = ""
    PINNED = "pinned"  # it is always sent
    EXCLUDED = "excluded"  # never


class Fate(StrEnum):
    """What becomes of a message in one prompt."""

    SENT = "sent"
    EXCLUDED = "excluded"
    DROPPED = "dropped"
    SUMMARISED = "summarised"


@dataclass(frozen=True, slots=True)
class Item:
    """A message of the branch, as the plan weighs it."""

    role: Role
    tokens: int  # its share of the template too
    care: Care = Care.USUAL


@dataclass(frozen=True, slots=True)
class Plan:
    fates: tuple[Fate, ...]  # of the items, in order
    start: int  # index of the first one of the window
    tokens: int  # of the prompt
    overflows: bool  # it does not fit, whatever the policy could do

    @property
    def unseen(self) -> int:
        """How many messages the model will not see."""
        return sum(fate in (Fate.DROPPED, Fate.SUMMARISED) for fate in self.fates)


def reply_room(context_length: int) -> int:
    """Tokens that are kept for a reply."""
    return min(LEAST_REPLY, context_length // 8)


def plan(
    items: Sequence[Item], fixed: int, context_length: int, policy: Policy, summary: int = 0
) -> Plan:
    """`fixed`: tokens of the system prompt and of what opens the reply. `summary`: tokens of the
    summary that stands for what is dropped, where the policy makes one. The last item is the
    question; it is always sent.
    """
    room = context_length - reply_room(context_length) - fixed
    costs = _Costs(items, _first_turn(items) if policy is Policy.FIRST_AND_NEWEST else frozenset())
    costs.stand_in = summary if policy is Policy.SUMMARY else 0
    start = 0
    if policy not in (Policy.ASK, Policy.STOP):
        questions = [at for at, item in enumerate(items) if item.role is Role.USER]
        for at in sorted({*questions, len(items) - 1}):
            if costs.taken(start, at + 1) > room:
                start = _moved(costs, [q for q in questions if start < q <= at], at, start, room)
        if costs.taken(start, len(items)) > room and costs.first_turn:
            costs = _Costs(items, frozenset())  # the first turn is itself too long
    dropped = Fate.SUMMARISED if policy is Policy.SUMMARY else Fate.DROPPED
    fates = []
    for at, item in enumerate(items):
        if item.care is Care.EXCLUDED and at < len(items) - 1:
            fates.append(Fate.EXCLUDED)
        else:
            kept = at >= start or at in costs.first_turn or item.care is Care.PINNED
            fates.append(Fate.SENT if kept else dropped)
    taken = costs.taken(start, len(items))
    return Plan(tuple(fates), start, fixed + taken, overflows=taken > room)


class _Costs:
    """Tokens that a window takes, by sums up to each item."""

    def __init__(self, items: Sequence[Item], first_turn: frozenset[int]) -> None:
        self.first_turn = first_turn
        self.stand_in = 0
        last = len(items) - 1
        costs = [
            0 if item.care is Care.EXCLUDED and at < last else item.tokens
            for at, item in enumerate(items)
        ]
        kept = [
            cost if at in first_turn or items[at].care is Care.PINNED else 0
            for at, cost in enumerate(costs)
        ]
        self._all = [0, *accumulate(costs)]
        self._kept = [0, *accumulate(kept)]  # of those that stay wherever the window begins

    def taken(self, start: int, end: int) -> int:
        """Of the items up to `end` where the window begins with `start`."""
        before = self._kept[min(start, end)] + (self.stand_in if start else 0)
        return before + self._all[end] - self._all[min(start, end)]


def _moved(costs: _Costs, questions: list[int], end: int, start: int, room: int) -> int:
    """The first question from which on what there is leaves room for what will come."""
    for at in questions:
        if costs.taken(at, end + 1) <= LEFT_AFTER_MOVE * room:
            return at
    return questions[-1] if questions else max(start, end)


def _first_turn(items: Sequence[Item]) -> frozenset[int]:
    """The first question and the reply to it."""
    questions = [at for at, item in enumerate(items) if item.role is Role.USER]
    if not questions:
        return frozenset()
    return frozenset(range(questions[0], questions[1] if len(questions) > 1 else questions[0] + 1))
