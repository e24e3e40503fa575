"""Language packs: whole spaCy pipelines, and what in one is not taken.

A pipeline's config names functions that build it. spaCy finds them in registries, to which
packages add their own; so a config is a program of sorts. What a pack may name is listed here:
components and functions that spaCy itself brings and that only compute. The lists are looked at
when a pack is installed, and again in the process that loads it, on the config as spaCy reads it.
"""

from collections.abc import Iterator, Mapping
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
# Tokenizers and lemmatizers that need a library which spaCy does not bring with it.
NEEDS = {"ja": "sudachipy", "ru": "pymorphy3", "uk": "pymorphy3"}


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
