"""The person's token for the Hub: in the system's keyring, or for this session in memory.

Never in a file of ours, a log or an argument list. keyring is imported when it is first needed.
"""

import os
import threading
from collections.abc import Callable
from typing import Any, Protocol

from desktop_llm.core.errors import EnvironmentFault, FaultCode

TOKEN_VARIABLE = "HF_TOKEN"  # as huggingface_hub has it
SERVICE, NAME = "desktop-llm", "hub-token"
_SAFE = ("SecretService", "libsecret", "kwallet", "macOS", "Windows")  # of keyring's own


class Backend(Protocol):
    def get_password(self, service: str, username: str) -> str | None: ...
    def set_password(self, service: str, username: str, password: str) -> None: ...
    def delete_password(self, service: str, username: str) -> None: ...


def system_keyring() -> Backend | None:
    """None where the system has none that encrypts: no file in plain text takes its place."""
    import keyring

    backend: Any = keyring.get_keyring()
    members = getattr(backend, "backends", None) or [backend]  # several in a chain
    places = [type(each).__module__.removeprefix("keyring.backends.") for each in members]
    return backend if all(place.startswith(_SAFE) for place in places) else None


class Secrets:
    """Blocks on the keyring, which may ask the person to unlock it. For any thread."""

    def __init__(self, find: Callable[[], Backend | None] = system_keyring) -> None:
        self._find = find
        self._lock = threading.Lock()
        self._session = ""

    def take_from_environment(self) -> None:
        """So that no child but the runner has it from there."""
        self._session = os.environ.pop(TOKEN_VARIABLE, "").strip()

    @property
    def session(self) -> str:
        """Of this session alone; empty: none."""
        return self._session

    def token(self) -> str:
        """Empty: none. Raises KEYRING_FAILED."""
        if self._session:
            return self._session
        with self._lock, _keyring_faults():
            backend = self._find()
            return "" if backend is None else backend.get_password(SERVICE, NAME) or ""

    def keep(self, token: str) -> bool:
        """In the keyring; where there is none, for this session: False. Raises KEYRING_FAILED."""
        with self._lock, _keyring_faults():
            backend = self._find()
            if backend is not None:
                backend.set_password(SERVICE, NAME, token)
        self._session = "" if backend is not None else token
        return backend is not None

    def keep_for_session(self, token: str) -> None:
        self._session = token

    def forget(self, in_keyring: bool) -> None:
        """Raises KEYRING_FAILED."""
        self._session = ""
        if in_keyring:
            with self._lock, _keyring_faults():
                backend = self._find()
                if backend is not None and backend.get_password(SERVICE, NAME) is not None:
                    backend.delete_password(SERVICE, NAME)


class _keyring_faults:  # noqa: N801  # reads as a function does
    """The backends raise what their systems raise."""

    def __enter__(self) -> None: ...

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, Exception):
            reason = type(error).__name__
            raise EnvironmentFault(FaultCode.KEYRING_FAILED, reason=reason) from error


secrets = Secrets()  # of this process
