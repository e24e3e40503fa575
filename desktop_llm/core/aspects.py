"""What a text judges, thing by thing, and where it does so.

An aspect is a word or a few that stand in the text; what speaks of it are the clauses that name it,
word for word. So "The screen is gorgeous, but the battery dies" can be judged twice.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from desktop_llm.core.labels import Judgement, Unsure
from desktop_llm.core.segments import Span, sentences

MOST_FOUND = 8  # aspects that nobody has typed
MOST_TYPED = 40
LOOKED_THROUGH = 100_000  # characters of a text that aspects are found in
LONGEST_NAME = 40  # characters
MOST_WORDS = 3  # of an aspect that was found; a model that lists more has written sentences
LEAST_WORDS, LEAST_HAN = 3, 4  # of a clause; a shorter one says too little to be judged

_CLAUSE_END = re.compile(
    r"[,;:](?=\s)|\s[-–—]{1,2}(?=\s)|—|[，；：]"
    r"|(?<=\s)(?=(?:but|however|although|though|whereas)\b)"
    r"|(?<=[^a]\s)(?=while\b)"  # not in "for a while"
    r"|(?<![不非])(?=但)|(?=然而|可是)|(?<!好)(?=不过)",
    re.IGNORECASE,
)
_HAN = re.compile("[\u3400-\u9fff]")
_LETTER = "[^\\W_\u0e00-\u0eff\u3040-\u9fff]"  # of a script that spaces its words
_NO_NAME = re.compile(
    r"[.,;:!?，。；：！？\n]|\b(?:is|are|was|were|be|not|but|and|or|has|have|i|you|it)\b"
    "|[\u3400-\u9fff]{7}",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
# What is said to be something: "the battery is weak", "电池很差".
_SUBJECT = re.compile(
    r"\b(?:the|its|their|my|our|this|that)\s+([^\W\d_]{3,20}(?:\s[^\W\d_]{3,20})?)\s+"
    r"(?:is|are|was|were|isn['’]t|wasn['’]t|looks?|feels?|seems?|works?|tastes?|sounds?)\b",
    re.IGNORECASE,
)
_CHINESE_SUBJECT = re.compile(
    "(?:^|[，。；！？、\\s])(?:但是?|不过|可是|然而|而且)?(?!但|不过|可是|然而|而且)"
    "([\u4e00-\u9fff]{2,4}?)"
    "(?=也?(?:很|不|非常|太|真|有点|特别|比较|十分|挺|还))"
)
_NO_THING = {
    "one", "thing", "things", "rest", "whole", "same", "other", "others", "way", "fact", "problem",
    "problems", "only", "first", "last", "这个", "那个", "我们", "他们", "大家", "总体", "整体",
    "感觉", "觉得",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Clause:
    """That names an aspect, as it was judged."""

    span: Span  # in the source
    label: int
    probability: float
    unsure: Unsure


@dataclass(frozen=True, slots=True)
class JudgedAspect:
    name: str
    judgement: Judgement | None  # None where the text does not name it
    evidence: tuple[Clause, ...] = ()
    typed: bool = True  # by a person, else found


def clauses(text: str, spans: Sequence[Span] | None = None) -> list[Span]:
    """In order, each within a sentence; commas, semicolons and words like "but" part them."""
    found: list[Span] = []
    for sentence in sentences(text) if spans is None else spans:
        pieces: list[Span] = []
        start = counted = sentence.start
        han = words = 0
        for mark in _CLAUSE_END.finditer(text, sentence.start, sentence.end):
            more = _size_of(text[counted : mark.end()])
            han, words, counted = han + more[0], words + more[1], mark.end()
            if _is_enough(han, words):
                pieces.append(_stripped(text, start, counted))
                start, han, words = counted, 0, 0
        rest = _stripped(text, start, sentence.end)
        if pieces and not _is_enough(*_size_of(rest.of(text))):
            pieces[-1] = Span(pieces[-1].start, sentence.end)
        else:
            pieces.append(rest)
        found += pieces
    return found


def _size_of(piece: str) -> tuple[int, int]:
    """Han characters, and words of other scripts."""
    return len(_HAN.findall(piece)), len(_WORD.findall(_HAN.sub(" ", piece)))


def _is_enough(han: int, words: int) -> bool:
    return han >= LEAST_HAN or words + han // 2 >= LEAST_WORDS


def _stripped(text: str, start: int, end: int) -> Span:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return Span(start, end)


def mention_of(aspect: str) -> "re.Pattern[str]":
    """Finds the aspect: as whole words where words are spaced, also with an s behind it."""
    words = r"\s+".join(re.escape(word) for word in aspect.split())
    before = rf"(?<!{_LETTER})" if _spaced(aspect[:1]) else ""
    after = rf"(?:e?s|['’]s)?(?!{_LETTER})" if _spaced(aspect[-1:]) else ""
    # A few capitals (İ) are matched by letters that they are not.
    same = len(aspect.lower()) == len(aspect)
    return re.compile(before + words + after, re.IGNORECASE if same else 0)


def _spaced(sign: str) -> bool:
    return sign.isalnum() and not "\u0e00" <= sign <= "\u0eff" and not "\u3040" <= sign <= "\u9fff"


def evidence_of(aspect: str, text: str, spans: Sequence[Span]) -> list[int]:
    """Which of the clauses name it."""
    pattern = mention_of(aspect)
    return [at for at, span in enumerate(spans) if pattern.search(text, span.start, span.end)]


def typed_aspects(names: Iterable[str]) -> list[str]:
    cleaned = (" ".join(name.split())[:LONGEST_NAME].strip() for name in names)
    return _once(name for name in cleaned if name)[:MOST_TYPED]


def found_aspects(
    said: Iterable[str], text: str, typed: Iterable[str] = ()
) -> tuple[list[str], int]:
    """Those that a model lists and those that the text itself says something of, most often named
    first, without the typed ones; and how many listed ones do not stand in the text.
    """
    text = text[:LOOKED_THROUGH]
    names: list[str] = []
    dropped = 0
    for each in said:
        name = " ".join(each.strip(" .。\"'“”").split())
        for article in ("the ", "a ", "an ", "its "):
            name = name[len(article) :] if name.lower().startswith(article) else name
        if not name or name.lower() in _NO_THING or _NO_NAME.search(name):
            continue
        mention = mention_of(name).search(text)
        if mention is None:
            dropped += 1
        elif len(name) <= LONGEST_NAME and len(name.split()) <= MOST_WORDS:
            names.append(name)
    names += (each[1].lower() for each in _SUBJECT.finditer(text))
    names += (each[1] for each in _CHINESE_SUBJECT.finditer(text))
    known = {name.casefold() for name in typed}
    names = [
        name
        for name in _once(names)
        if name.casefold() not in known and name.lower() not in _NO_THING
    ]
    often = {name: len(mention_of(name).findall(text)) for name in names[: 8 * MOST_FOUND]}
    order = sorted(often, key=lambda name: -often[name])
    return order[:MOST_FOUND], dropped


def _once(names: Iterable[str]) -> list[str]:
    kept: dict[str, str] = {}
    for name in names:
        kept.setdefault(name.casefold(), name)
    return list(kept.values())
