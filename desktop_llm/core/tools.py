"""Text tools: what can be done with any text, as data. `core.tool_files` reads and writes them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from desktop_llm.core.generation import GenerationRequest, Sampling
from desktop_llm.core.languages import find_language, is_mostly_chinese, language_of
from desktop_llm.core.messages import Message, Role
from desktop_llm.core.presets import filled_in, variables_of

REPLY_TOKENS = 1024  # at most, where a tool says nothing
# Small models write a table only where they can write nothing else.
TABLE_GRAMMAR = r"""
root ::= row line row{1,60}
row ::= "|" (" " cell " |"){1,12} "\n"
line ::= "|" (" --- |"){1,12} "\n"
cell ::= [^|\n \t] [^|\n]{0,120}
"""
TEXT = "text"  # the variable that is the text itself
ENGLISH, CHINESE = "en", "zh_CN"


class Output(StrEnum):
    """What comes of a tool, and so how it is shown and used."""

    TEXT = "text"  # words about the text: an explanation, an answer
    SUMMARY = "summary"  # each sentence of it is linked to the source sentences it rests on
    EDIT = "edit"  # the text in other words: its changes can be taken one by one
    TRANSLATION = "translation"
    LABELS = "labels"  # how likely each label is, scored from the model's logits
    LIST = "list"  # one a line
    QUOTES = "quotes"  # pieces of the text itself: what does not stand in it is dropped
    TABLE = "table"  # in Markdown
    JSON = "json"  # by a schema, which the model is held to
    CONTINUATION = "continuation"  # belongs after the text


class Long(StrEnum):
    """What to do with a text that the model cannot read at once."""

    MERGE = "merge"  # each part, then what came of the parts
    REFINE = "refine"  # part after part, each time improving what there is
    PARTS = "parts"  # each part by itself, one after the other
    PASSAGES = "passages"  # the passages that have most to do with what is asked
    END = "end"  # its end alone
    BEGINNING = "beginning"  # its beginning alone


class VariableKind(StrEnum):
    TEXT = "text"
    CHOICE = "choice"
    LANGUAGE = "language"
    SCHEMA = "schema"  # a JSON schema
    FILE = "file"  # the path of one
    LABELS = "labels"  # names, separated by commas or lines


@dataclass(frozen=True, slots=True)
class Words:
    """One text in the languages of the program; Chinese may be left out."""

    en: str
    zh_CN: str = ""  # noqa: N815  # the name of the language

    def within(self, language: str) -> str:
        return (self.zh_CN if language == CHINESE else self.en) or self.en or self.zh_CN


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    value: str
    title: Words
    text: Words  # what stands in the instruction
    long: Long | None = None  # in the place of the tool's own


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """What an instruction leaves open."""

    name: str
    title: Words
    kind: VariableKind = VariableKind.TEXT
    default: str = ""
    choices: tuple[Choice, ...] = ()
    menu: bool = False  # its choices are entries of the tool's menu
    required: bool = False  # the tool cannot run without it

    def choice(self, value: str) -> Choice | None:
        return next((each for each in self.choices if each.value == value), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    value: str  # in tables and on the command line
    title: Words
    word: Words  # what the model would write


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    id: str
    name: Words
    instruction: Words
    icon: str = "magic-wand"
    output: Output = Output.TEXT
    long: Long = Long.MERGE
    variables: tuple[Variable, ...] = ()
    sampling: Sampling = field(default_factory=lambda: Sampling(temperature=0))
    max_tokens: int = REPLY_TOKENS
    schema: str = ""  # JSON, for output JSON without a variable for it
    labels: tuple[Label, ...] = ()
    begun: Words = Words("")  # how the reply begins; not part of the result
    stop: tuple[str, ...] = ()  # texts that end the reply
    temperature: float = 1.0  # that label probabilities are calibrated with
    model: str = ""  # name in the library; empty: the one in use
    adapter: str = ""
    shortcut: str = ""  # as "Ctrl+Alt+S"
    own: bool = False  # a person's

    def variable(self, name: str) -> Variable | None:
        return next((each for each in self.variables if each.name == name), None)

    def values(self, given: Mapping[str, str]) -> dict[str, str]:
        """Each variable's: what is given, else the default."""
        return {each.name: given.get(each.name) or each.default for each in self.variables}

    def how_long(self, given: Mapping[str, str]) -> Long:
        """What to do with a long text, where these values are chosen."""
        for each in self.variables:
            choice = each.choice(given.get(each.name) or each.default)
            if choice is not None and choice.long is not None:
                return choice.long
        return self.long


def instruction_language(text: str) -> str:
    """A small model answers in the language that it is spoken to."""
    return CHINESE if is_mostly_chinese(text) else ENGLISH


def instruction_for(tool: Tool, given: Mapping[str, str], language: str) -> str:
    """The instruction with its variables filled in, but for {{text}}."""
    values = {}
    for name, value in tool.values(given).items():
        variable = tool.variable(name)
        assert variable is not None
        values[name] = _said(variable, value, language)
    return filled_in(tool.instruction.within(language), values)


def _said(variable: Variable, value: str, language: str) -> str:
    """A value as an instruction says it."""
    if (choice := variable.choice(value)) is not None:
        return choice.text.within(language)
    if variable.kind is VariableKind.LANGUAGE:
        known = language_of(value) or find_language(value)
        if known is not None:
            return known.chinese if language == CHINESE else known.english
    return value


def schema_of(tool: Tool, given: Mapping[str, str]) -> str:
    """That the answer is held to; empty: to none."""
    asked = [each.name for each in tool.variables if each.kind is VariableKind.SCHEMA]
    return tool.values(given)[asked[0]] if asked else tool.schema


def delimited(text: str) -> str:
    """A text as material: its marks do not occur in it."""
    name, at = "text", 0
    while f"<{name}>" in text or f"</{name}>" in text:
        at += 1
        name = f"text-{at}"
    return f"<{name}>\n{text}\n</{name}>"


def prompt_of(instruction: str, text: str) -> tuple[Message, ...]:
    """What the model is asked: instruction and text, kept apart. Nothing in the text can become
    part of the scaffold: the worker tokenises contents without special tokens.
    """
    if TEXT in variables_of(instruction):
        asked = filled_in(instruction, {TEXT: delimited(text)})
    else:
        asked = f"{instruction}\n\n{delimited(text)}"
    return (Message(Role.USER, asked),)


def request_for(
    tool: Tool, messages: tuple[Message, ...], begun: str = "", schema: str = ""
) -> GenerationRequest:
    """How the model is asked; `begun`: how its reply begins, `schema`: that it is held to."""
    sampling = replace(tool.sampling, json_schema=schema) if schema else tool.sampling
    if tool.output is Output.TABLE:
        sampling = replace(sampling, grammar=TABLE_GRAMMAR)
    if begun:
        messages = (*messages, Message(Role.ASSISTANT, begun))
    return GenerationRequest(
        messages=messages,
        sampling=sampling,
        max_tokens=tool.max_tokens,
        stop=tool.stop,
        continues=bool(begun),
    )
