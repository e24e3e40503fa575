"""Markdown's blocks as HTML for other programs: what is copied with its formatting, or exported.

Every text is escaped, links are of safe schemes only, nothing is loaded and nothing runs. Formulas
stay LaTeX between dollars.
"""

from collections.abc import Sequence
from html import escape

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
)


def to_html(blocks: Sequence[Block]) -> str:
    """A fragment, to stand within somebody's body."""
    return "\n".join(html for html in map(_block, blocks) if html)


def _block(block: Block) -> str:
    match block:
        case Paragraph(spans):
            return f"<p>{_spans(spans)}</p>"
        case Heading(level, spans):
            return f"<h{level}>{_spans(spans)}</h{level}>"
        case Code(text, language):
            kind = f' class="language-{escape(language)}"' if language else ""
            return f"<pre><code{kind}>{escape(text)}</code></pre>"
        case Quote(inner):
            return f"<blockquote>\n{to_html(inner)}\n</blockquote>"
        case Items():
            return _items(block)
        case Table():
            return _table(block)
        case Rule():
            return "<hr>"
        case Formula(text):
            return f"<p>$${escape(text)}$$</p>"
        case Notes(notes):
            rows = (f"<li>{_label(label)} {to_html(inner)}</li>" for label, inner in notes)
            return "<hr>\n<ul>\n" + "\n".join(rows) + "\n</ul>"
        case Reasoning(inner, _):
            return f"<details><summary>…</summary>\n{to_html(inner)}\n</details>"


def _items(items: Items) -> str:
    tag = "ul" if items.start is None else "ol"
    start = "" if items.start in (None, 1) else f' start="{items.start}"'
    rows = []
    for at, blocks in enumerate(items.items):
        state = items.done[at] if items.done else None
        box = "" if state is None else ("☑ " if state else "☐ ")
        rows.append(f"<li>{box}{_inside(blocks)}</li>")
    return f"<{tag}{start}>\n" + "\n".join(rows) + f"\n</{tag}>"


def _inside(blocks: Sequence[Block]) -> str:
    """A single paragraph needs no element of its own."""
    if blocks and isinstance(blocks[0], Paragraph):
        rest = to_html(blocks[1:])
        return _spans(blocks[0].spans) + (f"\n{rest}" if rest else "")
    return to_html(blocks)


def _table(table: Table) -> str:
    head = _row(table.head, table.align, "th")
    rows = "\n".join(_row(row, table.align, "td") for row in table.rows)
    return f"<table>\n<thead>{head}</thead>\n<tbody>\n{rows}\n</tbody>\n</table>"


def _row(cells: Sequence[tuple[Span, ...]], align: Sequence[str], tag: str) -> str:
    found = [
        f'<{tag} style="text-align: {escape(side)}">{_spans(cell)}</{tag}>'
        for cell, side in zip(cells, align, strict=False)
    ]
    return "<tr>" + "".join(found) + "</tr>"


def _spans(spans: Sequence[Span]) -> str:
    return "".join(map(_span, spans))


def _span(span: Span) -> str:
    if span.note:
        return _label(span.note)
    text = escape(span.text).replace("\n", "<br>")
    if span.math:
        text = f"${text}$"
    for wanted, tag in (
        (span.code, "code"), (span.bold, "strong"), (span.italic, "em"), (span.struck, "s"),
    ):  # fmt: skip
        if wanted:
            text = f"<{tag}>{text}</{tag}>"
    return f'<a href="{escape(span.link)}">{text}</a>' if span.link else text


def _label(label: str) -> str:
    return f"<sup>{escape(label)}</sup>"
