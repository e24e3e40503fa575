"""A sentence with its words' parts of speech, and arcs from each word to what depends on it."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPainterPath, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QWidget

GAP = 18  # pixels between words
RISE = 22  # pixels that an arc lies above the one within it
MARGIN = 12
TIP = 4  # pixels of an arrow


@dataclass(frozen=True, slots=True)
class Word:
    """`head`: place in the sentence of the word it depends on; its own at the root, -1: unknown."""

    text: str
    part_of_speech: str
    lemma: str
    head: int
    relation: str


class DependencyArcs(QWidget):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._words: tuple[Word, ...] = ()
        self._levels: dict[int, int] = {}

    def set_words(self, words: Sequence[Word]) -> None:
        self._words = tuple(words)
        self._levels = arc_levels([word.head for word in self._words])
        told = "; ".join(
            f"{word.text} {word.part_of_speech} {word.relation}".strip() for word in self._words
        )
        self.setAccessibleDescription(told)
        self.setFixedSize(self.sizeHint())
        self.update()

    def sizeHint(self) -> QSize:
        if not self._words:
            return QSize(1, 1)
        metrics = QFontMetrics(self.font())
        width = sum(self._widths(metrics)) + GAP * len(self._words) + 2 * MARGIN
        return QSize(width, self._top(metrics) + 3 * metrics.height() + MARGIN)

    def _widths(self, metrics: QFontMetrics) -> list[int]:
        return [
            max(metrics.horizontalAdvance(each)
                for each in (word.text, word.part_of_speech, word.lemma, f" {word.relation} "))
            for word in self._words
        ]  # fmt: skip

    def _top(self, metrics: QFontMetrics) -> int:
        """Of the words."""
        return RISE * max(self._levels.values(), default=0) + metrics.height() + MARGIN

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        metrics, colours = QFontMetrics(self.font()), self.palette()
        top, line = self._top(metrics), metrics.height()
        centres, left = [], float(MARGIN)
        centred = Qt.AlignmentFlag.AlignCenter
        for word, width in zip(self._words, self._widths(metrics), strict=True):
            for at, (text, role) in enumerate((
                (word.text, QPalette.ColorRole.WindowText),
                (word.part_of_speech, QPalette.ColorRole.Accent),
                (word.lemma, QPalette.ColorRole.PlaceholderText),
            )):  # fmt: skip
                painter.setPen(colours.color(role))
                painter.drawText(QRectF(left, top + at * line, width, line), centred, text)
            centres.append(left + width / 2)
            left += width + GAP
        for at, level in self._levels.items():
            self._arc(painter, centres[self._words[at].head], centres[at], level, top, at)
        painter.end()

    def _arc(
        self, painter: QPainter, start: float, end: float, level: int, top: int, at: int
    ) -> None:
        colours = self.palette()
        low, high = float(top - 2), float(top - RISE * level)
        shift = 4.0 if end > start else -4.0  # what leaves a word and what comes to it lie apart
        start += shift
        path = QPainterPath(QPointF(start, low))
        path.cubicTo(QPointF(start, high), QPointF(end, high), QPointF(end, low))
        painter.setPen(QPen(colours.color(QPalette.ColorRole.PlaceholderText), 1.2))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(path)
        tip = QPainterPath(QPointF(end, low))
        tip.lineTo(end - TIP, low - TIP)
        tip.lineTo(end + TIP, low - TIP)
        painter.fillPath(tip, colours.color(QPalette.ColorRole.PlaceholderText))
        metrics = painter.fontMetrics()
        text = self._words[at].relation
        width = metrics.horizontalAdvance(text) + 6
        middle = (start + end) / 2
        peak = low - 0.75 * (low - high)
        box = QRectF(middle - width / 2, peak - metrics.height() / 2, width, metrics.height())
        painter.fillRect(box, colours.color(QPalette.ColorRole.Base))
        painter.setPen(colours.color(QPalette.ColorRole.WindowText))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)


def arc_levels(heads: Sequence[int]) -> dict[int, int]:
    """How high the arc of each word that has a head lies: above all within it."""
    arcs = sorted(
        (abs(head - at), at) for at, head in enumerate(heads)
        if 0 <= head < len(heads) and head != at
    )  # fmt: skip
    levels: dict[int, int] = {}
    for _length, at in arcs:
        low, high = min(at, heads[at]), max(at, heads[at])
        within = [
            level for other, level in levels.items()
            if low <= min(other, heads[other]) and max(other, heads[other]) <= high
        ]  # fmt: skip
        levels[at] = 1 + max(within, default=0)
    return levels
