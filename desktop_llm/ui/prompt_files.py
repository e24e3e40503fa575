"""Prompts from files and into one. Everything here reads or writes: not on the window's thread."""

import stat
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from desktop_llm.core.presets import (
    MOST_ENTRIES,
    NAME_LENGTH,
    PROMPT_LENGTH,
    Prompt,
    prompts_from_file,
    prompts_to_file,
)
from desktop_llm.core.text import clean_text
from desktop_llm.storage.disk import write_chosen

MOST_BYTES = 10_000_000  # of a file
PLAIN = (".txt", ".md")  # one prompt each


class Refused(Enum):
    """Why something was not taken."""

    TOO_LARGE = auto()
    NOT_PROMPTS = auto()
    NOT_TEXT = auto()
    EMPTY = auto()
    UNREADABLE = auto()
    TOO_MANY = auto()
    ENTRY = auto()  # one of a file's; the others may be sound


@dataclass(frozen=True, slots=True)
class LeftOut:
    file: str
    why: Refused
    entry: str = ""  # its place in the file


@dataclass(frozen=True, slots=True)
class ReadPrompts:
    prompts: tuple[Prompt, ...]
    left_out: tuple[LeftOut, ...]


def read_prompts(paths: Sequence[Path]) -> ReadPrompts:
    """As far as they are sound."""
    prompts: list[Prompt] = []
    left_out: list[LeftOut] = []
    for path in paths:
        found, refused = _read(path)
        if len(prompts) + len(found) > MOST_ENTRIES:
            found, refused = (), (LeftOut(path.name, Refused.TOO_MANY),)
        prompts += found
        left_out += refused
    return ReadPrompts(tuple(prompts), tuple(left_out))


def _read(path: Path) -> tuple[Sequence[Prompt], Sequence[LeftOut]]:
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would never end
            return (), (LeftOut(path.name, Refused.UNREADABLE),)
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError:
        return (), (LeftOut(path.name, Refused.UNREADABLE),)
    if len(content) > MOST_BYTES:
        return (), (LeftOut(path.name, Refused.TOO_LARGE),)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return (), (LeftOut(path.name, Refused.NOT_TEXT),)
    if path.suffix.lower() in PLAIN:
        return _read_plain(path, text)
    try:
        prompts, entries = prompts_from_file(text)
    except ValueError:
        return (), (LeftOut(path.name, Refused.NOT_PROMPTS),)
    return prompts, [LeftOut(path.name, Refused.ENTRY, entry) for entry in entries]


def _read_plain(path: Path, text: str) -> tuple[Sequence[Prompt], Sequence[LeftOut]]:
    why = None
    if "\x00" in text:
        why = Refused.NOT_TEXT
    elif not text.strip():
        why = Refused.EMPTY
    elif len(text) > PROMPT_LENGTH:
        why = Refused.TOO_LARGE
    if why is not None:
        return (), (LeftOut(path.name, why),)
    name = clean_text(path.stem).strip()[:NAME_LENGTH] or path.name
    return (Prompt(name=name, text=clean_text(text)),), ()


def write_prompts(path: Path, prompts: Sequence[Prompt]) -> None:
    """The old file or the new one, for this person's eyes alone. Raises EnvironmentFault."""
    write_chosen(path, prompts_to_file(list(prompts)))
