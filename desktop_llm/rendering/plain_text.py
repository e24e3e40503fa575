"""Markdown's blocks as text without marks: what a person copies."""

from collections.abc import Sequence

from desktop_llm.rendering.markdown import (
    Block,
    Code,
    Heading,
    Items,
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
    return "".join(span.text for span in spans)


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
        case _:
            return ""


def _item(items: Items, at: int) -> str:
    sign = "•" if items.start is None else f"{items.start + at}."
    inner = "\n".join(text for text in map(_block, items.items[at]) if text)
    return f"{sign} " + inner.replace("\n", f"\n{INDENT}")
