"""A list in sections that fold: chosen by a plain click or key, many at once with Ctrl or Shift,
dragged from one section to another.

The model says by roles (see `organised_rows`) what folds and what belongs together, and decides
what may be dropped where.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from PySide6.QtCore import (
    QEvent,
    QItemSelectionModel,
    QMimeData,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QRectF,
    Qt,
    Signal,
)
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QDrag,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
    QPixmap,
)
from PySide6.QtWidgets import QAbstractItemView, QListView, QWidget

from desktop_llm.ui.widgets.organised_rows import FOLD_ROLE, HEADING_FORMAT, SECTION_ROLE

MORE = (
    Qt.KeyboardModifier.ShiftModifier
    | Qt.KeyboardModifier.ControlModifier
    | Qt.KeyboardModifier.MetaModifier
)  # keys that add to what is chosen
RADIUS = 6  # pixels
WIDEST_DRAG = 240  # pixels of what hangs at the mouse
Index = QModelIndex | QPersistentModelIndex
Aim = tuple[int, QPersistentModelIndex]  # before which row is dropped, or -1 and onto which one


class OrganisedList(QListView):
    chosen = Signal(QModelIndex)  # one row, by a plain click or key
    fold_wanted = Signal(QModelIndex, bool)  # a heading, and whether it is to be open
    menu_wanted = Signal(QModelIndex, QPoint)  # of a row, or of none; where on the screen
    delete_pressed = Signal()
    cleared = Signal()  # one row is to be chosen again, not several

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.drag_words: Callable[[Sequence[QModelIndex]], str] = lambda _indexes: ""
        self._quiet = 0  # what becomes current is not chosen by that
        self._plain = True  # the click that is being made
        self._pressed = QPersistentModelIndex()
        self._aim: Aim | None = None
        self._pointed = QPersistentModelIndex()  # the row that a menu is about
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed)
        self.setUniformItemSizes(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setDragEnabled(True)
        self.setAcceptDrops(True)
        self.setDropIndicatorShown(False)  # a section is what lights up, not a row
        self.setDefaultDropAction(Qt.DropAction.MoveAction)
        self.clicked.connect(self._clicked)

    @contextmanager
    def quietly(self) -> Iterator[None]:
        """What becomes current now is shown, but not chosen, and not scrolled to."""
        self._quiet += 1
        scrolls = self.hasAutoScroll()
        self.setAutoScroll(False)
        try:
            yield
        finally:
            self._quiet -= 1
            self.setAutoScroll(scrolls)

    def point_at(self, index: QModelIndex) -> None:
        """Outline the row that a menu is about; none for an invalid index."""
        self._pointed = QPersistentModelIndex(index)
        self.viewport().update()

    # --- choosing ------------------------------------------------------------------------------

    def currentChanged(self, current: Index, previous: Index) -> None:
        super().currentChanged(current, previous)
        if not self._quiet and current.isValid():
            self.chosen.emit(current)

    def selectionCommand(
        self, index: Index, event: QEvent | None = None
    ) -> QItemSelectionModel.SelectionFlag:
        """Walking over a heading leaves chosen what is."""
        shift = Qt.KeyboardModifier.ShiftModifier
        adds = isinstance(event, QKeyEvent | QMouseEvent) and bool(event.modifiers() & shift)
        if index.isValid() and index.data(FOLD_ROLE) is not None and not adds:
            return QItemSelectionModel.SelectionFlag.NoUpdate
        return super().selectionCommand(index, event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        with self.quietly():  # the first row becomes current where none is
            super().focusInEvent(event)

    def event(self, event: QEvent) -> bool:
        """F2 names the row the keyboard is at, before the window's own shortcut of it."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            names = event.key() == Qt.Key.Key_F2 and not event.modifiers()
            if names and self.currentIndex().isValid():
                event.accept()
                return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self.state() is QAbstractItemView.State.EditingState:
            super().keyPressEvent(event)  # what the editor leaves over, e.g. Enter
            return
        index, several = self.currentIndex(), len(self.selectedIndexes()) > 1
        plain = not event.modifiers() & (MORE | Qt.KeyboardModifier.AltModifier)
        if plain and event.key() == Qt.Key.Key_Delete:
            if not event.isAutoRepeat():  # a key held down takes one row, not all
                self.delete_pressed.emit()
        elif plain and event.key() == Qt.Key.Key_Escape and several:
            self.cleared.emit()
        elif plain and index.isValid() and self._walked(event.key(), index):
            pass
        else:
            self._quiet += not plain
            super().keyPressEvent(event)
            self._quiet -= not plain

    def _walked(self, key: int, index: QModelIndex) -> bool:
        """Enter, and the arrows of a tree. Returns whether the key meant that."""
        fold = index.data(FOLD_ROLE)
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            if fold is not None:
                self.fold_wanted.emit(index, not fold)
            elif key == Qt.Key.Key_Space:
                return False
            else:
                self.chosen.emit(index)
        elif key == Qt.Key.Key_Left:
            head = self.model().index(_section(index)[0], 0)
            if fold:
                self.fold_wanted.emit(index, False)
            elif fold is None and head.data(FOLD_ROLE) is not None:
                self.setCurrentIndex(head)
        elif key == Qt.Key.Key_Right:
            if fold is False:
                self.fold_wanted.emit(index, True)
            elif fold and _section(index)[1] > index.row():
                self.setCurrentIndex(index.siblingAtRow(index.row() + 1))
        else:
            return False
        return True

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A menu is about the row below the mouse, whatever is chosen; beside the rows is none."""
        index = self.indexAt(event.position().toPoint())
        self._pressed = QPersistentModelIndex(index)
        if event.button() is not Qt.MouseButton.LeftButton or not index.isValid():
            event.accept()
            return
        with self.quietly():
            super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        with self.quietly():
            super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._plain = not event.modifiers() & MORE
        with self.quietly():
            super().mouseReleaseEvent(event)

    def _clicked(self, index: QModelIndex) -> None:
        if not self._plain:
            return
        fold = index.data(FOLD_ROLE)
        if fold is None:
            self.chosen.emit(index)
        else:
            self.fold_wanted.emit(index, not fold)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if event.reason() is QContextMenuEvent.Reason.Mouse:
            self.menu_wanted.emit(self.indexAt(event.pos()), event.globalPos())
        else:
            index = self.currentIndex()
            below = self.visualRect(index).bottomLeft() if index.isValid() else QPoint(8, 8)
            self.menu_wanted.emit(index, self.viewport().mapToGlobal(below))
        event.accept()

    # --- dragging ------------------------------------------------------------------------------

    def startDrag(self, _actions: Qt.DropAction) -> None:
        indexes = self.dragged()
        if not indexes:
            return
        drag = QDrag(self)
        drag.setMimeData(self.model().mimeData(indexes))
        drag.setPixmap(self._picture(self.drag_words(indexes)))
        drag.setHotSpot(QPoint(-12, -4))
        drag.exec(Qt.DropAction.MoveAction)
        self._set_aim(None)

    def dragged(self) -> list[QModelIndex]:
        """The heading that was pressed, or the rows that are chosen, as they stand."""
        pressed = self._pressed
        if pressed.isValid() and pressed.data(FOLD_ROLE) is not None:
            return [self.model().index(pressed.row(), 0)]
        return sorted(self.selectedIndexes(), key=QModelIndex.row)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        kinds = self.model().mimeTypes()
        if any(event.mimeData().hasFormat(kind) for kind in kinds):
            event.acceptProposedAction()
        else:
            event.ignore()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        super().dragMoveEvent(event)  # scrolls near the edges
        self._set_aim(self._aim_of(event.mimeData(), event.position().toPoint()))
        if self._aim is None:
            event.ignore()
        else:
            event.setDropAction(Qt.DropAction.MoveAction)
            event.accept()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        super().dragLeaveEvent(event)
        self._set_aim(None)

    def dropEvent(self, event: QDropEvent) -> None:
        aim = self._aim_of(event.mimeData(), event.position().toPoint())
        self._set_aim(None)
        self.stopAutoScroll()
        self.setState(QAbstractItemView.State.NoState)
        event.ignore()
        if aim is not None:
            row, onto = aim
            event.setDropAction(Qt.DropAction.MoveAction)
            event.accept()
            self.model().dropMimeData(event.mimeData(), event.dropAction(), row, 0, onto)

    def _aim_of(self, data: QMimeData, at: QPoint) -> Aim | None:
        index, model = self.indexAt(at), self.model()
        if not index.isValid():
            return None
        row, onto = -1, index
        if data.hasFormat(HEADING_FORMAT):
            row, onto = self._gap(index, at), QModelIndex()
        may = model.canDropMimeData(data, Qt.DropAction.MoveAction, row, 0, onto)
        return (row, QPersistentModelIndex(onto)) if may else None

    def _gap(self, index: QModelIndex, at: QPoint) -> int:
        """The row that begins a section, before which a heading is dropped."""
        first, last = _section(index)
        model = self.model()
        if model.index(first, 0).data(FOLD_ROLE) is None:
            after = model.index(last + 1, 0)
            return last + 1 if after.data(FOLD_ROLE) is not None else first
        return first if at.y() < self._box(first, last).center().y() else last + 1

    def _set_aim(self, aim: Aim | None) -> None:
        if aim != self._aim:
            self._aim = aim
            self.viewport().update()

    def _picture(self, words: str) -> QPixmap:
        """What hangs at the mouse."""
        metrics, palette = self.fontMetrics(), self.palette()
        shown = metrics.elidedText(words, Qt.TextElideMode.ElideRight, WIDEST_DRAG)
        width, height = metrics.horizontalAdvance(shown) + 24, metrics.height() + 12
        ratio = self.devicePixelRatioF()
        picture = QPixmap(round(width * ratio), round(height * ratio))
        picture.setDevicePixelRatio(ratio)
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(palette.color(QPalette.ColorRole.Mid))
        painter.setBrush(palette.color(QPalette.ColorRole.Base))
        box = QRectF(0.5, 0.5, width - 1, height - 1)
        painter.drawRoundedRect(box, RADIUS, RADIUS)
        painter.setPen(palette.color(QPalette.ColorRole.Text))
        painter.setFont(self.font())
        painter.drawText(box, int(Qt.AlignmentFlag.AlignCenter), shown)
        painter.end()
        return picture

    # --- painting ------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self._aim is None and not self._pointed.isValid():
            return
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        accent = self.palette().color(QPalette.ColorRole.Accent)
        painter.setPen(QPen(accent, 2))
        if self._pointed.isValid():
            _outline(painter, self.visualRect(self._pointed))
        if self._aim is not None:
            row, onto = self._aim
            if onto.isValid():
                wash = QColor(accent)
                wash.setAlpha(28)
                painter.setBrush(wash)
                _outline(painter, self._box(*_section(onto)))
            else:
                self._paint_gap(painter, row)
        painter.end()

    def _paint_gap(self, painter: QPainter, row: int) -> None:
        model = self.model()
        if row < model.rowCount():
            y = self.visualRect(model.index(row, 0)).top()
        else:
            y = self.visualRect(model.index(row - 1, 0)).bottom() + 1
        y = max(y, 2)
        painter.drawLine(8, y, self.viewport().width() - 4, y)
        painter.setBrush(self.palette().color(QPalette.ColorRole.Window))
        painter.drawEllipse(QPoint(5, y), 3, 3)

    def _box(self, first: int, last: int) -> QRect:
        model = self.model()
        top, bottom = (self.visualRect(model.index(row, 0)) for row in (first, last))
        return top.united(bottom)


def _section(index: Index) -> tuple[int, int]:
    """First and last row of what belongs together with it."""
    first, last = index.data(SECTION_ROLE)
    return int(first), int(last)


def _outline(painter: QPainter, box: QRect) -> None:
    painter.drawRoundedRect(QRectF(box).adjusted(1, 1, -1, -1), RADIUS, RADIUS)
