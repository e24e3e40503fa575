"""Text tools as TOML files: the program's own lie in `resources/prompts`, a person's in the data
folder. Both are read here. A file with an error names its line.

    format = 1
    id = "explain"                       # the file's name
    name = { en = "Explain", zh_CN = "解释" }
    icon = "lightbulb"                   # of the Phosphor set
    output = "text"                      # see `Output`
    long = "merge"                       # see `Long`
    instruction = { en = "…", zh_CN = "…" }   # {{name}} stands for a variable

    [[variables]]
    name = "for"
    title = { en = "For whom", zh_CN = "对象" }
    kind = "choice"                      # see `VariableKind`
    default = "beginner"
    choices = [{ value = "beginner", title = { … }, text = { … } }, …]

    [sampling]
    temperature = 0.2
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from desktop_llm.core.errors import EnvironmentFault
from desktop_llm.core.generation import MAX_STOP_LENGTH, MAX_STOP_STRINGS, Sampling
from desktop_llm.core.presets import REPEAT_PENALTY, variables_of
from desktop_llm.core.schemas import SchemaError, check_schema
from desktop_llm.core.text import clean_text
from desktop_llm.core.tools import (
    CHINESE,
    ENGLISH,
    REPLY_TOKENS,
    TEXT,
    Choice,
    Label,
    Long,
    Output,
    Tool,
    Variable,
    VariableKind,
    Words,
)

FORMAT_VERSION = 1
LONGEST_FILE = 262_144  # characters
LONGEST_NAME = 60
LONGEST_INSTRUCTION = 20_000
MOST_VARIABLES, MOST_CHOICES, MOST_LABELS = 12, 60, 100


class Flaw(StrEnum):
    """Why a tool's file, or a part of it, is not taken."""

    NOT_TOML = "not-toml"
    NEWER = "newer"
    TOO_LONG = "too-long"
    MISSING = "missing"
    WRONG = "wrong"  # of another type, or none of the values it may have
    UNKNOWN = "unknown"  # no such key
    UNDECLARED = "undeclared"  # a variable of the instruction
    SAME_ID = "same-id"  # as another file
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class ToolProblem:
    file: str  # its name
    line: int  # 0: the file as a whole
    flaw: Flaw
    key: str = ""


class ToolError(ValueError):
    def __init__(self, flaw: Flaw, key: str = "", line: int = 0) -> None:
        super().__init__(f"{flaw.value}: {key}")
        self.flaw, self.key, self.line = flaw, key, line


_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_AT_LINE = re.compile(r"at line (\d{1,9})")
_KNOWN_KEYS = {
    "format", "id", "name", "icon", "output", "long", "instruction", "variables", "sampling",
    "max_tokens", "schema", "labels", "begun", "stop", "temperature", "model", "adapter",
    "shortcut",
}  # fmt: skip


def valid_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


def tool_from_toml(text: str, own: bool) -> Tool:
    """Raises ToolError, with the line."""
    if len(text) > LONGEST_FILE:
        raise ToolError(Flaw.TOO_LONG)
    try:
        values = tomllib.loads(clean_text(text))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        found = _AT_LINE.search(str(error))
        raise ToolError(Flaw.NOT_TOML, line=int(found[1]) if found else 1) from error
    try:
        return _tool(values, own)
    except ToolError as error:
        error.line = _line_of(text, error.key)
        raise


def _line_of(text: str, key: str) -> int:
    """Where the last part of a key that stands in the file is first written; 1 where none is."""
    lines = text.split("\n")
    for part in reversed(key.split(".")):
        written = re.compile(rf"(^|[\s\[.{{,]){re.escape(part)}[\s\].=}}]")
        for at, line in enumerate(lines, 1):
            if part and written.search(line):
                return at
    return 1


def _tool(values: Mapping[str, Any], own: bool) -> Tool:
    version = values.get("format", FORMAT_VERSION)
    if not isinstance(version, int) or version > FORMAT_VERSION:
        raise ToolError(Flaw.NEWER, "format")
    for key in values:
        if key not in _KNOWN_KEYS:
            raise ToolError(Flaw.UNKNOWN, key)
    identity = _text(values, "id", 40)
    if not valid_id(identity):
        raise ToolError(Flaw.WRONG, "id")
    output = _one_of(Output, values, "output", Output.TEXT)
    tool = Tool(
        id=identity,
        name=_words(values, "name", LONGEST_NAME, needed=True),
        instruction=_words(values, "instruction", LONGEST_INSTRUCTION, needed=True),
        icon=_text(values, "icon", 40, "magic-wand"),
        output=output,
        long=_one_of(Long, values, "long", Long.MERGE),
        variables=_variables(values),
        sampling=_sampling(values),
        max_tokens=_number(values, "max_tokens", 1, 100_000, REPLY_TOKENS),
        schema=_schema(values),
        labels=_labels(values),
        begun=_words(values, "begun", 200),
        stop=_stops(values),
        temperature=float(values.get("temperature", 1.0))
        if isinstance(values.get("temperature", 1.0), int | float)
        and 0.01 <= values.get("temperature", 1.0) <= 100
        else _wrong("temperature"),
        model=_text(values, "model", 200, ""),
        adapter=_text(values, "adapter", 200, ""),
        shortcut=_text(values, "shortcut", 40, ""),
        own=own,
    )
    known = {TEXT, *(each.name for each in tool.variables)}
    for words in (tool.instruction.en, tool.instruction.zh_CN):
        for name in variables_of(words):
            if name not in known:
                raise ToolError(Flaw.UNDECLARED, name)
    kinds = [each.kind for each in tool.variables]
    if output is Output.LABELS and len(tool.labels) < 2 and VariableKind.LABELS not in kinds:
        raise ToolError(Flaw.MISSING, "labels")
    if output is Output.JSON and not tool.schema and VariableKind.SCHEMA not in kinds:
        raise ToolError(Flaw.MISSING, "schema")
    return tool


