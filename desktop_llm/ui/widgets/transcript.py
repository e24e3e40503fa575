"""A column of messages in one scroll area.

Only what can be seen is laid out; the rest has an estimated height. One selection reaches across
messages.
"""

from dataclasses import dataclass

from PySide6.QtCore import QPoint, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import (
    QAbstractTextDocumentLayout,
    QColor,
    QContextMenuEvent,
    QFontMetricsF,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QResizeEvent,
    QTextCursor,
)
from PySide6.QtWidgets import QAbstractScrollArea, QWidget

from desktop_llm.rendering.markdown import StreamingParser
from desktop_llm.ui.theme import Tokens, reading_font
from desktop_llm.ui.widgets.block_document import BlockDocument

COLUMN = 720  # pixels at most
MARGIN = 24  # around the column
PADDING = 12  # inside a tinted card
SPACING = 16  # between messages
NEAR_END = 24  # pixels from the end that still count as following it


@dataclass(slots=True)
class Entry:
    """One message as it is drawn. `note`: a grey line below it, what became of it."""

    key: int
    text: str
    mine: bool  # the person's: plain text on a card
    note: str = ""
    document: BlockDocument | None = None
    stream: StreamingParser | None = None
    height: float = 0.0


Position = tuple[int, int]  # entry, character


