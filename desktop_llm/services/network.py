"""What of the network this program may use: the settings as they are now, and what came of it."""

import os
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.settings import Settings
from desktop_llm.hub.connections import Connections, NetworkOptions
from desktop_llm.hub.download import RateLimit
from desktop_llm.services.catalogue import hub_address
from desktop_llm.storage.ledger import Ledger
from desktop_llm.storage.paths import Folders
from desktop_llm.storage.secrets import secrets
from desktop_llm.storage.settings import peek

LOOK_SECONDS = 0.5  # between two looks at the limit
ENDPOINT_VARIABLE = "HF_ENDPOINT"  # as huggingface_hub has it


class Network:
    """Every process has its own; the settings file is what they share, and it is looked at before
    each connection. May be used by several threads.
    """

    def __init__(self, folders: Folders) -> None:
        self._file = folders.settings_file
        self._lock = threading.Lock()
        self._seen: tuple[int, int] | None = None  # of the file: time of change, size
        self._settings = Settings()
        self.ledger = Ledger(folders.logs)
        self.limit = _LimitOfSettings(self)

    @property
    def settings(self) -> Settings:
        """As the file has them; while it cannot be read, as it had them."""
        with self._lock:
            try:
                status = self._file.stat()
                seen = (status.st_mtime_ns, status.st_size)
            except OSError:
                seen = (0, 0)
            if seen != self._seen and (found := peek(self._file)) is not None:
                self._seen, self._settings = seen, found
            return self._settings

    @property
    def endpoint(self) -> str:
        """Of the Hub, or of what this run or the settings put in its place."""
        named = os.environ.get(ENDPOINT_VARIABLE, "") or self.settings.hub_mirror
        return named.rstrip("/") or hub_address()

    def connect(self) -> Connections:
        """Raises EnvironmentFault where proxy or certificates cannot be used."""
        settings = self.settings
        certificates = Path(settings.certificates) if settings.certificates else None
        options = NetworkOptions(proxy=settings.proxy, certificates=certificates)
        return Connections(options, self.permit, self.ledger.record)

    def permit(self, host: str) -> None:
        """Raises OFFLINE."""
        if self.settings.offline:
            raise EnvironmentFault(FaultCode.OFFLINE, host=host)

    def token_for(self, host: str) -> str:
        """The person's, and for the Hub alone. Blocks on the keyring. Raises KEYRING_FAILED."""
        if host != urlsplit(self.endpoint).hostname:
            return ""
        if secrets.session or self.settings.token_in_keyring:
            return secrets.token()
        return ""

    def close(self) -> None:
        self.ledger.close()


class _LimitOfSettings(RateLimit):
    """As the settings have it now; they are looked at now and then, not with every piece."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self._network = network
        self._looked = -LOOK_SECONDS

    def pause(self, size: int) -> float:
        now = time.monotonic()
        if now - self._looked >= LOOK_SECONDS:
            self._looked = now
            self.bytes_per_second = 1000 * self._network.settings.download_limit_kilobytes
        return super().pause(size)
