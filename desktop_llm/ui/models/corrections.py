"""Corrections as a list model: what was made better, and whether it is to be used."""

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from desktop_llm.core.corrections import Correction, CorrectionKind
from desktop_llm.ui.icons import Role, icon
from desktop_llm.ui.models.bin import relative_time
from desktop_llm.ui.widgets.list_rows import BELOW_ROLE, DETAIL_BELOW_ROLE, DETAIL_ROLE
from desktop_llm.ui.widgets.plain_text import plain_tip
from desktop_llm.words import _

_NOWHERE = QModelIndex()
Index = QModelIndex | QPersistentModelIndex


class CorrectionsModel(QAbstractListModel):
    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[Correction] = []
        self._icons = {
            CorrectionKind.EDIT: icon("pencil-simple", Role.PlaceholderText),
            CorrectionKind.CHOICE: icon("columns", Role.PlaceholderText),
            CorrectionKind.LIKED: icon("thumbs-up", Role.PlaceholderText),
            CorrectionKind.CELL: icon("table", Role.PlaceholderText),
        }

    def show(self, corrections: list[Correction]) -> None:
        self.beginResetModel()
        self._rows = corrections
        self.endResetModel()

    def correction(self, index: Index) -> Correction | None:
        return self._rows[index.row()] if index.isValid() else None

    def all(self) -> list[Correction]:
        return list(self._rows)

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        found = self.correction(index)
        if found is None:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return " ".join(found.excerpt.split()) or _("(empty)")
        if role == Qt.ItemDataRole.DecorationRole:
            return self._icons[found.kind]
        if role == BELOW_ROLE:
            return f"{kind_words(found.kind)} · {found.title}"
        if role == DETAIL_ROLE:
            return _("for training") if found.training else ""
        if role == DETAIL_BELOW_ROLE:
            return relative_time(found.created)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            parts = [kind_words(found.kind), found.title, found.excerpt]
            return ", ".join([*parts, _("for training")] if found.training else parts)
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain_tip(found.title)
        return None


def kind_words(kind: CorrectionKind) -> str:
    return {
        CorrectionKind.EDIT: _("edited by you"),
        CorrectionKind.CHOICE: _("chosen of two"),
        CorrectionKind.LIKED: _("rated as good"),
        CorrectionKind.CELL: _("corrected in a table"),
    }[kind]
