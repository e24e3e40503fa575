"""A chart of horizontal bars: names at the left, what they are worth at the right."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QSizePolicy, QWidget

ROW = 24  # pixels a bar
THICK = 12  # pixels of it
GAP = 8
MOST_NAME = 0.45  # of the width
SHOWN_IN_WORDS = 12  # bars that a screen reader is told of


@dataclass(frozen=True, slots=True)
class Bar:
    label: str
    value: float  # 0 or more; the longest bar has the greatest
    shown: str  # the value in words
    colour: QColor | None = None  # the accent where there is none


class BarChart(QWidget):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bars: tuple[Bar, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    @property
    def bars(self) -> tuple[Bar, ...]:
        return self._bars

    def set_bars(self, bars: Sequence[Bar]) -> None:
        self._bars = tuple(bars)
        told = ", ".join(f"{bar.label}: {bar.shown}" for bar in self._bars[:SHOWN_IN_WORDS])
        self.setAccessibleDescription(told)
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(240, max(ROW, ROW * len(self._bars)))

    def minimumSizeHint(self) -> QSize:
        return QSize(160, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self._bars:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        metrics = QFontMetrics(self.font())
        names = 2 + max(metrics.horizontalAdvance(bar.label) for bar in self._bars)
        names = min(names, round(MOST_NAME * self.width()))
        values = max(metrics.horizontalAdvance(bar.shown) for bar in self._bars)
        room = max(8, self.width() - names - values - 2 * GAP)
        greatest = max(bar.value for bar in self._bars) or 1.0
        colours = self.palette()
        first = max(0, event.rect().top() // ROW)
        for at, bar in enumerate(self._bars[first : event.rect().bottom() // ROW + 1], first):
            top = at * ROW
            painter.setPen(colours.color(QPalette.ColorRole.WindowText))
            name = metrics.elidedText(bar.label, Qt.TextElideMode.ElideRight, names)
            middle = Qt.AlignmentFlag.AlignVCenter
            painter.drawText(QRectF(0, top, names, ROW), middle | Qt.AlignmentFlag.AlignLeft, name)
            length = max(2.0, room * bar.value / greatest) if bar.value else 0.0
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(bar.colour or colours.color(QPalette.ColorRole.Accent))
            painter.drawRoundedRect(
                QRectF(names + GAP, top + (ROW - THICK) / 2, length, THICK), 3, 3
            )
            painter.setPen(colours.color(QPalette.ColorRole.PlaceholderText))
            painter.drawText(
                QRectF(names + GAP + length + GAP, top, values + 2, ROW),
                middle | Qt.AlignmentFlag.AlignLeft, bar.shown,
            )  # fmt: skip
        painter.end()
