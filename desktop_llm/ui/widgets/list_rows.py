"""Rows of a list: what was found with an excerpt below it, details in grey, one line or two."""

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QIcon, QPainter, QPalette
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

ID_ROLE = Qt.ItemDataRole.UserRole
HEADER_ROLE = Qt.ItemDataRole.UserRole + 10  # words of a heading
BADGE_ROLE = Qt.ItemDataRole.UserRole + 11  # whether something runs there
EXCERPT_ROLE = Qt.ItemDataRole.UserRole + 12  # text, start and end of what is marked in it
DETAIL_ROLE = Qt.ItemDataRole.UserRole + 13  # grey words at the right
BELOW_ROLE = Qt.ItemDataRole.UserRole + 14  # grey words in a second line
DETAIL_BELOW_ROLE = Qt.ItemDataRole.UserRole + 15  # and at the right of it
ROW = 34  # pixels at least, of a row with a detail
INSET = 10  # pixels at both sides
PICTURE = 20  # pixels of an icon before two lines
Index = QModelIndex | QPersistentModelIndex


class HitDelegate(QStyledItemDelegate):
    """A title and, where there is one, an excerpt below it. As wide as the list: what does not fit
    ends in an ellipsis.
    """

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row = QStyleOptionViewItem(option)
        self.initStyleOption(row, index)
        excerpt = index.data(EXCERPT_ROLE)
        title, row.text = row.text, ""
        style = row.widget.style()
        style.drawControl(QStyle.ControlElement.CE_ItemViewItem, row, painter, row.widget)
        box = row.rect.adjusted(INSET, 0, -INSET, 0)
        if excerpt is not None:
            box.setHeight(row.rect.height() // 2 + 2)
        painter.save()
        painter.setFont(row.font)
        painter.setPen(row.palette.color(QPalette.ColorRole.Text))
        words = row.fontMetrics.elidedText(title, Qt.TextElideMode.ElideRight, box.width())
        painter.drawText(box, int(Qt.AlignmentFlag.AlignVCenter), words)
        if excerpt is not None:
            below = QRect(box)
            below.moveTop(box.bottom() - 4)
            _paint_excerpt(painter, row, below, *excerpt)
        painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        line = option.fontMetrics.height()
        lines = 1 if index.data(EXCERPT_ROLE) is None else 2
        return QSize(0, lines * line + 16)


class DetailDelegate(QStyledItemDelegate):
    """A row: icon, text, and the detail in grey at the right."""

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: Index,
    ) -> None:
        chosen = QStyleOptionViewItem(option)
        self.initStyleOption(chosen, index)
        detail = str(index.data(DETAIL_ROLE) or "")
        width = chosen.fontMetrics.horizontalAdvance(detail)
        room = chosen.rect.width() - 2 * INSET - 28 - width - INSET
        chosen.text = chosen.fontMetrics.elidedText(
            chosen.text, Qt.TextElideMode.ElideRight, max(60, room)
        )
        style = chosen.widget.style()
        style.drawControl(QStyle.ControlElement.CE_ItemViewItem, chosen, painter, chosen.widget)
        painter.save()
        painter.setPen(chosen.palette.color(QPalette.ColorRole.PlaceholderText))
        painter.drawText(
            chosen.rect.adjusted(INSET, 0, -INSET, 0),
            int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter),
            detail,
        )
        painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(0, max(ROW, super().sizeHint(option, index).height()))


class TwoLineDelegate(QStyledItemDelegate):
    """A row of two lines, each with a detail in grey at the right; an icon before them."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row = QStyleOptionViewItem(option)
        self.initStyleOption(row, index)
        title, row.text = row.text, ""
        picture, row.icon = QIcon(row.icon), QIcon()
        style = row.widget.style()
        style.drawControl(QStyle.ControlElement.CE_ItemViewItem, row, painter, row.widget)
        box = row.rect.adjusted(INSET, 8, -INSET, -8)
        picture.paint(painter, box.left(), box.center().y() - PICTURE // 2, PICTURE, PICTURE)
        box.setLeft(box.left() + PICTURE + 12)
        upper, lower = QRect(box), QRect(box)
        upper.setHeight(row.fontMetrics.height())
        lower.setTop(upper.bottom() + 3)
        below = (str(index.data(BELOW_ROLE) or ""), str(index.data(DETAIL_BELOW_ROLE) or ""))
        painter.save()
        muted = row.palette.color(QPalette.ColorRole.PlaceholderText)
        plain = row.palette.color(QPalette.ColorRole.Text)
        for line, font, words, detail, colour in (
            (upper, row.font, title, str(index.data(DETAIL_ROLE) or ""), plain),
            (lower, smaller(row.font), *below, muted),
        ):
            painter.setFont(font)
            metrics, flags = painter.fontMetrics(), Qt.AlignmentFlag
            right = metrics.elidedText(detail, Qt.TextElideMode.ElideRight, line.width() // 2)
            room = line.width() - metrics.horizontalAdvance(right) - 2 * INSET
            painter.setPen(muted)
            painter.drawText(line, int(flags.AlignRight | flags.AlignVCenter), right)
            painter.setPen(colour)
            left = metrics.elidedText(words, Qt.TextElideMode.ElideRight, room)
            painter.drawText(line, int(flags.AlignLeft | flags.AlignVCenter), left)
        painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, _index: Index) -> QSize:
        lower = QFontMetrics(smaller(option.font)).height()
        return QSize(0, option.fontMetrics.height() + lower + 2 + 16)


def smaller(font: QFont) -> QFont:
    small = QFont(font)
    small.setPixelSize(max(9, round(font.pixelSize() * 12 / 13)))
    return small


def _paint_excerpt(
    painter: QPainter, row: QStyleOptionViewItem, box: QRect, text: str, start: int, end: int
) -> None:
    """In grey, the match in the text's colour and bold."""
    font = smaller(row.font)
    bold = QFont(font)
    bold.setWeight(QFont.Weight.DemiBold)
    muted = row.palette.color(QPalette.ColorRole.PlaceholderText)
    plain = row.palette.color(QPalette.ColorRole.Text)
    painter.setFont(font)
    if painter.fontMetrics().horizontalAdvance(text[:end]) > box.width() * 2 // 3:
        cut = max(0, start - 12)  # the match must be seen in a narrow list
        text, start, end = "…" + text[cut:], start - cut + 1, end - cut + 1
    left = box.left()
    parts = ((text[:start], font, muted), (text[start:end], bold, plain), (text[end:], font, muted))
    for words, style, colour in parts:
        room = box.right() - left
        if not words or room <= 0:
            continue
        painter.setFont(style)
        painter.setPen(colour)
        shown = painter.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, room)
        painter.drawText(
            QRect(left, box.top(), room, box.height()), int(Qt.AlignmentFlag.AlignVCenter), shown
        )
        left += painter.fontMetrics().horizontalAdvance(words)
