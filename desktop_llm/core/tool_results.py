"""What models say, made into what was asked for."""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from desktop_llm.core.messages import split_thought

_FENCE = re.compile(r"\A```[\w-]{0,20}\n(.*)\n```\Z", re.DOTALL)
_DELIMITED = re.compile(r"\A<(text(?:-\d{1,3})?)>\s*(.*?)\s*(?:</\1>)?\Z", re.DOTALL)
_MARK = re.compile(r"^\s{0,8}(?:[-*•·]|\d{1,3}[.)、])\s*")


def clean_reply(text: str, source: str) -> str:
    """Without what was thought aloud, and without marks around the whole that the source does not
    have: a fence, the marks that the text was put in, quotes.
    """
    _thought, _over, answer = split_thought(text)
    said = answer.strip()
    if (found := _DELIMITED.match(said)) is not None:
        said = found[2].strip()
    said = re.sub(r"\s*</text(?:-\d{1,3})?>\s*\Z", "", said)
    if (found := _FENCE.match(said)) is not None and not source.lstrip().startswith("```"):
        said = found[1].strip()
    if "<text" not in source:
        said = re.sub(r"\s*</?text(?:-\d{1,3})?>\s*", " ", said).strip()
    for opened, closed in ('""', "“”", "「」"):
        whole = said[:1] == opened and said[-1:] == closed and len(said) > 2
        if whole and opened not in said[1:-1] and source.strip()[:1] != opened:
            said = said[1:-1].strip()
    return said


def items_of(text: str) -> list[str]:
    """Of a list that a model wrote: one a line, or separated by commas on one."""
    lines = [_MARK.sub("", line).strip().strip("*") for line in text.splitlines()]
    lines = [line for line in lines if line]
    if len(lines) == 1:
        lines = [each.strip() for each in re.split(r"[,，、;；]", lines[0]) if each.strip()]
    return lines


def joined_lists(texts: Iterable[str]) -> str:
    """What is named most often first; what is named twice stands once."""
    found: dict[str, tuple[str, int]] = {}
    for text in texts:
        for item in items_of(text):
            shown, often = found.get(item.casefold(), (item, 0))
            found[item.casefold()] = (shown, often + 1)
    order = sorted(found.values(), key=lambda each: -each[1])
    return "\n".join(shown for shown, _often in order)


def json_text(text: str) -> str:
    """Indented; as it is where it is no JSON, as when it was cut off."""
    try:
        return json.dumps(json.loads(text, strict=False), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        return text


def _lists(text: str) -> dict[str, list[str]]:
    try:
        values: Any = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(values, dict):
        return {}
    return {
        str(key): [str(each) for each in listed if isinstance(each, str)]
        for key, listed in values.items()
        if isinstance(listed, list)
    }


def joined_quotes(texts: Iterable[str]) -> str:
    """JSON objects of lists, put together; what stands twice stands once."""
    whole: dict[str, dict[str, None]] = {}
    for text in texts:
        for key, listed in _lists(text).items():
            whole.setdefault(key, {}).update(dict.fromkeys(listed))
    return json.dumps({key: list(listed) for key, listed in whole.items()}, ensure_ascii=False)


def quotes_in(text: str, source: str) -> tuple[str, int]:
    """Only what stands in the source, word for word, as JSON; and how much was dropped."""
    kept: dict[str, list[str]] = {}
    dropped = 0
    for key, listed in _lists(text).items():
        kept[key] = []
        for each in dict.fromkeys(listed):
            if each.strip() and each.strip() in source:
                kept[key].append(each.strip())
            else:
                dropped += bool(each.strip())
    return json.dumps(kept, ensure_ascii=False, indent=2), dropped


def rows_of(text: str) -> list[list[str]]:
    """Of the first table in Markdown that a text has, the header first."""
    rows: list[list[str]] = []
    for line in text.splitlines():
        line = line.strip()
        if not line.startswith("|"):
            if rows:
                break
            continue
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))]
        if not all(re.fullmatch(r":?-{1,}:?", cell) for cell in cells):
            rows.append(cells)
    return rows


def joined_tables(texts: Sequence[str]) -> str:
    """Tables with the same header become one; what stands in it twice stands once."""
    tables: dict[tuple[str, ...], list[list[str]]] = {}
    for text in texts:
        rows = rows_of(text)
        if rows:
            table = tables.setdefault(tuple(rows[0]), [])
            # A small model begins again where it should end.
            for row in rows[1:]:
                if row not in table and row != rows[0]:
                    table.append(row)
    return "\n\n".join(_table(header, rows) for header, rows in tables.items())


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
