"""HTML as a PDF file, laid out by a process of its own: a long one takes its time, and Qt belongs
to the window.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from desktop_llm.core.errors import EnvironmentFault, FaultCode

TIME_LIMIT = 300.0  # seconds
LOOK = 0.1  # seconds between two looks at whether it is to end
COMMAND = (sys.executable, "-P", "-m", "desktop_llm.ui.pdf_child")


def write_pdf(html: str, path: Path, go_on: Callable[[], bool] = lambda: True) -> bool:
    """Blocks. False where `go_on` said no. Raises EnvironmentFault."""
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    try:
        child = subprocess.Popen(
            (*COMMAND, str(path)),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,  # Qt's warnings would hold the person's text
            env=environment,
        )
    except OSError as error:
        raise _failed(path, error.strerror or "") from error
    assert child.stdin is not None
    stdin, ended, stopped = child.stdin, threading.Event(), False

    def feed() -> None:
        try:
            stdin.write(html.encode("utf-8", "replace"))
            stdin.close()
        except OSError:  # it ended
            pass

    feeder = threading.Thread(target=feed, name="pdf-feed", daemon=True)
    feeder.start()
    try:
        waited = 0.0
        while child.poll() is None:
            ended.wait(LOOK)
            waited += LOOK
            if not go_on():
                stopped = True
                break
            if waited > TIME_LIMIT:
                break
    finally:
        child.kill()
        code = child.wait()
        feeder.join()
    if stopped:
        return False
    if code != 0:
        raise _failed(path, f"{code}")
    if not _is_whole(path):  # Qt says nothing about a full disk
        raise _failed(path, "PDF")
    return True


def _is_whole(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 32))
        return b"%%EOF" in file.read()


def _failed(path: Path, reason: str) -> EnvironmentFault:
    return EnvironmentFault(FaultCode.EXPORT_FAILED, path=path.name, reason=reason)
