"""Words, with a language pack or without one.

Without a pack spaCy's tokenizer of the language is taken. Chinese and Japanese, which put no space
between words, are split by character then; what is written in Latin letters there stays whole.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from importlib import import_module
from typing import Any

from desktop_llm.core.language import Unit
from desktop_llm.language import packs
from desktop_llm.language.running import library
from desktop_llm.language.sentences import Word, words_of

BY_CHARACTER = ("zh", "ja")
_WIDE = "\u3041-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_CHARACTERS = re.compile(
    rf"\d+(?:[.,:]\d+)*|[^\W\d_{_WIDE}]+(?:['’-][^\W\d_{_WIDE}]+)*|[.…。!?！？—-]+|\S"
)
# Tokenizers that need what is not installed give way to spaCy's common one.
_COMMON = {"nlp": {"tokenizer": {"@tokenizers": "spacy.Tokenizer.v1"}}}


class Pipeline:
    """`nlp` is None where characters are words, else spaCy's Language."""

    def __init__(self, language: str, nlp: Any, *, whole: bool) -> None:
        self.language = language
        self.nlp = nlp
        self.whole = whole  # it is a pack, with components
        self.unit = Unit.CHARACTER if nlp is None or _splits_characters(nlp) else Unit.WORD

    def words(self, text: str) -> list[Word]:
        """Tokens, punctuation among them, without components."""
        if self.nlp is None:
            return words_of((found.start(), found.group()) for found in _CHARACTERS.finditer(text))
        return words_of((token.idx, token.text) for token in self.nlp.tokenizer(text))

    def stop_words(self) -> frozenset[str]:
        return stop_words(self.language)


def pipeline(language: str, pack: str = "") -> Pipeline:
    """Raises EnvironmentFault: no such pack, or a library that is missing."""
    if pack:
        nlp = packs.load(pack)
        return Pipeline(str(nlp.lang), nlp, whole=True)
    return _without_pack(language)


@lru_cache(maxsize=4)
def _without_pack(language: str) -> Pipeline:
    if language in BY_CHARACTER:
        return Pipeline(language, None, whole=False)
    spacy = library("spacy")
    for code, config in ((language, {}), (language, _COMMON), ("xx", {})):
        try:
            return Pipeline(language, spacy.blank(code, config=config), whole=False)
        except ImportError:  # spaCy knows no such language, or its tokenizer's library is missing
            continue
    raise AssertionError("spaCy has no common tokenizer")


@lru_cache(maxsize=8)
def stop_words(language: str) -> frozenset[str]:
    """None where spaCy has none for the language."""
    library("spacy")
    try:
        module = import_module(f"spacy.lang.{language}.stop_words")
    except ImportError:
        return frozenset()
    return frozenset(map(str.casefold, module.STOP_WORDS))


def counted(words: list[Word]) -> Iterator[str]:
    """Those that are words, in small letters."""
    for word in words:
        if any(map(str.isalnum, word.text)):
            yield word.text.casefold()


def _splits_characters(nlp: Any) -> bool:
    segmenter = getattr(nlp.tokenizer, "segmenter", None)
    return str(getattr(segmenter, "value", segmenter)) == "char"
