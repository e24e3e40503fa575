"""Rows of a list: headings between them, a dot where something runs, an excerpt below."""

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPoint, QRect, QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QIcon, QPainter, QPalette
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

HEADER_ROLE = Qt.ItemDataRole.UserRole + 10  # words of a heading
BADGE_ROLE = Qt.ItemDataRole.UserRole + 11  # whether something runs there
EXCERPT_ROLE = Qt.ItemDataRole.UserRole + 12  # text, start and end of what is marked in it
DETAIL_ROLE = Qt.ItemDataRole.UserRole + 13  # grey words at the right
BELOW_ROLE = Qt.ItemDataRole.UserRole + 14  # grey words in a second line
DETAIL_BELOW_ROLE = Qt.ItemDataRole.UserRole + 15  # and at the right of it
ROW = 34  # pixels at least, of a row with a detail
INSET = 10  # pixels at both sides
DOT = 6
PICTURE = 20  # pixels of an icon before two lines
Index = QModelIndex | QPersistentModelIndex


class RowDelegate(QStyledItemDelegate):
    """As wide as the list: what does not fit ends in an ellipsis."""

    def setEditorData(self, editor: QWidget, index: Index) -> None:
        """Once: what is being written stays, whatever else of the row changes."""
        if not editor.property("filled"):
            super().setEditorData(editor, index)
            editor.setProperty("filled", True)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        heading = index.data(HEADER_ROLE)
        if heading is not None:
            _paint_heading(painter, option, str(heading))
            return
        row = QStyleOptionViewItem(option)
        self.initStyleOption(row, index)
        excerpt, running = index.data(EXCERPT_ROLE), bool(index.data(BADGE_ROLE))
        title, row.text = row.text, ""
        style = row.widget.style()
        style.drawControl(QStyle.ControlElement.CE_ItemViewItem, row, painter, row.widget)
        box = row.rect.adjusted(INSET, 0, -INSET - (2 * DOT if running else 0), 0)
        if excerpt is not None:
            box.setHeight(row.rect.height() // 2 + 2)
        painter.save()
        painter.setFont(row.font)
        painter.setPen(row.palette.color(QPalette.ColorRole.Text))
        words = row.fontMetrics.elidedText(title, Qt.TextElideMode.ElideRight, box.width())
        painter.drawText(box, int(Qt.AlignmentFlag.AlignVCenter), words)
        if running:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(row.palette.color(QPalette.ColorRole.Accent))
            middle = QPoint(row.rect.right() - INSET, row.rect.center().y())
            painter.drawEllipse(middle, DOT // 2, DOT // 2)
        if excerpt is not None:
            below = QRect(box)
            below.moveTop(box.bottom() - 4)
            _paint_excerpt(painter, row, below, *excerpt)
        painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        line = option.fontMetrics.height()
        if index.data(HEADER_ROLE) is not None:
            return QSize(0, line + 16)
        if index.data(EXCERPT_ROLE) is not None:
            return QSize(0, 2 * line + 16)
        return QSize(0, line + 16)


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
            (lower, _smaller(row.font), *below, muted),
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
        lower = QFontMetrics(_smaller(option.font)).height()
        return QSize(0, option.fontMetrics.height() + lower + 2 + 16)


def _smaller(font: QFont) -> QFont:
    small = QFont(font)
    small.setPixelSize(max(9, round(font.pixelSize() * 12 / 13)))
    return small


def _paint_heading(painter: QPainter, option: QStyleOptionViewItem, words: str) -> None:
    painter.save()
    font = _smaller(option.font)
    font.setWeight(QFont.Weight.DemiBold)
    painter.setFont(font)
    painter.setPen(option.palette.color(QPalette.ColorRole.PlaceholderText))
    box = option.rect.adjusted(INSET, 0, -INSET, -4)
    painter.drawText(box, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom), words)
    painter.restore()


def _paint_excerpt(
    painter: QPainter, row: QStyleOptionViewItem, box: QRect, text: str, start: int, end: int
) -> None:
    """In grey, the match in the text's colour and bold."""
    font = _smaller(row.font)
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
