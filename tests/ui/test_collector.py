"""Garbage is collected on the window's thread alone, and it is collected."""

import gc
import threading
import weakref

import pytest

from tests.ui.helpers import settle, shown


class Node:
    """One that holds itself."""

    def __init__(self):
        self.me = self


@pytest.fixture
def collected():
    """The threads that garbage was collected on."""
    threads = []

    def note(phase, _info):
        if phase == "start":
            threads.append(threading.get_ident())

    gc.callbacks.append(note)
    yield threads
    gc.callbacks.remove(note)


def waste():
    """Enough that Python would collect where it is made."""
    nodes = [Node() for _ in range(20_000)]
    return weakref.ref(nodes[0])


def test_no_other_thread_collects(qtbot, make_program, collected):
    program = make_program()
    shown(qtbot, program)
    settle(program)
    del collected[:]
    found = []
    for _ in range(3):
        program.bridge.run(waste, found.append)
        settle(program)
    qtbot.waitUntil(lambda: len(found) == 3 and all(ref() is None for ref in found))
    assert set(collected) == {threading.get_ident()}


def test_python_collects_by_itself_again_at_the_end(qtbot, make_program):
    program = make_program()
    shown(qtbot, program)
    assert not gc.isenabled()
    program.close()
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0
