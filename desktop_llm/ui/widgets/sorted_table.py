"""Rows of texts and numbers, sorted by a click on a head."""

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import QSortFilterProxyModel, Qt
from PySide6.QtGui import QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget


class SortedTable(QTableView):
    """The first column takes the room that is left."""

    def __init__(self, name: str, heads: Sequence[str], parent: QWidget) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.heads = list(heads)
        self._items = QStandardItemModel(0, len(heads), self)
        self._items.setHorizontalHeaderLabels(self.heads)
        sorted_rows = QSortFilterProxyModel(self)
        sorted_rows.setSourceModel(self._items)
        sorted_rows.setSortRole(Qt.ItemDataRole.UserRole)
        self.setModel(sorted_rows)
        self.setSortingEnabled(True)
        self.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 8)
        head = self.horizontalHeader()
        head.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        head.setHighlightSections(False)
        head.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        head.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)

    def show_rows(
        self, rows: Sequence[Sequence[Any]], tips: Mapping[str, str] | None = None
    ) -> None:
        """`tips`: what a cell with that text says when it is pointed at."""
        self._items.removeRows(0, self._items.rowCount())
        for row in rows:
            cells = []
            for at, value in enumerate(row):
                cell = QStandardItem(_shown(value))
                cell.setData(value, Qt.ItemDataRole.UserRole)
                if tips and isinstance(value, str) and value in tips:
                    cell.setToolTip(tips[value])
                if not isinstance(value, str):
                    right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
                    cell.setTextAlignment(right)
                    self._items.horizontalHeaderItem(at).setTextAlignment(right)
                cells.append(cell)
            self._items.appendRow(cells)

    def rows(self) -> list[list[str]]:
        """With their head, as they were shown first."""
        found = [
            [str(self._items.item(row, at).data(Qt.ItemDataRole.UserRole))
             for at in range(self._items.columnCount())]
            for row in range(self._items.rowCount())
        ]  # fmt: skip
        return [self.heads, *found]


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"
