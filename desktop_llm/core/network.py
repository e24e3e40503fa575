"""What a connection to the outside is for, and what is kept of it."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from desktop_llm.core.errors import FaultCode, ProgramFault


class Why(StrEnum):
    SEARCH = "search"  # for models
    FILES = "files"  # what a repository has
    CARD = "card"  # what its makers say of it
    HEADER = "header"  # a model's first bytes
    DOWNLOAD = "download"
    UPDATE = "update"  # whether there is a newer version
    UNASKED = "unasked"  # nobody asked for it: it was refused


@dataclass(frozen=True, slots=True)
class Purpose:
    why: Why
    what: str = ""  # the model, or the file


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """One request. `status`: of HTTP; 0: no answer."""

    host: str
    why: str
    what: str = ""
    status: int
    received: int  # bytes of the answer's body
    time: float  # seconds since the epoch


def is_web_address(text: str) -> bool:
    """Of a server: http or https, a host, and nobody's name or password."""
    try:
        parts = urlsplit(text)
        return (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and parts.port != 0
            and parts.username is None
            and not parts.query
            and not parts.fragment
            and not any(character.isspace() for character in text)
        )
    except ValueError:
        return False


# --- nothing unasked -----------------------------------------------------------------------------


class _Asked(threading.local):
    depth = 0


_asked = _Asked()
_EVENTS = frozenset(
    {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"}
)


@contextmanager
def asked_for() -> Iterator[None]:
    """Within this, on this thread, connections may be made."""
    _asked.depth += 1
    try:
        yield
    finally:
        _asked.depth -= 1


def refuse_unasked(record: Callable[[str], object]) -> None:
    """From now on no part of this process, and no library in it, connects or looks a name up by
    itself: it is refused, and `record` hears of the address. Sockets of this computer's own file
    system are no network. What is native (Qt, D-Bus) does not pass here.
    """

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in _EVENTS or _asked.depth:
            return
        address = arguments[0] if event.startswith("socket.get") else arguments[-1]
        if event in ("socket.connect", "socket.sendto") and not isinstance(address, tuple):
            return  # a path
        host = str(address[0] if isinstance(address, tuple) else address)
        with asked_for():  # whatever writes it down is not asked again
            record(host)
        raise ProgramFault(FaultCode.BUG, detail=f"{event} was not asked for")

    sys.addaudithook(hook)
