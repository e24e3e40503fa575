"""Rows that have a weight: a line, a grey one below it, a number, and a bar as long as it is great.

What such a row shows is said by roles; how much room buttons over it take, by `room_of`.
"""

from collections.abc import Callable

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QIcon, QPainter, QPalette
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from desktop_llm.ui.widgets.list_rows import BELOW_ROLE, DETAIL_BELOW_ROLE, INSET, smaller

SHARE_ROLE = Qt.ItemDataRole.UserRole + 30  # how long the bar is, 0 … 1
QUIET_ROLE = Qt.ItemDataRole.UserRole + 31  # whether all of it is grey: it does not count
MARK_ROLE = Qt.ItemDataRole.UserRole + 32  # an icon before the second line, or nothing
PICTURE = 16  # pixels
MARK = 12
GAP = 10  # pixels between the picture and the words
ABOVE, BETWEEN, BEFORE_BAR, BAR, BELOW = 8, 2, 5, 3, 8  # pixels of a row, from top to bottom
Index = QModelIndex | QPersistentModelIndex
_ROLE = QPalette.ColorRole
_FLAGS = Qt.AlignmentFlag


class WeightDelegate(QStyledItemDelegate):
    def __init__(self, room_of: Callable[[int], int], parent: QWidget) -> None:
        """`room_of`: pixels at the right of a row's first line that are covered."""
        super().__init__(parent)
        self._room_of = room_of

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row = QStyleOptionViewItem(option)
        self.initStyleOption(row, index)
        title, row.text = row.text, ""
        picture, row.icon = QIcon(row.icon), QIcon()
        style = row.widget.style()
        style.drawControl(QStyle.ControlElement.CE_ItemViewItem, row, painter, row.widget)
        muted = row.palette.color(_ROLE.PlaceholderText)
        quiet = bool(index.data(QUIET_ROLE))
        box = row.rect.adjusted(INSET, ABOVE, -INSET, -BELOW)
        upper, lower = QRect(box), QRect(box)
        upper.setHeight(row.fontMetrics.height())
        top = upper.center().y() - PICTURE // 2 + 1
        _paint_icon(painter, picture, QRect(box.left(), top, PICTURE, PICTURE))
        upper.setLeft(box.left() + PICTURE + GAP)
        painter.save()
        painter.setFont(row.font)
        painter.setPen(muted if quiet else row.palette.color(_ROLE.Text))
        room = upper.width() - self._room_of(index.row())
        words = row.fontMetrics.elidedText(title, Qt.TextElideMode.ElideRight, room)
        painter.drawText(upper, int(_FLAGS.AlignLeft | _FLAGS.AlignVCenter), words)
        font = smaller(row.font)
        lower.setLeft(upper.left())
        lower.setTop(upper.bottom() + 1 + BETWEEN)
        lower.setHeight(QFontMetrics(font).height())
        painter.setFont(font)
        painter.setPen(muted)
        self._paint_lower(painter, lower, index)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(row.palette.color(_ROLE.Mid if quiet else _ROLE.Accent))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        width = max(BAR, float(index.data(SHARE_ROLE) or 0) * lower.width())
        bar = QRectF(lower.left(), lower.bottom() + 1 + BEFORE_BAR, width, BAR)
        painter.drawRoundedRect(bar, BAR / 2, BAR / 2)
        painter.restore()

    @staticmethod
    def _paint_lower(painter: QPainter, line: QRect, index: Index) -> None:
        """The number is never shortened."""
        number, metrics = str(index.data(DETAIL_BELOW_ROLE) or ""), painter.fontMetrics()
        painter.drawText(line, int(_FLAGS.AlignRight | _FLAGS.AlignVCenter), number)
        left = QRect(line)
        left.setRight(line.right() - metrics.horizontalAdvance(number) - GAP)
        mark = index.data(MARK_ROLE)
        if isinstance(mark, QIcon):
            top = left.center().y() - MARK // 2 + 1
            _paint_icon(painter, mark, QRect(left.left(), top, MARK, MARK))
            left.setLeft(left.left() + MARK + 4)
        words = str(index.data(BELOW_ROLE) or "")
        words = metrics.elidedText(words, Qt.TextElideMode.ElideRight, left.width())
        painter.drawText(left, int(_FLAGS.AlignLeft | _FLAGS.AlignVCenter), words)

    def sizeHint(self, option: QStyleOptionViewItem, _index: Index) -> QSize:
        lines = option.fontMetrics.height() + QFontMetrics(smaller(QFont(option.font))).height()
        return QSize(0, ABOVE + lines + BETWEEN + BEFORE_BAR + BAR + BELOW)


def _paint_icon(painter: QPainter, picture: QIcon, box: QRect) -> None:
    """An icon that is drawn from a font leaves that to the painter."""
    painter.save()
    picture.paint(painter, box)
    painter.restore()
