"""What a worker gives up before anything native is imported."""

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator
from typing import BinaryIO

from desktop_llm.core.errors import DesktopLlmError, FaultCode, ProgramFault

_CLONE_NEWUSER, _CLONE_NEWNET = 0x1000_0000, 0x4000_0000
_PR_SET_NO_NEW_PRIVS, _PR_SET_PDEATHSIG = 38, 1
_SIGKILL = 9


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
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(_CLONE_NEWNET) != 0:
            libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)


_NETWORK_EVENTS = frozenset(
    {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.bind"}
)


def _refusal(event: str) -> DesktopLlmError:
    return ProgramFault(FaultCode.BUG, detail=f"a worker tried {event}")


def drop_privileges() -> None:
    """No core dumps (they would hold the person's text), no new privileges."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def die_with_parent() -> None:
    """Linux: end when the thread that spawned this process ends. For children without a loop."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
