"""Files as documents.

A stranger's file may be made to hurt, and parsers are large. So a child reads it: it gets the
bytes and nothing else, and answers within its time and length, or is killed and the file refused.
"""

import contextlib
import hashlib
import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO

import msgspec

from desktop_llm.core.documents import FILE_BYTES, TEXT_CHARACTERS, Document, DocumentKind
from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.text import clean_text

TIME_LIMIT = 60.0  # seconds
ANSWER_BYTES = 5  # of JSON in UTF-8, a character
PORTION = 1 << 20  # bytes handed over at a time
LOOK = 0.1  # seconds between two looks at whether it is to end
# A pipe without a writer would never open; Windows would change line ends.
_READ = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_BINARY", 0)
)
COMMAND = (sys.executable, "-P", "-m", "desktop_llm.ingest.child")


class CancelledError(Exception):
    """Whoever wanted the document does not want it any more."""


class _Answer(msgspec.Struct):
    """What the child says: `fault`, or the rest."""

    fault: FaultCode | None = None
    reason: str = ""
    kind: DocumentKind = DocumentKind.TEXT
    text: str = ""
    encoding: str = ""
    pages: int | None = None
    left_out: bool = False


_ANSWERS = msgspec.json.Decoder(_Answer)


def read_document(
    path: Path, cancelled: threading.Event | None = None, most: int = TEXT_CHARACTERS
) -> Document:
    """Blocks, for seconds where it is long. Raises EnvironmentFault for what is no file, is none
    that can be read, or takes too much; CancelledError. `most`: characters that are taken of a
    text or a table.
    """
    name = clean_text(path.name or str(path))
    digest = hashlib.sha256()
    try:
        with _open(path, name) as file:
            said, size = _ask(path.suffix.lower(), name, file, digest, cancelled, most)
    except OSError as error:
        raise EnvironmentFault(
            FaultCode.FILE_UNREADABLE, path=name, reason=error.strerror or ""
        ) from error
    # Else it was killed for its time, or by the system for its memory.
    if not said.endswith(b"\n") or len(said) > ANSWER_BYTES * most:
        raise EnvironmentFault(FaultCode.DOCUMENT_TOO_MUCH, path=name)
    try:
        answer = _ANSWERS.decode(said)
    except msgspec.DecodeError as error:  # whoever wrote the file has taken the child over
        raise EnvironmentFault(
            FaultCode.DOCUMENT_DAMAGED, path=name, reason=type(error).__name__
        ) from error
    if answer.fault is not None:
        raise EnvironmentFault(answer.fault, path=name, reason=answer.reason)
    return Document(
        name=name,
        kind=answer.kind,
        text=clean_text(answer.text[:most]),
        size_bytes=size,
        sha256=digest.hexdigest(),
        encoding=answer.encoding,
        pages=answer.pages,
        left_out=answer.left_out,
    )


def _open(path: Path, name: str) -> IO[bytes]:
    """Raises OSError, EnvironmentFault."""
    not_text = EnvironmentFault(FaultCode.DOCUMENT_NOT_TEXT, path=name)
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening alone rewinds a tape
            raise not_text
        file = os.fdopen(os.open(path, _READ), "rb")
    except ValueError as error:  # a NUL in its name
        raise EnvironmentFault(FaultCode.FILE_UNREADABLE, path=name, reason="") from error
    found = os.fstat(file.fileno())
    if stat.S_ISREG(found.st_mode) and found.st_size <= FILE_BYTES:
        return file
    file.close()
    raise _too_large(name) if stat.S_ISREG(found.st_mode) else not_text  # it changed meanwhile


def _too_large(name: str) -> EnvironmentFault:
    return EnvironmentFault(FaultCode.FILE_TOO_LARGE, path=name, most_bytes=FILE_BYTES)


def _ask(
    suffix: str,
    name: str,
    file: IO[bytes],
    digest: "hashlib._Hash",
    cancelled: threading.Event | None,
    most: int,
) -> tuple[bytes, int]:
    """What the child says, and the size of the file. Raises OSError, EnvironmentFault,
    CancelledError.
    """
    child = subprocess.Popen(
        (*COMMAND, suffix, str(most)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # warnings there would hold the person's text
    )
    ended = threading.Event()

    def watch() -> None:
        latest = time.monotonic() + TIME_LIMIT
        while not ended.wait(LOOK):
            if (cancelled and cancelled.is_set()) or time.monotonic() > latest:
                child.kill()
                return

    watcher = threading.Thread(target=watch, name="document-watch", daemon=True)
    watcher.start()
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        size = _hand_over(file, child.stdin, digest)
        if size > FILE_BYTES:  # it grew, or lies about its size as those of /proc do
            raise _too_large(name)
        said = child.stdout.read(ANSWER_BYTES * most + 1)
    finally:
        ended.set()
        watcher.join()
        child.kill()  # it has said all that is heard
        child.wait()
        child.stdout.close()
        _close(child.stdin)
    if cancelled and cancelled.is_set():
        raise CancelledError
    return said, size


def _hand_over(file: IO[bytes], pipe: IO[bytes], digest: "hashlib._Hash") -> int:
    """How many bytes. The child says nothing before it has all of them, so neither waits for the
    other. Raises OSError where the file cannot be read.
    """
    size = 0
    while size <= FILE_BYTES and (portion := file.read(PORTION)):
        size += len(portion)
        digest.update(portion)
        try:
            pipe.write(portion)
        except OSError:  # it was killed
            return size
    _close(pipe)
    return size


def _close(pipe: IO[bytes]) -> None:
    with contextlib.suppress(OSError):  # what is in its buffer has no reader any more
        pipe.close()
