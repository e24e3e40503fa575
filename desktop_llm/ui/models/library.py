"""The models of this computer as a list model."""

from collections.abc import Sequence

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from desktop_llm.core.errors import EnvironmentFault
from desktop_llm.core.model_facts import ModelKind
from desktop_llm.core.models import InstalledModel
from desktop_llm.ui.icons import Role, icon
from desktop_llm.ui.models.bin import relative_time
from desktop_llm.ui.widgets.list_rows import BELOW_ROLE, DETAIL_BELOW_ROLE, DETAIL_ROLE
from desktop_llm.ui.widgets.plain_text import plain_tip
from desktop_llm.words import _
from desktop_llm.words.amounts import size_words
from desktop_llm.words.faults import word_fault
from desktop_llm.words.models import brief_words, speed_words

_NOWHERE = QModelIndex()
Index = QModelIndex | QPersistentModelIndex
Surveyed = Sequence[tuple[InstalledModel, EnvironmentFault | None]]


class LibraryModel(QAbstractListModel):
    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: Surveyed = []
        self._loaded = ""
        self._icons = {
            ModelKind.CHAT: icon("cube", Role.PlaceholderText),
            ModelKind.EMBEDDING: icon("dots-nine", Role.PlaceholderText),
            ModelKind.ENCODER: icon("tag", Role.PlaceholderText),
        }
        self._fault_icon = icon("warning", Role.BrightText)

    def show(self, models: Surveyed, loaded: str) -> None:
        """`loaded`: path of the one in memory."""
        if (list(models), loaded) == (list(self._rows), self._loaded):
            return
        self.beginResetModel()
        self._rows, self._loaded = models, loaded
        self.endResetModel()

    def at(self, index: Index) -> tuple[InstalledModel, EnvironmentFault | None] | None:
        return self._rows[index.row()] if index.isValid() else None

    def row_of(self, path: str) -> int:
        """-1: it is not there."""
        return next((row for row, (model, _f) in enumerate(self._rows) if model.path == path), -1)

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        found = self.at(index)
        if found is None:
            return None
        model, fault = found
        if role == Qt.ItemDataRole.DisplayRole:
            return model.name
        if role == Qt.ItemDataRole.DecorationRole:
            return self._fault_icon if fault else self._icons.get(model.kind, self._fault_icon)
        if role == BELOW_ROLE:
            return word_fault(fault).what if fault else brief_words(model)
        if role == DETAIL_ROLE:
            return size_words(model.size_bytes)
        if role == DETAIL_BELOW_ROLE:
            return self._lately(model)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            below = word_fault(fault).what if fault else brief_words(model)
            return ", ".join((model.name, size_words(model.size_bytes), below))
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain_tip(model.path)
        return None

    def _lately(self, model: InstalledModel) -> str:
        if model.path == self._loaded:
            return _("in memory")
        parts = [speed_words(model)]
        if model.last_used:
            parts.append(relative_time(model.last_used))
        return "  ·  ".join(part for part in parts if part)
