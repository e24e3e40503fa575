"""Markdown's blocks as text without marks: what a person copies."""

from collections.abc import Sequence

from desktop_llm.rendering.markdown import (
    Block,
    Code,
    Formula,
    Heading,
    Items,
    Notes,
    Paragraph,
    Quote,
    Span,
    Table,
)

INDENT = "  "


def plain_text(blocks: Sequence[Block]) -> str:
    """An empty line between two blocks; items begin with their bullet or number, cells of a table
    are separated by tabs.
    """
    return "\n\n".join(text for text in map(_block, blocks) if text)


def words_of(spans: Sequence[Span]) -> str:
    return "".join(_word(span) for span in spans)


def _word(span: Span) -> str:
    if span.math:
        return f"${span.text}$"
    return f"[{span.note}]" if span.note else span.text


def _block(block: Block) -> str:
    match block:
        case Paragraph(spans) | Heading(_, spans):
            return words_of(spans)
        case Code(text, _):
            return text
        case Quote(blocks):
            return plain_text(blocks)
        case Items():
            return "\n".join(_item(block, at) for at in range(len(block.items)))
        case Table():
            rows = (block.head, *block.rows)
            return "\n".join("\t".join(words_of(cell) for cell in row) for row in rows)
        case Formula(text):
            return f"$${text}$$"
        case Notes(notes):
            return "\n".join(f"[{label}] {plain_text(blocks)}" for label, blocks in notes)
        case _:  # a rule; and what was thought aloud, which is no part of the answer
            return ""


def _item(items: Items, at: int) -> str:
    sign = "•" if items.start is None else f"{items.start + at}."
    if items.done and items.done[at] is not None:
        sign = "☑" if items.done[at] else "☐"
    inner = "\n".join(text for text in map(_block, items.items[at]) if text)
    return f"{sign} " + inner.replace("\n", f"\n{INDENT}")
