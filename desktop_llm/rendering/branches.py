"""The tree of a conversation as rows with lanes, like the graph of a version control's client.

Rows come depth first. The branch that is shown comes first and stays in lane 0; where no child is
shown, the oldest goes on in its parent's lane. Every other child gets the first lane right of its
parent's that is free from the parent's row down to its own. There are `LANES` of them; what finds
none free shares the last. A conversation may have 10,000 messages in a chain: nothing here calls
itself.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace

from desktop_llm.core.conversations import TreeNode

LANES = 8
LONGEST = 6  # messages without a fork that are all shown
ENDS = 2  # messages that stay at both ends of a longer run


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A message, or several of a run that are folded, and the lines that cross this row."""

    message: int  # of folded ones the first
    folded: tuple[int, ...] = ()  # more than one message, or none
    lane: int
    shown: bool  # in the branch that is shown
    at: int = 1  # which version, of how many
    of: int = 1
    above: bool  # a line comes from above
    below: bool  # a line goes on to the next row
    below_shown: bool = False  # that line belongs to the branch that is shown
    passing: tuple[int, ...]  # lanes of lines that come from above and go on below
    forks: tuple[int, ...] = ()  # lanes that begin at this message
    roots: tuple[int, ...] = ()  # lanes of other first messages: they begin above the first row


def lay_out(nodes: Sequence[TreeNode], unfolded: Set[int] = frozenset()) -> list[Row]:
    """All messages, with long runs folded but for those that hold one of `unfolded`. A message
    whose parent is missing counts as a first one.
    """
    return _fold(_rows(nodes), unfolded)


def _rows(nodes: Sequence[TreeNode]) -> list[Row]:
    known = {node.id for node in nodes}
    children: dict[int | None, list[TreeNode]] = {}
    for node in sorted(nodes, key=lambda node: node.id):
        children.setdefault(node.parent if node.parent in known else None, []).append(node)
    version: dict[int, tuple[int, int]] = {}
    for siblings in children.values():
        for at, node in enumerate(siblings, start=1):
            version[node.id] = (at, len(siblings))
        siblings.sort(key=lambda node: not node.shown)

    lines = [0] * LANES  # how many are on their way down to a child
    rows: list[Row] = []
    roots = children.get(None, [])
    starts = _start(lines, 0, len(roots) - 1)
    waiting = list(zip(roots, (0, *starts), strict=False))[::-1]  # the next one at the end
    while waiting:
        node, lane = waiting.pop()
        at, of = version[node.id]
        goes_on = bool(rows) and rows[-1].below  # of the row before, in its lane
        if rows and not goes_on:
            lines[lane] -= 1
        below = children.get(node.id, [])
        passing = tuple([each for each in range(LANES) if lines[each]]) if rows else ()
        forks = _start(lines, lane, len(below) - 1)
        waiting += list(zip(below, (lane, *forks), strict=False))[::-1]
        rows.append(
            Row(
                message=node.id,
                lane=lane,
                shown=node.shown,
                at=at,
                of=of,
                above=bool(rows),
                below=bool(below),
                below_shown=bool(below) and below[0].shown,
                passing=passing,
                forks=forks,
                roots=() if rows else starts,
            )
        )
    return rows


def _start(lines: list[int], lane: int, count: int) -> tuple[int, ...]:
    """Take a lane right of this one for each of `count` lines."""
    taken = []
    for _line in range(count):
        free = (each for each in range(lane + 1, LANES) if not lines[each])
        taken.append(next(free, LANES - 1))
        lines[taken[-1]] += 1
    return tuple(taken)


def _fold(rows: list[Row], unfolded: Set[int]) -> list[Row]:
    folded: list[Row] = []
    begin = 0
    while begin < len(rows):
        end = begin + 1
        while end < len(rows) and _follows(rows[end - 1], rows[end]):
            end += 1
        inner = rows[begin + ENDS : end - ENDS]
        if end - begin <= LONGEST or any(row.message in unfolded for row in inner):
            folded += rows[begin:end]
        else:
            hidden = tuple(row.message for row in inner)
            folded += rows[begin : begin + ENDS]
            folded.append(replace(inner[0], folded=hidden))
            folded += rows[end - ENDS : end]
        begin = end
    return folded


def _follows(row: Row, following: Row) -> bool:
    """Whether both belong to a run: one message, one answer, both shown or both not."""
    return row.below and following.of == 1 and row.shown == following.shown
