"""The settings file: TOML, only what differs from the defaults, a person's comments kept.

It is read by the standard library; tomlkit, which keeps comments, is imported for writing alone.
"""

import threading
import tomllib
from dataclasses import asdict, fields, replace
from enum import Enum
from pathlib import Path
from typing import Any

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
        self._text = ""  # of the file, as it was read or written last
        self._current = self._read()

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
        import tomlkit

        with self._lock:
            document = tomlkit.parse(self._text)
            given = document.unwrap()
            defaults = asdict(Settings())
            for name, value in asdict(self._current).items():
                if value != defaults[name]:
                    document[name] = value.value if isinstance(value, Enum) else value
                elif valid(name, given.get(name)):
                    document.pop(name, None)
            text = tomlkit.dumps(document)
            write_atomically(self._path, text)
            self._text = text

    def change(self, **values: Any) -> Settings:
        """`set` and `save`."""
        changed = self.set(**values)
        self.save()
        return changed

    def _read(self) -> Settings:
        try:
            text = self._path.read_text(encoding="utf-8")
            settings = _settings(tomllib.loads(text))
        except FileNotFoundError:
            return Settings()
        except (ValueError, OSError) as error:  # no TOML, no UTF-8, not readable
            kept = _free_name(self._path.with_suffix(".broken.toml"))
            try:
                self._path.rename(kept)
            except OSError:
                kept = self._path
            self.fault = EnvironmentFault(
                FaultCode.SETTINGS_BROKEN, path=str(kept), reason=str(error).partition("\n")[0]
            )
            return Settings()
        self._text = text
        return settings


def peek(path: Path) -> Settings | None:
    """What the file says now; None where it cannot be read. It stays as it is, even broken."""
    try:
        return _settings(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return Settings()
    except (ValueError, OSError):
        return None


def _settings(given: dict[str, Any]) -> Settings:
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
