"""A tree as a list: a dot for each message, in lanes that lines connect."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QPointF,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import (
    QContextMenuEvent,
    QFont,
    QFontMetrics,
    QIcon,
    QKeyEvent,
    QKeySequence,
    QPainter,
    QPainterPath,
    QPalette,
    QPen,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QGridLayout,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from desktop_llm.core.conversations import TreeNode
from desktop_llm.rendering.branches import Row
from desktop_llm.ui.widgets.empty_state import EmptyState
from desktop_llm.ui.widgets.list_rows import DETAIL_ROLE, INSET
from desktop_llm.ui.widgets.plain_text import plain_label

ID_ROLE = Qt.ItemDataRole.UserRole  # the message; nothing where several are folded
ROW_ROLE = Qt.ItemDataRole.UserRole + 20  # a `Row`
RING_ROLE = Qt.ItemDataRole.UserRole + 21  # whether the dot is a ring: the person's
MARK_ROLE = Qt.ItemDataRole.UserRole + 22  # whether it is the current one
LANE = 14  # pixels
BEND = 6  # pixels, the radius of a line's corner
DOT = 4  # pixels, its radius
HALO = 6.5  # pixels, the radius of the ring around a dot that is marked
GAP = 2.5  # pixels between a dot and its lines
TOP = 3  # pixels below the upper edge, where the lines to several first messages part
Index = QModelIndex | QPersistentModelIndex
_ROLE = QPalette.ColorRole


@dataclass(frozen=True, slots=True)
class MapWords:
    name: str  # of the list, for screen readers
    empty: str  # no message yet
    hint: str  # how branches come to be


class MapModel(QAbstractListModel):
    """What the map asks of the model it shows."""

    def show_nodes(self, nodes: Sequence[TreeNode]) -> None:
        raise NotImplementedError

    def mark(self, message: int | None) -> None:
        raise NotImplementedError

    def unfold(self, row: int) -> None:
        """Put the messages that are folded there into its place."""
        raise NotImplementedError

    def row_of(self, message: int | None) -> int | None:
        """Of a folded message that of the fold."""
        raise NotImplementedError

    def home(self) -> int | None:
        """The row to begin with: the marked one, else the end of the branch that is shown."""
        raise NotImplementedError

    def forked(self) -> bool:
        """Whether there is more than one branch."""
        raise NotImplementedError


class BranchMap(QWidget):
    message_chosen = Signal(int)
    menu_wanted = Signal(int, QPoint)  # a message, and where on the screen
    delete_wanted = Signal(int)

    def __init__(self, model: MapModel, icon: QIcon, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = model
        self._known: set[int] = set()
        self._marked: int | None = None
        self.model.setParent(self)
        self.list = _List(self)
        self.list.setModel(model)
        self.list.setItemDelegate(LaneDelegate(self.list))
        self.list.clicked.connect(self._choose)
        self.list.enter_pressed.connect(lambda: self._choose(self.list.currentIndex()))
        self.list.delete_pressed.connect(self._delete_current)
        self.list.menu_pressed.connect(self._ask_menu)
        self._hint = plain_label(parent=self)
        self._hint.setProperty("small", True)
        self._hint.setWordWrap(True)
        self._hint.setContentsMargins(16, 0, 16, 8)
        self._hint.hide()
        self.empty = EmptyState(icon, self)
        self.empty.hide()  # nothing is known yet
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._hint, 0, 0)
        layout.addWidget(self.list, 1, 0)
        layout.addWidget(self.empty, 1, 0)  # over the list, which keeps the focus
        layout.setRowStretch(1, 1)
        self.setFocusProxy(self.list)

    def set_words(self, words: MapWords) -> None:
        self.list.setAccessibleName(words.name)
        self.empty.set_words(words.empty, words.hint)
        self._hint.setText(words.hint)

    def show_nodes(self, nodes: Sequence[TreeNode]) -> None:
        """The row in use, or else the uppermost, stays where it is on the screen. Where none of
        the messages is left, the map begins at the current one.
        """
        current = self.list.currentIndex()
        held = current if self.list.sees(current) else self.list.indexAt(QPoint(INSET, 0))
        top = self.list.visualRect(held).top()
        used, at, seen = _message_at(current), current.row(), _message_at(held)
        before, self._known = self._known, {node.id for node in nodes}
        self.model.show_nodes(nodes)
        rows = self.model.rowCount()
        self._hint.setVisible(bool(rows) and not self.model.forked())
        self.empty.setVisible(not rows)
        self.list.setAccessibleDescription("" if rows else self._hint.text())
        row, place = self.model.row_of(used), self.model.row_of(seen)
        if before.isdisjoint(self._known):
            row = self.model.home()
        elif row is None and at >= 0:  # it was deleted
            row = min(at, rows - 1)
        self._set_current(row, scroll=False)
        if before.isdisjoint(self._known):
            index = self.model.index(-1 if row is None else row)
            self.list.scrollTo(index, QAbstractItemView.ScrollHint.PositionAtCenter)
        elif (place := row if place is None else place) is not None:
            self.list.scroll_to(place, top)

    def mark(self, message: int | None) -> None:
        """Show which one is current. The row in use goes with it, unless a person has gone
        elsewhere in the list.
        """
        before, self._marked = self.model.row_of(self._marked), message
        self.model.mark(message)
        row = self.model.row_of(message)
        together = before is None or before == self.list.currentIndex().row()
        if row is not None and (together or not self.list.hasFocus()):
            self._set_current(row, scroll=True)

    def _set_current(self, row: int | None, scroll: bool) -> None:
        self.list.setAutoScroll(scroll)
        self.list.setCurrentIndex(QModelIndex() if row is None else self.model.index(row))
        self.list.setAutoScroll(True)

    def _choose(self, index: QModelIndex) -> None:
        if not index.isValid():
            return
        message = index.data(ID_ROLE)
        if message is not None:
            self.message_chosen.emit(message)
            return
        row = index.row()
        self.model.unfold(row)
        self._set_current(row, scroll=False)

    def _delete_current(self) -> None:
        message = self.list.currentIndex().data(ID_ROLE)
        if message is not None:
            self.delete_wanted.emit(message)

    def _ask_menu(self, index: QModelIndex, place: QPoint) -> None:
        message = index.data(ID_ROLE)
        if message is not None:
            self.menu_wanted.emit(message, place)


class _List(QListView):
    enter_pressed = Signal()
    delete_pressed = Signal()
    menu_pressed = Signal(QModelIndex, QPoint)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setUniformItemSizes(True)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setViewportMargins(6, 0, 6, 6)

    def sees(self, index: QModelIndex) -> bool:
        return index.isValid() and self.visualRect(index).intersects(self.viewport().rect())

    def scroll_to(self, row: int, top: int) -> None:
        """So that the row's upper edge is so many pixels below that of the view."""
        index = self.model().index(row, 0)
        self.scrollTo(index)  # lays the rows out, if that is still to be done
        bar = self.verticalScrollBar()
        bar.setValue(bar.value() + self.visualRect(index).top() - top)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.enter_pressed.emit()
        elif event.matches(QKeySequence.StandardKey.Delete):
            self.delete_pressed.emit()
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if event.reason() is QContextMenuEvent.Reason.Keyboard:
            index = self.currentIndex()
            place = self.viewport().mapToGlobal(self.visualRect(index).center())
        else:
            place = event.globalPos()
            index = self.indexAt(self.viewport().mapFromGlobal(place))
        if index.isValid():
            self.menu_pressed.emit(index, place)


