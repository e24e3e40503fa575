"""Text made ready for the full-text index, and queries for it.

`unicode61` takes a run of Chinese characters for one word. With every character spaced, each is a
word, and a query of one or two characters finds them. Queries are quoted: their syntax is data.
"""

import re
from collections.abc import Iterable

# Han with its extensions, kana, hangul
_CHARACTER = re.compile(
    "([\u1100-\u11ff\u2e80-\u2fdf\u3005-\u3007\u3040-\u30ff\u3130-\u318f\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff66-\uffdc"
    "\U00020000-\U0003ffff])"
)
_WORD = re.compile(r"\w+")


def spaced(text: str) -> str:
    return _CHARACTER.sub(r" \1 ", text.replace("\0", " "))


def match_query(words: Iterable[str]) -> str:
    """An FTS5 query that asks for every word; empty where there is nothing to ask for.

    Chinese characters that stand together are asked for as a phrase; the last word, if it is
    not one of them, as a prefix, because it is still being typed. One letter is a word: as a
    prefix it would find nearly everything, and slowly.
    """
    phrases = []
    last = ""
    for part in words:
        found = _WORD.findall(spaced(part))
        if found:
            phrases.append('"' + " ".join(found) + '"')
            last = found[-1]
    if len(last) > 1 and not _CHARACTER.search(last[-1]):
        phrases[-1] += "*"
    return " ".join(phrases)
