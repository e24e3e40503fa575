"""What screen readers see of the messages: a child for each that is visible."""

from collections.abc import Sequence

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QAccessible, QAccessibleEvent
from PySide6.QtWidgets import QWidget

from desktop_llm.ui.widgets.message_column import Entry

NAME_LENGTH = 2000  # characters of a message in its name, unless a screen reader reads it


class MessageReading:
    def __init__(self, viewport: QWidget) -> None:
        self._viewport = viewport
        self.children: list[QWidget] = []

    def show(self, seen: Sequence[tuple[Entry, QRect]]) -> None:
        """The visible messages, and where each is in the viewport."""
        read = QAccessible.isActive()
        while len(self.children) < len(seen):
            child = QWidget(self._viewport)
            child.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            child.lower()
            self.children.append(child)
        for child, (entry, place) in zip(self.children, seen, strict=False):
            whole = read and entry.stream is None
            name = f"{entry.speaker}: {entry.text}"[: None if whole else NAME_LENGTH]
            if child.accessibleName() != name:
                child.setAccessibleName(name)
                child.setAccessibleDescription(entry.note)
            child.setGeometry(place)
            child.show()
        for child in self.children[len(seen) :]:
            child.hide()

    def focus(self, at: int) -> None:
        """The keyboard is at that one of the visible."""
        if QAccessible.isActive():
            event = QAccessibleEvent(self.children[at], QAccessible.Event.Focus)
            QAccessible.updateAccessibility(event)
