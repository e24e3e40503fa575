"""Parameters that a person sets for a conversation, presets of them, and prompts with variables."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.generation import (
    MAX_STOP_LENGTH,
    MAX_STOP_STRINGS,
    GenerationRequest,
    Sampling,
)
from desktop_llm.core.messages import Message, Role
from desktop_llm.core.text import clean_text

NAME_LENGTH = 80  # characters
SYSTEM_LENGTH = 100_000  # characters of a system prompt
REPEAT_PENALTY = 1.1  # by default: small models would repeat themselves without end

# What a person may set of the sampler: name in `Sampling`, lowest and highest that make sense.
SAMPLER = {
    "temperature": (0.0, 2.0),
    "top_k": (0, 200),
    "top_p": (0.0, 1.0),
    "min_p": (0.0, 1.0),
    "typical_p": (0.0, 1.0),
    "repeat_penalty": (1.0, 2.0),
    "repeat_last_n": (-1, 4096),
    "frequency_penalty": (-2.0, 2.0),
    "presence_penalty": (-2.0, 2.0),
    "dry_multiplier": (0.0, 5.0),
    "xtc_probability": (0.0, 1.0),
    "xtc_threshold": (0.0, 0.5),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """None: as it is by default. What they mean: see `core.generation.Sampling`."""

    system_prompt: str | None = None
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    typical_p: float | None = None
    repeat_penalty: float | None = None
    repeat_last_n: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    dry_multiplier: float | None = None
    xtc_probability: float | None = None
    xtc_threshold: float | None = None
    seed: int | None = None  # None: another one for each reply
    max_tokens: int | None = None  # of a reply; None: until the model ends it
    stop: tuple[str, ...] | None = None
    reproducible: bool | None = None

    def __post_init__(self) -> None:
        """Raises EnvironmentFault for what is outside the ranges."""
        self.sampling()
        GenerationRequest(
            messages=(Message(Role.USER, ""),), max_tokens=self.max_tokens, stop=self.stop or ()
        )
        if self.system_prompt is not None and len(self.system_prompt) > SYSTEM_LENGTH:
            raise EnvironmentFault(
                FaultCode.INVALID_PARAMETER,
                name="system_prompt",
                value=str(len(self.system_prompt)),
                low=0,
                high=SYSTEM_LENGTH,
            )

    def sampling(self) -> Sampling:
        """With the defaults of a chat."""
        given = {name: value for name in SAMPLER if (value := getattr(self, name)) is not None}
        return Sampling(**{"repeat_penalty": REPEAT_PENALTY, **given}, seed=self.seed)

    def over(self, other: "Parameters") -> "Parameters":
        """What is set here, else what is set there."""
        return replace(other, **set_values(self))


NOTHING_SET = Parameters()


def set_values(parameters: Parameters) -> dict[str, Any]:
    """Those that are not as by default."""
    return {
        field.name: value
        for field in fields(parameters)
        if (value := getattr(parameters, field.name)) is not None
    }


def to_json(parameters: Parameters) -> str:
    """Only what is set; empty for nothing."""
    given = set_values(parameters)
    return json.dumps(given, ensure_ascii=False) if given else ""


def from_json(text: str) -> Parameters:
    """What `to_json` wrote. What another version wrote, and this one does not know or take, is as
    by default.
    """
    if not text:
        return Parameters()
    try:
        read = json.loads(text)
    except ValueError:
        return Parameters()
    return from_values(read)[0] if isinstance(read, dict) else Parameters()


def from_values(values: Mapping[str, Any]) -> tuple[Parameters, list[str]]:
    """Parameters from a stranger's values, and the names of those that could not be taken."""
    parameters, refused = Parameters(), []
    known = {field.name for field in fields(Parameters)}
    for name, value in values.items():
        try:
            if name not in known:
                raise ValueError(name)
            parameters = replace(parameters, **{name: _typed(name, value)})
        except (EnvironmentFault, ValueError, TypeError, OverflowError):
            refused.append(str(name)[:NAME_LENGTH])
    return parameters, refused


