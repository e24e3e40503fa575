"""The messages of a conversation, with mouse, keys, the buttons beside them and an editor."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QPoint, QPointF, Qt, QTimer, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QFocusEvent,
    QGuiApplication,
    QIcon,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from desktop_llm.ui.theme import Tokens
from desktop_llm.ui.widgets.block_document import ATTACHED, FOLD, MORE
from desktop_llm.ui.widgets.message_bar import CopyCodeButton, MessageAction, MessageBar
from desktop_llm.ui.widgets.message_column import MARGIN, ColourCode, Entry, Work
from desktop_llm.ui.widgets.message_editor import EditWords, MessageEditor
from desktop_llm.ui.widgets.message_view import NEAR_END, MessageView
from desktop_llm.ui.widgets.plain_text import plain_tip


class Transcript(MessageView):
    """Signals carry the message's key."""

    link_activated = Signal(str)
    attachment_opened = Signal(int)
    menu_wanted = Signal(int, QPoint)  # message, global position
    edit_wanted = Signal(int)
    delete_wanted = Signal(int)
    version_wanted = Signal(int, int)  # message, -1: the one before, 1: the one after

    def __init__(
        self,
        tokens: Tokens,
        colour_code: ColourCode | None = None,
        work: Work | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(tokens, colour_code, work, parent)
        self._current: int | None = None  # the message the keyboard is at
        self._hovered: int | None = None
        self._actions_of: Callable[[int], Sequence[MessageAction]] = lambda _key: ()
        self._bar = MessageBar(self.viewport())
        self._copy_code = CopyCodeButton(self.viewport())
        self.editor = MessageEditor(self.viewport())
        self.editor.resized.connect(self._give_editor_room)
        self._drag = QTimer(self)
        self._drag.setInterval(30)
        self._drag.timeout.connect(self._drag_on)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.viewport().setMouseTracking(True)
        self.viewport().setCursor(Qt.CursorShape.IBeamCursor)
        self.verticalScrollBar().valueChanged.connect(self._copy_code.hide)

    def set_actions(self, actions_of: Callable[[int], Sequence[MessageAction]]) -> None:
        """What the buttons beside a message do, asked for when they are shown."""
        self._actions_of = actions_of

    def set_copy_code(self, icon: QIcon, text: str) -> None:
        self._copy_code.set_words(icon, text)

    def refresh_actions(self) -> None:
        """What can be done with a message has changed."""
        self._bar.key = None
        self.viewport().update()

    # --- content -------------------------------------------------------------------------------

    def show_entries(self, entries: list[Entry]) -> None:
        self._forget_places()
        self._marks.set_words(())
        self._sought = None
        self._column.show(entries)
        self._follow(True)
        self._adjust()
        self.scroll_to_end()

    def change_entries(self, entries: list[Entry], at: int | None = None) -> None:
        """Another branch: what both begin with stays, and the view where it is. `at`: the message
        that is to be seen.
        """
        self.close_editor()
        self._selection.clear()
        self._sought = None
        same = 0
        for old, new in zip(self._column, entries, strict=False):
            if old.key != new.key:
                break
            if old.note != new.note:
                self._column.set_note(same, new.note)
            same += 1
        was_current = self._current
        self._follow(False)
        self._column.change_from(same, entries[same:])
        if self._current is not None and self._current >= len(entries):
            self._current = None
        if self._hovered is not None and self._hovered >= len(entries):
            self._hovered = None
        self._adjust()
        if at is not None:
            index = self._column.index_of(at)
            if was_current is not None:
                self._current = index
            self._bring_into_view(index)
        self._follow(self.verticalScrollBar().value() >= self._end - NEAR_END)
        self.refresh_actions()

    def remove_from(self, key: int) -> None:
        """Take out a message and what comes after it."""
        self._forget_places()
        self._sought = None
        self._column.change_from(self._column.index_of(key), [])
        self._adjust()

    @property
    def current(self) -> int | None:
        """The message the keyboard is at."""
        return None if self._current is None else self._column[self._current].key

    def _forget_places(self) -> None:
        self.close_editor()
        self._selection.clear()
        self._current = self._hovered = None
        self._bar.leave()
        self._copy_code.hide()

    # --- an editor in the place of a message ---------------------------------------------------

    def edit(self, key: int, text: str, words: EditWords, focus: bool = True) -> None:
        """`editor` tells of its end; it stays until `close_editor`. Without `focus` the view stays
        where it is, too.
        """
        self.close_editor()
        self.editor.open(key, text, words)
        self._bar.leave()
        self._copy_code.hide()
        self._give_editor_room()
        if focus:
            self._bring_into_view(self._column.index_of(key))
        self._place_editor()
        self.editor.show()
        if focus:
            self.editor.setFocus()

    def close_editor(self) -> None:
        key = self.editor.key
        if key is None:
            return
        self.editor.close_editor()
        self._take_room(key, 0)

    def _give_editor_room(self) -> None:
        if self.editor.key is not None:
            self.editor.editor.setFixedWidth(round(self._column.width) - 22)  # it wraps by that
            self._take_room(self.editor.key, self.editor.wanted_height)

    def _take_room(self, key: int, height: float) -> None:
        self._column.take_room(self._column.index_of(key), height)
        self._adjust()

    def _place_editor(self) -> None:
        if self.editor.key is not None:
            card = self._card(self._column.index_of(self.editor.key))
            self.editor.setGeometry(card.toAlignedRect())

    # --- what lies over them -------------------------------------------------------------------

    def _is_drawn(self, index: int) -> bool:
        return self._column[index].key != self.editor.key

    def _is_current(self, index: int) -> bool:
        return index == self._current and self.hasFocus()

    def _note_room(self) -> float:
        return self._bar.sizeHint().width() + 8

    def _is_covered(self) -> bool:
        over = (self._bar, self._copy_code, self.editor)
        return any(widget.isVisible() for widget in over)

    def _painted(self) -> None:
        self._show_bar()
        self._place_editor()

    def _restyled(self) -> None:
        self._give_editor_room()

    def _show_bar(self) -> None:
        """Beside the message under the mouse, else the one the keyboard is at."""
        index = self._current if self._bar_has_focus() or self._hovered is None else self._hovered
        if index is None or self._column[index].key == self.editor.key:
            self._bar.leave()
            return
        entry, card = self._column[index], self._card(index)
        if self._bar.key != entry.key:
            self._bar.show_for(entry.key, self._actions_of(entry.key))
        self._bar.set_floating(entry.mine)
        if entry.mine:  # across the card's edge, where no text stands
            self._bar.place(card.right() - 8, card.top() - self._bar.sizeHint().height() / 2)
        else:
            self._bar.place(card.right(), card.bottom() - self._column.note_height)

    def _bar_has_focus(self) -> bool:
        focus = self.window().focusWidget()
        return focus is not None and self._bar.isAncestorOf(focus) and self._current is not None

    # --- the mouse -----------------------------------------------------------------------------

    def wheelEvent(self, event: QWheelEvent) -> None:
        self._sought = None
        super().wheelEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._sought = None
        if event.button() is Qt.MouseButton.LeftButton:
            shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            self._selection.begin(self._position_at(event.position()), extend=shift)
            self._set_current(None)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        position = self._position_at(event.position())
        if position is not None:
            self._selection.take_word(position)
            self.viewport().update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        point = event.position()
        if event.buttons() & Qt.MouseButton.LeftButton and self._selection.anchor is not None:
            self._selection.cursor = self._position_at(point)
            if not self.viewport().rect().contains(point.toPoint()):
                self._drag.start()
            self.viewport().update()
            return
        link = self._link_at(point)
        shape = Qt.CursorShape.PointingHandCursor if link else Qt.CursorShape.IBeamCursor
        self.viewport().setCursor(shape)
        ours = link in (FOLD, MORE) or link.startswith(ATTACHED)
        self.viewport().setToolTip(plain_tip("" if ours else link))
        self._hover(point)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._drag.stop()
        clipboard = QGuiApplication.clipboard()
        if self._selection.span() is None:
            link = self._link_at(event.position())
            if link in (FOLD, MORE):
                self._unfold(self._index_at(event.position()), more=link == MORE)
            elif link.startswith(ATTACHED):
                self.attachment_opened.emit(int(link.removeprefix(ATTACHED)))
            elif link:
                self.link_activated.emit(link)
        elif clipboard.supportsSelection():
            self.copy(clipboard.Mode.Selection)

    def _unfold(self, index: int, more: bool) -> None:
        """What was thought, or `more` of a long message."""
        place = self.verticalScrollBar().value()
        self._follow(False)
        if more:
            self._column.show_more(index)
        else:
            self._column.unfold(index)
        self._adjust()
        self.verticalScrollBar().setValue(place)

    def set_more_words(self, words: str) -> None:
        """The line that stands for the rest of a long message."""
        self._column.more_words = words

    def set_thought_words(self, words: Callable[[bool, float], str]) -> None:
        """The line that stands for what a model thought: whether it has ended, and its seconds."""
        self._column.thought_words = words

    def _hover(self, point: QPointF) -> None:
        """The buttons of the message, and of the code, under the mouse."""
        index = self._index_at(point) if len(self._column) else None
        if index is not None and not self._card(index).contains(point):
            index = None
        if index != self._hovered:
            self._hovered = index
            self.viewport().update()
        self._copy_code.hide()
        if index is None or self._column[index].mine:
            return
        for box, code in self._column.document(index).code_frames():
            shown = box.translated(self._origin(index))
            if shown.contains(point):
                self._copy_code.show_on(shown, code)

    def _drag_on(self) -> None:
        """Scroll while a selection is drawn beyond an edge."""
        point = self.viewport().mapFromGlobal(self.cursor().pos())
        beyond = min(0, point.y()) + max(0, point.y() - self.viewport().height())
        if not beyond or not QGuiApplication.mouseButtons() & Qt.MouseButton.LeftButton:
            self._drag.stop()
            return
        bar = self.verticalScrollBar()
        bar.setValue(bar.value() + beyond // 2)
        self._selection.cursor = self._position_at(QPointF(point))
        self.viewport().update()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if not len(self._column):
            return
        if event.reason() is not QContextMenuEvent.Reason.Keyboard:
            index, where = self._index_at(QPointF(event.pos())), event.globalPos()
        elif self._current is not None:
            index = self._current
            corner = self._card(index).bottomLeft().toPoint()
            corner.setY(min(corner.y(), self.viewport().height()))
            where = self.viewport().mapToGlobal(corner)
        else:
            return
        self.menu_wanted.emit(self._column[index].key, where)

    # --- the keyboard --------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        self._sought = None
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        elif event.matches(QKeySequence.StandardKey.SelectAll):
            self.select_all()
        elif event.key() == Qt.Key.Key_End:
            self.scroll_to_end()
        elif event.key() == Qt.Key.Key_Home:
            self.verticalScrollBar().setValue(0)
        elif event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down) and len(self._column):
            self._step(1 if event.key() == Qt.Key.Key_Down else -1)
        elif self.current is not None and self._act(self.current, event.key()):
            return
        else:
            super().keyPressEvent(event)

    def _act(self, key: int, pressed: int) -> bool:
        """On the message the keyboard is at."""
        if pressed in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            self.version_wanted.emit(key, 1 if pressed == Qt.Key.Key_Right else -1)
        elif pressed in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.edit_wanted.emit(key)
        elif pressed == Qt.Key.Key_Delete:
            self.delete_wanted.emit(key)
        elif pressed == Qt.Key.Key_Space:
            index = self._column.index_of(key)
            self._unfold(index, more=bool(self._column[index].rest))
        else:
            return False
        return True

    def _step(self, by: int) -> None:
        """To the next message; a long one is first scrolled through."""
        bar, height = self.verticalScrollBar(), self.viewport().height()
        if self._current is None:
            wanted = self._column.at(bar.value() + height - 1)
        else:
            card = self._card(self._current)
            hidden = card.bottom() > height if by > 0 else card.top() < 0
            if hidden and card.height() > height - 2 * MARGIN:
                bar.setValue(bar.value() + by * height // 2)
                return
            wanted = self._current + by
        wanted = min(max(wanted, 0), len(self._column) - 1)
        self._bring_into_view(wanted)
        self._set_current(wanted)

    def _set_current(self, index: int | None) -> None:
        self._current = index
        self.viewport().update()
        visible = self._visible()
        if index is not None and index in visible:
            self._show_readable(visible)
            self._reading.focus(index - visible.start)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        by_key = (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason)
        if event.reason() in by_key and self._current is None and len(self._column):
            self._set_current(self._visible().stop - 1)
        self.viewport().update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.viewport().update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self.editor.set_most(max(120, event.size().height() - 2 * MARGIN))
        if event.size().width() != event.oldSize().width():
            self.restyle(self._tokens)
        else:
            self._adjust()