def _wrong(key: str) -> float:
    raise ToolError(Flaw.WRONG, key)


def _text(values: Mapping[str, Any], key: str, longest: int, default: str | None = None) -> str:
    value = values.get(key, default)
    if value is None:
        raise ToolError(Flaw.MISSING, key)
    if not isinstance(value, str):
        raise ToolError(Flaw.WRONG, key)
    if len(value) > longest:
        raise ToolError(Flaw.TOO_LONG, key)
    return value


def _number(values: Mapping[str, Any], key: str, low: int, high: int, default: int) -> int:
    value = values.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ToolError(Flaw.WRONG, key)
    return value


def _one_of(kind: type[Any], values: Mapping[str, Any], key: str, default: Any) -> Any:
    try:
        return kind(values.get(key, default))
    except ValueError:
        raise ToolError(Flaw.WRONG, key) from None


def _words(values: Mapping[str, Any], key: str, longest: int, needed: bool = False) -> Words:
    """A text, for both languages, or a table of them."""
    value = values.get(key)
    if value is None and not needed:
        return Words("")
    if isinstance(value, str):
        value = {ENGLISH: value}
    if value is None:
        raise ToolError(Flaw.MISSING, key)
    if not isinstance(value, dict):
        raise ToolError(Flaw.WRONG, key)
    for language in value:
        if language not in (ENGLISH, CHINESE):
            raise ToolError(Flaw.UNKNOWN, f"{key}.{language}")
    words = Words(_text(value, ENGLISH, longest, ""), _text(value, CHINESE, longest, ""))
    if needed and not (words.en.strip() or words.zh_CN.strip()):
        raise ToolError(Flaw.MISSING, key)
    return words


def _tables(values: Mapping[str, Any], key: str, most: int) -> Iterator[Mapping[str, Any]]:
    found = values.get(key, [])
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise ToolError(Flaw.WRONG, key)
    if len(found) > most:
        raise ToolError(Flaw.TOO_LONG, key)
    yield from found


def _variables(values: Mapping[str, Any]) -> tuple[Variable, ...]:
    made: dict[str, Variable] = {}
    for table in _tables(values, "variables", MOST_VARIABLES):
        name = _text(table, "name", 40)
        if not variables_of(f"{{{{{name}}}}}") or name == TEXT or name in made:
            raise ToolError(Flaw.WRONG, "name")
        kind = _one_of(VariableKind, table, "kind", VariableKind.TEXT)
        choices = tuple(_choice(each) for each in _tables(table, "choices", MOST_CHOICES))
        if (kind is VariableKind.CHOICE) != bool(choices) and kind is not VariableKind.LANGUAGE:
            raise ToolError(Flaw.MISSING if not choices else Flaw.WRONG, "choices")
        default = _text(table, "default", LONGEST_INSTRUCTION, "")
        if choices and default not in [each.value for each in choices]:
            if default:
                raise ToolError(Flaw.WRONG, "default")
            default = choices[0].value
        flags = {key: table.get(key, False) for key in ("menu", "required")}
        for key, value in flags.items():
            if not isinstance(value, bool):
                raise ToolError(Flaw.WRONG, key)
        title = _words(table, "title", LONGEST_NAME)
        made[name] = Variable(
            name=name, title=title if title.en or title.zh_CN else Words(name), kind=kind,
            default=default, choices=choices, **flags,
        )  # fmt: skip
    return tuple(made.values())


def _choice(table: Mapping[str, Any]) -> Choice:
    value = _text(table, "value", 80)
    title, text = _words(table, "title", LONGEST_NAME), _words(table, "text", 2000)
    long = None if "long" not in table else _one_of(Long, table, "long", None)
    if not (title.en or title.zh_CN):
        title = Words(value)
    return Choice(
        value=value, title=title, text=text if text.en or text.zh_CN else title, long=long
    )


