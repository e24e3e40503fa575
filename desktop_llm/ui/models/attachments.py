"""What is attached, in words."""

from desktop_llm.core.attachments import Attachment, Take
from desktop_llm.core.documents import DocumentKind
from desktop_llm.ui.widgets.attachment_row import Chip
from desktop_llm.words import _, counted


def chip_of(attachment: Attachment, tokens: int | None) -> Chip:
    """`tokens`: that the model gets of it; None: they are not counted yet."""
    detail = (
        counted("{number} token", "{number} tokens", tokens)
        if tokens is not None
        else _size(attachment)
    )
    return Chip(
        key=attachment.id,
        name=attachment.name,
        detail=detail,
        tip=f"{attachment.name}\n{about(attachment)}",
        choice=take_words(attachment.take),
    )


def about(attachment: Attachment) -> str:
    """What it is, in one line."""
    kinds = {
        DocumentKind.TEXT: _("Text"),
        DocumentKind.TABLE: _("Table"),
        DocumentKind.HTML: _("Web page"),
        DocumentKind.PDF: _("PDF"),
        DocumentKind.DOCX: _("Word document"),
        DocumentKind.PASTED: _("Pasted text"),
    }
    parts = [kinds[attachment.kind]]
    if attachment.pages is not None:
        parts.append(counted("{number} page", "{number} pages", attachment.pages))
    parts.append(_size(attachment))
    if attachment.left_out:
        parts.append(_("the file has more than could be read"))
    return " · ".join(parts)


def take_words(take: Take) -> str:
    return {
        Take.WHOLE: _("Whole text"),
        Take.EXCERPT: _("Excerpt"),
        Take.SUMMARY: _("Summary"),
    }[take]


def take_hint(take: Take) -> str:
    return {
        Take.WHOLE: _("The model gets all of it."),
        Take.EXCERPT: _("The model gets the passages that have most to do with the question."),
        Take.SUMMARY: _("The model summarises it first, which takes its time."),
    }[take]


def _size(attachment: Attachment) -> str:
    return counted("{number} character", "{number} characters", attachment.characters)
