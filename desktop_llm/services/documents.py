"""Files read into documents, one after the other, each as a task that can be cancelled."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Never

from desktop_llm.core.documents import Document
from desktop_llm.core.errors import DesktopLlmError, FaultCode, ProgramFault
from desktop_llm.core.tasks import Task

ReadTask = Task[Never, Document | None]  # None: it was cancelled


class DocumentReader:
    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="documents")
        self._lock = threading.Lock()
        self._cancels: set[threading.Event] = set()
        self._closed = False

    def read(self, path: Path) -> ReadTask:
        """Fails with EnvironmentFault for a file that is none or cannot be read."""
        cancelled = threading.Event()
        task: ReadTask = Task(on_cancel=cancelled.set)
        with self._lock:
            if self._closed:
                task.finish(None)
                return task
            self._cancels.add(cancelled)
            self._pool.submit(self._read, path, task, cancelled)
        return task

    def close(self) -> None:
        """What is being read is given up."""
        with self._lock:
            self._closed = True
            for cancelled in self._cancels:
                cancelled.set()
        self._pool.shutdown()

    def _read(self, path: Path, task: ReadTask, cancelled: threading.Event) -> None:
        from desktop_llm.ingest.reader import CancelledError, read_document  # not for the window

        try:
            if cancelled.is_set():
                raise CancelledError
            document = read_document(path, cancelled)
        except CancelledError:
            task.finish(None)
        except DesktopLlmError as fault:
            task.fail(fault)
        except Exception as error:  # noqa: BLE001  # said as a bug where it is shown
            task.fail(ProgramFault(FaultCode.BUG, detail=f"{type(error).__name__}: {error}"))
        else:
            task.finish(document)
        with self._lock:
            self._cancels.discard(cancelled)
