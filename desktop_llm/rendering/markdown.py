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

from desktop_llm.core.messages import split_thought

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

SAFE_SCHEMES = ("http", "https", "mailto")
# Each opener of a formula or footnote is looked for to the text's end: a second at this product of
# their number and the text's length. Beyond it they are text.
MOST_WORK = 200_000_000
MOST_NESTED = 40  # levels; deeper ones are drawn as text


@dataclass(frozen=True, slots=True)
class Span:
    """A run of text of one style. `link` is an address of a safe scheme, or empty; `note` the label
    of a footnote that `text` refers to. Of a formula `text` is its LaTeX.
    """

    text: str
    bold: bool = False
    italic: bool = False
    struck: bool = False
    code: bool = False
    link: str = ""
    math: bool = False
    note: str = ""


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
    """A list; `start` is None for bullets. `done`: of tasks whether they are, None for an item that
    is none; as long as `items`, or empty where none is a task.
    """

    start: int | None
    items: tuple[tuple["Block", ...], ...]
    done: tuple[bool | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """`rows` each as wide as `head`; `align` one of left, center, right a column."""

    head: tuple[tuple[Span, ...], ...]
    rows: tuple[tuple[tuple[Span, ...], ...], ...]
    align: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    pass


@dataclass(frozen=True, slots=True)
class Formula:
    """A line of its own, in LaTeX."""

    text: str


@dataclass(frozen=True, slots=True)
class Notes:
    """Footnotes: label and blocks of each."""

    notes: tuple[tuple[str, tuple["Block", ...]], ...]


@dataclass(frozen=True, slots=True)
class Reasoning:
    """What a model thought aloud before its answer; `ended`: the answer has begun."""

    blocks: tuple["Block", ...]
    ended: bool


Block = Paragraph | Heading | Code | Quote | Items | Table | Rule | Formula | Notes | Reasoning


def parse(text: str) -> tuple[Block, ...]:
    """Every block of a text: CommonMark, with tables, strikethrough and tasks of GitHub's dialect,
    footnotes, formulas between dollars or \\( \\) and \\[ \\], and reasoning.
    """
    thought, ended, answer = split_thought(text)
    blocks = read_blocks(answer)[1]
    if thought is None:
        return blocks
    return (reasoning(thought, ended), *blocks)


def reasoning(thought: str, ended: bool) -> Reasoning:
    """Plain text until it has ended: it grows with every word, and is seldom looked at."""
    thought = thought.strip("\n")
    if ended:
        return Reasoning(read_blocks(thought)[1], ended)
    return Reasoning((Paragraph((Span(thought),)),) if thought else (), ended)


@cache
def _parser() -> "MarkdownIt":
    from mdit_py_plugins.dollarmath import dollarmath_plugin
    from mdit_py_plugins.footnote import footnote_plugin
    from mdit_py_plugins.texmath import texmath_plugin

    parser = _plain_parser().use(footnote_plugin)
    # "$5 and $6" are prices: no space inside; for "$5-$6" see `_is_price`
    parser.use(dollarmath_plugin, allow_space=False, double_inline=True, allow_blank_lines=False)
    return parser.use(texmath_plugin, delimiters="brackets")


def _plain_parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": MOST_NESTED})
    return parser.enable(["table", "strikethrough"])


def read_blocks(text: str) -> tuple["list[Token]", tuple[Block, ...]]:
    """Markdown-it's tokens and the blocks they make, for who wants to know their lines."""
    openers = sum(text.count(sign) for sign in ("\\(", "\\[", "[^", "^["))
    parser = _parser() if openers * len(text) < MOST_WORK else _plain_parser()
    tokens = parser.parse(text)
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
        elif kind in ("math_block", "math_block_label", "math_block_eqno"):
            found.append(Formula(token.content.strip()))
            at += 1
        elif kind == "footnote_block_open":
            notes, at = _notes(tokens, at + 1)
            found.append(notes)
        else:
            at += 1
    return tuple(found), at


def _items(tokens: "Sequence[Token]", at: int) -> tuple[Items, int]:
    opening = tokens[at]
    closing = opening.type.replace("open", "close")
    start = int(opening.attrs.get("start", 1)) if closing.startswith("ordered") else None
    items: list[tuple[Block, ...]] = []
    done: list[bool | None] = []
    at += 1
    while tokens[at].type != closing:
        blocks, at = _blocks(tokens, at + 1, "list_item_close")
        state, blocks = _task(blocks)
        items.append(blocks)
        done.append(state)
    tasks = tuple(done) if any(state is not None for state in done) else ()
    return Items(start, tuple(items), tasks), at + 1


def _task(blocks: tuple[Block, ...]) -> tuple[bool | None, tuple[Block, ...]]:
    """Whether an item is a task that is done, and its blocks without the box."""
    first = blocks[0] if blocks else None
    if not isinstance(first, Paragraph) or not first.spans:
        return None, blocks
    span = first.spans[0]
    box = span.text[:4]
    if box not in ("[ ] ", "[x] ", "[X] ") or span != Span(span.text):
        return None, blocks
    rest = tuple(
        each for each in (replace(span, text=span.text[4:]), *first.spans[1:]) if each.text
    )
    return box[1] != " ", (Paragraph(rest), *blocks[1:])


def _notes(tokens: "Sequence[Token]", at: int) -> tuple[Notes, int]:
    notes = []
    while tokens[at].type != "footnote_block_close":
        label = _label(tokens[at])
        blocks, at = _blocks(tokens, at + 1, "footnote_close")
        notes.append((label, blocks))
    return Notes(tuple(notes)), at + 1


def _label(token: "Token") -> str:
    """As it is written; of one within the text its number."""
    return str(token.meta.get("label") or token.meta.get("id", 0) + 1)


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
    children = inline.children or ()
    for at, token in enumerate(children):
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
        elif kind in ("math_inline", "math_inline_double", "math_single"):
            if _is_price(children, at):
                found.append(replace(style, text=f"${token.content}$"))
            else:
                found.append(replace(style, text=token.content.strip(), math=True))
        elif kind == "footnote_ref":
            found.append(replace(style, text=_label(token), note=_label(token)))
        elif kind == "softbreak":
            found.append(replace(style, text=" "))
        elif kind == "hardbreak":
            found.append(replace(style, text="\n"))
        elif token.content:  # text, and the description of an image
            found.append(replace(style, text=token.content))
    return _joined(found)


def _is_price(tokens: "Sequence[Token]", at: int) -> bool:
    """A digit follows the dollar that would close a formula, or stands before the one that opens
    it. (The parser's own test looks at the wrong end of the text for a formula that begins it.)
    """
    if tokens[at].markup != "$":
        return False
    before = tokens[at - 1].content if at else ""
    after = tokens[at + 1].content if at + 1 < len(tokens) else ""
    return before[-1:].isdigit() or after[:1].isdigit()


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
        alike = joined and replace(joined[-1], text="") == replace(span, text="")
        if alike and not span.math:
            joined[-1] = replace(span, text=joined[-1].text + span.text)
        else:
            joined.append(span)
    return tuple(joined)
