"""Language packs from an address that a person typed: fetched into a file, and its hash remembered.

Nobody says beforehand which hash such a file has. The first one seen at an address is noted, and
another one at the same address later is refused.
"""

import json
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.network import Purpose, Why, is_web_address
from desktop_llm.hub.connections import Connections, refuse
from desktop_llm.storage.disk import disk_faults, write_atomically
from desktop_llm.storage.language_packs import WHEEL_BYTES

SEEN = ".addresses.json"  # in the folder of the packs: an address and the first hash of its file
LONGEST = 2000  # characters of an address


def is_address(text: str) -> bool:
    return text.startswith(("https://", "http://"))


@contextmanager
def fetched(
    connections: Connections,
    address: str,
    cache: Path,
    on_progress: Callable[[int, int], object] = lambda _done, _of: None,
    cancelled: threading.Event | None = None,
) -> Iterator[Path]:
    """The file from there, as long as this lasts. `on_progress`: bytes, and how many there are or
    0. Raises EnvironmentFault; JOB_STOPPED where it was cancelled.
    """
    name = Path(unquote(urlsplit(address).path)).name
    if not is_web_address(address) or len(address) > LONGEST or not name.endswith(".whl"):
        raise EnvironmentFault(FaultCode.ADDRESS_INVALID, path=address[:200])
    with disk_faults(cache):
        cache.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(prefix="pack-", dir=cache) as place:
        path = Path(place) / name
        with connections.get(address, Purpose(Why.DOWNLOAD, name)) as reply:
            refuse(reply, name)
            of = reply.length or 0
            if of > WHEEL_BYTES:
                raise EnvironmentFault(FaultCode.FILE_TOO_LARGE, path=name, most_bytes=WHEEL_BYTES)
            done = 0
            with disk_faults(cache), path.open("wb") as file:
                for piece in reply.pieces():
                    if cancelled is not None and cancelled.is_set():
                        raise EnvironmentFault(FaultCode.JOB_STOPPED, number=0)
                    done += len(piece)
                    if done > WHEEL_BYTES:
                        raise EnvironmentFault(
                            FaultCode.FILE_TOO_LARGE, path=name, most_bytes=WHEEL_BYTES
                        )
                    file.write(piece)
                    on_progress(done, of)
            if of and done != of:
                raise EnvironmentFault(FaultCode.CONNECTION_LOST, host=reply.host)
        yield path


def first_hash(folder: Path, address: str) -> str:
    """That its file had when it was fetched first; empty where it never was."""
    return _seen(folder).get(address, "")


def note_hash(folder: Path, address: str, sha256: str) -> None:
    """The first one stays."""
    seen = _seen(folder)
    if address not in seen:
        write_atomically(folder / SEEN, json.dumps({**seen, address: sha256}, indent=1))


def _seen(folder: Path) -> dict[str, str]:
    with suppress(OSError, ValueError):
        found = json.loads((folder / SEEN).read_text("utf-8"))
        if isinstance(found, dict):
            return {str(key): str(value) for key, value in found.items()}
    return {}
