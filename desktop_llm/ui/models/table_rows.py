"""Rows of a table and what tools made of them, as a model: read in pages, as they are looked at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    Signal,
)

from desktop_llm.core.tables import CellResult
from desktop_llm.ui.widgets.plain_text import plain_tip
from desktop_llm.words import _
from desktop_llm.words.labels import doubt_words

PAGE = 200  # rows that are read at a time
KEPT = 60  # pages
WAITING = 3  # pages: what was scrolled past is not worth reading
SHOWN, TIP = 300, 1500  # characters of a cell, and of what is said over it
Index = QModelIndex | QPersistentModelIndex
Role = Qt.ItemDataRole


@dataclass(frozen=True, slots=True)
class ShownStep:
    """`labels`: the values that it gives, with their titles; none: it writes."""

    title: str
    labels: Mapping[str, str]

    def titled(self, value: str) -> str:
        return self.labels.get(value, value)


@dataclass(frozen=True, slots=True)
class ShownRow:
    """`results`: one a step; None where it has not come to the row."""

    number: int
    text: str
    results: tuple[CellResult | None, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """`kind`: "value", "confidence", "unsure", "error"; of a row itself "row" and "text"."""

    kind: str
    step: int
    title: str
    about: str  # the title where it stands alone


class TableRows(QAbstractTableModel):
    page_wanted = Signal(int, int)  # which reading of the table, page; answered by `show_page`
    corrected = Signal(int, int, str)  # step, row, what it is

    def __init__(self, editable: bool, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.documents = False  # the rows are those of a folder; said before `show_table`
        self._editable = editable
        self._steps: Sequence[ShownStep] = ()
        self._columns: list[Column] = []
        self._count = 0
        self._pages: dict[int, Sequence[ShownRow]] = {}  # the one that was used last at the end
        self._stale: set[int] = set()
        self._waiting: list[int] = []
        self._asked: int | None = None  # the page that is being read
        self._reading = 0

    @property
    def steps(self) -> Sequence[ShownStep]:
        return self._steps

    @property
    def reading(self) -> int:
        """Which reading of the table `show_page` is to answer."""
        return self._reading

    @property
    def columns(self) -> Sequence[Column]:
        return self._columns

    def show_table(self, steps: Sequence[ShownStep], count: int) -> None:
        """Another table, or the same in another order."""
        self.beginResetModel()
        self._steps, self._count = steps, count
        self._columns = _columns(steps, self.documents)
        self._pages, self._stale, self._waiting, self._asked = {}, set(), [], None
        self._reading += 1
        self.endResetModel()

    def show_count(self, count: int) -> None:
        """Rows are added at the end."""
        if count > self._count:
            self.beginInsertRows(QModelIndex(), self._count, count - 1)
            self._stale.add(self._count // PAGE)
            self._count = count
            self.endInsertRows()
        elif count < self._count:
            self.show_table(self._steps, count)

    def refresh(self) -> None:
        """What is there may be old: it stays until what is new has come."""
        self._stale = set(self._pages)
        self._tell_changed(0, self._count - 1)

    def show_page(self, reading: int, page: int, rows: Sequence[ShownRow]) -> None:
        if reading != self._reading:
            return
        self._pages.pop(page, None)
        self._pages[page] = rows
        self._stale.discard(page)
        while len(self._pages) > KEPT:
            self._pages.pop(next(iter(self._pages)))
        self._asked = None
        self._tell_changed(page * PAGE, page * PAGE + len(rows) - 1)
        self._ask_next()

    def fail_page(self, reading: int) -> None:
        """It could not be read; another may be asked for."""
        if reading == self._reading:
            self._asked = None

    def row_at(self, row: int) -> ShownRow | None:
        page = row // PAGE
        rows = self._pages.get(page)
        if rows is None or page in self._stale:
            self._want(page)
        if rows is None or row % PAGE >= len(rows):
            return None
        return rows[row % PAGE]

    # --- the model -------------------------------------------------------------------------------

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  # Qt's own signature
        return 0 if parent.isValid() else self._count

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._columns)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        if orientation is Qt.Orientation.Horizontal and section < len(self._columns):
            if role == Role.DisplayRole:
                return self._columns[section].title
            if role == Role.ToolTipRole:
                return plain_tip(self._columns[section].about)
            if role == Role.TextAlignmentRole:
                return _alignment(self._columns[section])
        return None

    def data(self, index: Index, role: int = 0) -> Any:
        if not index.isValid():
            return None
        column = self._columns[index.column()]
        if role == Role.TextAlignmentRole:
            return _alignment(column)
        if role not in (Role.DisplayRole, Role.EditRole, Role.ToolTipRole,
                        Role.AccessibleTextRole):  # fmt: skip
            return None
        row = self.row_at(index.row())
        if row is None:
            return None
        result = row.results[column.step] if column.step >= 0 else None
        if role == Role.EditRole:
            return "" if result is None else result.shown
        words = self._words(column, row, result)
        if role == Role.ToolTipRole:
            return self._tip(column, result, words)
        if role == Role.AccessibleTextRole:
            return f"{column.about}: {words[:SHOWN]}"
        return " ".join(words[:SHOWN].split())

    def _words(self, column: Column, row: ShownRow, result: CellResult | None) -> str:
        if column.kind == "row":
            return f"{row.number + 1:,}"
        if column.kind == "text":
            return row.text
        if result is None:
            return "…" if column.kind == "value" else ""
        if column.kind == "value":
            shown = self._steps[column.step].titled(result.shown)
            return f"{shown} ✓" if result.corrected else shown
        if column.kind == "error":
            return result.error
        if result.corrected or result.confidence is None:
            return ""
        if column.kind == "confidence":
            return f"{result.confidence:.0%}"
        return _("in doubt") if result.unsure else ""

    def _tip(self, column: Column, result: CellResult | None, words: str) -> str:
        if column.kind == "unsure" and result is not None and words:
            return plain_tip(doubt_words(result.unsure))
        if column.kind == "value" and result is not None and result.corrected:
            said = self._steps[column.step].titled(result.value)
            return plain_tip(
                _("Corrected by hand. The tool said: {value}").format(value=said[:TIP] or "-")
            )
        return plain_tip(words[:TIP]) if len(words) > 20 else ""

    def flags(self, index: Index) -> Qt.ItemFlag:
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        if self._editable:
            column = self._columns[index.column()]
            row = self.row_at(index.row()) if column.kind == "value" else None
            if row is not None and row.results[column.step] is not None:
                flags |= Qt.ItemFlag.ItemIsEditable
        return flags

    def setData(self, index: Index, value: Any, role: int = 0) -> bool:
        """What the tool said itself is no correction."""
        if role != Role.EditRole or not self.flags(index) & Qt.ItemFlag.ItemIsEditable:
            return False
        column, at = self._columns[index.column()], index.row()
        row = self.row_at(at)
        old = None if row is None else row.results[column.step]
        if row is None or old is None:
            return False
        text = str(value).strip()
        given = "" if text == old.value and not old.error else text
        if given == old.corrected:
            return False
        results = list(row.results)
        results[column.step] = replace(old, corrected=given)
        page = list(self._pages[at // PAGE])
        page[at % PAGE] = replace(row, results=tuple(results))
        self._pages[at // PAGE] = page
        self._tell_changed(at, at)
        self.corrected.emit(column.step, row.number, given)
        return True

    # --- pages -----------------------------------------------------------------------------------

    def _want(self, page: int) -> None:
        if page == self._asked or page in self._waiting:
            return
        self._waiting = [*self._waiting[-WAITING + 1 :], page]
        self._ask_next()

    def _ask_next(self) -> None:
        if self._asked is None and self._waiting:
            self._asked = self._waiting.pop()  # what is looked at now comes first
            self.page_wanted.emit(self._reading, self._asked)

    def _tell_changed(self, first: int, last: int) -> None:
        last = min(last, self._count - 1)
        if self._columns and first <= last:
            self.dataChanged.emit(
                self.index(first, 0), self.index(last, len(self._columns) - 1), []
            )


def _columns(steps: Sequence[ShownStep], documents: bool) -> list[Column]:
    row, text = _("Row"), _("Document") if documents else _("Text")
    found = [Column("row", -1, row, row), Column("text", -1, text, text)]
    names = {"confidence": _("Confidence"), "unsure": _("Doubt"), "error": _("Error")}
    for at, step in enumerate(steps):
        found.append(Column("value", at, step.title, step.title))
        for kind in ("confidence", "unsure", "error") if step.labels else ("error",):
            found.append(Column(kind, at, names[kind], f"{step.title} · {names[kind]}"))
    return found


def _alignment(column: Column) -> int:
    sides = Qt.AlignmentFlag
    numbers = column.kind in ("row", "confidence")
    return int((sides.AlignRight if numbers else sides.AlignLeft) | sides.AlignVCenter)
