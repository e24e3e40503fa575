"""What a model is, from its header alone: small enough to be kept, and read but once."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from desktop_llm.core.gguf import Header

MOST_LANGUAGES = 40
LONGEST = 200  # characters of a text that a file says of itself


class ModelKind(StrEnum):
    CHAT = "chat"  # writes text
    EMBEDDING = "embedding"  # makes vectors of texts
    PROJECTOR = "projector"  # gives pictures or sound to a chat model; kept with it
    ENCODER = "encoder"  # a folder: config, tokenizer, safetensors
    ADAPTER = "adapter"  # changes a model; not one itself
    OTHER = "other"  # a vocabulary, an importance matrix


# Architectures of llama.cpp that only make vectors.
_ENCODERS = frozenset(
    {
        "bert", "nomic-bert", "nomic-bert-moe", "jina-bert-v2", "jina-bert-v3", "modern-bert",
        "neo-bert", "eurobert", "t5encoder", "gemma-embedding",
    }
)  # fmt: skip
_FILE_KINDS = {
    "mmproj": ModelKind.PROJECTOR, "adapter": ModelKind.ADAPTER, "imatrix": ModelKind.OTHER,
    "vocab": ModelKind.OTHER,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """What the file itself says; a stranger wrote it, so it is shown and not believed."""

    kind: ModelKind
    title: str = ""
    architecture: str = ""
    parameters: int = 0
    quantization: str = ""
    context_length: int = 0  # tokens that it was trained for
    languages: tuple[str, ...] = ()
    licence: str = ""
    has_template: bool = False
    parts: int = 1  # files that it is split into
    part: int = 1  # which of them this is

    def to_values(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> "ModelFacts":
        """Raises ValueError or TypeError for what was written by another version."""
        kept = dict(values)
        kept["kind"] = ModelKind(kept["kind"])
        kept["languages"] = tuple(str(each) for each in kept["languages"])
        return cls(**kept)


def facts_of(header: Header) -> ModelFacts:
    languages = header.metadata.get("general.languages")
    texts = languages if isinstance(languages, list) else []
    parts = header.number("split.count")
    return ModelFacts(
        kind=_kind(header),
        title=_short(header.text("general.name")),
        architecture=_short(header.architecture),
        parameters=header.parameters,
        quantization=header.quantization,
        context_length=max(0, header.context_length),
        languages=tuple(
            _short(each) for each in texts[:MOST_LANGUAGES] if isinstance(each, str) and each
        ),
        licence=_short(header.text("general.license")),
        has_template=bool(header.text("tokenizer.chat_template")),
        parts=parts if 1 < parts <= 1000 else 1,
        part=min(1000, max(0, header.number("split.no"))) + 1,
    )


def _kind(header: Header) -> ModelKind:
    kind = _FILE_KINDS.get(header.text("general.type"))
    if kind is not None:
        return kind
    if header.architecture == "clip":
        return ModelKind.PROJECTOR
    if header.text("adapter.type"):
        return ModelKind.ADAPTER
    if header.tensors == 0:
        return ModelKind.OTHER
    pooling = header.number(f"{header.architecture}.pooling_type")
    if header.architecture in _ENCODERS or pooling > 0:
        return ModelKind.EMBEDDING
    return ModelKind.CHAT


def _short(text: str) -> str:
    """One line of what may be anything."""
    return " ".join("".join(c if c.isprintable() else " " for c in text[:LONGEST]).split())
