"""One message, drawn: its card or its plain text, what is selected of it, its note, its caret."""

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QAbstractTextDocumentLayout, QColor, QFontMetricsF, QPainter, QPen

from desktop_llm.ui.theme import Tokens
from desktop_llm.ui.widgets.block_document import BlockDocument
from desktop_llm.ui.widgets.message_column import Entry

RING = 6  # pixels that the mark of the current message stands out
RADIUS = 10
CARET = 2
NOTE_RISE = 6  # pixels that the note of a card stands above its edge

Selections = list[QAbstractTextDocumentLayout.Selection]


@dataclass(frozen=True, slots=True)
class Place:
    """In the viewport's pixels."""

    card: QRectF  # what the message takes up
    origin: QPointF  # where its text begins
    clip: QRectF  # what has to be painted
    note_height: float


def paint_message(
    painter: QPainter,
    entry: Entry,
    document: BlockDocument,
    place: Place,
    tokens: Tokens,
    selections: Selections,
    current: bool,
    note_room: float,
) -> None:
    """`note_room`: pixels at the right of the note that buttons take."""
    card = place.card
    if entry.mine:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(tokens.tint))
        painter.drawRoundedRect(card, RADIUS, RADIUS)
    painter.setBrush(Qt.BrushStyle.NoBrush)  # it would fill what Qt draws: a box, over its tick
    if current:
        out = 0 if entry.mine else RING
        painter.setPen(QPen(QColor(tokens.accent), 2))
        painter.drawRoundedRect(card.adjusted(-out, -out / 2, out, out / 2), RADIUS, RADIUS)
    context = QAbstractTextDocumentLayout.PaintContext()
    context.clip = place.clip.translated(-place.origin)
    context.selections = selections
    painter.save()
    painter.translate(place.origin)
    document.documentLayout().draw(painter, context)
    if entry.stream is not None:
        painter.fillRect(_caret(document), QColor(tokens.accent))
    painter.restore()
    if entry.note:
        below = QRectF(card)
        below.setTop(card.bottom() - place.note_height)
        if entry.mine:
            below.adjust(place.origin.x() - card.left(), -NOTE_RISE, -NOTE_RISE, -NOTE_RISE)
        else:
            below.setRight(card.right() - note_room)
        note = QFontMetricsF(painter.font()).elidedText(
            entry.note, Qt.TextElideMode.ElideRight, below.width()
        )
        painter.setPen(QColor(tokens.muted))
        painter.drawText(below, int(Qt.AlignmentFlag.AlignVCenter), note)


def _caret(document: BlockDocument) -> QRectF:
    """Where the next word of a reply that is being written will be."""
    block = document.lastBlock()
    box = document.documentLayout().blockBoundingRect(block)
    lines = block.layout().lineCount()
    if not lines:
        return QRectF(box.left(), box.top(), CARET, box.height())
    line = block.layout().lineAt(lines - 1)
    left = box.left() + line.naturalTextRect().right() + CARET
    return QRectF(left, box.top() + line.y(), CARET, line.height())
