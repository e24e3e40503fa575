"""Every setting, declared once: type, default, range, what it does.

The settings file holds only what differs from the default. Values of another type or outside the
range are replaced by the default when read.
"""

from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any

from desktop_llm.core.network import is_web_address


class Theme(StrEnum):
    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


class Language(StrEnum):
    SYSTEM = "system"
    ENGLISH = "en"
    CHINESE = "zh_CN"


class OnClose(StrEnum):
    """What closing the window does."""

    ASK = "ask"  # while something runs; quits otherwise
    TRAY = "tray"
    QUIT = "quit"


@dataclass(frozen=True, slots=True)
class Range:
    low: float
    high: float


def _address() -> Any:
    """Of a server, or empty."""
    return field(default="", metadata={"check": lambda text: not text or is_web_address(text)})


def _number(default: int, low: int, high: int) -> Any:
    return field(default=default, metadata={"range": Range(low, high)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All of them. Docstrings of the fields are the comments beside them."""

    theme: Theme = Theme.SYSTEM
    language: Language = Language.SYSTEM
    font_size: int = _number(13, 9, 32)  # pixels of the base size
    on_close: OnClose = OnClose.ASK
    threads: int = _number(0, 0, 512)  # 0: as many as the cores in reach, adaptive
    context_length: int = _number(4096, 256, 1_048_576)  # tokens
    idle_unload_minutes: int = _number(0, 0, 1440)  # 0: the model stays loaded
    state_cache_megabytes: int = _number(2048, 0, 1_048_576)  # of KV states on disk; 0: none
    model: str = ""  # the last one chosen; empty: the first of the library
    system_prompt: str = ""
    write_titles: bool = True  # the model names new conversations while it is idle
    tray_icon: bool = False  # it stands in the tray also while the window is open
    global_shortcut: str = ""  # as "Ctrl+Alt+Space"; works on the clipboard from everywhere
    notify: bool = True  # the desktop tells that a long reply has ended while the window is away
    note_confidence: bool = True  # how sure the model was of each token is kept with its replies
    offline: bool = False  # no connection to anywhere
    hub_mirror: str = _address()  # asked in place of the Hub
    proxy: str = _address()  # empty: what the system says
    certificates: str = ""  # a PEM file that is believed in place of the system's
    token_in_keyring: bool = False  # there is one for the Hub: it is asked for only then
    download_limit_kilobytes: int = _number(0, 0, 10_000_000)  # a second; 0: none
    first_run_done: bool = False


def valid(name: str, value: object) -> bool:
    """Whether `value`, as a TOML file gives it, may become the setting `name`."""
    for declared in fields(Settings):
        if declared.name != name:
            continue
        default = declared.default
        if isinstance(default, StrEnum):
            return isinstance(value, str) and value in set(type(default))
        if type(value) is not type(default):
            return False
        if (check := declared.metadata.get("check")) is not None:
            return bool(check(value))
        bounds = declared.metadata.get("range")
        return bounds is None or (isinstance(value, int) and bounds.low <= value <= bounds.high)
    return False
