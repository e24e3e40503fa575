"""What the program asks of the language process and what it answers.

These values cross the pipe as they are (`desktop_llm.protocol`). A request is answered by events
that carry its number: portions where the answer is long, and one that ends it. Offsets count
Python's characters, in the text that was asked about.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from desktop_llm.core.engine import Cancel, Failed
from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.ranges import check_range

LANGUAGE_VERSION = 1
TEXT_CHARACTERS = 10_000_000  # of one request, all its texts together
TEXTS = 100_000  # of one request
OFFERED = ("en", "zh", "ja", "ko", "de", "fr", "es", "it", "pt", "nl", "ru", "ar")


class Part(StrEnum):
    """What an analysis may find. `SENTENCES` costs least; what follows needs a language pack."""

    SENTENCES = "sentences"
    TOKENS = "tokens"
    ENTITIES = "entities"


class Unit(StrEnum):
    """What was counted as a word: without a language pack, a character of Chinese or Japanese."""

    WORD = "word"
    CHARACTER = "character"


def _check_texts(*texts: str) -> None:
    length = sum(map(len, texts))
    if length > TEXT_CHARACTERS or len(texts) > TEXTS:
        raise EnvironmentFault(
            FaultCode.REQUEST_TOO_LARGE, size_bytes=length, most_bytes=TEXT_CHARACTERS
        )


def _check_language(language: str) -> None:
    if not (language.isascii() and language.isalpha() and 2 <= len(language) <= 3):
        raise EnvironmentFault(FaultCode.LANGUAGE_UNSUPPORTED, language=language[:20])


# --- requests -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Identify:
    """Which language each text is in."""

    texts: tuple[str, ...]

    def __post_init__(self) -> None:
        _check_texts(*self.texts)


@dataclass(frozen=True, slots=True)
class Analyse:
    """`language`: two or three letters; `pack`: folder of an installed language pack, or empty."""

    text: str
    language: str
    parts: tuple[Part, ...] = (Part.SENTENCES,)
    pack: str = ""

    def __post_init__(self) -> None:
        _check_texts(self.text)
        _check_language(self.language)


@dataclass(frozen=True, slots=True)
class Vader:
    """How positive and how negative texts are, by a lexicon. English alone."""

    texts: tuple[str, ...]
    language: str = "en"

    def __post_init__(self) -> None:
        _check_texts(*self.texts)
        if self.language != "en":
            raise EnvironmentFault(FaultCode.LANGUAGE_UNSUPPORTED, language=self.language[:20])


@dataclass(frozen=True, slots=True)
class Frequencies:
    """How often each word occurs, the most frequent first."""

    text: str
    language: str
    most: int = 100
    stop_words: bool = False  # counted, too
    pack: str = ""

    def __post_init__(self) -> None:
        _check_texts(self.text)
        _check_language(self.language)
        check_range("most", self.most, 1, 100_000, whole=True)


@dataclass(frozen=True, slots=True)
class Collocations:
    """Neighbouring words that belong together, by likelihood ratio, the surest first."""

    text: str
    language: str
    most: int = 50
    at_least: int = 2  # occurrences
    stop_words: bool = False
    pack: str = ""

    def __post_init__(self) -> None:
        _check_texts(self.text)
        _check_language(self.language)
        check_range("most", self.most, 1, 10_000, whole=True)
        check_range("at_least", self.at_least, 1, 1_000_000, whole=True)


@dataclass(frozen=True, slots=True)
class Concordance:
    """Every place of a word or phrase with `width` characters on either side."""

    text: str
    word: str
    width: int = 40
    most: int = 500

    def __post_init__(self) -> None:
        _check_texts(self.text)
        check_range("width", self.width, 0, 1000, whole=True)
        check_range("most", self.most, 1, 10_000, whole=True)
        if not self.word.strip():
            raise EnvironmentFault(FaultCode.INPUT_EMPTY)
        check_range("word", len(self.word), 1, 1000)


@dataclass(frozen=True, slots=True)
class Readability:
    text: str
    language: str
    pack: str = ""

    def __post_init__(self) -> None:
        _check_texts(self.text)
        _check_language(self.language)


@dataclass(frozen=True, slots=True)
class StopWords:
    language: str

    def __post_init__(self) -> None:
        _check_language(self.language)


Request = (
    Identify
    | Analyse
    | Vader
    | Frequencies
    | Collocations
    | Concordance
    | Readability
    | StopWords
    | Cancel
)

# --- what is found ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Identified:
    """`code`: of ISO 639-1, empty where nothing speaks for any language. `sure`: worth acting on
    without asking; never under ten letters.
    """

    code: str
    probability: float
    sure: bool


@dataclass(frozen=True, slots=True)
class Span:
    start: int
    end: int
    label: str = ""


@dataclass(frozen=True, slots=True)
class Token:
    """`head`: place of the word it depends on among all tokens of the text, its own at the root,
    -1 where no parser is at hand. Lemma, part of speech and label are empty where unknown.
    """

    start: int
    end: int
    lemma: str = ""
    part_of_speech: str = ""  # of Universal Dependencies: NOUN, VERB, …
    tag: str = ""  # the language's own, finer one
    head: int = -1
    label: str = ""  # of the dependency


@dataclass(frozen=True, slots=True)
class Polarity:
    """`compound` lies in -1 … 1; the others are shares that make 1 together."""

    compound: float
    positive: float
    neutral: float
    negative: float


@dataclass(frozen=True, slots=True)
class Frequency:
    word: str
    count: int


@dataclass(frozen=True, slots=True)
class Collocation:
    first: str
    second: str
    count: int
    score: float  # log-likelihood ratio, Dunning 1993


@dataclass(frozen=True, slots=True)
class ConcordanceLine:
    start: int
    end: int
    left: str
    right: str


# --- events -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Started:
    """First frame of the process."""

    protocol: int
    pid: int
    program: str  # version of desktop-llm


@dataclass(frozen=True, slots=True)
class IdentifiedTexts:
    found: tuple[Identified, ...]


@dataclass(frozen=True, slots=True)
class AnalysedPortion:
    """Of an analysis; portions come in the order of the text."""

    done: int  # characters of the text so far
    sentences: tuple[Span, ...] = ()
    tokens: tuple[Token, ...] = ()
    entities: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Analysed:
    """The end of an analysis. `parts`: what could be found with what is installed."""

    language: str
    unit: Unit
    parts: tuple[Part, ...]
    annotations: tuple[str, ...] = ()  # of tokens: lemma, part_of_speech, tag, head


@dataclass(frozen=True, slots=True)
class Polarities:
    found: tuple[Polarity, ...]


@dataclass(frozen=True, slots=True)
class CountedWords:
    found: tuple[Frequency, ...]
    words: int  # all that occur, stop words included
    kinds: int  # different ones among them
    unit: Unit


@dataclass(frozen=True, slots=True)
class FoundCollocations:
    found: tuple[Collocation, ...]
    unit: Unit


@dataclass(frozen=True, slots=True)
class FoundLines:
    found: tuple[ConcordanceLine, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Readable:
    """How hard a text is to read. `ease` and `grade` are empty (None) where no formula is known
    for the language; `formula` names those taken. Syllables are estimated from the spelling.
    """

    characters: int  # letters and digits
    words: int  # as the unit says
    sentences: int
    unit: Unit
    words_per_sentence: float
    characters_per_sentence: float
    syllables: int = 0
    ease: float | None = None
    grade: float | None = None
    formula: str = ""


@dataclass(frozen=True, slots=True)
class ListedStopWords:
    words: tuple[str, ...]


Event = (
    Started
    | IdentifiedTexts
    | AnalysedPortion
    | Analysed
    | Polarities
    | CountedWords
    | FoundCollocations
    | FoundLines
    | Readable
    | ListedStopWords
    | Failed
)

# --- joined -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Analysis:
    """An analysis with its portions put together."""

    language: str
    unit: Unit
    parts: tuple[Part, ...]
    annotations: tuple[str, ...]
    sentences: tuple[Span, ...] = field(default=(), repr=False)
    tokens: tuple[Token, ...] = field(default=(), repr=False)
    entities: tuple[Span, ...] = field(default=(), repr=False)
