"""A thin bar: how much is used, how much is kept free, how much there is."""

from PySide6.QtCore import QMetaMethod, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPalette,
    QPen,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from desktop_llm.ui.widgets.plain_text import plain_tip

BAR = 6  # pixels of its height
RADIUS = 3
MARGIN = 4  # pixels around the bar: room for the mark of the focus
TALL = 24  # pixels, where it can be clicked
LEAST = 3  # pixels of a part that is not empty
KEPT_OPACITY = 0.35
_ROLE = QPalette.ColorRole


class Gauge(QWidget):
    """Once `clicked` is connected it takes clicks and the focus, and Space and Enter."""

    clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._used, self._kept, self._total = 0, 0, 0
        self._listeners = 0
        self._pressed = False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    @property
    def over(self) -> bool:
        """What is used reaches into what is to be kept free."""
        return self._used > self._total - self._kept

    def set_parts(self, used: int, kept: int, total: int, words: str) -> None:
        """`kept`: what of `total` is to stay free; `words`: all of it said, for the tooltip and for
        screen readers.
        """
        self.setToolTip(plain_tip(words))
        if self.accessibleName() != words:
            self.setAccessibleName(words)
        if (used, kept, total) != (self._used, self._kept, self._total):
            self._used, self._kept, self._total = used, kept, total
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(90, TALL if self._listeners else BAR + 2 * MARGIN)

    def minimumSizeHint(self) -> QSize:
        return QSize(40, self.sizeHint().height())

    # --- painting ------------------------------------------------------------------------------

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        margin = MARGIN if self._listeners else 0  # else it is as wide as what stands above it
        bar = QRectF(margin, (self.height() - BAR) / 2, self.width() - 2 * margin, BAR)
        shape = QPainterPath()
        shape.addRoundedRect(bar, RADIUS, RADIUS)
        painter.fillPath(shape, self.palette().color(_ROLE.Mid))
        painter.save()
        painter.setClipPath(shape)
        kept, used = self._widths(bar.width())
        if kept:
            colour = QColor(self.palette().color(_ROLE.Accent))
            colour.setAlphaF(KEPT_OPACITY)
            painter.fillRect(QRectF(bar.right() - kept, bar.top(), kept, BAR), colour)
        if used:
            filled = QPainterPath()
            filled.addRoundedRect(QRectF(bar.left(), bar.top(), used, BAR), RADIUS, RADIUS)
            role = _ROLE.BrightText if self.over else _ROLE.Accent
            painter.fillPath(filled, self.palette().color(role))
        painter.restore()
        if self.hasFocus():
            painter.setPen(QPen(self.palette().color(_ROLE.Accent), 2))
            ring = bar.adjusted(1 - MARGIN, 1 - MARGIN, MARGIN - 1, MARGIN - 1)
            painter.drawRoundedRect(ring, RADIUS + 2, RADIUS + 2)
        painter.end()

    def _widths(self, width: float) -> tuple[float, float]:
        """Pixels of what is kept, and of what is used."""
        if self._total <= 0:
            return 0, 0
        kept, used = (
            min(width, max(LEAST, width * part / self._total)) if part > 0 else 0
            for part in (self._kept, self._used)
        )
        return kept, used

    # --- clicks --------------------------------------------------------------------------------

    def connectNotify(self, signal: QMetaMethod) -> None:
        super().connectNotify(signal)
        self._count_listeners(signal, 1)

    def disconnectNotify(self, signal: QMetaMethod) -> None:
        super().disconnectNotify(signal)
        self._count_listeners(signal, -1)

    def _count_listeners(self, signal: QMetaMethod, more: int) -> None:
        if signal.name().data() != b"clicked":
            return
        self._listeners = max(0, self._listeners + more)
        clickable = bool(self._listeners)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus if clickable else Qt.FocusPolicy.NoFocus)
        self.setCursor(
            Qt.CursorShape.PointingHandCursor if clickable else Qt.CursorShape.ArrowCursor
        )
        self.updateGeometry()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._pressed = bool(self._listeners) and event.button() is Qt.MouseButton.LeftButton
        if not self._pressed:
            event.ignore()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        pressed, self._pressed = self._pressed, False
        if not pressed:
            event.ignore()
        elif self.rect().contains(event.position().toPoint()):
            self.clicked.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        keys = (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if self._listeners and event.key() in keys and not event.isAutoRepeat():
            self.clicked.emit()
        else:
            super().keyPressEvent(event)
