"""Models as values: what is on disk, how it is loaded, what the worker says of it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any

from desktop_llm.core.model_facts import ModelKind
from desktop_llm.core.ranges import check_range
from desktop_llm.core.templates import LONGEST_TEMPLATE


class KvType(StrEnum):
    """How the numbers of the KV cache are kept."""

    F16 = "f16"
    Q8_0 = "q8_0"
    Q4_0 = "q4_0"


class FlashAttention(StrEnum):
    """Attention without the table of all scores: less memory, and what a quantized cache needs."""

    AUTO = "auto"  # as the library finds it possible
    ON = "on"
    OFF = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOptions:
    """How a model is loaded."""

    context_length: int = 4096  # tokens; capped at what the model was trained for
    batch_size: int = 512  # tokens a decode call
    threads: int | None = None  # None: adaptive, from the cores the process may really use
    gpu_layers: int = 0
    use_mmap: bool = True
    use_mlock: bool = False
    kv_type: KvType = KvType.F16
    flash_attention: FlashAttention = FlashAttention.AUTO
    template: str = ""  # a chat template in the place of the file's own; empty: that

    def __post_init__(self) -> None:
        if self.kv_type is not KvType.F16 and self.flash_attention is FlashAttention.OFF:
            raise ValueError("a quantized KV cache needs flash attention")
        if not isinstance(self.template, str) or len(self.template) > LONGEST_TEMPLATE:
            raise ValueError("no template")
        checks = (
            ("context_length", self.context_length, 64, 4_194_304),
            ("batch_size", self.batch_size, 16, 8192),
            ("threads", 1 if self.threads is None else self.threads, 1, 512),
            ("gpu_layers", self.gpu_layers, 0, 10_000),
        )
        for name, value, low, high in checks:
            check_range(name, value, low, high, whole=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """What a person has set for one model; None: as it usually is."""

    context_length: int | None = None
    batch_size: int | None = None
    threads: int | None = None
    gpu_layers: int | None = None
    use_mmap: bool | None = None
    use_mlock: bool | None = None
    kv_type: KvType | None = None
    flash_attention: FlashAttention | None = None
    template: str | None = None

    def __post_init__(self) -> None:
        self.applied_to(LoadOptions())  # which checks their ranges

    def applied_to(self, options: LoadOptions) -> LoadOptions:
        return replace(options, **self._given())

    def to_values(self) -> dict[str, Any]:
        """As JSON has it."""
        return {name: getattr(value, "value", value) for name, value in self._given().items()}

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> "ModelSettings":
        """Raises ValueError or TypeError."""
        kept = dict(values)
        if kept.get("kv_type") is not None:
            kept["kv_type"] = KvType(kept["kv_type"])
        if kept.get("flash_attention") is not None:
            kept["flash_attention"] = FlashAttention(kept["flash_attention"])
        for name in ("use_mmap", "use_mlock"):
            if not isinstance(kept.get(name), bool | None):
                raise TypeError(name)
        return cls(**kept)

    def _given(self) -> dict[str, Any]:
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class StateCache:
    """Where states of the KV cache are kept, and how much of them."""

    folder: str = ""  # empty: not on disk
    disk_bytes: int = 0
    memory_bytes: int = 0

    def __post_init__(self) -> None:
        check_range("disk_bytes", self.disk_bytes, 0, 2**50, whole=True)
        check_range("memory_bytes", self.memory_bytes, 0, 2**50, whole=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """What the worker found in the file it loaded."""

    path: str
    name: str
    architecture: str
    description: str  # llama.cpp's own, e.g. "llama 135M Q4_1"
    parameters: int
    size_bytes: int
    context_length: int  # of the context in use
    trained_context: int
    vocabulary: int
    has_template: bool  # False: the built-in fallback is used
    template_sha256: str = ""  # of the chat template in the file
    runtime: str = ""  # version of the inference library


class ModelSource(StrEnum):
    STARTER = "starter"  # within a Python package
    DOWNLOADED = "downloaded"
    FOLDER = "folder"  # put into the models folder by a person
    LINKED = "linked"  # used where it lies
    MADE = "made"  # of another one, on this computer


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledModel:
    """A model that this computer has. What the file says of itself is known once it was read."""

    name: str  # unique in the library; what `--model` takes
    path: str  # of the file, the first of a split one, or the folder of an encoder
    size_bytes: int  # of all its files
    source: ModelSource
    files: tuple[str, ...] = ()  # all of them; empty: `path` alone
    projector: str = ""  # path of the file that gives it pictures or sound
    app: str = ""  # the program whose file it is
    repo: str = ""  # on the Hub, where it is known
    revision: str = ""
    sha256: str = ""  # of `path`, where it was downloaded
    kind: ModelKind = ModelKind.CHAT
    title: str = ""  # as the file calls itself
    architecture: str = ""
    parameters: int = 0
    quantization: str = ""
    context_length: int = 0  # the model was trained for
    languages: tuple[str, ...] = ()
    licence: str = ""
    has_template: bool = False
    last_used: float = 0.0  # seconds since 1970; 0: never
    prompt_rate: float = 0.0  # tokens a second, as measured here; 0: not yet
    decode_rate: float = 0.0
    template_checked: bool = False  # it was tried out
    template_fault: str = ""  # what came of that; empty: it works
    settings: ModelSettings = ModelSettings()

    @property
    def all_files(self) -> tuple[str, ...]:
        return self.files or (self.path,)
