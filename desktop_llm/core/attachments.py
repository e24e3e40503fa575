"""What is attached to a question, and what of it the model gets."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from desktop_llm.core.documents import DocumentKind


class Take(StrEnum):
    """How much of a document the model gets."""

    WHOLE = "whole"
    EXCERPT = "excerpt"  # the passages that have most to do with the question
    SUMMARY = "summary"  # that the model itself makes first


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    id: int
    name: str
    kind: DocumentKind
    size_bytes: int  # of the file
    characters: int  # of its whole text
    pages: int | None = None  # of a PDF
    left_out: bool = False  # the file has more than could be read
    take: Take = Take.WHOLE
    said: str | None = None  # what the model gets; None: an excerpt or a summary still to be made


def with_documents(question: str, attachments: Sequence[Attachment]) -> str:
    """A question as the model sees it, after what is attached to it."""
    return "\n\n".join((*map(_document, attachments), question))


def _document(attachment: Attachment) -> str:
    return framed(attachment.name, attachment.said or "", attachment.take)


def framed(name: str, text: str, take: Take = Take.WHOLE) -> str:
    """A document between marks that tell the model where it begins and ends."""
    part = "" if take is Take.WHOLE else f' part="{take.value}"'
    from html import escape  # its table of entities is large; a window may never need it

    name = escape(name.replace("\n", " "))
    text = text.replace("</document", "&lt;/document")  # it ends where we say
    return f'<document name="{name}"{part}>\n{text}\n</document>'
