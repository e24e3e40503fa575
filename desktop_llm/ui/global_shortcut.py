"""A key that is heard whatever program has the focus, where the system lets one ask for that.

X11: the key is grabbed on a connection of its own, on a thread of its own (python-xlib). Elsewhere
(Wayland, macOS) no program may do that by itself: the system's own settings bind a key to
`desktop-llm clipboard`.
"""

import logging
import os
import select
import sys
import threading
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeySequence

logger = logging.getLogger(__name__)


def is_possible() -> bool:
    return sys.platform == "linux" and QGuiApplication.platformName() == "xcb"


class GlobalShortcut(QObject):
    pressed = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._thread: threading.Thread | None = None
        self._end: int | None = None  # written to: the thread is to end
        self.keys = ""

    def listen(self, keys: str) -> bool:
        """`keys` as "Ctrl+Alt+Space"; empty: to none. False where it cannot be had: another
        program has it, or the system gives none.
        """
        self.stop()
        sequence = QKeySequence(keys)
        if sequence.isEmpty():
            return not keys
        if not is_possible():
            return False
        try:
            grab = _Grab(sequence)
        except Exception as error:  # noqa: BLE001  # python-xlib has no root of its errors
            logger.info("the key cannot be had: %s", type(error).__name__)
            return False
        if not grab.granted:
            grab.close()
            return False
        reading, self._end = os.pipe()
        self._thread = threading.Thread(
            target=grab.follow, args=(reading, self.pressed.emit), name="global-key", daemon=True
        )
        self._thread.start()
        self.keys = keys
        return True

    def stop(self) -> None:
        thread, self._thread = self._thread, None
        self.keys = ""
        if thread is not None and self._end is not None:
            os.write(self._end, b"x")
            thread.join()
            os.close(self._end)
            self._end = None


class _Grab:
    """Of one key, with every state of the locks."""

    def __init__(self, sequence: QKeySequence) -> None:
        from Xlib import XK, X, display, error

        self._display: Any = display.Display()
        self._root = self._display.screen().root
        combination = sequence[0]  # type: ignore[index]  # PySide's stub knows no index
        modifiers, self._mask = combination.keyboardModifiers(), 0
        for modifier, bit in (
            (Qt.KeyboardModifier.ControlModifier, X.ControlMask),
            (Qt.KeyboardModifier.ShiftModifier, X.ShiftMask),
            (Qt.KeyboardModifier.AltModifier, X.Mod1Mask),
            (Qt.KeyboardModifier.MetaModifier, X.Mod4Mask),
        ):
            if modifiers & modifier:
                self._mask |= bit
        symbol = XK.string_to_keysym(_x_name(combination.key()))
        self._code = self._display.keysym_to_keycode(symbol)
        catch = error.CatchError(error.BadAccess)
        if self._code:
            for locks in (0, X.LockMask, X.Mod2Mask, X.LockMask | X.Mod2Mask):
                self._root.grab_key(
                    self._code, self._mask | locks, True, X.GrabModeAsync, X.GrabModeAsync,
                    onerror=catch,
                )  # fmt: skip
        self._display.sync()
        self.granted = bool(self._code) and catch.get_error() is None
        self._key_press = X.KeyPress
        self._any = X.AnyModifier

    def follow(self, ending: int, pressed: Any) -> None:
        try:
            while True:
                while self._display.pending_events():
                    if self._display.next_event().type == self._key_press:
                        pressed()
                ready, _w, _x = select.select([self._display.fileno(), ending], [], [])
                if ending in ready:
                    return
        except (OSError, ValueError) as error:  # the screen is gone
            logger.info("the key is no longer heard: %s", type(error).__name__)
        finally:
            os.close(ending)
            self.close()

    def close(self) -> None:
        try:
            if self._code:
                self._root_ungrab()
            self._display.close()
        except Exception as error:  # noqa: BLE001  # python-xlib has no root of its errors
            logger.info("a connection to the screen ended by itself: %s", type(error).__name__)

    def _root_ungrab(self) -> None:
        self._root.ungrab_key(self._code, self._any)
        self._display.sync()


def _x_name(key: Qt.Key) -> str:
    """The key as X calls it."""
    name = QKeySequence(key).toString(QKeySequence.SequenceFormat.PortableText)
    special = {"Space": "space", "Return": "Return", "Enter": "KP_Enter", "Esc": "Escape",
               "Ins": "Insert", "Del": "Delete", "PgUp": "Prior", "PgDown": "Next"}  # fmt: skip
    return special.get(name, name.lower() if len(name) == 1 else name)
