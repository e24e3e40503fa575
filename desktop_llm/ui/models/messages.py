"""Stored messages as the transcript draws them."""

from desktop_llm.core.attachments import Attachment, Take
from desktop_llm.core.context import Care
from desktop_llm.core.conversations import StoredMessage
from desktop_llm.core.corrections import Rating
from desktop_llm.core.errors import FaultCode
from desktop_llm.core.generation import FinishReason
from desktop_llm.core.messages import Made, MessageState, Role
from desktop_llm.ui.widgets.message_column import Entry
from desktop_llm.words import _, counted
from desktop_llm.words.faults import brief_fault


def entry_of(message: StoredMessage) -> Entry:
    mine = message.role is Role.USER
    speaker = _("You") if mine else message.model or _("The model")
    seconds = message.stats.thinking_seconds if message.stats is not None else 0.0
    attached = tuple((one.id, attached_words(one)) for one in message.attachments)
    return Entry(
        message.id, message.text, mine, note_of(message), speaker, seconds, attached=attached
    )


def attached_words(attachment: Attachment) -> str:
    """One line for it, above the question."""
    words = {
        Take.WHOLE: _("Attached: {name}"),
        Take.EXCERPT: _("Attached: an excerpt of {name}"),
        Take.SUMMARY: _("Attached: a summary of {name}"),
    }[attachment.take]
    return words.format(name=attachment.name)


def note_of(message: StoredMessage) -> str:
    """One line below a message: which version it is; of a reply its model and speed, or why it is
    not whole.
    """
    parts = [version_of(message)] if len(message.versions) > 1 else []
    if message.made is Made.EDITED:
        parts.append(_("edited by you"))
    if message.made is Made.REPLAYED:
        parts.append(_("made again"))
    if message.rating is not Rating.NONE:
        good = message.rating is Rating.GOOD
        parts.append(_("rated as good") if good else _("rated as poor"))
    if message.training:
        parts.append(_("for training"))
    if message.care is not Care.USUAL:
        pinned = message.care is Care.PINNED
        parts.append(_("pinned") if pinned else _("kept from the model"))
    if message.role is not Role.ASSISTANT or message.state is MessageState.STREAMING:
        return " · ".join(parts)
    parts += [message.model] if message.model else []
    if message.stats is not None and message.stats.tokens_per_second:
        parts.append(speed_of(message))
    if message.state is MessageState.STOPPED:
        parts.append(_("stopped by you"))
    elif message.state is MessageState.INTERRUPTED:
        reason = _reason(message.reason)
        parts.append(
            _("interrupted: {reason}").format(reason=reason) if reason else _("interrupted")
        )
    elif message.finish == FinishReason.CONTEXT:
        parts.append(_("the context is full"))
    if message.unseen:
        parts.append(
            counted(
                "made without {number} earlier message",
                "made without {number} earlier messages",
                message.unseen,
            )
        )
    return " · ".join(parts)


def version_of(message: StoredMessage) -> str:
    at, of = message.versions.index(message.id) + 1, len(message.versions)
    return _("version {at} of {of}").format(at=at, of=of)


def speed_of(message: StoredMessage) -> str:
    """Tokens a second, or nothing where none were made."""
    if message.stats is None or not message.stats.tokens_per_second:
        return ""
    return _("{number} tok/s").format(number=f"{message.stats.tokens_per_second:,.0f}")


def _reason(code: str) -> str:
    try:
        return brief_fault(FaultCode(code))
    except ValueError:
        return ""