def _typed(name: str, value: Any) -> Any:
    """Raises ValueError for another type than the parameter's."""
    if value is None:
        return None
    if name == "stop":
        if not isinstance(value, list | tuple) or len(value) > MAX_STOP_STRINGS:
            raise ValueError(name)
        if not all(isinstance(text, str) and 0 < len(text) <= MAX_STOP_LENGTH for text in value):
            raise ValueError(name)
        return tuple(clean_text(text) for text in value)
    if name == "system_prompt":
        if not isinstance(value, str):
            raise ValueError(name)
        return clean_text(value)
    if name == "reproducible":
        if not isinstance(value, bool):
            raise ValueError(name)
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(name)
    whole = name in ("seed", "max_tokens") or isinstance(SAMPLER[name][0], int)
    if whole and value != int(value):
        raise ValueError(name)
    return int(value) if whole else float(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    name: str
    model: str = ""  # name in the library; empty: whichever is chosen
    parameters: Parameters = NOTHING_SET
    id: int = 0  # of the store


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A text to begin with; `{{name}}` in it is asked for."""

    name: str
    text: str
    id: int = 0  # of the store


# Every part is bounded: a stranger's file must not make the search slow.
_VARIABLE = re.compile(r"\{\{[^\S\n]{0,8}([^{}\s](?:[^{}\n]{0,78}[^{}\s])?)[^\S\n]{0,8}\}\}")


def variables_of(text: str) -> tuple[str, ...]:
    """Their names in the order they first stand there."""
    return tuple(dict.fromkeys(_VARIABLE.findall(text)))


def filled_in(text: str, values: Mapping[str, str]) -> str:
    """What is put in is text: braces in it ask for nothing. What has no value stays."""
    return _VARIABLE.sub(lambda found: values.get(found[1], found[0]), text)


# --- files ----------------------------------------------------------------------------------------

PRESETS_FORMAT, PROMPTS_FORMAT = "desktop-llm-presets", "desktop-llm-prompts"
FORMAT_VERSION = 1
MOST_ENTRIES = 10_000
PROMPT_LENGTH = 1_000_000  # characters


def presets_to_file(presets: list[Preset]) -> str:
    entries = [
        {"name": preset.name, "model": preset.model, **set_values(preset.parameters)}
        for preset in presets
    ]
    return _file(PRESETS_FORMAT, "presets", entries)


def prompts_to_file(prompts: list[Prompt]) -> str:
    entries = [{"name": prompt.name, "text": prompt.text} for prompt in prompts]
    return _file(PROMPTS_FORMAT, "prompts", entries)


def _file(name: str, key: str, entries: list[dict[str, Any]]) -> str:
    whole = {"format": name, "version": FORMAT_VERSION, key: entries}
    return json.dumps(whole, ensure_ascii=False, indent=1) + "\n"


@dataclass(frozen=True, slots=True)
class PresetFile:
    presets: tuple[Preset, ...]
    left_out: tuple[str, ...]  # what could not be taken: "name: parameter", or the entry


def presets_from_file(text: str) -> PresetFile:
    """As far as it is sound. Raises ValueError where it is no such file."""
    presets, left_out = [], []
    for at, entry in enumerate(_entries(text, PRESETS_FORMAT, "presets")):
        if not isinstance(entry, dict) or not _name(entry):
            left_out.append(f"{at + 1}")
            continue
        name, model = _name(entry), entry.get("model", "")
        values = {key: value for key, value in entry.items() if key not in ("name", "model")}
        parameters, refused = from_values(values)
        left_out += [f"{name}: {parameter}" for parameter in refused]
        model = clean_text(model)[:NAME_LENGTH] if isinstance(model, str) else ""
        presets.append(Preset(name=name, model=model, parameters=parameters))
    return PresetFile(tuple(presets), tuple(left_out))


def prompts_from_file(text: str) -> tuple[tuple[Prompt, ...], tuple[str, ...]]:
    """Prompts, and what could not be taken. Raises ValueError where it is no such file."""
    prompts, left_out = [], []
    for at, entry in enumerate(_entries(text, PROMPTS_FORMAT, "prompts")):
        words = entry.get("text") if isinstance(entry, dict) else None
        if not isinstance(words, str) or not words.strip() or len(words) > PROMPT_LENGTH:
            left_out.append(f"{at + 1}")
            continue
        prompts.append(Prompt(name=_name(entry) or words.strip()[:40], text=clean_text(words)))
    return tuple(prompts), tuple(left_out)


def _entries(text: str, name: str, key: str) -> list[Any]:
    try:
        whole = json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(whole, dict) or whole.get("format") != name:
        raise ValueError(name)
    if not isinstance(whole.get("version"), int) or whole["version"] > FORMAT_VERSION:
        raise ValueError("version")
    entries = whole.get(key)
    if not isinstance(entries, list) or len(entries) > MOST_ENTRIES:
        raise ValueError(key)
    return entries


def _name(entry: dict[str, Any]) -> str:
    name = entry.get("name")
    return clean_text(name).strip()[:NAME_LENGTH] if isinstance(name, str) else ""
