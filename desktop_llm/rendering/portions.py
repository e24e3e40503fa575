"""A message in portions that can be laid out in a moment: nobody reads a megabyte at once, and to
lay it out would hold the window for minutes (100,000 spans of one paragraph: 80 seconds).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from desktop_llm.rendering.markdown import (
    Block,
    Code,
    Formula,
    Heading,
    Items,
    Notes,
    Paragraph,
    Quote,
    Reasoning,
    Rule,
    Span,
    Table,
    parse,
)

PORTION = 100_000  # what a character costs, summed up
SPAN, CELL, BLOCK = 20, 60, 40  # what each of these costs beside its characters
LONGEST_PARSED = 200_000  # characters; what is longer is shown as it was written

Blocks = tuple[Block, ...]
T = TypeVar("T")


def parse_to_show(text: str) -> Blocks:
    """As `parse`; beyond a length that is parsed in a second or two, plain text."""
    return parse(text) if len(text) <= LONGEST_PARSED else as_written(text)


def as_written(text: str) -> Blocks:
    return (Paragraph((Span(text),)),)


def split(blocks: Sequence[Block], room: int = PORTION) -> tuple[Blocks, Blocks]:
    """Those that may be laid out now, at least something of them, and the rest. A block is divided
    where it has to be: text within a span, a list between two items, a table between two rows.
    """
    return _split(tuple(blocks), room, _split_block, _cost)


def _split(
    whole: tuple[T, ...],
    room: int,
    divide: Callable[[T, int], tuple[T, T | None]],
    cost: Callable[[T], int],
) -> tuple[tuple[T, ...], tuple[T, ...]]:
    """Only what is too large by itself is divided."""
    shown: list[T] = []
    left = room
    for at, each in enumerate(whole):
        taken = cost(each)
        if taken <= left:
            shown.append(each)
            left -= taken
        elif at and taken <= room:
            return tuple(shown), whole[at:]
        else:
            first, rest = divide(each, left)
            shown.append(first)
            if rest is not None:
                return tuple(shown), (rest, *whole[at + 1 :])
            left = max(0, left - taken)
    return tuple(shown), ()


def _split_block(block: Block, room: int) -> tuple[Block, Block | None]:
    room = max(1, room - BLOCK)
    match block:
        case Paragraph(spans) | Heading(_, spans):
            head, tail = _split(spans, room, _split_span, _span_cost)
            return replace(block, spans=head), replace(block, spans=tail) if tail else None
        case Code(text, _):
            cut = _line_end(text, room)
            rest = text[cut:].removeprefix("\n")
            return replace(block, text=text[:cut]), replace(block, text=rest) if rest else None
        case Quote(inner):
            shown, more = split(inner, room)
            return Quote(shown), Quote(more) if more else None
        case Items():
            return _split_items(block, room)
        case Table():
            return _split_table(block, room)
        case _:  # rare, and short
            return block, None


def _split_span(span: Span, room: int) -> tuple[Span, Span | None]:
    if span.math:
        return span, None
    cut = max(1, room - SPAN)
    rest = span.text[cut:]
    return replace(span, text=span.text[:cut]), replace(span, text=rest) if rest else None


def _split_items(block: Items, room: int) -> tuple[Items, Items | None]:
    head, tail = _split(block.items, room, _split_item, _blocks_cost)
    if not tail:
        return block, None
    begun = len(head) + len(tail) > len(block.items)  # an item is divided: it has one number
    at = len(head) - begun
    start = None if block.start is None else block.start + at
    rest = Items(start, tail, block.done[at:])
    return replace(block, items=head, done=block.done[: len(head)]), rest


def _split_item(item: Blocks, room: int) -> tuple[Blocks, Blocks | None]:
    shown, rest = split(item, room)
    return shown, rest or None


def _split_table(block: Table, room: int) -> tuple[Table, Table | None]:
    """Between rows; of a row that is too wide, the cells that there is room for."""
    wide = max(1, room // CELL)
    if len(block.head) > wide:
        block = replace(
            block,
            head=(*block.head[:wide], (Span("…"),)),
            align=block.align[: wide + 1],
            rows=tuple((*row[:wide], (Span("…"),)) for row in block.rows),
        )
    room -= _row_cost(block.head)
    for at, row in enumerate(block.rows):
        room -= _row_cost(row)
        if room < 0 and at:
            return replace(block, rows=block.rows[:at]), replace(block, rows=block.rows[at:])
    return block, None


def _line_end(text: str, room: int) -> int:
    """Where to divide text: at the end of a line, where there is one."""
    if len(text) <= room:
        return len(text)
    found = text.rfind("\n", 0, room)
    return found if found > 0 else room


def _cost(block: Block) -> int:
    match block:
        case Paragraph(spans) | Heading(_, spans):
            return BLOCK + sum(map(_span_cost, spans))
        case Code(text, _):
            return BLOCK + len(text)
        case Quote(blocks):
            return BLOCK + _blocks_cost(blocks)
        case Items(_, items):
            return BLOCK + sum(map(_blocks_cost, items))
        case Table():
            return BLOCK + sum(map(_row_cost, (block.head, *block.rows)))
        case Notes(notes):
            return BLOCK + sum(_blocks_cost(blocks) for _, blocks in notes)
        case Formula() | Rule() | Reasoning():  # that is folded
            return BLOCK


def _blocks_cost(blocks: Sequence[Block]) -> int:
    return sum(map(_cost, blocks))


def _span_cost(span: Span) -> int:
    return SPAN + len(span.text)


def _row_cost(row: Sequence[Sequence[Span]]) -> int:
    return sum(CELL + sum(map(_span_cost, cell)) for cell in row)
