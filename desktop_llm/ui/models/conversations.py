"""The conversations as list models: by day, and what a search found."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from PySide6.QtCore import (
    QAbstractListModel,
    QDateTime,
    QLocale,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    Signal,
)

from desktop_llm.core.conversations import Conversation, SearchHit
from desktop_llm.ui.widgets.list_rows import BADGE_ROLE, EXCERPT_ROLE, HEADER_ROLE
from desktop_llm.ui.widgets.plain_text import plain_tip
from desktop_llm.words import _, current_language, noted

ID_ROLE = Qt.ItemDataRole.UserRole
MESSAGE_ROLE = Qt.ItemDataRole.UserRole + 1
_NOWHERE = QModelIndex()
Index = QModelIndex | QPersistentModelIndex

# Days since something was said, at most; the words for it.
_AGES = (
    (0, noted("Today")),
    (1, noted("Yesterday")),
    (7, noted("Previous 7 days")),
    (30, noted("Previous 30 days")),
)
_OLDER = noted("Earlier")


@dataclass(frozen=True, slots=True)
class Heading:
    words: str


class ConversationsModel(QAbstractListModel):
    """Headings stand between conversations and cannot be chosen."""

    rename_wanted = Signal(int, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[Conversation | Heading] = []
        self.is_running: Callable[[int], bool] = lambda _number: False

    def show(self, conversations: list[Conversation], now: float | None = None) -> None:
        self.beginResetModel()
        self._rows = []
        age = -1
        for conversation in conversations:
            own = max(age, _age(conversation.changed, time.time() if now is None else now))
            if own != age:  # the order is that of changes; a clock that jumped makes no new one
                age = own
                words = _AGES[age][1] if age < len(_AGES) else _OLDER
                self._rows.append(Heading(_(words)))
            self._rows.append(conversation)
        self.endResetModel()

    def conversations(self) -> list[Conversation]:
        return [row for row in self._rows if isinstance(row, Conversation)]

    def row_of(self, conversation: int) -> int | None:
        for at, row in enumerate(self._rows):
            if isinstance(row, Conversation) and row.id == conversation:
                return at
        return None

    def title_of(self, conversation: int | None) -> str:
        titles = [row.title for row in self.conversations() if row.id == conversation]
        return next(iter(titles), "") or _("New conversation")

    def refresh(self, conversation: int) -> None:
        """Whether a reply is being written there has changed."""
        if (row := self.row_of(conversation)) is not None:
            self.dataChanged.emit(self.index(row), self.index(row), [BADGE_ROLE])

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid():
            return None
        row = self._rows[index.row()]
        if isinstance(row, Heading):
            shown = role in (Qt.ItemDataRole.DisplayRole, HEADER_ROLE)
            return row.words if shown else None
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return row.title or _("New conversation")
        if role == Qt.ItemDataRole.ToolTipRole:
            title = row.title or _("New conversation")
            return plain_tip(f"{title}\n{exact_time(row.changed)}")
        if role == BADGE_ROLE:
            return self.is_running(row.id)
        return row.id if role == ID_ROLE else None

    def setData(self, index: Index, value: object, role: int = Qt.ItemDataRole.EditRole) -> bool:
        row = self._rows[index.row()] if index.isValid() else None
        title = str(value).strip()
        if role != Qt.ItemDataRole.EditRole or not isinstance(row, Conversation) or not title:
            return False
        if title != row.title:
            self.rename_wanted.emit(row.id, title)
        return True

    def flags(self, index: Index) -> Qt.ItemFlag:
        flags = Qt.ItemFlag
        if not index.isValid() or isinstance(self._rows[index.row()], Heading):
            return flags.NoItemFlags
        return flags.ItemIsEnabled | flags.ItemIsSelectable | flags.ItemIsEditable


class HitsModel(QAbstractListModel):
    """What a search found: the title, and below it a few words around the match."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[SearchHit] = []

    def show(self, hits: list[SearchHit]) -> None:
        self.beginResetModel()
        self._rows = hits
        self.endResetModel()

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid():
            return None
        hit = self._rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return hit.title or _("New conversation")
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain_tip(hit.excerpt)
        if role == Qt.ItemDataRole.AccessibleDescriptionRole:
            return hit.excerpt
        if role == EXCERPT_ROLE:
            return (hit.excerpt, hit.start, hit.end) if hit.message is not None else None
        if role == MESSAGE_ROLE:
            return hit.message
        return hit.conversation if role == ID_ROLE else None


def exact_time(seconds: float) -> str:
    """In the words of the language that is shown."""
    locale, moment = QLocale(current_language().value), QDateTime.fromSecsSinceEpoch(int(seconds))
    day = locale.toString(moment.date(), QLocale.FormatType.LongFormat)
    return f"{day} {locale.toString(moment.time(), QLocale.FormatType.ShortFormat)}"


def _age(changed: float, now: float) -> int:
    days = (datetime.fromtimestamp(now).date() - datetime.fromtimestamp(changed).date()).days
    return next((at for at, (most, _words) in enumerate(_AGES) if days <= most), len(_AGES))
