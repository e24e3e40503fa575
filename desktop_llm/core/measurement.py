"""How fast and how well a model works on this computer, and whether another format does better."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

FORMATS = ("Q8_0", "Q4_0")  # that have fast kernels on processors, the more exact first
FASTER = 1.5  # times the speed of reading from which another format is worth its disk
WORSE = 0.02  # of the perplexity, that it may cost
BITS = {"Q8_0": 8.5, "Q4_0": 4.5}  # a weight


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """`perplexity`: on the text that comes with the program; lower is better."""

    time: float  # seconds since 1970
    program: str  # version
    runtime: str  # version of the inference library
    path: str
    name: str
    quantization: str
    size_bytes: int
    threads: int
    prompt_rate: float  # tokens a second that it reads
    decode_rate: float  # tokens a second that it writes
    perplexity: float
    tokens: int  # that the perplexity was taken over

    def to_values(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> "Measurement":
        """Raises ValueError, KeyError or TypeError."""
        found: dict[str, Any] = {}
        for one in fields(cls):
            kind: Any = one.type
            found[one.name] = kind(values[one.name])
        return cls(**found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Another format of a model, beside the model itself."""

    before: Measurement
    after: Measurement

    @property
    def reads(self) -> float:
        """Times as fast."""
        return self.after.prompt_rate / max(1e-9, self.before.prompt_rate)

    @property
    def writes(self) -> float:
        return self.after.decode_rate / max(1e-9, self.before.decode_rate)

    @property
    def costs(self) -> float:
        """What is added to the perplexity, as a part of it; less than nothing: it is better."""
        return self.after.perplexity / max(1e-9, self.before.perplexity) - 1

    @property
    def passes(self) -> bool:
        """Faster by enough, and about as good."""
        return self.reads >= FASTER and self.costs <= WORSE

    @property
    def is_faster(self) -> bool:
        return self.reads >= FASTER