class LaneDelegate(QStyledItemDelegate):
    """A row: its piece of the graph, the text right of it, a detail in grey at the edge."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        item = QStyleOptionViewItem(option)
        self.initStyleOption(item, index)
        text, item.text = item.text, ""
        item.widget.style().drawControl(
            QStyle.ControlElement.CE_ItemViewItem, item, painter, item.widget
        )
        row: Row = index.data(ROW_ROLE)
        marked = bool(index.data(MARK_ROLE))
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        graph = _Graph(painter, item, row)
        graph.paint_lines(marked)
        graph.paint_dot(bool(index.data(RING_ROLE)), marked)
        graph.paint_text(text, str(index.data(DETAIL_ROLE) or ""), marked)
        painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: ARG002
        return QSize(0, option.fontMetrics.height() + 12)


class _Graph:
    """One row while it is painted."""

    def __init__(self, painter: QPainter, item: QStyleOptionViewItem, row: Row) -> None:
        self._painter = painter
        self._row = row
        self._font = item.font
        self._box = QRectF(item.rect)
        self._middle = self._box.top() + item.rect.height() // 2 + 0.5
        self._x = self._lane(row.lane)
        self._muted = item.palette.color(_ROLE.PlaceholderText)
        self._text = item.palette.color(_ROLE.Text)
        self._accent = item.palette.color(_ROLE.Accent)
        self._own = self._accent if row.shown else self._muted

    def _lane(self, lane: int) -> float:
        return self._box.left() + INSET + lane * LANE + 0.5

    def paint_lines(self, marked: bool) -> None:
        row, box, middle, x = self._row, self._box, self._middle, self._x
        around = QPainterPath()
        around.addRect(box)
        if not row.folded:
            radius = (HALO if marked else DOT) + GAP
            hole = QPainterPath()
            hole.addEllipse(QPointF(x, middle), radius, radius)
            around -= hole
        self._painter.save()
        self._painter.setClipPath(around, Qt.ClipOperation.IntersectClip)
        others, shown = QPainterPath(), QPainterPath()
        for lane in row.passing:
            if lane != row.lane:  # in the last lane: what only passes must not seem to follow
                _down(others, self._lane(lane), box.top(), box.bottom())
        for lane in set(row.forks):
            _branch_off(others, x, self._lane(lane), middle, box.bottom())
        if row.roots:
            others.moveTo(x, middle)
            others.lineTo(x, box.top() + TOP + BEND)
            others.quadTo(x, box.top() + TOP, x + BEND, box.top() + TOP)
        for lane in set(row.roots):
            _branch_off(others, x, self._lane(lane), box.top() + TOP, box.bottom())
        if row.above and not row.folded:
            _down(shown if row.shown else others, x, box.top(), middle)
        if row.below and not row.folded:
            _down(shown if row.below_shown else others, x, middle, box.bottom())
        self._painter.strokePath(others, QPen(self._muted, 1.5))
        self._painter.strokePath(shown, QPen(self._accent, 2))
        if row.folded:
            dots = QPen(self._own, 2, Qt.PenStyle.DotLine)
            self._painter.setPen(dots)
            self._painter.drawLine(QPointF(x, box.top()), QPointF(x, box.bottom()))
        self._painter.restore()

    def paint_dot(self, ring: bool, marked: bool) -> None:
        painter, middle = self._painter, QPointF(self._x, self._middle)
        if self._row.folded:
            return
        painter.setPen(QPen(self._own, 2) if ring else Qt.PenStyle.NoPen)
        painter.setBrush(Qt.BrushStyle.NoBrush if ring else self._own)
        radius = DOT - 1 + 0.25 if ring else DOT + 0.25
        painter.drawEllipse(middle, radius, radius)
        if marked:
            painter.setPen(QPen(self._own, 1.5))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawEllipse(middle, HALO, HALO)

    def paint_text(self, text: str, detail: str, marked: bool) -> None:
        row, painter = self._row, self._painter
        last = max((row.lane, *row.passing, *row.forks, *row.roots))
        left = self._lane(last) + LANE
        right = self._box.right() - INSET
        align = Qt.AlignmentFlag.AlignVCenter
        small = QFont(self._font)
        small.setPixelSize(max(9, round(small.pixelSize() * 12 / 13)))
        if detail:
            painter.setFont(small)
            painter.setPen(self._muted)
            box = QRectF(left, self._box.top(), right - left, self._box.height())
            painter.drawText(box, int(align | Qt.AlignmentFlag.AlignRight), detail)
            right -= QFontMetrics(small).horizontalAdvance(detail) + 8
        font = QFont(self._font)
        if marked:
            font.setWeight(QFont.Weight.DemiBold)
        painter.setFont(font)
        painter.setPen(self._text if row.shown and not row.folded else self._muted)
        room = max(0, int(right - left))
        words = QFontMetrics(font).elidedText(text, Qt.TextElideMode.ElideRight, room)
        painter.drawText(QRectF(left, self._box.top(), room, self._box.height()), int(align), words)


def _down(path: QPainterPath, x: float, top: float, bottom: float) -> None:
    path.moveTo(x, top)
    path.lineTo(x, bottom)


def _branch_off(path: QPainterPath, x: float, to: float, top: float, bottom: float) -> None:
    """To the right, then down."""
    path.moveTo(x, top)
    if to > x:
        path.lineTo(to - BEND, top)
        path.quadTo(to, top, to, top + BEND)
    path.lineTo(to, bottom)


def _message_at(index: QModelIndex) -> int | None:
    row: Row | None = index.data(ROW_ROLE) if index.isValid() else None
    return None if row is None else row.message
