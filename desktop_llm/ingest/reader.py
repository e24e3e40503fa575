"""Files as documents.

A stranger's file may be made to hurt, and parsers are large. So a child reads it: it gets the open
file and nothing else, and answers within its time and length, or is killed and the file refused.
"""

import json
import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

from desktop_llm.core.documents import FILE_BYTES, TEXT_CHARACTERS, Document, DocumentKind
from desktop_llm.core.errors import EnvironmentFault, FaultCode

TIME_LIMIT = 60.0  # seconds
ANSWER_BYTES = 5 * TEXT_CHARACTERS  # of JSON in UTF-8
LOOK = 0.1  # seconds between two looks at whether it is to end
# A pipe without a writer would never open; Windows would change line ends.
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
COMMAND = (sys.executable, "-P", "-m", "desktop_llm.ingest.child")


class CancelledError(Exception):
    """Whoever wanted the document does not want it any more."""


def read_document(path: Path, cancelled: threading.Event | None = None) -> Document:
    """Blocks, for seconds where it is long. Raises EnvironmentFault for what is no file, is none
    that can be read, or takes too much; CancelledError.
    """
    with _open(path) as file:
        answer = _ask(path, file, cancelled or threading.Event())
    if "fault" in answer:
        raise EnvironmentFault(
            FaultCode(answer["fault"]), path=path.name, reason=answer.get("reason", "")
        )
    return Document(
        name=path.name,
        kind=DocumentKind(answer["kind"]),
        text=answer["text"],
        size_bytes=answer["size"],
        sha256=answer["sha256"],
        encoding=answer["encoding"],
        pages=answer["pages"],
        left_out=answer["left_out"],
    )


def _open(path: Path) -> IO[bytes]:
    try:
        number = os.open(path, _READ)
    except OSError as error:
        raise EnvironmentFault(
            FaultCode.FILE_UNREADABLE, path=path.name, reason=error.strerror or ""
        ) from error
    found = os.fstat(number)
    if not stat.S_ISREG(found.st_mode):
        os.close(number)
        raise EnvironmentFault(FaultCode.DOCUMENT_NOT_TEXT, path=path.name)
    if found.st_size > FILE_BYTES:
        os.close(number)
        raise EnvironmentFault(FaultCode.FILE_TOO_LARGE, path=path.name, most_bytes=FILE_BYTES)
    return os.fdopen(number, "rb")


def _ask(path: Path, file: IO[bytes], cancelled: threading.Event) -> dict[str, Any]:
    try:
        child = subprocess.Popen(
            (*COMMAND, path.suffix.lower()),
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # warnings there would hold the person's text
        )
    except OSError as error:
        raise EnvironmentFault(
            FaultCode.FILE_UNREADABLE, path=path.name, reason=error.strerror or ""
        ) from error
    ended = threading.Event()

    def watch() -> None:
        latest = time.monotonic() + TIME_LIMIT
        while not ended.wait(LOOK):
            if cancelled.is_set() or time.monotonic() > latest:
                child.kill()
                return

    watcher = threading.Thread(target=watch, name="document-watch", daemon=True)
    watcher.start()
    assert child.stdout is not None
    try:
        answer = child.stdout.read(ANSWER_BYTES + 1)
    finally:
        ended.set()
        watcher.join()
        child.kill()  # it has said all that is heard
        child.wait()
        child.stdout.close()
    if cancelled.is_set():
        raise CancelledError
    if not answer.endswith(b"\n") or len(answer) > ANSWER_BYTES:  # killed, or out of memory
        raise EnvironmentFault(FaultCode.DOCUMENT_TOO_MUCH, path=path.name)
    found: dict[str, Any] = json.loads(answer)
    return found
