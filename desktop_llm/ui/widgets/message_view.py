"""The messages of a conversation in one scroll area: what of them is seen, where, and selected.

Only what can be seen is laid out. Screen readers see each visible message as a child.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import (
    QAccessible,
    QClipboard,
    QColor,
    QGuiApplication,
    QPainter,
    QPaintEvent,
    QTextCursor,
)
from PySide6.QtWidgets import QAbstractScrollArea, QWidget

from desktop_llm.ui.theme import Tokens
from desktop_llm.ui.widgets.message_column import (
    MARGIN,
    PADDING,
    ColourCode,
    DrawFormulas,
    Entry,
    MessageColumn,
    Work,
)
from desktop_llm.ui.widgets.message_marks import MessageMarks
from desktop_llm.ui.widgets.message_paint import RING, Place, Selections, paint_message
from desktop_llm.ui.widgets.message_reading import MessageReading
from desktop_llm.ui.widgets.message_selection import MessageSelection, Position, Unread, text_of

NEAR_END = 24  # pixels from the end that still count as following it


class MessageView(QAbstractScrollArea):
    """Without mouse, keys and buttons: `Transcript` has them."""

    following_changed = Signal(bool)  # whether the view follows the end

    def __init__(
        self,
        tokens: Tokens,
        colour_code: ColourCode | None = None,
        work: Work | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._tokens = tokens
        self._column = MessageColumn(tokens, self.font(), colour_code, work)
        self._column.on_grown = self._grown
        self._column.on_later = self._change_later
        self._column.on_moved = self._move_later
        self._work = work
        self._clipboard_changes = 0
        QGuiApplication.clipboard().changed.connect(self._clipboard_changed)
        self._selection = MessageSelection(self._column)
        self._marks = MessageMarks()
        self._sought: int | None = None  # the message whose first mark is to be seen
        self._following = True
        self._growing = False  # by a reply: what is drawn of it is not out of date
        self._reading = MessageReading(self.viewport())
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setFrameShape(QAbstractScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verticalScrollBar().setSingleStep(24)
        self.verticalScrollBar().valueChanged.connect(self._scrolled)

    # --- for who adds to it --------------------------------------------------------------------

    def _is_drawn(self, _index: int) -> bool:
        """False where something else stands in the place of a message."""
        return True

    def _is_current(self, _index: int) -> bool:
        """The keyboard is at that message."""
        return False

    def _note_room(self) -> float:
        """Pixels at the right of a note that are taken."""
        return 0.0

    def _is_covered(self) -> bool:
        """Something lies over the messages."""
        return False

    def _painted(self) -> None:
        """What lies over the messages is to be put in its place."""

    def _restyled(self) -> None:
        """Heights have changed."""

    # --- content ---------------------------------------------------------------------------------

    def add(self, entry: Entry) -> None:
        self._column.add(entry)
        self._adjust()

    def stream(self, key: int, more: str) -> None:
        """Text at the end of a message that is being written."""
        self._column.stream(self._column.index_of(key), more)

    def _grown(self, entry: Entry, higher: bool) -> None:
        """What is finished looks as it did: it is moved up, and only what follows is drawn."""
        index, before = self._column.index_of(entry.key), self.verticalScrollBar().value()
        if higher:
            self._growing = True
            self._fit()
            self._growing = False
        up = self.verticalScrollBar().value() - before
        changed = self._card(index)
        if entry.document is not None:
            changed.setTop(self._origin(index).y() + entry.document.changed_top())
        if up and self._is_covered():
            self.viewport().update()
            return
        if up:
            self.viewport().scroll(0, -up)
        if higher:
            changed.setBottom(self.viewport().height())
        self.viewport().update(changed.toAlignedRect().adjusted(-RING, -RING, RING, RING))

    def _change_later(self, change: Callable[[], None]) -> None:
        """What took its time to be made is shown; the message at the upper edge stays there."""
        place = self.view_position()
        change()
        self._adjust()
        if place is not None:
            self.restore_view(*place)
        if self._sought is not None:  # it is another document now
            self._show_first_mark(self._column.index_of(self._sought))

    def _move_later(self, change: Callable[[], None]) -> None:
        """The same; what is selected stays so."""
        with self._selection.kept():
            self._change_later(change)

    def draw_formulas_with(self, draw: DrawFormulas) -> None:
        """Before there are messages."""
        self._column.draw_formulas = draw

    def finish(self, key: int, text: str, note: str = "", thinking_seconds: float = 0.0) -> None:
        """The message as it is stored, rendered exactly."""
        self._column.finish(self._column.index_of(key), text, note, thinking_seconds)
        self._adjust()

    def restyle(self, tokens: Tokens) -> None:
        """Another theme, font or width; the message at the upper edge stays there."""
        place = self.view_position()
        self._tokens = tokens
        self._column.restyle(tokens, self.font(), self.viewport().width())
        self._restyled()
        self._adjust()
        if place is not None:
            self.restore_view(*place)

    def text_of(self, key: int) -> str:
        return self._column[self._column.index_of(key)].text

    def code_of(self, key: int) -> list[str]:
        """The code blocks of a message."""
        document = self._column.document(self._column.index_of(key))
        return [text for _, text in document.code_frames()]

    # --- the selection ---------------------------------------------------------------------------

    def selected_text(self) -> str:
        """Across messages, with an empty line between two. Long where much is not laid out."""
        return text_of(self._selection.parts())

    def selected_markdown(self) -> str:
        return self._selection.markdown()

    @property
    def has_selection(self) -> bool:
        return self._selection.span() is not None

    def select_all(self) -> None:
        self._selection.take_all()
        self.viewport().update()

    def copy(self, mode: QClipboard.Mode = QClipboard.Mode.Clipboard) -> None:
        """What of it nobody has looked at yet is parsed elsewhere first."""
        parts, clipboard = self._selection.parts(), QGuiApplication.clipboard()
        if not parts:
            return
        if self._work is None or not any(isinstance(part, Unread) for part in parts):
            clipboard.setText(text_of(parts), mode)
            return
        changes = self._clipboard_changes

        def put(text: str) -> None:
            if changes == self._clipboard_changes:  # else something newer stands there
                clipboard.setText(text, mode)

        self._work(lambda: text_of(parts), put)

    def _clipboard_changed(self) -> None:
        self._clipboard_changes += 1

    # --- words that are searched for -------------------------------------------------------------

    @property
    def marked_words(self) -> tuple[str, ...]:
        return self._marks.words

    def mark_words(self, words: Sequence[str], at: int | None = None) -> None:
        """Mark them wherever they stand; the first one in message `at` is to be seen."""
        self._marks.set_words(words)
        self._sought = at if words else None
        if at is not None:
            with suppress(KeyError):
                self._show_first_mark(self._column.index_of(at))
        self.viewport().update()

    def marks_in(self, key: int) -> int:
        """How many marks a message has as it is drawn; it is laid out for that."""
        index = self._column.index_of(key)
        return len(self._marks.places(key, self._column.document(index)))

    def show_mark(self, key: int, number: int) -> None:
        """Scroll to one of them, counted from 0, and select it; to the message if it has none."""
        index = self._column.index_of(key)
        self._column.place()
        self._adjust()
        places = self._marks.places(key, self._column.document(index))
        if not places:
            self.restore_view(key, 0)
            return
        place = places[min(number, len(places) - 1)]
        self._selection.anchor = (index, place.selectionStart())
        self._selection.cursor = (index, place.selectionEnd())
        self._scroll_to(index, place)
        self.viewport().update()

    def _show_first_mark(self, index: int) -> None:
        document = self._column.document(index)
        places = self._marks.places(self._column[index].key, document)
        if places:
            self._scroll_to(index, places[0])

    def _scroll_to(self, index: int, place: QTextCursor) -> None:
        document = self._column.document(index)
        line = document.documentLayout().blockBoundingRect(place.block())
        top = self._origin(index).y() + line.top()
        if not 0 <= top <= self.viewport().height() - 2 * MARGIN:
            bar = self.verticalScrollBar()
            bar.setValue(round(bar.value() + top - self.viewport().height() / 3))

    # --- where the view is -----------------------------------------------------------------------

    @property
    def following(self) -> bool:
        return self._following

    def scroll_to_end(self) -> None:
        bar = self.verticalScrollBar()
        for _ in range(3):  # laying out what comes into view may make it longer
            bar.setValue(bar.maximum())
            self._lay_out_visible()
        bar.setValue(bar.maximum())
        self._follow(True)

    @property
    def _end(self) -> int:
        return self.verticalScrollBar().maximum()

    def _bring_into_view(self, index: int) -> None:
        """Its upper edge at least; as much of it as there is room for."""
        bar, height = self.verticalScrollBar(), self.viewport().height()
        self._column.document(index)
        self._column.place()
        self._adjust()
        card = self._card(index)
        if card.top() < MARGIN:
            bar.setValue(round(bar.value() + card.top() - MARGIN))
        elif card.bottom() > height - MARGIN:
            down = min(card.bottom() - height + MARGIN, card.top() - MARGIN)
            bar.setValue(round(bar.value() + down))

    def view_position(self) -> tuple[int, int] | None:
        """Message at the upper edge and pixels of it above; None while the end is followed."""
        if self._following or not len(self._column):
            return None
        index = self._column.at(self.verticalScrollBar().value())
        return self._column[index].key, -round(self._card(index).top())

    def restore_view(self, key: int, offset: int) -> None:
        """Scroll to what `view_position` gave; a message that is gone changes nothing."""
        try:
            index = self._column.index_of(key)
        except KeyError:
            return
        for _ in range(2):  # what is laid out on the way may move it
            self.verticalScrollBar().setValue(round(self._column.card(index).top() + offset))
            self._lay_out_visible()

    def _visible(self) -> range:
        top = self.verticalScrollBar().value()
        return self._column.visible(top, top + self.viewport().height())

    def _card(self, index: int) -> QRectF:
        """What a message takes up of the viewport."""
        return self._column.card(index).translated(0, -self.verticalScrollBar().value())

    def _origin(self, index: int) -> QPointF:
        """Where its text begins."""
        inset = PADDING if self._column[index].mine else 0
        return self._card(index).topLeft() + QPointF(inset, inset)

    def _index_at(self, point: QPointF) -> int:
        return self._column.at(point.y() + self.verticalScrollBar().value())

    def _position_at(self, point: QPointF) -> Position | None:
        """The character nearest to a point of the viewport."""
        if not len(self._column):
            return None
        index = self._index_at(point)
        layout = self._column.document(index).documentLayout()
        hit = layout.hitTest(point - self._origin(index), Qt.HitTestAccuracy.FuzzyHit)
        return index, max(0, hit)

    def _link_at(self, point: QPointF) -> str:
        if not len(self._column):
            return ""
        index = self._index_at(point)
        layout = self._column.document(index).documentLayout()
        return layout.anchorAt(point - self._origin(index))

    def _adjust(self) -> None:
        """The scroll bar to the column's height; the end is followed where it was."""
        self._fit()
        self._show_readable(self._visible())  # moved while painting, all would be painted again
        self.viewport().update()

    def _fit(self) -> None:
        bar, height = self.verticalScrollBar(), self.viewport().height()
        following = self._following
        bar.setPageStep(height)
        bar.setRange(0, max(0, round(self._column.height - height)))
        if following:
            bar.setValue(bar.maximum())

    def _lay_out_visible(self) -> None:
        """Lay out what is seen, until no more comes into view by it."""
        for _ in range(4):
            if not self._lay_out_once():
                return

    def _lay_out_once(self) -> bool:
        """What lies above grows upwards, so that nothing jumps. Whether anything was laid out."""
        bar, visible = self.verticalScrollBar(), self._visible()
        moved, changed = 0.0, False
        for index in visible:
            entry = self._column[index]
            if entry.document is None:
                above = self._card(index).bottom() < 1
                before = entry.height
                self._column.document(index)
                changed = True
                moved += entry.height - before if above else 0
        if changed:
            self._column.forget_far(visible)
            self._column.place()
            self._adjust()
            if not self._following and moved:
                bar.setValue(round(bar.value() + moved))
        return changed

    def _follow(self, following: bool) -> None:
        if following != self._following:
            self._following = following
            self.following_changed.emit(following)

    def _scrolled(self, value: int) -> None:
        self._follow(value >= self.verticalScrollBar().maximum() - NEAR_END)

    def scrollContentsBy(self, _dx: int, _dy: int) -> None:
        if not self._growing:
            self.viewport().update()

    # --- painting --------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        self._lay_out_visible()
        visible, clip = self._visible(), QRectF(event.rect())
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(clip, QColor(self._tokens.surface))
        for index in visible:
            if not self._is_drawn(index):
                continue
            if self._card(index).adjusted(-RING, -RING, RING, RING).intersects(clip):
                self._paint(painter, index, clip)
        painter.end()
        self._show_readable(visible)
        self._painted()

    def _paint(self, painter: QPainter, index: int, clip: QRectF) -> None:
        paint_message(
            painter,
            self._column[index],
            self._column.document(index),
            Place(self._card(index), self._origin(index), clip, self._column.note_height),
            self._tokens,
            self._drawn_over(index),
            current=self._is_current(index),
            note_room=self._note_room(),
        )

    def _drawn_over(self, index: int) -> Selections:
        """What is searched for, and above it what is selected."""
        entry, marks = self._column[index], []
        if entry.stream is None:
            document = self._column.document(index)
            marks = self._marks.painted(entry.key, document, QColor(self._tokens.mark))
        return marks + self._selection.painted(index, QColor(self._tokens.selection))

    def _show_readable(self, visible: range) -> None:
        """Not for every word of a reply: what a child widget covers is painted when it moves."""
        streaming = any(self._column[at].stream is not None for at in visible)
        if streaming and not QAccessible.isActive():
            return
        self._reading.show([(self._column[at], self._card(at).toAlignedRect()) for at in visible])