def _labels(values: Mapping[str, Any]) -> tuple[Label, ...]:
    made = []
    for table in _tables(values, "labels", MOST_LABELS):
        value = _text(table, "value", 80)
        title, word = _words(table, "title", LONGEST_NAME), _words(table, "word", 80)
        made.append(
            Label(
                value=value,
                title=title if title.en or title.zh_CN else Words(value),
                word=word if word.en or word.zh_CN else Words(value),
            )
        )
    if len({label.value for label in made}) != len(made):
        raise ToolError(Flaw.WRONG, "labels")
    return tuple(made)


def _sampling(values: Mapping[str, Any]) -> Sampling:
    table = values.get("sampling", {})
    if not isinstance(table, dict):
        raise ToolError(Flaw.WRONG, "sampling")
    known = {each.name for each in fields(Sampling)} - {
        "grammar", "grammar_triggers", "logit_bias", "json_schema",
    }  # fmt: skip
    for name in table:
        if name not in known:
            raise ToolError(Flaw.UNKNOWN, f"sampling.{name}")
    given: dict[str, Any] = {"temperature": 0.0, "repeat_penalty": REPEAT_PENALTY, **table}
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ToolError(Flaw.WRONG, f"sampling.{name}")
        one: dict[str, Any] = {name: value}
        try:
            Sampling(**one)
        except (EnvironmentFault, TypeError):
            raise ToolError(Flaw.WRONG, f"sampling.{name}") from None
    try:
        return Sampling(**given)
    except (EnvironmentFault, TypeError):
        raise ToolError(Flaw.WRONG, "sampling") from None


def _stops(values: Mapping[str, Any]) -> tuple[str, ...]:
    found = values.get("stop", [])
    sound = isinstance(found, list) and all(
        isinstance(each, str) and 0 < len(each) <= MAX_STOP_LENGTH for each in found
    )
    if not sound or len(found) > MAX_STOP_STRINGS:
        raise ToolError(Flaw.WRONG, "stop")
    return tuple(found)


def _schema(values: Mapping[str, Any]) -> str:
    text = _text(values, "schema", LONGEST_INSTRUCTION, "")
    if text:
        try:
            check_schema(text)
        except SchemaError:
            raise ToolError(Flaw.WRONG, "schema") from None
    return text


# --- writing --------------------------------------------------------------------------------------


def tool_to_values(tool: Tool) -> dict[str, Any]:
    """As a TOML file has it; what is as by default is left out."""
    values: dict[str, Any] = {
        "format": FORMAT_VERSION,
        "id": tool.id,
        "name": _words_values(tool.name),
        "icon": tool.icon,
        "output": tool.output.value,
        "long": tool.long.value,
        "instruction": _words_values(tool.instruction),
    }
    usual = Sampling(temperature=0, repeat_penalty=REPEAT_PENALTY)
    changed = {
        each.name: getattr(tool.sampling, each.name)
        for each in fields(Sampling)
        if getattr(tool.sampling, each.name) != getattr(usual, each.name)
        and isinstance(getattr(tool.sampling, each.name), int | float)
    }
    more: list[tuple[str, Any, bool]] = [
        ("max_tokens", tool.max_tokens, tool.max_tokens != REPLY_TOKENS),
        ("schema", tool.schema, bool(tool.schema)),
        ("begun", _words_values(tool.begun), bool(tool.begun.en or tool.begun.zh_CN)),
        ("stop", list(tool.stop), bool(tool.stop)),
        ("temperature", tool.temperature, tool.temperature != 1.0),
        ("model", tool.model, bool(tool.model)),
        ("adapter", tool.adapter, bool(tool.adapter)),
        ("shortcut", tool.shortcut, bool(tool.shortcut)),
        ("sampling", changed, bool(changed)),
        ("labels", [_label_values(each) for each in tool.labels], bool(tool.labels)),
        ("variables", [_variable_values(each) for each in tool.variables], bool(tool.variables)),
    ]
    return {**values, **{key: value for key, value, wanted in more if wanted}}


def _words_values(words: Words) -> dict[str, str]:
    pairs = ((ENGLISH, words.en), (CHINESE, words.zh_CN))
    return {language: text for language, text in pairs if text}


def _label_values(label: Label) -> dict[str, Any]:
    return {
        "value": label.value, "title": _words_values(label.title),
        "word": _words_values(label.word),
    }  # fmt: skip


def _variable_values(variable: Variable) -> dict[str, Any]:
    values: dict[str, Any] = {
        "name": variable.name, "title": _words_values(variable.title),
        "kind": variable.kind.value,
    }  # fmt: skip
    if variable.default:
        values["default"] = variable.default
    for key, value in (("menu", variable.menu), ("required", variable.required)):
        if value:
            values[key] = True
    if variable.choices:
        values["choices"] = [
            {
                "value": each.value, "title": _words_values(each.title),
                "text": _words_values(each.text),
                **({"long": each.long.value} if each.long else {}),
            }
            for each in variable.choices
        ]  # fmt: skip
    return values
