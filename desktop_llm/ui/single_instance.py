"""A second start shows the window of the first."""

from collections.abc import Callable

from PySide6.QtCore import QFileSystemWatcher, QObject

from desktop_llm.storage.instance import InstanceLock


class SingleInstance(QObject):
    """Watches the lock for the mark of a later start. A file needs no network module, which would
    cost the window 20 ms and 4 MB.
    """

    def __init__(
        self, lock: InstanceLock, on_start: Callable[[str], object], parent: QObject
    ) -> None:
        super().__init__(parent)
        self._lock = lock
        self._on_start = on_start
        self._watcher = QFileSystemWatcher([str(lock.path)], self)
        self._watcher.fileChanged.connect(self._changed)

    def _changed(self) -> None:
        if wish := self._lock.take_requests():
            self._on_start(wish)
