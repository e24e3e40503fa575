"""A list model that is told its rows anew, and tells a view only what differs from before.

What is chosen, what is current and where a list was scrolled to survive; a reset loses all of it.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex

_NOWHERE = QModelIndex()
Index = QModelIndex | QPersistentModelIndex
Key = int | str
MOST_RUNS = 32  # of rows that came or went; a view takes more of them slower than a reset


class KeyedRows(QAbstractListModel):
    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[Any] = []
        self._keys: list[Key] = []
        self._places: dict[Key, int] = {}

    def row_with(self, key: Key) -> int | None:
        return self._places.get(key)

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def _show(self, rows: list[Any], keys: list[Key]) -> None:
        """`keys`: what makes each row the same one as before, no two alike."""
        if keys == self._keys:
            shown, self._rows = self._rows, rows
            self._tell_changed(at for at, row in enumerate(rows) if row != shown[at])
            return
        places = {key: at for at, key in enumerate(keys)}
        if not self._keys:
            self._reset(rows, keys, places)
            return
        gone = _runs([at for at, key in enumerate(self._keys) if key not in places])
        came = _runs([at for at, key in enumerate(keys) if key not in self._places])
        if len(gone) + len(came) > MOST_RUNS:
            self._reset(rows, keys, places)
            return
        before = dict(zip(self._keys, self._rows, strict=True))
        for first, last in reversed(gone):
            self.beginRemoveRows(_NOWHERE, first, last)
            del self._rows[first : last + 1]
            del self._keys[first : last + 1]
            self.endRemoveRows()
        self._order([key for key in keys if key in before], before)
        for first, last in came:
            self.beginInsertRows(_NOWHERE, first, last)
            self._rows[first:first] = rows[first : last + 1]
            self._keys[first:first] = keys[first : last + 1]
            self.endInsertRows()
        self._rows, self._keys, self._places = rows, keys, places
        olds = (before.get(key) for key in keys)
        self._tell_changed(at for at, old in enumerate(olds) if old not in (None, rows[at]))

    def _reset(self, rows: list[Any], keys: list[Key], places: dict[Key, int]) -> None:
        self.beginResetModel()
        self._rows, self._keys, self._places = rows, keys, places
        self.endResetModel()

    def _order(self, keys: list[Key], rows: dict[Key, Any]) -> None:
        """The same rows in another order."""
        if keys == self._keys:
            return
        self.layoutAboutToBeChanged.emit()
        places = {key: at for at, key in enumerate(keys)}
        before, old = self.persistentIndexList(), self._keys
        self._keys, self._rows = keys, [rows[key] for key in keys]
        after = [self.index(places[old[index.row()]]) for index in before]
        self.changePersistentIndexList(before, after)
        self.layoutChanged.emit()

    def _tell_changed(self, rows: Iterable[int]) -> None:
        for first, last in _runs(list(rows)):
            self.dataChanged.emit(self.index(first), self.index(last))


def _runs(rows: Sequence[int]) -> list[tuple[int, int]]:
    """First and last of each stretch of neighbours; `rows` ascend."""
    runs: list[tuple[int, int]] = []
    for row in rows:
        if runs and runs[-1][1] == row - 1:
            runs[-1] = (runs[-1][0], row)
        else:
            runs.append((row, row))
    return runs
