"""Source code in colours: what each piece of it is, by Pygments.

Pygments is imported when first needed: it would cost the window's start 30 ms.
"""

import time
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

# Some lexers take quadratic time for a text made to hurt, and Python stands still within a match.
LONGEST = 20_000  # characters; longer code stays plain
LONGEST_LINE = 1000  # characters
SECONDS = 1.0  # after which the rest stays plain


class Kind(StrEnum):
    KEYWORD = "keyword"
    STRING = "string"
    NUMBER = "number"
    COMMENT = "comment"
    NAME = "name"  # of something defined or built in


@dataclass(frozen=True, slots=True)
class Run:
    start: int  # characters from the code's first
    length: int
    kind: Kind


def highlight(code: str, language: str) -> tuple[Run, ...]:
    """Runs in order; none for a language that is not known. Slow: call it off a window's thread."""
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    if not may_highlight(code, language):
        return ()
    try:
        lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return ()
    kinds = _kinds()
    runs: list[Run] = []
    at, end = 0, time.monotonic() + SECONDS
    for token, text in lexer.get_tokens(code):
        kind = next((kind for parent, kind in kinds if token in parent), None)
        if kind is not None and text.strip():
            runs.append(Run(at, len(text), kind))
        at += len(text)
        if time.monotonic() > end:
            break
    return tuple(runs)


def may_highlight(code: str, language: str) -> bool:
    """Whether it is worth the time it may take. `+`: lexers of templates within a language."""
    short = len(code) <= LONGEST and max(map(len, code.split("\n"))) <= LONGEST_LINE
    return bool(language) and "+" not in language.replace("c++", "cpp") and short


def _kinds() -> tuple[tuple[Any, Kind], ...]:
    from pygments.token import Comment, Keyword, Name, Number, String

    return (
        (Comment, Kind.COMMENT),
        (Keyword, Kind.KEYWORD),
        (String, Kind.STRING),
        (Number, Kind.NUMBER),
        (Name.Function, Kind.NAME),
        (Name.Class, Kind.NAME),
        (Name.Builtin, Kind.NAME),
        (Name.Tag, Kind.NAME),
        (Name.Decorator, Kind.NAME),
    )
