"""What every test is held to: no warnings, no stray log records, no leftovers, no network."""

import importlib.abc
import logging
import os
import sys
import threading

import psutil
import pytest

LOOPBACK = ("127.", "::1", "localhost")
GRACE = 5.0  # seconds a thread or process gets to end after its test


class _QtBlocker(importlib.abc.MetaPathFinder):
    """Stands in for a computer without PySide6."""

    def find_spec(self, fullname, path=None, target=None):  # noqa: ARG002
        if fullname.partition(".")[0] in ("PySide6", "shiboken6", "qtawesome"):
            raise ModuleNotFoundError(f"{fullname} is blocked in this run")


if os.environ.get("DESKTOP_LLM_BLOCK_QT"):
    sys.meta_path.insert(0, _QtBlocker())


def _refuse_network(event: str, arguments: tuple[object, ...]) -> None:
    if event == "socket.connect":
        address = arguments[1]
        host = str(address[0]) if isinstance(address, tuple) else ""
        if host and not host.startswith(LOOPBACK):
            raise AssertionError(f"a test connects to {host}")
    elif event == "socket.getaddrinfo":
        host = str(arguments[0])
        if not host.startswith(LOOPBACK):
            raise AssertionError(f"a test looks up {host}")


sys.addaudithook(_refuse_network)


class _Records(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.append(f"{record.name}: {record.getMessage()}")


@pytest.fixture(autouse=True)
def no_unexpected_log_records(request):
    """A test that expects a warning takes `caplog`."""
    records = _Records()
    logging.getLogger().addHandler(records)
    yield
    logging.getLogger().removeHandler(records)
    if "caplog" not in request.fixturenames:
        assert records.seen == []


@pytest.fixture(autouse=True, scope="module")
def nothing_left_running():
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(GRACE)
        assert not thread.is_alive(), f"{thread.name} outlives its tests"
    _, alive = psutil.wait_procs(psutil.Process().children(recursive=True), timeout=GRACE)
    assert alive == []
