"""A tool at work on a text: what is asked, what is told meanwhile, what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from desktop_llm.core.aspects import JudgedAspect
from desktop_llm.core.engine import LoadProgress, PromptProgress, TextDelta
from desktop_llm.core.evidence import Support
from desktop_llm.core.labels import Judgement, Unsure
from desktop_llm.core.language import Identified
from desktop_llm.core.segments import Span
from desktop_llm.core.tasks import Task
from desktop_llm.core.tools import Label, Tool
from desktop_llm.core.translations import Pair, Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolRequest:
    """`fresh`: nothing is taken from what was made before. `traceless`: nothing of it is kept."""

    tool: Tool
    text: str
    values: Mapping[str, str] = field(default_factory=dict)
    model: str = ""  # empty: the tool's, else the one in use
    title: str = ""  # of the text, for the history
    fresh: bool = False
    traceless: bool = False


@dataclass(frozen=True, slots=True)
class PartDone:
    """So many of the parts of a long text are done; with `of` 0 it is one piece."""

    done: int
    of: int
    known: bool = False  # it had been made before


@dataclass(frozen=True, slots=True)
class Anew:
    """What came so far gives way to what comes now."""

    text: str = ""


@dataclass(frozen=True, slots=True)
class SaidSentence:
    """Of a summary, with what it rests on."""

    span: Span  # in the result
    support: Support


@dataclass(frozen=True, slots=True)
class JudgedSentence:
    span: Span  # in the source
    label: int  # which one is the likeliest
    probability: float
    unsure: Unsure


@dataclass(frozen=True, slots=True)
class Judged:
    """How likely each label is for the text, and which sentences speak for which."""

    labels: tuple[Label, ...]
    judgement: Judgement
    sentences: tuple[JudgedSentence, ...] = ()
    aspects: tuple[JudgedAspect, ...] = ()
    language: str = ""  # of the text, where it was asked for
    lexicon: float | None = None  # VADER's compound score, -1 … 1, for English


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolOutcome:
    """`sources`: the sentences of the text that `said` speaks of."""

    text: str
    complete: bool = True  # else it was stopped, perhaps before there was any text
    cut_off: bool = False  # the model came to the limit of its reply
    shortened: bool = False  # not all of the text was read
    parts: int = 1
    known_parts: int = 0
    dropped: int = 0  # pieces that do not stand in the text
    said: tuple[SaidSentence, ...] = ()
    sources: tuple[Span, ...] = ()
    judged: Judged | None = None
    pairs: tuple[Pair, ...] = ()  # of a translation, unit by unit
    problems: tuple[Problem, ...] = ()
    remembered: int = 0  # units from the memory
    score: float | None = None  # of the translation back, 0 … 1
    language: Identified | None = None  # of a text to translate, where it was asked for
    refused: int = 0  # entries of the glossary that could not be taken
    model: str = ""
    seconds: float = 0.0
    run: int = 0  # in the history


ToolEvent = LoadProgress | PromptProgress | TextDelta | PartDone | Anew
ToolTask = Task[ToolEvent, ToolOutcome]
