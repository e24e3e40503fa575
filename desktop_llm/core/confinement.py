"""What a process gives up before it handles what strangers made."""

import contextlib
import ctypes
import os
import sys
from typing import BinaryIO

from desktop_llm.core.errors import DesktopLlmError, FaultCode, ProgramFault

_CLONE_NEWUSER, _CLONE_NEWNET = 0x1000_0000, 0x4000_0000
_PR_SET_NO_NEW_PRIVS, _PR_SET_PDEATHSIG, _SIGKILL = 38, 1, 9


def take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Move the protocol off descriptors 0 and 1, so that no native print can break a frame."""
    reader = os.fdopen(os.dup(0), "rb")
    writer = os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    return reader, writer


def die_with_parent() -> None:
    """Linux: end when the thread that spawned this process ends. For children without a loop."""
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it ended meanwhile
            sys.exit()


def drop_privileges() -> None:
    """No core dumps (they would hold the person's text), no new privileges."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def leave_network() -> None:
    """On Linux, where the system allows it: a network of its own, with nobody in it."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(_CLONE_NEWNET) != 0:
            libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)


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


def limit_memory(memory_bytes: int) -> None:
    """So much address space, where the system knows limits."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))


def limit(memory_bytes: int) -> None:
    """So much address space, no file written, no process started; where the system knows limits."""
    limit_memory(memory_bytes)
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


REFUSED = ("open", "socket.", "subprocess.", "os.", "shutil.", "winreg.")


def refuse_files_and_network() -> None:
    """From now on Python opens, changes and starts nothing. After everything is imported."""

    def hook(event: str, _arguments: tuple[object, ...]) -> None:
        if event.startswith(REFUSED):
            raise PermissionError(event)

    sys.addaudithook(hook)
