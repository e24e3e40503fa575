"""Markdown line by line: what is structure and stays, and what are words.

A small model that is given a whole document loses headings, list markers and cells of tables. Given
the words alone, it cannot: the structure never passes through it. So a line is taken apart into
fixed pieces and contents, and put together again with other contents. Fenced code, formulas that
stand alone and `<pre>`, `<script>` and `<style>` are fixed as a whole.

This is no Markdown parser. It never changes a character that it does not understand: the lines of
any text, joined, are that text.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

_BLOCK = re.compile(
    r"""
      ^[ \t>]*+ (?:(?:[-*+]|\d{1,9}[.)])[ \t]++)*+ (?P<fence>`{3,}+(?![^\n]*`)|~{3,}+)
    | ^[ \t>]*+ (?P<formula>\$\$(?![^\n]*\$\$)|\\\[(?![^\n]*\\\]))
    | ^[ \t>]*+ <(?P<element>pre|script|style)\b[^<>]*+>
    """,
    re.VERBOSE | re.MULTILINE | re.IGNORECASE,
)
_FENCE_END = re.compile(r"^[ \t>]*+(`{3,}+|~{3,}+)[ \t]*+\r?$", re.MULTILINE)
_CLOSING = {
    "$$": re.compile(r"(?P<sign>\$\$)[ \t]*+\r?$", re.MULTILINE),
    "\\[": re.compile(r"(?P<sign>\\\])[ \t]*+\r?$", re.MULTILINE),
    "pre": re.compile(r"(?P<sign></pre\s*+>)", re.IGNORECASE),
    "script": re.compile(r"(?P<sign></script\s*+>)", re.IGNORECASE),
    "style": re.compile(r"(?P<sign></style\s*+>)", re.IGNORECASE),
}

_PREFIX = re.compile(
    r"[ \t]*+(?:>[ \t]*+|(?:[-*+•]|\d{1,9}[.)])[ \t]++(?:\[[ xX]\][ \t]++)?+)*+(?:\#{1,6}[ \t]++)?+"
)
_RULE = re.compile(r"[ \t>]*+(?:=++|-++|([-*_])(?:[ \t]*+\1){2,}+)[ \t]*+\r?\n?")
_TABLE_RULE = re.compile(
    r"[ \t>]*+\|?[ \t]*+:?-++:?[ \t]*+(?:\|[ \t]*+:?-++:?[ \t]*+)*+\|?[ \t]*+\r?\n?"
)
_TABLE_START = re.compile(r"[ \t>]*+\|?")
_PIPE = re.compile(r"\\.|(\|)", re.DOTALL)
_HEADING = re.compile(r"#{1,6}[ \t]")
_ITEM = re.compile(r"[-*+•]|\d{1,9}[.)]")
_CLOSING_HASHES = re.compile(r"[ \t]#++$")


class BlockKind(StrEnum):
    CODE = "code"
    FORMULA = "formula"
    ELEMENT = "element"  # of HTML, whose text is not prose


@dataclass(frozen=True, slots=True)
class Block:
    kind: BlockKind
    start: int
    end: int  # its last line's end is not part of it


class LineKind(StrEnum):
    TEXT = "text"
    HEADING = "heading"
    ITEM = "item"  # of a list
    QUOTE = "quote"
    RULE = "rule"  # a line across, or what underlines a heading
    TABLE_ROW = "table-row"
    TABLE_RULE = "table-rule"
    KEPT = "kept"  # of a block
    BLANK = "blank"


@dataclass(frozen=True, slots=True)
class Line:
    """`fixed` has one more than `contents`: they alternate, and `fixed` begins and ends.

    The last of `fixed` holds the line's end. `cells`: of a table, the empty ones too.
    """

    kind: LineKind
    fixed: tuple[str, ...]
    contents: tuple[str, ...] = ()
    cells: int = 0

    @property
    def text(self) -> str:
        return _joined(self.fixed, self.contents)

    def with_contents(self, contents: Sequence[str]) -> str:
        """The line with other words. They stay on the line, and within their cells."""
        if len(contents) != len(self.contents):
            raise ValueError(f"{len(contents)} contents for {len(self.contents)}")
        table = self.kind is LineKind.TABLE_ROW
        return _joined(
            self.fixed,
            [
                new if new == old else _on_one_line(new, table)
                for new, old in zip(contents, self.contents, strict=True)
            ],
        )


def blocks_of(text: str) -> Iterator[Block]:
    """What is fixed as a whole, in the order of the text; they do not overlap.

    A fence without an end goes on to the end of the text (CommonMark 0.31, 4.5); anything else
    without an end is no block.
    """
    at = 0
    endless: set[str] = set()  # signs that are not closed in the rest of the text: looked for once
    while (found := _BLOCK.search(text, at)) is not None:
        at = found.end()
        if found["fence"]:
            end = _fence_end(text, found["fence"], at)
            yield Block(BlockKind.CODE, found.start("fence"), end)
            at = end
            continue
        name = (found["formula"] or found["element"]).lower()
        closing = None if name in endless else _CLOSING[name].search(text, at)
        if closing is None:
            endless.add(name)
        elif found["formula"]:
            yield Block(BlockKind.FORMULA, found.start("formula"), closing.end("sign"))
            at = closing.end("sign")
        else:
            yield Block(BlockKind.ELEMENT, found.start("element") - 1, closing.end("sign"))
            at = closing.end("sign")


def _fence_end(text: str, fence: str, at: int) -> int:
    for closing in _FENCE_END.finditer(text, at):
        if closing[1][0] == fence[0] and len(closing[1]) >= len(fence):
            return closing.end(1)
    return len(text)


def lines_of(text: str) -> list[Line]:
    raw = text.split("\n")
    raw = [line + "\n" for line in raw[:-1]] + ([raw[-1]] if raw[-1] else [])
    kept = _lines_in_blocks(text, raw)
    lines: list[Line] = []
    in_table = False
    for index, line in enumerate(raw):
        if index in kept:
            lines.append(Line(LineKind.KEPT, (line,)))
            in_table = False
            continue
        following = raw[index + 1] if index + 1 < len(raw) and index + 1 not in kept else ""
        in_table = "|" in line and (in_table or _is_table_rule(following))
        lines.append(_table_line(line) if in_table else line_of(line))
    return lines


def _lines_in_blocks(text: str, raw: Sequence[str]) -> set[int]:
    """A line that a block ends on is kept whole, even where words follow."""
    kept: set[int] = set()
    blocks = blocks_of(text)
    block = next(blocks, None)
    start = 0
    for index, line in enumerate(raw):
        end = start + len(line)
        while block is not None and block.end <= start:
            block = next(blocks, None)
        if block is None:
            break
        if block.start < end:
            kept.add(index)
        start = end
    return kept


def line_of(line: str) -> Line:
    """One line alone: tables and blocks are seen only among other lines (`lines_of`)."""
    if not line.strip():
        return Line(LineKind.BLANK, (line,))
    if _RULE.fullmatch(line):
        return Line(LineKind.RULE, (line,))
    found = _PREFIX.match(line)
    prefix = found.group() if found else ""
    kind = _kind_of(prefix)
    content = line[len(prefix) :].rstrip()
    if kind is LineKind.HEADING:
        content = _CLOSING_HASHES.sub("", content).rstrip()
        if content and not content.strip("#"):  # "# #": nothing but closing signs
            content = ""
    content = content.removesuffix("\\").rstrip()  # a hard line break
    if not content:
        return Line(kind, (line,))
    return Line(kind, (prefix, line[len(prefix) + len(content) :]), (content,))


def _kind_of(prefix: str) -> LineKind:
    if _HEADING.search(prefix):
        return LineKind.HEADING
    if _ITEM.search(prefix):
        return LineKind.ITEM
    return LineKind.QUOTE if ">" in prefix else LineKind.TEXT


def _is_table_rule(line: str) -> bool:
    return "|" in line and _TABLE_RULE.fullmatch(line) is not None


def _table_line(line: str) -> Line:
    found = _TABLE_START.match(line)
    start = found.end() if found else 0
    body_end = len(line.rstrip())
    bars = [bar.start() for bar in _PIPE.finditer(line, start, body_end) if bar[1]]
    ends = bars if bars and bars[-1] == body_end - 1 else [*bars, body_end]
    if _is_table_rule(line):
        return Line(LineKind.TABLE_RULE, (line,), cells=len(ends))
    fixed: list[str] = []
    contents: list[str] = []
    fixed_from = 0
    for end in ends:
        cell = line[start:end]
        if content := cell.strip():
            begin = start + len(cell) - len(cell.lstrip())
            fixed.append(line[fixed_from:begin])
            contents.append(content)
            fixed_from = begin + len(content)
        start = end + 1
    fixed.append(line[fixed_from:])
    return Line(LineKind.TABLE_ROW, tuple(fixed), tuple(contents), len(ends))


def _joined(fixed: Sequence[str], contents: Sequence[str]) -> str:
    parts = [fixed[0]]
    for content, after in zip(contents, fixed[1:], strict=True):
        parts += (content, after)
    return "".join(parts)


def _on_one_line(content: str, in_cell: bool) -> str:
    content = " ".join(content.split("\n")).replace("\r", "").strip()
    if not in_cell:
        return content
    if content.endswith("\\"):  # it would take the bar that follows for a word
        content += " "
    return _PIPE.sub(lambda bar: "\\|" if bar[1] else bar.group(), content)