class Transcript(QAbstractScrollArea):
    """Signals carry the message's key."""

    link_activated = Signal(str)
    menu_wanted = Signal(int, QPoint)  # message under the mouse, global position
    following_changed = Signal(bool)  # whether the view follows the end

    def __init__(self, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tokens = tokens
        self._entries: list[Entry] = []
        self._tops: list[float] = []
        self._anchor: Position | None = None
        self._cursor: Position | None = None
        self._following = True
        self.setFrameShape(QAbstractScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.viewport().setMouseTracking(True)
        self.viewport().setCursor(Qt.CursorShape.IBeamCursor)
        self.verticalScrollBar().setSingleStep(24)
        self.verticalScrollBar().valueChanged.connect(self._scrolled)

    # --- content -------------------------------------------------------------------------------

    def show_entries(self, entries: list[Entry]) -> None:
        self._entries = entries
        self._anchor = self._cursor = None
        self._following = True
        self._estimate()
        self._place()
        self.scroll_to_end()

    def add(self, entry: Entry) -> None:
        self._entries.append(entry)
        self._estimate(len(self._entries) - 1)
        self._place()

    def stream(self, key: int, more: str) -> None:
        """Text at the end of a message that is being written."""
        entry = self._entry(key)
        if entry.stream is None:
            entry.stream = StreamingParser()
            entry.document = self._new_document()
            more, entry.text = entry.text + more, ""
        entry.text += more
        finished, open_end = entry.stream.feed(more)
        assert entry.document is not None
        entry.document.extend(finished, open_end)
        entry.height = self._measured(entry)
        self._place()

    def finish(self, key: int, text: str, note: str = "") -> None:
        """The message as it is stored, rendered once and exactly."""
        entry = self._entry(key)
        entry.text, entry.note, entry.stream, entry.document = text, note, None, None
        self._layout(entry)
        self._place()

    def restyle(self, tokens: Tokens) -> None:
        """Another theme or font."""
        self._tokens = tokens
        for entry in self._entries:
            entry.document = None
        self._estimate()
        self._place()

    def scroll_to_end(self) -> None:
        bar = self.verticalScrollBar()
        for _ in range(3):  # laying out what comes into view may make it longer
            bar.setValue(bar.maximum())
            self._lay_out_visible()
        bar.setValue(bar.maximum())

    @property
    def following(self) -> bool:
        return self._following

    def text_of(self, key: int) -> str:
        return self._entry(key).text

    def selected_text(self) -> str:
        """Across messages, with an empty line between two."""
        span = self._selection()
        if span is None:
            return ""
        (first, start), (last, end) = span
        parts = []
        for index in range(first, last + 1):
            document = self._layout(self._entries[index])
            cursor = QTextCursor(document)
            cursor.setPosition(start if index == first else 0)
            final = end if index == last else document.characterCount() - 1
            cursor.setPosition(final, QTextCursor.MoveMode.KeepAnchor)
            parts.append(cursor.selection().toPlainText())
        return "\n\n".join(parts)

    def select_all(self) -> None:
        if self._entries:
            last = len(self._entries) - 1
            self._anchor = (0, 0)
            self._cursor = (last, self._layout(self._entries[last]).characterCount() - 1)
            self.viewport().update()

    def copy(self) -> None:
        if text := self.selected_text():
            QGuiApplication.clipboard().setText(text)

    # --- geometry ------------------------------------------------------------------------------

    def _column(self) -> tuple[float, float]:
        """Left edge and width of the text."""
        width = min(COLUMN, self.viewport().width() - 2 * MARGIN)
        return (self.viewport().width() - width) / 2, max(width, 100)

    def _new_document(self) -> BlockDocument:
        document = BlockDocument(self._tokens, reading_font(self.font()))
        document.setTextWidth(self._column()[1])
        return document

    def _layout(self, entry: Entry) -> BlockDocument:
        if entry.document is None:
            document = self._new_document()
            if entry.mine:
                document.setTextWidth(self._column()[1] - 2 * PADDING)
                document.show_text(entry.text)
            else:
                document.show_markdown(entry.text)
            entry.document = document
            entry.height = self._measured(entry)
        return entry.document

    def _measured(self, entry: Entry) -> float:
        assert entry.document is not None
        note = QFontMetricsF(self.font()).height() + 4 if entry.note else 0
        return entry.document.size().height() + (2 * PADDING if entry.mine else 0) + note

    def _estimate(self, start: int = 0) -> None:
        metrics = QFontMetricsF(reading_font(self.font()))
        across = max(1.0, self._column()[1] / metrics.averageCharWidth())
        for entry in self._entries[start:]:
            if entry.document is None:
                lines = len(entry.text) / across + entry.text.count("\n") + 1
                entry.height = lines * metrics.height() * 1.5 + (2 * PADDING if entry.mine else 8)

    def _place(self) -> None:
        self._tops, top = [], float(MARGIN)
        for entry in self._entries:
            self._tops.append(top)
            top += entry.height + SPACING
        bar = self.verticalScrollBar()
        height = self.viewport().height()
        bar.setPageStep(height)
        following = self._following
        bar.setRange(0, max(0, round(top + MARGIN - SPACING - height)))
        if following:
            bar.setValue(bar.maximum())
        self.viewport().update()

    def _visible(self) -> range:
        top = self.verticalScrollBar().value()
        bottom = top + self.viewport().height()
        shown = [
            index
            for index, entry in enumerate(self._entries)
            if self._tops[index] + entry.height >= top and self._tops[index] <= bottom
        ]
        return range(shown[0], shown[-1] + 1) if shown else range(0)

    def _lay_out_visible(self) -> None:
        """Lay out what is seen; what lies above grows upwards, so that nothing jumps."""
        bar = self.verticalScrollBar()
        moved = 0.0
        changed = False
        for index in self._visible():
            entry = self._entries[index]
            if entry.document is None:
                before = entry.height
                self._layout(entry)
                changed = True
                if self._tops[index] + before < bar.value() + 1:
                    moved += entry.height - before
        if changed:
            self._place()
            if not self._following and moved:
                bar.setValue(round(bar.value() + moved))

    def _entry(self, key: int) -> Entry:
        return next(entry for entry in reversed(self._entries) if entry.key == key)

    def _origin(self, index: int) -> QPointF:
        left, _ = self._column()
        inset = PADDING if self._entries[index].mine else 0
        top = self._tops[index] - self.verticalScrollBar().value()
        return QPointF(left + inset, top + inset)

    def _at(self, point: QPointF) -> Position | None:
        """The character nearest to a point of the viewport."""
        if not self._entries:
            return None
        y = point.y() + self.verticalScrollBar().value()
        index = max((i for i, top in enumerate(self._tops) if top <= y), default=0)
        document = self._layout(self._entries[index])
        inside = point - self._origin(index)
        hit = document.documentLayout().hitTest(inside, Qt.HitTestAccuracy.FuzzyHit)
        return index, max(0, hit)

    def _selection(self) -> tuple[Position, Position] | None:
        if self._anchor is None or self._cursor is None or self._anchor == self._cursor:
            return None
        first, last = sorted((self._anchor, self._cursor))
        return first, last

    # --- Qt ------------------------------------------------------------------------------------

    def paintEvent(self, _event: QPaintEvent) -> None:
        self._lay_out_visible()
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.viewport().rect(), QColor(self._tokens.surface))
        left, width = self._column()
        span = self._selection()
        for index in self._visible():
            entry = self._entries[index]
            document = self._layout(entry)
            origin = self._origin(index)
            if entry.mine:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(QColor(self._tokens.tint))
                card = QRectF(left, origin.y() - PADDING, width, entry.height)
                painter.drawRoundedRect(card, 10, 10)
            context = QAbstractTextDocumentLayout.PaintContext()
            if span is not None and span[0][0] <= index <= span[1][0]:
                context.selections = [self._painted_selection(document, index, span)]
            painter.save()
            painter.translate(origin)
            document.documentLayout().draw(painter, context)
            painter.restore()
            if entry.note:
                painter.setPen(QColor(self._tokens.muted))
                below = origin.y() + document.size().height() + self.fontMetrics().ascent()
                painter.drawText(QPointF(left, below), entry.note)
        painter.end()

    def _painted_selection(
        self, document: BlockDocument, index: int, span: tuple[Position, Position]
    ) -> QAbstractTextDocumentLayout.Selection:
        (first, start), (last, end) = span
        selection = QAbstractTextDocumentLayout.Selection()
        cursor = QTextCursor(document)
        cursor.setPosition(start if index == first else 0)
        final = end if index == last else document.characterCount() - 1
        cursor.setPosition(final, QTextCursor.MoveMode.KeepAnchor)
        selection.cursor = cursor
        style = cursor.charFormat()
        style.clearForeground()
        style.setBackground(self.palette().color(QPalette.ColorRole.Highlight))
        selection.format = style
        return selection

    def resizeEvent(self, _event: QResizeEvent) -> None:
        for entry in self._entries:
            if entry.stream is None:
                entry.document = None
            elif entry.document is not None:
                entry.document.setTextWidth(self._column()[1])
                entry.height = self._measured(entry)
        self._estimate()
        self._place()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton:
            self._anchor = self._cursor = self._at(event.position())
            self.viewport().update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton and self._anchor is not None:
            self._cursor = self._at(event.position())
            self.viewport().update()
            return
        link = self._link_at(event.position())
        shape = Qt.CursorShape.PointingHandCursor if link else Qt.CursorShape.IBeamCursor
        self.viewport().setCursor(shape)
        self.viewport().setToolTip(link)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._selection() is None and (link := self._link_at(event.position())):
            self.link_activated.emit(link)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        position = self._at(QPointF(event.pos()))
        if position is not None:
            self.menu_wanted.emit(self._entries[position[0]].key, event.globalPos())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        elif event.matches(QKeySequence.StandardKey.SelectAll):
            self.select_all()
        elif event.matches(QKeySequence.StandardKey.MoveToEndOfDocument):
            self.scroll_to_end()
        elif event.matches(QKeySequence.StandardKey.MoveToStartOfDocument):
            self.verticalScrollBar().setValue(0)
        else:
            super().keyPressEvent(event)

    def _link_at(self, point: QPointF) -> str:
        position = self._at(point)
        if position is None:
            return ""
        layout = self._layout(self._entries[position[0]]).documentLayout()
        return layout.anchorAt(point - self._origin(position[0]))

    def _scrolled(self, value: int) -> None:
        following = value >= self.verticalScrollBar().maximum() - NEAR_END
        if following != self._following:
            self._following = following
            self.following_changed.emit(following)
        self.viewport().update()
