"""Markdown that grows at its end, parsed again no more than it must be.

A reply comes in hundreds of pieces; to parse all of it for each would take longer than to make it.
So what is finished is left alone (whole blocks, and the items of a list but the last), and plain
words at the end of a paragraph, a list item or code are added without parsing anything.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from desktop_llm.core.messages import THINKS, THOUGHT
from desktop_llm.rendering.markdown import (
    Block,
    Code,
    Items,
    Paragraph,
    Span,
    blocks_of,
    read_blocks,
    reasoning,
)

if TYPE_CHECKING:
    from markdown_it.token import Token

Blocks = tuple[Block, ...]
LONGEST_FORMULA = 4000  # characters
CHEAP = 400  # characters that are parsed in a few milliseconds, also beside a busy engine

_SPECIAL = re.compile(r"[*_`~$^\[\]<>&\\\t\r\f\v\x00]")  # may begin or end a style, a link …
_DELIMITERS = "*_`~$\\"  # what they mean depends on the character after them
_LETTER = re.compile(r"[^\W\d_]")
_FORMULA = re.compile(r"^\s*(?:[->*+\d.)]\s*)*(?:\$\$|\\\[)", re.MULTILINE)
_BOX = re.compile(r"^\s*(?:(?:[-*+]|\d+[.)])\s+)+\[[ xX]?\]?$")  # of a task, whose words come yet
_FENCE = re.compile(r"(```+|~~~+)[^`~\n]*\n")


class StreamingParser:
    """Link definitions that come after their use show with the exact parse at the end."""

    def __init__(self) -> None:
        self._open = ""  # source of what is not finished
        self._blocks: Blocks = ()  # what that makes
        self._begin: str | None = ""  # until it is seen whether the model thinks aloud first
        self._thought: str | None = None  # what it thinks, until that has ended
        self._number: int | None = None  # of the open part's first item, in a list that was cut

    def is_cheap(self, more: str) -> bool:
        """Whether `feed` takes a few milliseconds at most."""
        if self._thought is not None and THOUGHT not in self._thought[-len(THOUGHT) :] + more:
            return True
        if len(self._open) + len(more) <= CHEAP:
            return True
        return bool(more) and _grown(self._blocks, self._open, more) is not None

    def feed(self, more: str) -> tuple[Blocks, Blocks]:
        """Blocks newly finished, and those still open (they replace the open ones of before)."""
        if self._begin is not None and self._begins_to_think(more):
            assert self._begin is not None
            more = self._begin.lstrip()[len(THINKS) :]
            self._begin, self._thought, self._open, self._blocks = None, "", "", ()
        return self._feed(more) if self._thought is None else self._think(more)

    def _begins_to_think(self, more: str) -> bool:
        """Until that is clear, what there is of it is shown as text."""
        assert self._begin is not None
        self._begin += more
        start = self._begin.lstrip()
        if start.startswith(THINKS):
            return True
        if start and not THINKS.startswith(start):
            self._begin = None
        return False

    def _think(self, more: str) -> tuple[Blocks, Blocks]:
        """What is thought is parsed once, when it has ended."""
        assert self._thought is not None
        self._thought += more
        thought, end, answer = self._thought.partition(THOUGHT)
        if not end:
            return (), (reasoning(thought, ended=False),)
        self._thought = None
        done = reasoning(thought, ended=True)
        finished, open_end = self._feed(answer.lstrip("\n"))
        return (done, *finished), open_end

    def _feed(self, more: str) -> tuple[Blocks, Blocks]:
        grown = _grown(self._blocks, self._open, more) if more else self._blocks
        self._open += more
        if grown is not None:
            self._blocks = grown
            return (), grown
        return self._parse()

    def _parse(self) -> tuple[Blocks, Blocks]:
        tokens, blocks = read_blocks(self._open)
        starts = [at for at, token in enumerate(tokens) if token.level == 0 and token.map]
        at = starts[-1] if starts else 0
        finished: Blocks = ()
        if at and self._cut((tokens[at].map or [0])[0]):
            finished, blocks = self._numbered(blocks_of(tokens[:at])), blocks_of(tokens[at:])
            self._number = None
        blocks = self._numbered(blocks)
        if len(blocks) == 1 and isinstance(blocks[0], Items):
            first_line = (tokens[at].map or [0])[0] if finished else 0
            more, blocks = self._cut_items(blocks[0], tokens[at:], first_line)
            finished += more
        self._blocks = blocks
        return finished, blocks

    def _cut_items(
        self, whole: Items, tokens: "Sequence[Token]", first_line: int
    ) -> tuple[Blocks, Blocks]:
        """All items but the last are finished."""
        lines = [
            token.map[0] - first_line
            for token in tokens
            if token.type == "list_item_open" and token.level == 1 and token.map
        ]
        if len(lines) < 2 or not self._cut(lines[-1]):
            return (), (whole,)
        done = _part(whole, slice(0, -1))
        if whole.start is not None:
            self._number = whole.start + len(done.items)
        return (done,), self._numbered((_part(whole, slice(-1, None)),))

    def _cut(self, line: int) -> bool:
        """Let the open part begin at that line of it, unless that may yet mean something else."""
        lines = self._open.split("\n")
        rest = "\n".join(lines[line:])
        if "\n" not in rest and not _LETTER.search(rest):
            return False
        if _formula_is_open("\n".join(lines[:line])):
            return False
        self._open = rest
        return True

    def _numbered(self, blocks: Blocks) -> Blocks:
        """The items of a list that was cut go on counting."""
        if self._number is None or not blocks or not isinstance(blocks[0], Items):
            return blocks
        if blocks[0].start is None:
            return blocks
        return (replace(blocks[0], start=self._number), *blocks[1:])


def _part(whole: Items, part: slice) -> Items:
    tasks = whole.done[part]
    if all(state is None for state in tasks):
        tasks = ()
    return replace(whole, items=whole.items[part], done=tasks)


def joined(blocks: Sequence[Block]) -> Blocks:
    """Lists that were cut while they streamed as the one list they are."""
    found: list[Block] = []
    for block in blocks:
        before = found[-1] if found else None
        if isinstance(block, Items) and isinstance(before, Items) and _goes_on(before, block):
            found[-1] = _together(before, block)
        else:
            found.append(block)
    return tuple(found)


def _together(before: Items, after: Items) -> Items:
    done = before.done or (None,) * len(before.items), after.done or (None,) * len(after.items)
    tasks = (*done[0], *done[1]) if before.done or after.done else ()
    return replace(before, items=before.items + after.items, done=tasks)


def _goes_on(before: Items, after: Items) -> bool:
    if before.start is None or after.start is None:
        return before.start is after.start
    return after.start == before.start + len(before.items)


def _grown(blocks: Blocks, source: str, more: str) -> Blocks | None:
    """The open blocks with `more` at their end; None where that has to be parsed."""
    if not blocks:
        return None
    last = blocks[-1]
    if isinstance(last, Code):
        text = None if len(blocks) > 1 else _fenced(source, more)
        return None if text is None else (replace(last, text=text),)
    if not isinstance(last, Paragraph | Items):
        return None
    words = _plain_words(source, more)
    if words is None:
        return None
    grown = _with_words(last, words)
    return None if grown is None else (*blocks[:-1], grown)


def _formula_is_open(text: str) -> bool:
    """A formula on lines of its own may have begun, and not ended. None is endless."""
    dollars, brackets = text.count("$$"), text.count("\\[") - text.count("\\]")
    begun = (dollars % 2 or brackets > 0) and len(text) <= LONGEST_FORMULA
    return bool(begun and _FORMULA.search(text))


def _fenced(source: str, more: str) -> str | None:
    """The text of a fence that is still open, with `more` at its end."""
    opening = _FENCE.match(source)
    if opening is None or "`" in more or "~" in more:
        return None
    text = (source + more)[opening.end() :]
    if opening[1][:3] in text or not text[text.rfind("\n") + 1 :].strip():
        return None  # closed, or an empty line whose spaces do not count
    return text


def _with_words(block: Block, words: str) -> Block | None:
    """A paragraph, or the one a list ends with, with plain words at its end."""
    if isinstance(block, Items):
        item = block.items[-1]
        inner = _with_words(item[-1], words) if item else None
        if inner is None:
            return None
        return replace(block, items=(*block.items[:-1], (*item[:-1], inner)))
    if not isinstance(block, Paragraph) or not block.spans:
        return None
    last = block.spans[-1]
    if words and (last != Span(last.text) or not last.text):
        return None
    return Paragraph((*block.spans[:-1], replace(last, text=last.text + words)))


def _plain_words(source: str, more: str) -> str | None:
    """What `more` adds to the text of a paragraph that `source` ends with; None if it may do
    anything else. White space is held back until words follow it.
    """
    if _SPECIAL.search(more):
        return None
    base = source.rstrip(" \n")
    line = base[base.rfind("\n") + 1 :]
    if (
        not base
        or base[-1].isspace()
        or base[-1] in _DELIMITERS
        or "&" in line
        or line.lstrip().startswith("[")
        or _BOX.search(line)
    ):
        return None
    if not _LETTER.search(line):
        return None  # it may yet become a list, a rule, a table …
    first, *others = (source[len(base) :] + more).split("\n")
    if others and first.endswith("  "):
        return None  # a hard break
    words = first.rstrip(" ") if others else first
    for at, part in enumerate(others):
        last = at == len(others) - 1
        if not part.strip(" "):
            if last:
                break
            return None  # an empty line ends the paragraph
        if not _LETTER.match(part) or (not last and part.endswith("  ")):
            return None
        words += " " + (part if last else part.rstrip(" "))
    return words.rstrip(" ")
