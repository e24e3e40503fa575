"""What a worker gives up before anything native is imported."""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import BinaryIO

from desktop_llm.core.confinement import leave_network
from desktop_llm.core.errors import DesktopLlmError, FaultCode, ProgramFault


def take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Move the protocol off descriptors 0 and 1, so that no native print can break a frame."""
    reader = os.fdopen(os.dup(0), "rb")
    writer = os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    return reader, writer


@contextlib.contextmanager
def without_native_output() -> Iterator[None]:
    """For calls that print what they were given, which may be a person's, to the log."""
    kept, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)


def refuse_network() -> None:
    """Refuse every connection and name look-up of this process, in Python and, on Linux, below.

    A network namespace of its own needs a system that allows one; where it does not, the audit
    hook alone stands.
    """

    def hook(event: str, _arguments: tuple[object, ...]) -> None:
        if event in _NETWORK_EVENTS:
            raise _refusal(event)

    sys.addaudithook(hook)
    leave_network()


_NETWORK_EVENTS = frozenset(
    {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.bind"}
)


def _refusal(event: str) -> DesktopLlmError:
    return ProgramFault(FaultCode.BUG, detail=f"a worker tried {event}")
