"""The line that is searched with; the tag that is being written is completed."""

import re
from collections.abc import Sequence

from PySide6.QtCore import QStringListModel, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QCompleter, QLineEdit, QListView, QWidget

_TAG = re.compile(r"(?:^|(?<=\s))[#＃](\S*)$")
MOST = 8  # tags that are offered at a time


class SearchLine(QLineEdit):
    down_pressed = Signal()
    tags_wanted = Signal()  # a tag is being written

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tags = QStringListModel(self)
        self._completer = QCompleter(self._tags, self)
        self._completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self._completer.setFilterMode(Qt.MatchFlag.MatchContains)
        self._completer.setMaxVisibleItems(MOST)
        self._completer.setWidget(self)
        self._popup = QListView(self)
        self._popup.setObjectName("completions")
        self._completer.setPopup(self._popup)
        self._completer.activated.connect(self._complete)
        self.textEdited.connect(self._edited)

    def set_tags(self, tags: Sequence[str]) -> None:
        """To choose from, the most likely first."""
        self._tags.setStringList([f"#{tag}" for tag in tags])
        self._offer()

    def _edited(self) -> None:
        if self._tag() is None:
            self._popup.hide()
        else:
            self.tags_wanted.emit()
            self._offer()

    def _tag(self) -> str | None:
        """What is written of a tag before the cursor; None: no tag."""
        found = _TAG.search(self.text()[: self.cursorPosition()])
        return None if found is None else found[1]

    def _offer(self) -> None:
        tag = self._tag()
        if tag is None or not self.hasFocus():
            return
        self._completer.setCompletionPrefix(tag)
        count = self._completer.completionCount()
        if not count or (count == 1 and self._completer.currentCompletion() == f"#{tag}"):
            self._popup.hide()
        else:
            self._popup.setAccessibleName(self.accessibleName())
            self._completer.complete()

    def _complete(self, tag: str) -> None:
        before, after = self.text()[: self.cursorPosition()], self.text()[self.cursorPosition() :]
        head = _TAG.sub("", before)
        self.setText(f"{head}{tag} {after.lstrip()}")
        self.setCursorPosition(len(head) + len(tag) + 1)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        enters = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if self._popup.isVisible() and enters and self._popup.currentIndex().isValid():
            event.ignore()  # the completer takes it: Enter does not search yet
        elif event.key() == Qt.Key.Key_Down:
            self.down_pressed.emit()
        else:
            super().keyPressEvent(event)
