"""Rows of a list in sections: headings, some of which fold, and what stands below them.

All of them have one height, so that a view need not ask ten thousand rows for theirs.
"""

from PySide6.QtCore import QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QIcon, QPainter, QPalette
from PySide6.QtWidgets import QLineEdit, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from desktop_llm.ui.widgets.list_rows import (
    BADGE_ROLE,
    DETAIL_ROLE,
    HEADER_ROLE,
    INSET,
    Index,
    smaller,
)

FOLD_ROLE = Qt.ItemDataRole.UserRole + 20  # of a heading that folds: whether it is open
INDENT_ROLE = Qt.ItemDataRole.UserRole + 21  # whether a row stands below a heading that folds
OPEN_ROLE = Qt.ItemDataRole.UserRole + 22  # whether it is, or hides, the one that is read
SECTION_ROLE = Qt.ItemDataRole.UserRole + 23  # first and last row of what it belongs to
ROWS_FORMAT = "application/x-desktop-llm-rows"  # what is dragged: rows
HEADING_FORMAT = "application/x-desktop-llm-heading"  # or a heading that folds
CARET = 12  # pixels
INDENT = 18  # pixels: a row below a folder begins where its name does
DOT = 6
BAR = 3  # pixels beside what is open
LEAST_DETAIL, MOST_DETAIL = 0.28, 0.4  # of a row's width, beside a title that needs the room


class OrganisedDelegate(QStyledItemDelegate):
    """As wide as the list: what does not fit ends in an ellipsis."""

    def __init__(self, opened: QIcon, folded: QIcon, parent: QWidget) -> None:
        super().__init__(parent)
        self._carets = {True: opened, False: folded}

    def setEditorData(self, editor: QWidget, index: Index) -> None:
        """Once: what is being written stays, whatever else of the row changes."""
        if not editor.property("filled"):
            super().setEditorData(editor, index)
            editor.setProperty("filled", True)
            if isinstance(editor, QLineEdit):
                editor.selectAll()

    def updateEditorGeometry(
        self, editor: QWidget, option: QStyleOptionViewItem, index: Index
    ) -> None:
        inside = index.data(FOLD_ROLE) is not None or index.data(INDENT_ROLE)
        left = INSET - 5 + (INDENT if inside else 0)
        editor.setGeometry(option.rect.adjusted(left, 2, -4, -2))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        fold, heading = index.data(FOLD_ROLE), index.data(HEADER_ROLE)
        if heading is not None and fold is None:
            _paint_heading(painter, option, str(heading))
            return
        row = QStyleOptionViewItem(option)
        self.initStyleOption(row, index)
        title, row.text = row.text, ""
        style = row.widget.style()
        style.drawControl(QStyle.ControlElement.CE_ItemViewItem, row, painter, row.widget)
        painter.save()
        box = row.rect.adjusted(INSET, 0, -INSET, 0)
        is_open = bool(index.data(OPEN_ROLE))
        if is_open:
            _paint_bar(painter, row)
        if index.data(BADGE_ROLE):
            _paint_dot(painter, row)
            box.setRight(box.right() - 2 * DOT)
        if fold is not None:
            self._carets[bool(fold)].paint(
                painter, box.left(), row.rect.center().y() - CARET // 2 + 1, CARET, CARET
            )
        if fold is not None or index.data(INDENT_ROLE):
            box.setLeft(box.left() + INDENT)
        font = QFont(row.font)
        if fold is not None:
            font.setWeight(QFont.Weight.DemiBold)
        metrics = QFontMetrics(font)
        if detail := index.data(DETAIL_ROLE):
            room = box.width() - metrics.horizontalAdvance(title) - INSET
            most = max(LEAST_DETAIL * row.rect.width(), min(MOST_DETAIL * row.rect.width(), room))
            box.setRight(box.right() - _paint_detail(painter, row, box, str(detail), most) - INSET)
        painter.setFont(font)
        painter.setPen(row.palette.color(QPalette.ColorRole.Text))
        words = metrics.elidedText(title, Qt.TextElideMode.ElideRight, box.width())
        painter.drawText(box, int(Qt.AlignmentFlag.AlignVCenter), words)
        painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, _index: Index) -> QSize:
        return QSize(0, option.fontMetrics.height() + 16)


def _paint_heading(painter: QPainter, option: QStyleOptionViewItem, words: str) -> None:
    painter.save()
    font = smaller(option.font)
    font.setWeight(QFont.Weight.DemiBold)
    painter.setFont(font)
    painter.setPen(option.palette.color(QPalette.ColorRole.PlaceholderText))
    box = option.rect.adjusted(INSET, 0, -INSET, -4)
    shown = painter.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, box.width())
    painter.drawText(box, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom), shown)
    painter.restore()


def _paint_detail(
    painter: QPainter, row: QStyleOptionViewItem, box: QRect, detail: str, most: float
) -> int:
    """Returns how wide it is."""
    painter.setFont(smaller(row.font))
    painter.setPen(row.palette.color(QPalette.ColorRole.PlaceholderText))
    metrics = painter.fontMetrics()
    shown = metrics.elidedText(detail, Qt.TextElideMode.ElideRight, int(most))
    flags = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
    painter.drawText(box, int(flags), shown)
    return metrics.horizontalAdvance(shown)


def _paint_bar(painter: QPainter, row: QStyleOptionViewItem) -> None:
    _use_accent(painter, row)
    height = row.rect.height() // 2
    top = row.rect.center().y() - height // 2 + 1
    painter.drawRoundedRect(QRectF(row.rect.left() + 1, top, BAR, height), BAR / 2, BAR / 2)


def _paint_dot(painter: QPainter, row: QStyleOptionViewItem) -> None:
    _use_accent(painter, row)
    middle = QPoint(row.rect.right() - INSET, row.rect.center().y())
    painter.drawEllipse(middle, DOT // 2, DOT // 2)


def _use_accent(painter: QPainter, row: QStyleOptionViewItem) -> None:
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(row.palette.color(QPalette.ColorRole.Accent))
