"""What a search found, as a list model."""

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from desktop_llm.core.conversations import SearchHit
from desktop_llm.ui.widgets.list_rows import EXCERPT_ROLE, ID_ROLE
from desktop_llm.ui.widgets.plain_text import plain_tip
from desktop_llm.words import _

MESSAGE_ROLE = Qt.ItemDataRole.UserRole + 1
_NOWHERE = QModelIndex()
Index = QModelIndex | QPersistentModelIndex


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
