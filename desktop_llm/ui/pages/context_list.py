"""The list of what is sent: where a person pins messages and keeps them from the model."""

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import (
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    Qt,
    Signal,
)
from PySide6.QtGui import (
    QContextMenuEvent,
    QCursor,
    QFocusEvent,
    QKeyEvent,
    QKeySequence,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractItemView, QFrame, QHBoxLayout, QListView, QMenu, QWidget

from desktop_llm.core.context import Care
from desktop_llm.core.outlook import OutlookItem
from desktop_llm.ui.icons import icon
from desktop_llm.ui.models.outlook import OutlookModel, why_fixed
from desktop_llm.ui.widgets.announce import announce
from desktop_llm.ui.widgets.list_rows import INSET
from desktop_llm.ui.widgets.message_bar import SIZE, MessageAction, SmallButton
from desktop_llm.ui.widgets.weight_rows import WeightDelegate
from desktop_llm.words import _

SPACE = 2  # pixels between the buttons of a row
BUTTONS = 2 * SIZE + SPACE
Index = QModelIndex | QPersistentModelIndex
_CHORD = (
    Qt.KeyboardModifier.ControlModifier
    | Qt.KeyboardModifier.AltModifier
    | Qt.KeyboardModifier.MetaModifier
)


class ContextList(QListView):
    """P pins, E and Delete keep from the model, Enter and a click go to the message."""

    message_chosen = Signal(int)
    care_wanted = Signal(int, object)  # a message, `Care`

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.outlook = OutlookModel(self)
        self._hovered = QPersistentModelIndex()
        self._bars = tuple(_Buttons(self._toggle, self._place_bars, self) for _at in range(2))
        self.setAccessibleName(_("What is sent"))
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setViewportMargins(6, 4, 6, 4)
        self.setModel(self.outlook)
        self.setItemDelegate(WeightDelegate(self._covered, self))
        self.clicked.connect(self._choose)
        self.entered.connect(self._hover)
        self.viewportEntered.connect(lambda: self._hover(QModelIndex()))
        self.verticalScrollBar().valueChanged.connect(self._scrolled)

    # --- content -------------------------------------------------------------------------------

    def show_items(self, items: tuple[OutlookItem, ...]) -> None:
        """The row in use, or else the uppermost, stays where it is on the screen."""
        current = self.currentIndex()
        held = current if self._sees(current) else self.indexAt(QPoint(INSET, 0))
        top = self.visualRect(held).top()
        used, seen = (self.outlook.key_at(index.row()) for index in (current, held))
        before = self.outlook.messages()
        self.outlook.show_items(items)
        if before and before.isdisjoint(self.outlook.messages()):  # another conversation
            self.setCurrentIndex(QModelIndex())
            self.scrollToTop()
        else:
            self._hold(None if used is None else self.outlook.row_with(used))
            place = None if seen is None else self.outlook.row_with(seen)
            if place is not None:
                self._scroll_to(place, top)
        self._place_bars()

    def _hold(self, row: int | None) -> None:
        """A reset has lost what is current, and the removal of its row has moved it on."""
        if row is None or row == self.currentIndex().row():
            return
        self.setAutoScroll(False)
        self.setCurrentIndex(self.outlook.index(row))
        self.setAutoScroll(True)

    def _sees(self, index: QModelIndex) -> bool:
        return index.isValid() and self.visualRect(index).intersects(self.viewport().rect())

    def _scroll_to(self, row: int, top: int) -> None:
        index, bar = self.outlook.index(row), self.verticalScrollBar()
        if self.visualRect(index).top() != top:
            self.scrollTo(index)  # lays the rows out, if that is still to be done
            bar.setValue(bar.value() + self.visualRect(index).top() - top)

    # --- what can be done ----------------------------------------------------------------------

    def _toggle(self, row: int, wanted: Care) -> None:
        item = self.outlook.item(row)
        if item is None:
            return
        if item.message is None:
            announce(self, why_fixed(item))
            return
        care = Care.USUAL if item.care is wanted else wanted
        self.outlook.take_care(item.message, care)
        self._place_bars()
        self.care_wanted.emit(item.message, care)

    def _choose(self, index: QModelIndex) -> None:
        item = self.outlook.item(index.row())
        if item is not None and item.message is not None:
            self.message_chosen.emit(item.message)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        row, key = self.currentIndex().row(), event.key()
        if event.modifiers() & _CHORD:
            super().keyPressEvent(event)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._choose(self.currentIndex())
        elif key in (Qt.Key.Key_P, Qt.Key.Key_E, Qt.Key.Key_Delete):
            if not event.isAutoRepeat():
                self._toggle(row, Care.PINNED if key == Qt.Key.Key_P else Care.EXCLUDED)
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if event.reason() is QContextMenuEvent.Reason.Keyboard:
            index = self.currentIndex()
            place = self.viewport().mapToGlobal(self.visualRect(index).center())
        else:
            place = event.globalPos()
            index = self.indexAt(self.viewport().mapFromGlobal(place))
        item = self.outlook.item(index.row())
        if item is not None and item.message is not None:
            self._menu(index, item.care).popup(place)

    def _menu(self, index: QModelIndex, care: Care) -> QMenu:
        """Also kept where rows come and go while it is open."""
        kept = QPersistentModelIndex(index)
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        words, key = _("Show in the conversation"), QKeySequence(Qt.Key.Key_Enter)
        native = key.toString(QKeySequence.SequenceFormat.NativeText)
        go = menu.addAction(icon("arrow-line-right"), f"{words}\t{native}")
        go.triggered.connect(lambda: self._choose(self.outlook.index(kept.row())))
        menu.addSeparator()
        for words, letter, name, wanted in _deeds():
            action = menu.addAction(icon(name), f"{words}\t{letter}")
            action.setCheckable(True)
            action.setChecked(care is wanted)
            action.triggered.connect(lambda _on, wanted=wanted: self._toggle(kept.row(), wanted))
        return menu

    # --- the buttons of a row ------------------------------------------------------------------

    def _covered(self, row: int) -> int:
        return BUTTONS + SPACE * 2 if any(bar.row == row for bar in self._bars) else 0

    def _hover(self, index: QModelIndex) -> None:
        self._hovered = QPersistentModelIndex(index)
        self._place_bars()

    def _scrolled(self) -> None:
        """Another row comes under a mouse that rests."""
        viewport = self.viewport()
        if viewport.underMouse():
            self._hover(self.indexAt(viewport.mapFromGlobal(QCursor.pos())))
        else:
            self._place_bars()

    def _place_bars(self) -> None:
        """On the row in use and on the one under the mouse."""
        in_use = self.hasFocus() or self._bars[0].has_focus()
        current = self.currentIndex().row() if in_use else -1
        for bar, row in zip(self._bars, (current, self._hovered.row()), strict=True):
            item = self.outlook.item(row)
            shown = item is not None and item.message is not None
            if bar is self._bars[1] and row == current:
                shown = False
            if bar.row != (row if shown else -1):
                self.viewport().update()  # words give way to the buttons
            if not shown or item is None:
                bar.leave()
                continue
            box = self.visualRect(self.outlook.index(row))
            bar.show_for(row, item.care)
            bar.move(box.right() - BUTTONS - SPACE * 2, box.top() + SPACE * 2)

    def currentChanged(self, current: Index, previous: Index) -> None:
        super().currentChanged(current, previous)
        self._place_bars()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self._place_bars()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._place_bars()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place_bars()

    def viewportEvent(self, event: QEvent) -> bool:
        if event.type() is QEvent.Type.Leave:
            self._hover(QModelIndex())
        return super().viewportEvent(event)


class _Buttons(QFrame):
    def __init__(
        self,
        toggle: Callable[[int, Care], None],
        focus_moved: Callable[[], None],
        view: QAbstractItemView,
    ) -> None:
        super().__init__(view.viewport())
        self.row = -1
        self._view = view
        self._toggle = toggle
        self._focus_moved = focus_moved
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE)
        self._buttons: dict[Care, SmallButton] = {}
        for words, key, name, care in _deeds():
            button = SmallButton(self)
            words = _("{words} ({keys})").format(words=words, keys=key)
            button.take(MessageAction(icon(name), words, partial(self._press, care)))
            button.setCheckable(True)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves it in the list
            button.installEventFilter(self)
            layout.addWidget(button)
            self._buttons[care] = button
        self.resize(BUTTONS, SIZE)
        self.hide()

    def _press(self, care: Care) -> None:
        self._toggle(self.row, care)

    def show_for(self, row: int, care: Care) -> None:
        self.row = row
        for wanted, button in self._buttons.items():
            button.setChecked(care is wanted)
        self.show()

    def leave(self) -> None:
        """The focus, where it is here, goes to the list."""
        self.row = -1
        if self.has_focus():
            self._view.setFocus()
        self.hide()

    def has_focus(self) -> bool:
        return any(button.hasFocus() for button in self._buttons.values())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.FocusOut:
            self._focus_moved()
        return super().eventFilter(watched, event)


def _deeds() -> list[tuple[str, str, str, Care]]:
    """Words, key, icon, what they make of a message."""
    return [
        (_("Always send to the model"), "P", "push-pin", Care.PINNED),
        (_("Keep from the model"), "E", "eye-slash", Care.EXCLUDED),
    ]
