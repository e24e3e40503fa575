"""What the program asks of an engine worker and what the worker answers.

These values cross the pipe as they are (`desktop_llm.protocol`); nothing else does. Requests are
answered by events that carry the request's number, the last of which is one of `TERMINAL`.
"""

from dataclasses import dataclass, field

from desktop_llm.core.errors import FaultValue
from desktop_llm.core.generation import FinishReason, GenerationRequest, GenerationStats
from desktop_llm.core.label_requests import LabelRequest, LabelScores
from desktop_llm.core.messages import Message
from desktop_llm.core.models import LoadedModel, LoadOptions, StateCache
from desktop_llm.core.ranges import check_range
from desktop_llm.core.scores import TokenScore

# --- requests -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LoadModel:
    path: str
    options: LoadOptions = field(default_factory=LoadOptions)
    idle_unload_seconds: int = 0  # 0: stays loaded
    states: StateCache = field(default_factory=StateCache)

    def __post_init__(self) -> None:
        check_range("idle_unload_seconds", self.idle_unload_seconds, 0, 31_536_000, whole=True)


@dataclass(frozen=True, slots=True)
class UnloadModel:
    pass


@dataclass(frozen=True, slots=True)
class Generate:
    request: GenerationRequest


@dataclass(frozen=True, slots=True)
class ScoreLabels:
    """How likely each label is for each text. What lies in the conversation's context stays."""

    request: LabelRequest


@dataclass(frozen=True, slots=True)
class CountTokens:
    """Tokens of the prompt that these messages make, the template included, and of each. `bare`: of
    their words alone, as texts that have nothing to do with each other.
    """

    messages: tuple[Message, ...]
    bare: bool = False


@dataclass(frozen=True, slots=True)
class RenderPrompt:
    """The prompt that these messages make, as the model gets it."""

    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class PreviewTemplate:
    """What a chat template makes of these messages, whatever model is loaded or not."""

    source: str
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class MeasureModel:
    """How fast the loaded model reads and writes here, and its perplexity on that text."""

    text: str


@dataclass(frozen=True, slots=True)
class Quantize:
    """Write a model's file in another format. It can only be ended with the worker."""

    source: str
    target: str
    form: str  # as `core.measurement.FORMATS` names it


@dataclass(frozen=True, slots=True)
class ForgetState:
    """A conversation is gone, and its KV state goes with it, also from the disk."""

    conversation: str


@dataclass(frozen=True, slots=True)
class GetStatus:
    pass


@dataclass(frozen=True, slots=True)
class Cancel:
    """End the request of that number early. Itself answered only by that request's last event."""

    target: int


Request = (
    LoadModel
    | UnloadModel
    | Generate
    | ScoreLabels
    | CountTokens
    | RenderPrompt
    | PreviewTemplate
    | MeasureModel
    | Quantize
    | ForgetState
    | GetStatus
    | Cancel
)

# --- events -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hello:
    """First frame of a worker."""

    protocol: int
    pid: int
    program: str  # version of desktop-llm
    runtime: str  # version of the inference library
    system: str = ""  # what it uses of the processor: "CPU : AVX2 = 1 | …"
    offloads: bool = False  # it was built with a back-end for a graphics card


@dataclass(frozen=True, slots=True)
class LoadProgress:
    fraction: float  # 0 … 1


@dataclass(frozen=True, slots=True)
class PromptProgress:
    done: int  # tokens in the context, reused ones included
    total: int


@dataclass(frozen=True, slots=True)
class TextDelta:
    """New text of a reply. Successive ones may be merged; no other event is dropped."""

    text: str
    tokens: int  # made since the delta before
    scores: tuple[TokenScore, ...] = ()  # of them, where they are wanted


@dataclass(frozen=True, slots=True)
class ModelReady:
    model: LoadedModel


@dataclass(frozen=True, slots=True)
class Unloaded:
    idle: bool  # by itself: after the time set, or since the file has changed on disk


@dataclass(frozen=True, slots=True)
class Finished:
    reason: FinishReason
    stats: GenerationStats
    template_fault: str = ""  # why a general chat template had to stand in for the model's own


@dataclass(frozen=True, slots=True)
class LabelsScored:
    """The scores of some texts that follow each other, as soon as they are known."""

    first: int  # which text the first of them is of
    scores: tuple[LabelScores, ...]
    total: int  # texts of the request


@dataclass(frozen=True, slots=True)
class ScoringFinished:
    done: int  # texts, from the first; fewer than all where it was cancelled
    cancelled: bool
    prefix_tokens: int  # read once for all texts, or found from the request before
    text_tokens: int  # read for the texts, with what follows them in the prompt
    label_tokens: tuple[int, ...]  # of each label
    seconds: float
    template_fault: str = ""  # why a general chat template had to stand in for the model's own


@dataclass(frozen=True, slots=True)
class TokenCount:
    tokens: int
    context_length: int
    parts: tuple[int, ...] = ()  # tokens of each message's own words


@dataclass(frozen=True, slots=True)
class PromptPiece:
    text: str
    is_content: bool  # what people and the model wrote; else the template's


@dataclass(frozen=True, slots=True)
class RenderedPrompt:
    pieces: tuple[PromptPiece, ...]
    tokens: int
    template_fault: str = ""  # why they are not of the model's own template


@dataclass(frozen=True, slots=True)
class MeasureProgress:
    fraction: float  # 0 … 1


@dataclass(frozen=True, slots=True)
class Measured:
    prompt_rate: float  # tokens a second that it reads
    decode_rate: float  # tokens a second that it writes
    perplexity: float
    tokens: int  # that the perplexity was taken over
    threads: int


@dataclass(frozen=True, slots=True)
class Quantized:
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Status:
    model: LoadedModel | None
    resident_bytes: int
    threads: int
    context_used: int


@dataclass(frozen=True, slots=True)
class StateForgotten:
    pass


@dataclass(frozen=True, slots=True)
class Failed:
    """The request ended in a fault; see `core.errors.fault_from`."""

    code: str
    data: dict[str, FaultValue]


Event = (
    Hello
    | LoadProgress
    | PromptProgress
    | TextDelta
    | ModelReady
    | Unloaded
    | Finished
    | LabelsScored
    | ScoringFinished
    | TokenCount
    | RenderedPrompt
    | MeasureProgress
    | Measured
    | Quantized
    | StateForgotten
    | Status
    | Failed
)

EXIT_REPLACE = 75  # of a worker that has answered and can do no more; another takes its place

TERMINAL = (
    ModelReady,
    Unloaded,
    Finished,
    ScoringFinished,
    TokenCount,
    RenderedPrompt,
    Measured,
    Quantized,
    StateForgotten,
    Status,
    Failed,
)
