"""Glossaries: which word a term is to be translated by.

Read from CSV or TSV (source, target, in the first line perhaps their names) and from TBX (ISO
30042). What is no sound entry is left out and named with its line; the others count.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from xml.etree import ElementTree

MOST_ENTRIES = 20_000
LONGEST_TERM = 200  # characters
AT_ONCE = 400  # terms of one pattern
_SOURCE = {"source", "term", "from", "src", "original", "源", "原文", "术语", "源语言"}
_TARGET = {"target", "translation", "to", "tgt", "translated", "目标", "译文", "翻译", "目标语言"}
_WORD = re.compile(r"[^\W_]")
_UNSPACED = re.compile("[\u0e00-\u0eff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3]")


class Refusal(StrEnum):
    EMPTY = "empty"  # one of the two terms
    TOO_LONG = "too-long"
    TWICE = "twice"  # the same again
    OTHER_TARGET = "other-target"  # the term has another translation already
    CIRCULAR = "circular"  # its translation is itself a term, whose translation it is
    TOO_MANY = "too-many"
    NOT_READABLE = "not-readable"  # no TBX, or one that defines entities


@dataclass(frozen=True, slots=True)
class Entry:
    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Refused:
    line: int  # of the file, or the number of the entry; 0: the file
    why: Refusal
    term: str = ""


class Glossary:
    def __init__(self, entries: Iterable[Entry], refused: Sequence[Refused] = ()) -> None:
        self.entries = tuple(entries)
        self.refused = tuple(refused)
        self._by_source = {entry.source.casefold(): entry for entry in self.entries}
        terms = sorted(self._by_source, key=len, reverse=True)  # the longest is found first
        self._patterns = [
            re.compile("|".join(map(_pattern, terms[at : at + AT_ONCE])), re.IGNORECASE)
            for at in range(0, len(terms), AT_ONCE)
        ]

    def matching(self, text: str) -> list[Entry]:
        """Those whose term stands in the text, in its order; a term within a longer one that was
        found is not counted.
        """
        found: list[tuple[int, int, Entry]] = []
        for pattern in self._patterns:
            for match in pattern.finditer(text):
                entry = self._by_source.get(match.group().casefold())
                covered = any(s <= match.start() and match.end() <= e for s, e, _entry in found)
                if entry is not None and not covered:
                    found.append((match.start(), match.end(), entry))
        return list(dict.fromkeys(entry for _s, _e, entry in sorted(found, key=lambda f: f[:2])))


def missed(entries: Iterable[Entry], translation: str) -> list[Entry]:
    """Those whose target does not stand in the translation. Endings of words may differ."""
    said = translation.casefold()
    return [entry for entry in entries if not _stands_in(entry.target.casefold(), said)]


def _stands_in(term: str, text: str) -> bool:
    if term in text:
        return True
    words = re.findall(r"[^\W_]+", term)
    if not words or _UNSPACED.search(term):
        return False
    # "Verträge" for "Vertrag", "contracts" for "contract": most of the word must be there.
    stems = [word if len(word) < 5 else word[: max(4, len(word) - 2)] for word in words]
    return all(stem in text for stem in stems)


def _pattern(term: str) -> str:
    escaped = re.escape(term)
    before = r"(?<![^\W_])" if _WORD.match(term) and not _UNSPACED.match(term) else ""
    after = r"(?![^\W_])" if _WORD.match(term[-1]) and not _UNSPACED.match(term[-1]) else ""
    return f"{before}{escaped}{after}"


# --- reading --------------------------------------------------------------------------------------


def glossary_from_table(text: str) -> Glossary:
    """CSV or TSV, or with semicolons."""
    text = text.lstrip("\ufeff")
    first = text.split("\n", 1)[0]
    delimiter = max("\t;,", key=first.count)
    rows = list(_rows(text, delimiter))
    source, target = 0, 1
    if rows:
        names = [cell.strip().casefold() for cell in rows[0][1]]
        if any(name in _SOURCE for name in names) and any(name in _TARGET for name in names):
            source = next(at for at, name in enumerate(names) if name in _SOURCE)
            target = next(at for at, name in enumerate(names) if name in _TARGET)
            rows = rows[1:]
    pairs = []
    for line, row in rows:
        cells = [cell.strip() for cell in row]
        if any(cells):
            pairs.append((line, _cell(cells, source), _cell(cells, target)))
    return _sound(pairs)


def _rows(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:  # e.g. a field that never ends
            continue
        yield reader.line_num, row


def _cell(cells: Sequence[str], at: int) -> str:
    return cells[at] if at < len(cells) else ""


def glossary_from_tbx(text: str, source: str, target: str) -> Glossary:
    """Terms of two languages, by their codes: "en" finds "en-GB" too."""
    if "<!ENTITY" in text[:100_000] or ("<!DOCTYPE" in text[:100_000] and "[" in text[:2000]):
        return Glossary((), [Refused(0, Refusal.NOT_READABLE)])
    try:
        root = ElementTree.fromstring(text.lstrip("\ufeff"))
    except ElementTree.ParseError as error:
        return Glossary((), [Refused(error.position[0], Refusal.NOT_READABLE)])
    pairs, number = [], 0
    for element in root.iter():
        if _name(element) not in ("termEntry", "conceptEntry"):
            continue
        number += 1
        terms: dict[str, str] = {}
        for part in element:
            if _name(part) not in ("langSet", "langSec"):
                continue
            code = part.get("{http://www.w3.org/XML/1998/namespace}lang", "").split("-")[0].lower()
            term = next((e.text for e in part.iter() if _name(e) == "term" and e.text), "")
            terms.setdefault(code, " ".join(term.split()))
        wanted = (source.split("-")[0].lower(), target.split("-")[0].lower())
        if all(code in terms for code in wanted):
            pairs.append((number, terms[wanted[0]], terms[wanted[1]]))
    return _sound(pairs)


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _sound(pairs: Iterable[tuple[int, str, str]]) -> Glossary:
    entries: dict[str, Entry] = {}
    refused: list[Refused] = []
    for line, source, target in pairs:
        known = entries.get(source.casefold())
        back = entries.get(target.casefold())
        why = None
        if not source or not target:
            why = Refusal.EMPTY
        elif max(len(source), len(target)) > LONGEST_TERM:
            why = Refusal.TOO_LONG
        elif known is not None:
            why = Refusal.TWICE if known.target == target else Refusal.OTHER_TARGET
        elif back is not None and back.target.casefold() == source.casefold() != target.casefold():
            why = Refusal.CIRCULAR
        elif len(entries) >= MOST_ENTRIES:
            why = Refusal.TOO_MANY
        if why is not None:
            refused.append(Refused(line, why, source[:LONGEST_TERM]))
        else:
            entries[source.casefold()] = Entry(source, target)
    return Glossary(entries.values(), refused)
