"""A picker above a text field, opened by a character typed there: what is typed is never lost."""

from PySide6.QtCore import QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QWidget

from desktop_llm.ui.widgets.picker import EMPTY, Picker

MOST_ROWS = 8  # at a time


class SlashPicker(Picker):
    left = Signal(str)  # nothing was chosen; what was typed here
    taken_back = Signal()  # by the backspace key

    def __init__(self, placeholder: str, nothing: str, parent: QWidget) -> None:
        super().__init__(placeholder, nothing, parent)
        self._ended = True
        self._list.setUniformItemSizes(True)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._ended = False

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        if not self._ended:
            self._ended = True
            self.left.emit(self._line.text())

    def _take(self) -> None:
        self._ended = self._list.currentIndex().isValid()
        super()._take()

    def _key(self, key: int) -> bool:
        if key == Qt.Key.Key_Backspace and not self._line.text():
            self._ended = True
            self.close()
            self.taken_back.emit()
            return True
        return super()._key(key)

    def _fit(self) -> None:
        """It stands on the lower edge of its place."""
        rows = min(MOST_ROWS, len(self._model.rows)) * max(0, self._list.sizeHintForRow(0))
        around = self._line.sizeHint().height() + 3 * 8 + 2 * self._list.frameWidth() + 4
        height = min(self._place.height(), around + max(rows, EMPTY))
        top = self._place.bottom() + 1 - height
        self.setGeometry(QRect(QPoint(self._place.left(), top), QSize(self._place.width(), height)))


def above(widget: QWidget, width: int, height: int) -> QRect:
    """A place over a widget, within its window."""
    window = widget.window()
    corner = widget.mapTo(window, QPoint(0, -4))
    width = min(width, max(200, window.width() - corner.x() - 8))
    height = min(height, max(160, corner.y() - 8))
    place = QPoint(corner.x(), corner.y() - height)
    return QRect(window.mapToGlobal(place), QSize(width, height))
