"""A file that is on its way: what of it is here, so that nothing is fetched twice.

Three files lie beside each other until all of it is here: `NAME.part` holds the bytes at their
places; `NAME.part.json` says what they belong to and how much of each segment is known to be on
the disk itself; `NAME.part.now` is written with every half megabyte and is believed as long as the
computer has not been started anew: a killed process loses nothing that it wrote, a power cut does.
"""

import json
import os
import struct
import threading
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import psutil

from desktop_llm.storage.disk import disk_faults, sync, write_atomically

VERSION = 1
SEGMENT_MIN, SEGMENT_MAX = 8 * 1024 * 1024, 64 * 1024 * 1024  # bytes
SEGMENTS = 256  # at most, but for files that are larger than so many of the largest
NOTE_BYTES = 512 * 1024  # of a segment, between two notes of how much is here
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Identity:
    """What the bytes belong to. Any other value: they are of another file, and worth nothing."""

    url: str
    size: int  # bytes
    etag: str = ""
    sha256: str = ""


class Partial:
    """Segments may be written by several threads, each by one. Raises EnvironmentFault."""

    def __init__(self, path: Path, identity: Identity) -> None:
        """`path`: of the part. What is there of another file is given up."""
        self.path = path
        self.identity = identity
        self._lock = threading.Lock()
        self.segment = segment_size(identity.size)
        self.count = -(-identity.size // self.segment)
        with disk_faults(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._here = self._known() or [0] * self.count
            fresh = os.O_TRUNC if not any(self._here) else 0
            flags = os.O_RDWR | os.O_CREAT | _BINARY
            self._now = os.fdopen(os.open(self._now_path, flags, 0o600), "r+b", buffering=0)
            # In one go, and in place: a process killed here finds the old or the new.
            self._now.write(struct.pack(f"<{self.count}Q", *self._here))
            os.close(os.open(path, flags | fresh, 0o600))
            if not fresh:
                sync(path)
        self._write_sidecar(self._here)

    # --- what is here ----------------------------------------------------------------------------

    def start(self, segment: int) -> int:
        return segment * self.segment

    def length(self, segment: int) -> int:
        return min(self.segment, self.identity.size - self.start(segment))

    def here(self, segment: int) -> int:
        """Bytes from the segment's start."""
        return self._here[segment]

    def missing(self) -> list[int]:
        """Segments, in the order of the file."""
        return [each for each in range(self.count) if self._here[each] < self.length(each)]

    @property
    def done(self) -> int:
        """Bytes in all."""
        return sum(self._here)

    @property
    def prefix(self) -> int:
        """Bytes from the start of the file without a gap."""
        for segment in range(self.count):
            if self._here[segment] < self.length(segment):
                return self.start(segment) + self._here[segment]
        return self.identity.size

    # --- writing ---------------------------------------------------------------------------------

    def writer(self, segment: int) -> "SegmentWriter":
        """To be closed."""
        return SegmentWriter(self, segment)

    def advance(self, segment: int, here: int, note: bool) -> None:
        self._here[segment] = here
        if note:
            with self._lock, disk_faults(self.path.parent):
                if not self._now.closed:
                    self._now.seek(8 * segment)
                    self._now.write(struct.pack("<Q", here))

    def sync(self) -> None:
        """What is here now outlives a power cut from now on. Blocks on the disk."""
        here = list(self._here)
        with disk_faults(self.path.parent):
            sync(self.path)
        self._write_sidecar(here)

    def close(self) -> None:
        with self._lock:
            self._now.close()

    def place(self, target: Path) -> None:
        """All of it is here and checked: give it its name."""
        with disk_faults(target.parent):
            sync(self.path)
            self.close()
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.path.replace(target)
            sync(target.parent)
        for extra in (self._json_path, self._now_path):
            with suppress(OSError):
                extra.unlink(missing_ok=True)

    def discard(self) -> None:
        self.close()
        discard(self.path)

    # --- the files beside it ---------------------------------------------------------------------

    @property
    def _json_path(self) -> Path:
        return self.path.with_name(f"{self.path.name}.json")

    @property
    def _now_path(self) -> Path:
        return self.path.with_name(f"{self.path.name}.now")

    def _write_sidecar(self, durable: list[int]) -> None:
        values = {
            "version": VERSION,
            **asdict(self.identity),
            "segment": self.segment,
            "boot": boot(),
            "durable": durable,
        }
        write_atomically(self._json_path, json.dumps(values))

    def _known(self) -> list[int] | None:
        """None: nothing of this file, or nothing that can be believed."""
        try:
            values = json.loads(self._json_path.read_text("utf-8"))
            size = self.path.stat().st_size
            same = all(values[name] == value for name, value in asdict(self.identity).items())
            if not same or values["version"] != VERSION or values["segment"] != self.segment:
                return None
            here = [int(each) for each in values["durable"]]
            if values["boot"] == boot():
                noted = self._noted()
                here = [max(one, other) for one, other in zip(here, noted, strict=True)]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if len(here) != self.count:
            return None
        return [
            max(0, min(each, self.length(segment), size - self.start(segment)))
            for segment, each in enumerate(here)
        ]

    def _noted(self) -> list[int]:
        """Zeros where the file is not whole."""
        with suppress(OSError, struct.error):
            data = self._now_path.read_bytes()
            return list(struct.unpack(f"<{self.count}Q", data[: 8 * self.count]))
        return [0] * self.count


class SegmentWriter:
    """Appends to one segment, from where it ends."""

    def __init__(self, partial: Partial, segment: int) -> None:
        self._partial = partial
        self._segment = segment
        self.here = partial.here(segment)
        self.left = partial.length(segment) - self.here
        self._noted = self.here
        self._folder = partial.path.parent
        with disk_faults(self._folder):
            self._file: IO[bytes] = partial.path.open("r+b", buffering=0)
            self._file.seek(partial.start(segment) + self.here)

    def write(self, data: bytes | memoryview) -> None:
        """No more than is left."""
        view = memoryview(data)[: self.left]
        with disk_faults(self._folder):
            while view:
                written = self._file.write(view) or 0
                view = view[written:]
                self.here += written
                self.left -= written
        note = self.here - self._noted >= NOTE_BYTES or not self.left
        if note:
            self._noted = self.here
        self._partial.advance(self._segment, self.here, note)

    def close(self) -> None:
        self._file.close()
        with suppress(Exception):  # closing after a fault: the note is a convenience
            self._partial.advance(self._segment, self.here, note=True)


def segment_size(size: int) -> int:
    """Bytes, whole megabytes."""
    wanted = -(-size // SEGMENTS)
    rounded = -(-wanted // (1024 * 1024)) * 1024 * 1024
    return max(SEGMENT_MIN, min(SEGMENT_MAX, rounded))


def discard(part: Path) -> None:
    """The part and what lies beside it; what is not there is no fault."""
    for path in (part, part.with_name(f"{part.name}.json"), part.with_name(f"{part.name}.now")):
        with suppress(OSError):
            path.unlink(missing_ok=True)


def boot() -> str:
    """Another text after the computer was started anew."""
    with suppress(OSError):
        return _BOOT_ID.read_text("ascii").strip()
    return str(round(psutil.boot_time() / 60))


_BINARY = getattr(os, "O_BINARY", 0)
