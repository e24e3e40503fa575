"""Markdown into blocks: plain values that a view draws. HTML and images never reach it.

HTML stays visible text and an image becomes its description: nothing is ever loaded (a
`file:///dev/zero` image would hang the window, a remote one would call home).

The parser is imported when it is first used: it would cost the window's start 25 ms.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

SAFE_SCHEMES = ("http", "https", "mailto")
MOST_NESTED = 40  # levels; deeper ones are drawn as text


@dataclass(frozen=True, slots=True)
class Span:
    """A run of text of one style. `link` is an address of a safe scheme, or empty."""

    text: str
    bold: bool = False
    italic: bool = False
    struck: bool = False
    code: bool = False
    link: str = ""


@dataclass(frozen=True, slots=True)
class Paragraph:
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Heading:
    level: int  # 1 to 6
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Code:
    text: str
    language: str


@dataclass(frozen=True, slots=True)
class Quote:
    blocks: tuple["Block", ...]


@dataclass(frozen=True, slots=True)
class Items:
    """A list; `start` is None for bullets."""

    start: int | None
    items: tuple[tuple["Block", ...], ...]


@dataclass(frozen=True, slots=True)
class Table:
    """`rows` each as wide as `head`; `align` one of left, center, right a column."""

    head: tuple[tuple[Span, ...], ...]
    rows: tuple[tuple[tuple[Span, ...], ...], ...]
    align: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    pass


Block = Paragraph | Heading | Code | Quote | Items | Table | Rule


def parse(text: str) -> tuple[Block, ...]:
    """Every block of a text (CommonMark, tables and strikethrough of GitHub's dialect)."""
    return read_blocks(text)[1]


@cache
def _parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": MOST_NESTED})
    return parser.enable(["table", "strikethrough"])


def read_blocks(text: str) -> tuple["list[Token]", tuple[Block, ...]]:
    """Markdown-it's tokens and the blocks they make, for who wants to know their lines."""
    tokens = _parser().parse(text)
    return tokens, blocks_of(tokens)


def blocks_of(tokens: "Sequence[Token]") -> tuple[Block, ...]:
    return _blocks(tokens, 0, "")[0]


def _blocks(tokens: "Sequence[Token]", at: int, until: str) -> tuple[tuple[Block, ...], int]:
    """Blocks from `tokens[at]` to the token of type `until`; the index after it."""
    found: list[Block] = []
    while at < len(tokens):
        token = tokens[at]
        kind = token.type
        if kind == until:
            return tuple(found), at + 1
        if kind == "paragraph_open":
            found.append(Paragraph(_spans(tokens[at + 1])))
            at += 3
        elif kind == "heading_open":
            found.append(Heading(int(token.tag[1]), _spans(tokens[at + 1])))
            at += 3
        elif kind in ("fence", "code_block"):
            found.append(Code(token.content.removesuffix("\n"), token.info.strip().split(" ")[0]))
            at += 1
        elif kind == "blockquote_open":
            blocks, at = _blocks(tokens, at + 1, "blockquote_close")
            found.append(Quote(blocks))
        elif kind in ("bullet_list_open", "ordered_list_open"):
            items, at = _items(tokens, at)
            found.append(items)
        elif kind == "table_open":
            table, at = _table(tokens, at)
            found.append(table)
        elif kind == "hr":
            found.append(Rule())
            at += 1
        else:
            at += 1
    return tuple(found), at


def _items(tokens: "Sequence[Token]", at: int) -> tuple[Items, int]:
    opening = tokens[at]
    closing = opening.type.replace("open", "close")
    start = int(opening.attrs.get("start", 1)) if closing.startswith("ordered") else None
    items = []
    at += 1
    while tokens[at].type != closing:
        blocks, at = _blocks(tokens, at + 1, "list_item_close")
        items.append(blocks)
    return Items(start, tuple(items)), at + 1


def _table(tokens: "Sequence[Token]", at: int) -> tuple[Table, int]:
    rows: list[tuple[tuple[Span, ...], ...]] = []
    cells: list[tuple[Span, ...]] = []
    align: list[str] = []
    while tokens[at].type != "table_close":
        token = tokens[at]
        if token.type == "tr_open":
            cells = []
        elif token.type == "th_open":
            align.append(str(token.attrs.get("style", "")).removeprefix("text-align:") or "left")
        elif token.type == "inline":
            cells.append(_spans(token))
        elif token.type == "tr_close":
            rows.append(tuple(cells))
        at += 1
    return Table(rows[0], tuple(rows[1:]), tuple(align)), at + 1


def _spans(inline: "Token") -> tuple[Span, ...]:
    style = Span("")
    links = [""]
    found: list[Span] = []
    for token in inline.children or ():
        kind = token.type
        if kind in ("strong_open", "strong_close"):
            style = replace(style, bold=kind == "strong_open")
        elif kind in ("em_open", "em_close"):
            style = replace(style, italic=kind == "em_open")
        elif kind in ("s_open", "s_close"):
            style = replace(style, struck=kind == "s_open")
        elif kind == "link_open":
            links.append(safe_link(str(token.attrs.get("href", ""))))
            style = replace(style, link=links[-1])
        elif kind == "link_close":
            links.pop()
            style = replace(style, link=links[-1])
        elif kind == "code_inline":
            found.append(replace(style, text=token.content, code=True))
        elif kind == "softbreak":
            found.append(replace(style, text=" "))
        elif kind == "hardbreak":
            found.append(replace(style, text="\n"))
        elif token.content:  # text, and the description of an image
            found.append(replace(style, text=token.content))
    return _joined(found)


def safe_link(address: str) -> str:
    """The address if a click on it may open it, else an empty text."""
    try:
        scheme = urlsplit(address).scheme.lower()
    except ValueError:
        return ""
    return address if scheme in SAFE_SCHEMES else ""


def _joined(spans: list[Span]) -> tuple[Span, ...]:
    joined: list[Span] = []
    for span in spans:
        if joined and replace(joined[-1], text="") == replace(span, text=""):
            joined[-1] = replace(span, text=joined[-1].text + span.text)
        else:
            joined.append(span)
    return tuple(joined)
