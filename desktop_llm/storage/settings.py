"""The settings file: TOML, only what differs from the defaults, a person's comments kept."""

import threading
from dataclasses import asdict, fields, replace
from enum import Enum
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.settings import Settings, valid
from desktop_llm.storage.disk import write_atomically


class SettingsFile:
    """Every method may be called from any thread.

    A file that is no TOML is renamed, never overwritten; the defaults are used and `fault` says
    where it lies. A value that does not fit is ignored and stays in the file until it is changed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self.fault: EnvironmentFault | None = None
        self._document = self._read()
        self._current = _settings(self._document)

    @property
    def current(self) -> Settings:
        return self._current

    def set(self, **values: Any) -> Settings:
        """Hold them from now on, until the program ends unless `save` writes them. No I/O."""
        with self._lock:
            self._current = replace(self._current, **values)
            return self._current

    def save(self) -> None:
        """Write what differs from the defaults. Raises EnvironmentFault."""
        with self._lock:
            defaults = asdict(Settings())
            for name, value in asdict(self._current).items():
                if value != defaults[name]:
                    self._document[name] = value.value if isinstance(value, Enum) else value
                elif valid(name, self._document.unwrap().get(name)):
                    self._document.pop(name, None)
            write_atomically(self._path, tomlkit.dumps(self._document))

    def change(self, **values: Any) -> Settings:
        """`set` and `save`."""
        changed = self.set(**values)
        self.save()
        return changed

    def _read(self) -> tomlkit.TOMLDocument:
        try:
            return tomlkit.parse(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return tomlkit.document()
        except (TOMLKitError, UnicodeDecodeError, OSError) as error:
            kept = _free_name(self._path.with_suffix(".broken.toml"))
            try:
                self._path.rename(kept)
            except OSError:
                kept = self._path
            self.fault = EnvironmentFault(
                FaultCode.SETTINGS_BROKEN, path=str(kept), reason=str(error).partition("\n")[0]
            )
            return tomlkit.document()


def peek(path: Path) -> Settings | None:
    """What the file says now; None where it cannot be read. It stays as it is, even broken."""
    try:
        return _settings(tomlkit.parse(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return Settings()
    except (TOMLKitError, UnicodeDecodeError, OSError):
        return None


def _settings(document: tomlkit.TOMLDocument) -> Settings:
    given = document.unwrap()
    values = {}
    for declared in fields(Settings):
        if declared.name in given and valid(declared.name, given[declared.name]):
            kind: Any = type(declared.default)
            values[declared.name] = kind(given[declared.name])
    return Settings(**values)


def _free_name(path: Path) -> Path:
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return free
