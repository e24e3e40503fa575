"""What a person types into the search field: words, and tags after a #."""

from dataclasses import dataclass

from desktop_llm.core.conversations import tag_of
from desktop_llm.core.text import clean_text

SIGNS = ("#", "＃")


@dataclass(frozen=True, slots=True)
class Query:
    words: tuple[str, ...]  # every one must be found; the last may be the beginning of one
    tags: tuple[str, ...]  # as they are stored; each may be the beginning of one


def parse_query(text: str) -> Query:
    """None of it is syntax but the sign of a tag."""
    words, tags = [], []
    for part in clean_text(text).replace("\0", " ").split():
        if part.startswith(SIGNS) and tag_of(part):
            tags.append(tag_of(part))
        else:
            words.append(part)
    return Query(tuple(words), tuple(tags))
