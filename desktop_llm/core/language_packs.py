"""Language packs: whole spaCy pipelines, and what in one is not taken.

A pipeline's config names functions that build it. spaCy finds them in registries, to which
packages add their own; so a config is a program of sorts. What a pack may name is listed here:
components and functions that spaCy itself brings and that only compute. The lists are looked at
when a pack is installed, and again in the process that loads it, on the config as spaCy reads it.
"""

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

COMPONENTS = frozenset(
    {
        "tok2vec", "tagger", "parser", "senter", "sentencizer", "morphologizer", "lemmatizer",
        "trainable_lemmatizer", "attribute_ruler", "ner", "entity_ruler", "span_ruler", "spancat",
        "spancat_singlelabel", "span_finder", "textcat", "textcat_multilabel", "merge_noun_chunks",
        "merge_entities", "merge_subtokens",
    }
)  # fmt: skip
REGISTRIES = frozenset(
    {"@architectures", "@layers", "@tokenizers", "@scorers", "@misc", "@vectors", "@lemmatizers"}
)
FUNCTIONS = ("spacy.", "spacy-legacy.")  # how their names begin
DROPPED = ("training", "pretraining", "corpora", "initialize")  # sections for making one anew
CALLBACKS = ("before_creation", "after_creation", "after_pipeline_creation")


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguagePack:
    """An installed one. `known_hash`: somebody had said beforehand which hash it has."""

    name: str
    version: str
    language: str
    folder: str
    size_bytes: int
    components: tuple[str, ...]
    licence: str = ""
    spacy_version: str = ""
    origin: str = ""  # an address, or the name of a file
    sha256: str = ""  # of the file it came in
    known_hash: bool = False


def foreign_parts(config: object, path: str = "") -> Iterator[str]:
    """What a pack's config names that it may not, as "where: what". The config as nested dicts."""
    if isinstance(config, Mapping):
        for key, value in config.items():
            place = f"{path}.{key}" if path else str(key)
            if _is_foreign(str(key), value, path):
                yield f"{place}: {value}"
            else:
                yield from foreign_parts(value, place)
    elif isinstance(config, list | tuple):
        for at, value in enumerate(config):
            yield from foreign_parts(value, f"{path}[{at}]")


def _is_foreign(key: str, value: object, path: str) -> bool:
    if key.startswith("@"):
        known = isinstance(value, str) and value.startswith(FUNCTIONS) and "$" not in value
        return key not in REGISTRIES or not known
    if key == "factory":
        return value not in COMPONENTS if isinstance(value, str) else True
    if key == "source":  # a component of another pack
        return path.startswith("components.")
    return key in CALLBACKS and value is not None


def serves(version: str, wanted: str) -> bool:
    """Whether a version meets conditions as packages write them: ">=3.8.0,<3.9.0"."""
    found = _numbers(version)
    for condition in filter(None, map(str.strip, wanted.split(","))):
        matched = _CONDITION.fullmatch(condition)
        if matched is None:
            return False
        sign, limit = matched[1], _numbers(matched[2])
        if sign == "~=":
            good = found >= limit and found[: len(limit) - 1] == limit[:-1]
        elif matched[2].endswith(".*"):
            good = (found[: len(limit)] == limit) == (sign == "==") and sign in ("==", "!=")
        else:
            good = _COMPARE[sign](_filled(found), _filled(limit))
        if not good:
            return False
    return True


_CONDITION = re.compile(r"(>=|<=|==|!=|~=|<|>)\s*(\d+(?:\.\d+)*(?:\.\*|[A-Za-z.\d]*)?)")
_COMPARE: dict[str, Callable[[tuple[int, ...], tuple[int, ...]], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
}


def _numbers(version: str) -> tuple[int, ...]:
    """Of its release; what marks a version before it is left out."""
    found = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(map(int, found[0].split("."))) if found else ()


def _filled(numbers: tuple[int, ...]) -> tuple[int, ...]:
    return (*numbers, *[0] * 6)[:6]
