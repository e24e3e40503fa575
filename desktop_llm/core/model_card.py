"""What a model's makers wrote of it, as Markdown that may be shown."""

import re

LONGEST = 200_000  # characters
_FRONT = re.compile(r"\A﻿?---[ \t]*\r?\n.*?\r?\n---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_LINE_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_TAG = re.compile(r"</?[A-Za-z][^<>]{0,2000}>")
_FENCE = re.compile(r"^ {0,3}(```|~~~)", re.MULTILINE)


def readable(card: str) -> str:
    """Without the data before it and without HTML, which is not shown; code stays as it is."""
    text = _FRONT.sub("", card[:LONGEST], count=1)
    parts: list[str] = []
    for at, part in enumerate(_split_code(text)):
        parts.append(part if at % 2 else _without_html(part))
    return "".join(parts).strip()


def _without_html(text: str) -> str:
    text = _LINE_BREAK.sub("  \n", _COMMENT.sub("", text))
    text = _TAG.sub("", text)
    return re.sub(r"\n[ \t]*(?:\n[ \t]*){2,}", "\n\n", text)


def _split_code(text: str) -> list[str]:
    """Words, code, words, code …"""
    parts, at, inside = [], 0, ""
    for found in _FENCE.finditer(text):
        if inside and found[1] != inside:
            continue
        end = found.start() if not inside else text.find("\n", found.end())
        end = len(text) if end < 0 else end
        parts.append(text[at:end])
        at, inside = end, "" if inside else found[1]
    parts.append(text[at:])
    return parts
