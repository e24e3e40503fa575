"""What was deleted, as a list model: what it is, since when, and how long it is still there."""

import math
import time

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from desktop_llm.core.conversations import BinEntry
from desktop_llm.ui.icons import Role, icon
from desktop_llm.ui.models.conversations import exact_time
from desktop_llm.ui.widgets.list_rows import BELOW_ROLE, DETAIL_BELOW_ROLE, DETAIL_ROLE
from desktop_llm.ui.widgets.plain_text import plain_tip
from desktop_llm.words import _, counted

MINUTE, HOUR, DAY = 60, 3600, 86_400  # seconds
_NOWHERE = QModelIndex()
Index = QModelIndex | QPersistentModelIndex


class BinModel(QAbstractListModel):
    def __init__(self, days: int, parent: QObject | None = None) -> None:
        """`days` that an entry stays."""
        super().__init__(parent)
        self._days = days
        self._rows: list[BinEntry] = []
        self._whole = icon("chats-circle", Role.PlaceholderText)
        self._part = icon("chat-circle-text", Role.PlaceholderText)

    def show(self, entries: list[BinEntry]) -> None:
        self.beginResetModel()
        self._rows = entries
        self.endResetModel()

    def entries(self) -> list[BinEntry]:
        return list(self._rows)

    def entry(self, index: Index) -> BinEntry | None:
        return self._rows[index.row()] if index.isValid() else None

    def let_time_pass(self) -> None:
        """The words for it have changed."""
        if self._rows:
            self.dataChanged.emit(self.index(0), self.index(len(self._rows) - 1))

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        entry = self.entry(index)
        if entry is None:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return title_of(entry)
        if role == Qt.ItemDataRole.DecorationRole:
            return self._whole if entry.message is None else self._part
        if role == BELOW_ROLE:
            return _content(entry)
        if role == DETAIL_ROLE:
            return relative_time(entry.deleted)
        if role == DETAIL_BELOW_ROLE:
            return self._end(entry)
        if role == Qt.ItemDataRole.AccessibleDescriptionRole:
            parts = (_content(entry), relative_time(entry.deleted), self._end(entry))
            return ", ".join(parts)
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain_tip(self._all(entry))
        return None

    def _end(self, entry: BinEntry) -> str:
        left = math.ceil((entry.deleted + self._days * DAY - time.time()) / DAY)
        if left <= 0:
            return _("erased at the next start")
        left = min(left, self._days)  # the clock was set back
        return counted("erased in {number} day", "erased in {number} days", left)

    def _all(self, entry: BinEntry) -> str:
        deleted = _("Deleted: {time}").format(time=exact_time(entry.deleted))
        erased = _("Erased: {time}").format(time=exact_time(entry.deleted + self._days * DAY))
        parts = [title_of(entry), _flat(entry.excerpt), deleted, erased]
        return "\n".join(part for part in parts if part)


def title_of(entry: BinEntry) -> str:
    return entry.title or _("New conversation")


def messages_of(entry: BinEntry) -> str:
    return counted("{number} message", "{number} messages", entry.messages)


def relative_time(seconds: float, now: float | None = None) -> str:
    """Of something in the past."""
    past = (time.time() if now is None else now) - seconds
    if past < MINUTE:
        return _("just now")
    if past < HOUR:
        return counted("{number} minute ago", "{number} minutes ago", int(past / MINUTE))
    if past < DAY:
        return counted("{number} hour ago", "{number} hours ago", int(past / HOUR))
    return counted("{number} day ago", "{number} days ago", int(past / DAY))


def _content(entry: BinEntry) -> str:
    what = _("Conversation") if entry.message is None else _flat(entry.excerpt)
    parts = [what, messages_of(entry)] if entry.message is None else [messages_of(entry), what]
    return "  ·  ".join(part for part in parts if part)


def _flat(text: str) -> str:
    return " ".join(text.split())
