"""A table of rows and what tools made of them, as it is seen: columns, and results put right."""

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QPlainTextEdit,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from desktop_llm.ui.icons import icon
from desktop_llm.ui.models.table_rows import TableRows
from desktop_llm.ui.widgets.inputs import Choice
from desktop_llm.words import _

Index = QModelIndex | QPersistentModelIndex
WIDTHS = {"row": 64, "label": 116, "value": 280, "confidence": 84, "unsure": 80, "error": 120}
TEXT = 160  # pixels at least
FIELD = 110  # pixels that a text is written in


class TableGrid(QTableView):
    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setWordWrap(False)
        self.setShowGrid(True)
        self.setTabKeyNavigation(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setEditTriggers(
            QAbstractItemView.EditTrigger.DoubleClicked
            | QAbstractItemView.EditTrigger.EditKeyPressed
            | QAbstractItemView.EditTrigger.AnyKeyPressed
        )
        self.setItemDelegate(_Corrector(self))
        heads = self.verticalHeader()
        heads.hide()
        heads.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        heads.setDefaultSectionSize(self.fontMetrics().height() + 14)
        self.horizontalHeader().setHighlightSections(False)
        self.horizontalHeader().setMinimumSectionSize(48)

    def fit(self, rows: TableRows) -> None:
        """The text gets what the others leave."""
        for at, column in enumerate(rows.columns):
            if column.kind != "text":
                title = self.fontMetrics().horizontalAdvance(column.title) + 28
                labels = column.kind == "value" and rows.steps[column.step].labels
                width = WIDTHS["label" if labels else column.kind]
                self.setColumnWidth(at, max(width, min(title, 220)))
        self._fit_text()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_text()

    def _fit_text(self) -> None:
        rows = self.model()
        if not isinstance(rows, TableRows):
            return
        kinds = [column.kind for column in rows.columns]
        taken = sum(self.columnWidth(at) for at, kind in enumerate(kinds) if kind != "text")
        if "text" in kinds:
            room = self.viewport().width() - taken - 2
            self.setColumnWidth(kinds.index("text"), max(TEXT, room))


class _Corrector(QStyledItemDelegate):
    """A label is chosen, anything else is written."""

    def createEditor(self, parent: QWidget, _option: QStyleOptionViewItem, index: Index) -> QWidget:
        rows = index.model()
        assert isinstance(rows, TableRows)
        column = rows.columns[index.column()]
        labels = rows.steps[column.step].labels
        if labels:
            box = Choice(icon("caret-down"), parent)
            for value, title in labels.items():
                box.addItem(title, value)
            box.setAccessibleName(_("The right label"))
            box.activated.connect(lambda _at: self._done(box))
            return box
        field = QPlainTextEdit(parent)
        field.setTabChangesFocus(True)
        field.setAccessibleName(_("The right result"))
        return field

    def setEditorData(self, editor: QWidget, index: Index) -> None:
        """Once: what comes meanwhile does not take away what is being written."""
        if editor.property("filled"):
            return
        editor.setProperty("filled", True)
        value = str(index.data(Qt.ItemDataRole.EditRole) or "")
        if isinstance(editor, Choice):
            editor.setCurrentIndex(editor.findData(value))
        elif isinstance(editor, QPlainTextEdit):
            editor.setPlainText(value)
            editor.selectAll()

    def setModelData(self, editor: QWidget, model: QAbstractItemModel, index: Index) -> None:
        value = None
        if isinstance(editor, Choice):
            value = editor.currentData()
        elif isinstance(editor, QPlainTextEdit):
            value = editor.toPlainText()
        if value is not None:
            model.setData(index, value, Qt.ItemDataRole.EditRole)

    def updateEditorGeometry(
        self, editor: QWidget, option: QStyleOptionViewItem, _index: Index
    ) -> None:
        box = option.rect
        if isinstance(editor, QPlainTextEdit):
            box.setHeight(max(box.height(), FIELD))
            box.setWidth(max(box.width(), 2 * FIELD))
            holder = editor.parentWidget()
            if holder is not None and box.bottom() > holder.height():
                box.moveBottom(max(box.height(), holder.height()) - 1)
        editor.setGeometry(box)

    def _done(self, box: Choice) -> None:
        self.commitData.emit(box)
        self.closeEditor.emit(box)
