"""What the UI tests have in common."""

import threading

from PySide6.QtWidgets import QApplication

from desktop_llm.core.errors import EnvironmentFault, FaultCode

LONG = "Tell me a very long story about a whale."
FULL = EnvironmentFault(FaultCode.DISK_FULL, path="/x")
REPLY = 120_000  # milliseconds a reply may take on a busy machine


def shown(qtbot, program, number=0):
    """Wait until a conversation is shown (0: any, or a new one); returns the chat page."""
    page = program.workspace.chat
    qtbot.waitUntil(
        lambda: page.ready and not page.shown.opening and number in (0, page.conversation)
    )
    return page


def settle(program):
    """Let all work of the window that was begun end, and be shown."""
    for _ in range(3):
        for bridge in (program.bridge, program._work_bridge):
            bridge.drain()
        QApplication.processEvents()


class Gate:
    """Holds a call back until it is opened; `after`: its result, which is old by then."""

    def __init__(self, monkeypatch, owner, name, fault=None, after=False):
        self._event = threading.Event()
        self.reached = threading.Event()
        call = getattr(owner, name)

        def held(*arguments, **named):
            found = call(*arguments, **named) if after else None
            self.reached.set()
            self._event.wait(20)
            if fault is not None:
                raise fault
            return found if after else call(*arguments, **named)

        monkeypatch.setattr(owner, name, held)

    def open(self):
        self._event.set()


def stop_all(qtbot, program):
    for live in list(program.replies._live):
        live.task.cancel()
    qtbot.waitUntil(lambda: not len(program.replies), timeout=REPLY)


def press(page, text):
    """Write it into the composer and send it."""
    page.composer.set_text(text)
    page.composer.button.click()


def draft(program, number):
    """As the database has it."""
    return program.services.chat.open(number)[0].draft


def speak(qtbot, program, command):
    """Another language; returns the chat page that is made for it."""
    before = program.workspace
    program.workspace.commands[command].trigger()
    qtbot.waitUntil(lambda: program.workspace is not before)
    return program.workspace.chat
