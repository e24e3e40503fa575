"""The transfer: one file, over several connections where the server gives parts of it, from where
it was left, and checked while it comes.

Source of the protocol: RFC 9110 (ranges, validators), RFC 9111 is not needed: nothing is cached.
"""

import hashlib
import os
import queue
import re
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from desktop_llm.core.downloads import RemoteFile
from desktop_llm.core.errors import DesktopLlmError, EnvironmentFault, FaultCode, ProgramFault
from desktop_llm.core.jobs import JobPhase
from desktop_llm.core.network import Purpose, Why
from desktop_llm.hub.connections import TEMPORARY, Connections, Reply, refuse
from desktop_llm.hub.partial import Identity, Partial, discard
from desktop_llm.storage.disk import disk_faults, free_bytes

PIECE = 1024 * 1024  # bytes that are hashed at a time
RELEASE = 64 * 1024 * 1024  # bytes that are hashed before the system may forget them
TICK = 0.1  # seconds between two looks of who watches over the others
SYNC_SECONDS = 5.0  # what is here is brought to the disk itself
RATE_SECONDS = 5.0  # over which the rate is measured
SPARE = 64 * 1024 * 1024  # bytes that a disk must have beyond the file
JOIN_SECONDS = 0.7  # for connections that are being made, when it is to stop
_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")
_SHOWS_PAGE = ("text/html", "application/xhtml+xml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """With a network that fails."""

    connections: int = 4
    first_pause: float = 1.0  # seconds, doubled with each failure in a row
    longest_pause: float = 60.0
    tries: int = 15  # in a row, without a new byte: a quarter of an hour
    own_tries: int = 2  # of one connection, before the others have to do


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    path: Path
    size: int
    sha256: str


@dataclass(slots=True)
class Watcher:
    """What a download tells, and asks. `check` raises to end it for now."""

    check: Callable[[], object] = lambda: None
    progress: Callable[[int, int, float, JobPhase], object] = lambda *_done_size_rate_phase: None
    retrying: Callable[[DesktopLlmError, float], object] = lambda _fault, _seconds: None
    restarted: Callable[[FaultCode], object] = lambda _why: None


class RateLimit:
    """So many bytes a second, shared by all connections; 0: as fast as they are."""

    def __init__(self, bytes_per_second: int = 0) -> None:
        self.bytes_per_second = bytes_per_second
        self._lock = threading.Lock()
        self._free_at = 0.0

    def pause(self, size: int) -> float:
        """Seconds to wait after so many bytes."""
        if self.bytes_per_second <= 0:
            return 0.0
        with self._lock:
            now = time.monotonic()
            self._free_at = max(now, self._free_at) + size / self.bytes_per_second
            return self._free_at - now


class Download:
    """`run` may be called again after a fault or a stop: it goes on where it was."""

    def __init__(
        self,
        connections: Connections,
        file: RemoteFile,
        target: Path,
        watcher: Watcher | None = None,
        patience: Patience | None = None,
        limit: RateLimit | None = None,
        token: str = "",
    ) -> None:
        self._connections = connections
        self._file = file
        self._target = target
        self._watcher = watcher or Watcher()
        self._patience = patience or Patience()
        self._limit = limit or RateLimit()
        self._token = token
        self.part = target.with_name(f"{target.name}.part")

    def run(self) -> Received:
        """Until the file is at its place. Raises EnvironmentFault, and what `check` raises."""
        hopes = [FaultCode.DOWNLOAD_CHANGED, FaultCode.DOWNLOAD_DIFFERS]  # each is tried once more
        while True:
            try:
                return self._receive()
            except EnvironmentFault as fault:
                if fault.code not in hopes:
                    raise
                hopes.remove(fault.code)
                self._watcher.restarted(fault.code)

    def _receive(self) -> Received:
        offer = self._ask()
        self._check_room(offer)
        if not offer.ranges:
            discard(self.part)  # what cannot be continued is worth nothing
        partial = Partial(self.part, offer.identity)
        try:
            return self._finish(partial, _Transfer(self, partial, offer.ranges).run())
        finally:
            partial.close()

    def _finish(self, partial: Partial, digests: list[str]) -> Received:
        """All of it is here: compare, and put it in its place."""
        size, wanted = partial.identity.size, self._file.sha256 or self._file.git_sha1
        if wanted and wanted not in digests:
            partial.discard()
            raise EnvironmentFault(FaultCode.DOWNLOAD_DIFFERS, path=self._file.name)
        self._watcher.check()
        self._watcher.progress(size, size, 0.0, JobPhase.PLACING)
        partial.place(self._target)
        return Received(path=self._target, size=size, sha256=digests[0])

    def _ask(self) -> "_Offer":
        """What the server has, and whether it gives parts of it."""
        failures = _Failures(self._patience)
        while True:
            self._watcher.check()
            self._watcher.progress(0, self._file.size or 0, 0.0, JobPhase.CONNECTING)
            try:
                return self._offer()
            except EnvironmentFault as fault:
                self._pause(fault, failures.next(fault))

    def _offer(self) -> "_Offer":
        file = self._file
        size: int | None
        with self.get({"Range": "bytes=0-0"}) as reply:
            if reply.status == 416 and _total(reply) == 0:
                size, ranges = 0, False
            else:
                refuse(reply, file.name)
                self.refuse_page(reply)
                found = _range(reply)
                ranges = reply.status == 206 and found is not None and found[:2] == (0, 0)
                if reply.status == 206 and not ranges:
                    raise EnvironmentFault(FaultCode.HUB_ODD, host=reply.host, reason="range")
                size = found[2] if ranges and found else reply.length
            if size is None:
                size = file.size  # a server that does not say; what it sends is counted
            if size is None:
                raise EnvironmentFault(FaultCode.HUB_ODD, host=reply.host, reason="size")
            if file.size is not None and file.size != size:
                raise EnvironmentFault(FaultCode.DOWNLOAD_CHANGED, path=file.name)
            etag = reply.header("etag")[:200]
        identity = Identity(url=file.url, size=size, etag=etag, sha256=file.sha256)
        return _Offer(identity, ranges)

    def get(self, headers: dict[str, str]) -> AbstractContextManager[Reply]:
        purpose = Purpose(Why.DOWNLOAD, self._file.name)
        return self._connections.get(self._file.url, purpose, headers, self._token)

    def refuse_page(self, reply: Reply) -> None:
        """A network that wants a sign-in answers everything with a page."""
        kind = reply.header("content-type").partition(";")[0].strip().lower()
        if kind in _SHOWS_PAGE and not self._file.name.endswith((".html", ".htm")):
            raise EnvironmentFault(FaultCode.SIGN_IN_PAGE, host=reply.host)
        if reply.header("content-encoding").lower() not in ("", "identity"):
            raise EnvironmentFault(FaultCode.HUB_ODD, host=reply.host, reason="encoding")

    def _check_room(self, offer: "_Offer") -> None:
        here = 0
        with suppress(OSError):
            here = getattr(self.part.stat(), "st_blocks", 0) * 512
        free = free_bytes(self.part.parent)
        needed = offer.identity.size - here + SPARE
        if free is not None and free < needed:
            raise EnvironmentFault(
                FaultCode.NO_ROOM,
                path=str(self._target.parent),
                needed_bytes=max(0, needed),
                free_bytes=free,
            )

    def _pause(self, fault: EnvironmentFault, seconds: float) -> None:
        self._watcher.retrying(fault, seconds)
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._watcher.check()
            time.sleep(min(TICK, left))


@dataclass(frozen=True, slots=True)
class _Offer:
    identity: Identity
    ranges: bool


class _Failures:
    """In a row."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._count = 0

    def next(self, fault: EnvironmentFault) -> float:
        """Seconds to wait. Raises the fault where waiting does not help, or did not."""
        self._count += 1
        if fault.code not in TEMPORARY or self._count >= self._patience.tries:
            raise fault
        pause = self._patience.first_pause * 2.0 ** (self._count - 1)
        asked = fault.data.get("seconds", 0)
        return min(self._patience.longest_pause, max(pause, float(asked)))

    def forget(self) -> None:
        self._count = 0


@dataclass(slots=True)
class _Rate:
    """Bytes a second, over the last while."""

    marks: list[tuple[float, int]] = field(default_factory=list)

    def take(self, done: int) -> float:
        now = time.monotonic()
        self.marks.append((now, done))
        while len(self.marks) > 2 and now - self.marks[0][0] > RATE_SECONDS:
            self.marks.pop(0)
        begun, before = self.marks[0]
        return max(0.0, (done - before) / (now - begun)) if now > begun else 0.0


class _Transfer:
    """One go at a file: connections that fetch segments, one hasher behind them."""

    def __init__(self, download: Download, partial: Partial, ranges: bool) -> None:
        self._download = download
        self._partial = partial
        self._ranges = ranges
        self._patience = download._patience
        self._watcher = download._watcher
        self._segments: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._grown = threading.Condition()
        self._over = threading.Event()  # whatever runs is to end
        self._fault: DesktopLlmError | None = None  # of a connection, the last
        self._hasher: threading.Thread | None = None
        self._hashed = 0
        self._digests: list[str] = []

    def run(self) -> list[str]:
        """SHA-256 of the whole, then the SHA-1 that Git gives it. Raises EnvironmentFault."""
        partial, failures, rate = self._partial, _Failures(self._patience), _Rate()
        self._hasher = threading.Thread(target=self._hash, name="download-hash", daemon=True)
        self._hasher.start()
        synced = time.monotonic()
        threads: list[threading.Thread] = []
        try:
            while partial.missing():
                before = partial.done
                threads = self._begin()
                while any(thread.is_alive() for thread in threads):
                    self._watcher.check()
                    self._tell(rate.take(partial.done))
                    if time.monotonic() - synced > SYNC_SECONDS:
                        partial.sync()
                        synced = time.monotonic()
                    self._raise_final()
                    threads[0].join(TICK)
                    threads = [each for each in threads if each.is_alive()] or threads[:1]
                self._raise_final()
                if not partial.missing():
                    break
                if partial.done > before:
                    failures.forget()
                fault = self._fault
                assert isinstance(fault, EnvironmentFault)
                seconds = failures.next(fault)
                partial.sync()
                self._report(0.0, JobPhase.WAITING)
                self._download._pause(fault, seconds)
            self._check_hash()
        finally:
            self._stop(threads)
        self._raise_final()
        return self._digests

    def _tell(self, rate: float) -> None:
        behind = self._partial.prefix - self._hashed
        checking = rate == 0 and behind > PIECE
        phase = JobPhase.CHECKING if checking else JobPhase.TRANSFERRING
        self._report(rate, phase)

    def _report(self, rate: float, phase: JobPhase) -> None:
        partial = self._partial
        self._watcher.progress(partial.done, partial.identity.size, rate, phase)

    def _check_hash(self) -> None:
        """Wait for the hasher."""
        assert self._hasher is not None
        while self._hasher.is_alive():
            self._watcher.check()
            self._report(0.0, JobPhase.CHECKING)
            self._hasher.join(TICK)

    def _stop(self, threads: list[threading.Thread]) -> None:
        self._over.set()
        with self._grown:
            self._grown.notify_all()
        end = time.monotonic() + JOIN_SECONDS
        for thread in (*threads, self._hasher):
            if thread is not None:
                thread.join(max(0.0, end - time.monotonic()))

    def _raise_final(self) -> None:
        """What no trying again mends."""
        fault = self._fault
        if fault is not None and fault.code not in TEMPORARY:
            raise fault

    # --- connections -----------------------------------------------------------------------------

    def _begin(self) -> list[threading.Thread]:
        missing = self._partial.missing()
        self._segments, self._fault = queue.SimpleQueue(), None
        for segment in missing:
            self._segments.put(segment)
        count = min(self._patience.connections, len(missing)) if self._ranges else 1
        threads = [
            threading.Thread(target=self._fetch_all, name=f"download-{at}", daemon=True)
            for at in range(count)
        ]
        for thread in threads:
            thread.start()
        return threads

    def _fetch_all(self) -> None:
        """Segments, the next that nobody is at, until there is none or it goes wrong too often."""
        try:
            while self._segments_left() and self._fetch_patiently(self._segments.get_nowait()):
                pass
        except queue.Empty:
            pass
        except DesktopLlmError as fault:
            self._fault = fault
        except Exception as error:  # noqa: BLE001  # told by who watches over the threads
            detail = f"{type(error).__name__}: {error}"
            self._fault = ProgramFault(FaultCode.BUG, detail=detail)

    def _segments_left(self) -> bool:
        return not self._over.is_set() and not self._segments.empty()

    def _fetch_patiently(self, segment: int) -> bool:
        """False: it does not go on like this."""
        fetch = self._fetch if self._ranges else self._fetch_whole
        failed = 0
        while not self._over.is_set():
            before = self._partial.here(segment)
            try:
                fetch(segment)
            except EnvironmentFault as fault:
                self._fault = fault
                failed = 1 if self._partial.here(segment) > before else failed + 1
                if fault.code not in TEMPORARY or failed > self._patience.own_tries:
                    return False
                self._over.wait(self._patience.first_pause * failed)
            else:
                return True
        return False

    def _fetch(self, segment: int) -> None:
        """What is missing of it."""
        partial, identity = self._partial, self._partial.identity
        begin = partial.start(segment) + partial.here(segment)
        end = partial.start(segment) + partial.length(segment)
        if begin >= end:
            return
        with self._download.get({"Range": f"bytes={begin}-{end - 1}"}) as reply:
            if reply.status == 416:
                raise EnvironmentFault(FaultCode.DOWNLOAD_CHANGED, path=self._download._file.name)
            refuse(reply, self._download._file.name)
            self._download.refuse_page(reply)
            found = _range(reply)
            changed = reply.header("etag")[:200] != identity.etag
            if reply.status != 206 or found is None or found[2] != identity.size or changed:
                raise EnvironmentFault(FaultCode.DOWNLOAD_CHANGED, path=self._download._file.name)
            if found[:2] != (begin, end - 1):
                raise EnvironmentFault(FaultCode.HUB_ODD, host=reply.host, reason="range")
            self._take(segment, reply)

    def _fetch_whole(self, _segment: int) -> None:
        """From a server that gives no parts: all of it, from the beginning, in one answer."""
        partial = self._partial
        for segment in range(partial.count):
            partial.advance(segment, 0, note=True)
        with self._download.get({}) as reply:
            refuse(reply, self._download._file.name)
            self._download.refuse_page(reply)
            if reply.length not in (None, partial.identity.size):
                raise EnvironmentFault(FaultCode.DOWNLOAD_CHANGED, path=self._download._file.name)
            self._take(0, reply)
        while not self._segments.empty():
            with suppress(queue.Empty):
                self._segments.get_nowait()

    def _take(self, segment: int, reply: Reply) -> None:
        """The body into the file, over as many segments as it has."""
        writer = self._partial.writer(segment)
        try:
            for piece in reply.pieces():
                if self._over.is_set():
                    return
                rest = memoryview(piece)
                while rest:
                    if not writer.left:
                        segment += 1
                        if self._ranges or segment >= self._partial.count:
                            return  # more than was asked for
                        writer.close()
                        writer = self._partial.writer(segment)
                    size = min(len(rest), writer.left)
                    writer.write(rest[:size])
                    rest = rest[size:]
                with self._grown:
                    self._grown.notify_all()
                if pause := self._download._limit.pause(len(piece)):
                    self._over.wait(pause)
        finally:
            writer.close()
        if self._partial.here(segment) < self._partial.length(segment) or (
            not self._ranges and self._partial.missing()
        ):
            raise EnvironmentFault(FaultCode.CONNECTION_LOST, host=reply.host)

    # --- the hasher ------------------------------------------------------------------------------

    def _hash(self) -> None:
        """Follows what is here without a gap, while the rest is still coming; where that may have
        to begin anew, it begins at the end.
        """
        try:
            self._digests = self._hash_file()
        except DesktopLlmError as fault:
            self._fault = fault
        except Exception as error:  # noqa: BLE001  # told by who watches over the threads
            detail = f"{type(error).__name__}: {error}"
            self._fault = ProgramFault(FaultCode.BUG, detail=detail)

    def _hash_file(self) -> list[str]:
        partial, size = self._partial, self._partial.identity.size
        sha256 = hashlib.sha256()
        git = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
        wants_git = bool(self._download._file.git_sha1)
        buffer = memoryview(bytearray(PIECE))
        released = 0
        with disk_faults(partial.path.parent), partial.path.open("rb", 0) as file:
            while self._hashed < size:
                with self._grown:
                    self._grown.wait_for(lambda: self._over.is_set() or self._ready() > 0, TICK)
                if self._over.is_set():
                    return []
                if (ready := self._ready()) <= 0:
                    continue
                got = file.readinto(buffer[: min(PIECE, ready)])
                if not got:
                    raise EnvironmentFault(
                        FaultCode.FILE_UNREADABLE, path=str(partial.path), reason="EOF"
                    )
                sha256.update(buffer[:got])
                if wants_git:
                    git.update(buffer[:got])
                self._hashed += got
                if self._hashed - released >= RELEASE:
                    released = self._release(file, released)
        return [sha256.hexdigest(), git.hexdigest() if wants_git else ""]

    def _release(self, file: IO[bytes], begin: int) -> int:
        """What is hashed is not needed in memory any more: a large file would push out whatever
        else the computer has there. Returns up to where.
        """
        if hasattr(os, "posix_fadvise"):
            with suppress(OSError):
                os.fdatasync(file.fileno())
                os.posix_fadvise(file.fileno(), begin, self._hashed - begin, os.POSIX_FADV_DONTNEED)
        return self._hashed

    def _ready(self) -> int:
        """Bytes to be hashed now."""
        if not self._ranges and self._partial.missing():
            return 0
        return self._partial.prefix - self._hashed


def _range(reply: Reply) -> tuple[int, int, int] | None:
    """First byte, last byte, bytes in all."""
    found = _RANGE.fullmatch(reply.header("content-range").strip())
    return None if found is None else (int(found[1]), int(found[2]), int(found[3]))


def _total(reply: Reply) -> int | None:
    text = reply.header("content-range").rpartition("/")[2]
    return int(text) if text.isdecimal() and len(text) < 20 else None
