"""Source code in colours: what each piece of it is, by Pygments.

Pygments is imported when first needed: it would cost the window's start 30 ms.
"""

import time
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

# Some lexers take minutes for a text made to hurt, and no thread runs within a match of theirs.
# These (by Pygments' first name) stay below a tenth of a second a match within the limits here.
LANGUAGES = frozenset(
    ["awk", "bash", "batch", "c", "clojure", "cmake", "console", "cpp", "csharp", "css",
     "dart", "delphi", "diff", "docker", "elixir", "erlang", "fortran", "fsharp", "go",
     "graphql", "groovy", "haskell", "html", "http", "ini", "java", "javascript", "json",
     "jsx", "julia", "kotlin", "lua", "make", "markdown", "nginx", "nixos", "objective-c",
     "ocaml", "octave", "perl", "php", "powershell", "protobuf", "pycon", "python",
     "python2", "ruby", "rust", "sass", "scala", "scheme", "scss", "solidity", "splus",
     "sql", "swift", "terraform", "tex", "toml", "tsx", "typescript", "vb.net", "vim",
     "vue", "xml", "yaml", "zig"]
)  # fmt: skip
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
    if lexer.aliases[0] not in LANGUAGES:
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
    """Whether it is short enough."""
    short = len(code) <= LONGEST and max(map(len, code.split("\n"))) <= LONGEST_LINE
    return bool(language) and short


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
