"""Everything that shapes one generation, in one value, and what comes out of it."""

from dataclasses import dataclass, field
from enum import StrEnum

from desktop_llm.core.errors import EnvironmentFault, FaultCode, ProgramFault
from desktop_llm.core.grammar import check_grammar
from desktop_llm.core.messages import Message, Role
from desktop_llm.core.ranges import check_range
from desktop_llm.core.schemas import SchemaError, check_schema

MAX_STOP_STRINGS = 16
MAX_STOP_LENGTH = 256
MAX_BIASES = 4096
MAX_BIAS = 1000.0  # logits lie within a few dozen: this forces or forbids a token


class FinishReason(StrEnum):
    STOP = "stop"  # the model ended its reply, or a stop string appeared
    LENGTH = "length"  # max_tokens reached
    CONTEXT = "context"  # no room left in the context
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """Settings of llama.cpp's sampler chain. The defaults of a field with a neutral value are it.

    Order in the chain: logit bias, penalties, DRY, top-k, typical, top-p, min-p, XTC, temperature;
    a grammar goes before all of them. `temperature == 0` means greedy: of the others only bias,
    penalties, DRY and grammar act then. Penalties and DRY look at the reply, not at the prompt.
    """

    temperature: float = 0.7
    top_k: int = 40  # 0: off
    top_p: float = 0.95
    min_p: float = 0.05
    typical_p: float = 1.0
    repeat_penalty: float = 1.0
    repeat_last_n: int = 64  # tokens; 0: off, -1: the whole context
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    dry_multiplier: float = 0.0  # 0: off
    dry_base: float = 1.75
    dry_allowed_length: int = 2
    dry_penalty_last_n: int = -1
    xtc_probability: float = 0.0  # 0: off
    xtc_threshold: float = 0.1
    seed: int | None = None  # None: a new one each time, reported in the statistics
    grammar: str | None = None  # GBNF, start symbol "root"
    grammar_triggers: tuple[str, ...] = ()  # the grammar starts at the first of these texts
    json_schema: str | None = None  # the whole reply is JSON of it; not together with a grammar
    logit_bias: tuple[tuple[int, float], ...] = ()  # (token, addend to its logit)

    def __post_init__(self) -> None:
        for name, low, high in _RANGES:
            check_range(name, getattr(self, name), low, high)
        for name, low, high in _WHOLE_RANGES:
            check_range(name, getattr(self, name), low, high, whole=True)
        if self.seed is not None:
            check_range("seed", self.seed, 0, 0xFFFF_FFFE, whole=True)
        check_range("logit_bias", len(self.logit_bias), 0, MAX_BIASES)
        for token, bias in self.logit_bias:
            check_range("logit_bias", token, 0, 0x7FFF_FFFF, whole=True)
            check_range("logit_bias", bias, -MAX_BIAS, MAX_BIAS)
        if self.grammar is not None:
            check_grammar(self.grammar, self.grammar_triggers)
            if self.json_schema is not None:
                raise ProgramFault(FaultCode.BUG, detail="a grammar and a schema")
        if self.json_schema is not None:
            try:
                check_schema(self.json_schema)
            except SchemaError as error:
                raise EnvironmentFault(FaultCode.SCHEMA_INVALID, place=str(error)) from error


_RANGES: tuple[tuple[str, float, float], ...] = (
    ("temperature", 0, 5),
    ("top_p", 0, 1),
    ("min_p", 0, 1),
    ("typical_p", 0, 1),
    ("repeat_penalty", 0.1, 10),
    ("frequency_penalty", -10, 10),
    ("presence_penalty", -10, 10),
    ("dry_multiplier", 0, 10),
    ("dry_base", 1, 10),
    ("xtc_probability", 0, 1),
    ("xtc_threshold", 0, 1),
)
_WHOLE_RANGES: tuple[tuple[str, int, int], ...] = (
    ("top_k", 0, 1_000_000),
    ("repeat_last_n", -1, 1_000_000),
    ("dry_allowed_length", 0, 10_000),
    ("dry_penalty_last_n", -1, 1_000_000),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRequest:
    """One generation.

    `reproducible` means a cold context, fixed batch sizes and a fixed number of threads: slower,
    and on one computer the same text every time for the same seed (a warm KV cache changes the
    last bits of the logits, and so do the other two).

    `continues`: the last message is the beginning of the reply; only what follows it is made.
    """

    messages: tuple[Message, ...]
    sampling: Sampling = field(default_factory=Sampling)
    max_tokens: int | None = None  # None: until the model ends or the context is full
    stop: tuple[str, ...] = ()
    reproducible: bool = False
    continues: bool = False
    conversation: str = ""  # whose KV state it goes on from, and leaves; empty: of none
    scores: bool = False  # the probability of each token is wanted too

    def __post_init__(self) -> None:
        if self.continues and (not self.messages or self.messages[-1].role is not Role.ASSISTANT):
            raise ProgramFault(FaultCode.BUG, detail="nothing to go on with")
        if self.max_tokens is not None:
            check_range("max_tokens", self.max_tokens, 1, 1_000_000, whole=True)
        longest = max((len(stop) for stop in self.stop), default=1)
        if len(self.stop) > MAX_STOP_STRINGS or not 1 <= longest <= MAX_STOP_LENGTH:
            raise EnvironmentFault(
                FaultCode.INVALID_PARAMETER,
                name="stop",
                value=str(len(self.stop)),
                low=1,
                high=MAX_STOP_STRINGS,
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationStats:
    """Measured while one reply was made. Times in seconds."""

    prompt_tokens: int
    reused_tokens: int  # of the prompt, found in the KV cache
    completion_tokens: int
    prompt_seconds: float
    completion_seconds: float
    seed: int
    threads: int  # at the end
    context_used: int  # tokens in the KV cache afterwards
    first_token_seconds: float = 0.0  # from the request to the first text, reading it included
    thinking_seconds: float = 0.0  # until the answer began, where the model thought aloud first

    @property
    def tokens_per_second(self) -> float:
        """Decode speed; 0 where nothing was decoded."""
        if self.completion_seconds <= 0:
            return 0.0
        return self.completion_tokens / self.completion_seconds
