"""A second start shows the window of the first."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject

CONNECT_MILLISECONDS = 1000


def _name(data: Path) -> str:
    """Of the socket: one for each data folder and person."""
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "")
    digest = hashlib.sha256(f"{user}\0{data.resolve()}".encode("utf-8", "surrogateescape"))
    return f"desktop-llm-{digest.hexdigest()[:16]}"


class SingleInstance(QObject):
    """Listens for later starts. Nothing is read from them: a connection is the message."""

    def __init__(self, data: Path, on_start: Callable[[], object], parent: QObject) -> None:
        from PySide6.QtNetwork import QLocalServer

        super().__init__(parent)
        self._on_start = on_start
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._connected)
        QLocalServer.removeServer(_name(data))  # left by one that was killed; we hold the lock
        self._server.listen(_name(data))

    def close(self) -> None:
        self._server.close()

    def _connected(self) -> None:
        while (socket := self._server.nextPendingConnection()) is not None:
            socket.disconnected.connect(socket.deleteLater)
            socket.disconnectFromServer()
        self._on_start()


def raise_first(data: Path) -> bool:
    """Ask the program that holds the folder to show its window; False where it does not answer."""
    from PySide6.QtNetwork import QLocalSocket

    socket = QLocalSocket()
    socket.connectToServer(_name(data))
    return bool(socket.waitForConnected(CONNECT_MILLISECONDS))
