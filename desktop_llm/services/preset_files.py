"""Presets as files that people give to each other. A stranger's file may hold anything."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.presets import (
    NAME_LENGTH,
    Preset,
    PresetFile,
    presets_from_file,
    presets_to_file,
)
from desktop_llm.storage.disk import write_chosen

MOST_BYTES = 10_000_000


def read_presets(path: Path) -> PresetFile:
    """As far as it is sound. Raises EnvironmentFault. Blocks, for a second where it is large."""
    no_presets = EnvironmentFault(FaultCode.NO_PRESETS_FILE, path=str(path))
    try:
        if path.exists() and not path.is_file():
            raise no_presets  # a pipe would never end
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise EnvironmentFault(
            FaultCode.FILE_UNREADABLE, path=str(path), reason=error.strerror or ""
        ) from error
    if len(content) > MOST_BYTES:
        raise EnvironmentFault(FaultCode.FILE_TOO_LARGE, path=str(path), most_bytes=MOST_BYTES)
    try:
        return presets_from_file(content.decode("utf-8-sig"))
    except ValueError as error:
        raise no_presets from error


def write_presets(path: Path, presets: Sequence[Preset]) -> None:
    """The old file or the new one, for this person alone. Raises EnvironmentFault. Blocks."""
    write_chosen(path, presets_to_file(list(presets)))


def with_own_names(presets: Iterable[Preset], taken: Iterable[str]) -> list[Preset]:
    """Those whose name is taken get a number after it."""
    names, found = set(taken), []
    for preset in presets:
        name, number = preset.name, 1
        while name in names:
            number += 1
            end = f" ({number})"
            name = preset.name[: NAME_LENGTH - len(end)] + end
        names.add(name)
        found.append(replace(preset, name=name))
    return found
