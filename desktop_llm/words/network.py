"""Connections in words."""

from desktop_llm.core.network import Why
from desktop_llm.storage.ledger import Entry
from desktop_llm.words import _, counted
from desktop_llm.words.amounts import size_words


def purpose_words(entry: Entry) -> str:
    """What it was for."""
    words = {
        Why.SEARCH: lambda: _("Search for models"),
        Why.FILES: lambda: _("Which files a model has"),
        Why.CARD: lambda: _("What a model's makers say of it"),
        Why.HEADER: lambda: _("A model's header"),
        Why.DOWNLOAD: lambda: _("Download"),
        Why.UPDATE: lambda: _("Whether there is a newer version"),
        Why.UNASKED: lambda: _("Nobody asked for this: it was refused"),
    }
    try:
        about = words[Why(entry.why)]()
    except ValueError:  # of a newer version of this program
        about = entry.why
    return f"{about}: {entry.what}" if entry.what else about


def outcome_words(entry: Entry) -> str:
    """What came of it."""
    parts = [size_words(entry.received)] if entry.received else []
    if entry.count > 1:
        parts.append(counted("{number} request", "{number} requests", entry.count))
    if entry.why != Why.UNASKED:
        parts.append(f"HTTP {entry.status}" if entry.status else _("no answer"))
    return "  ·  ".join(parts)
