"""A tool's view over the text that it works on. Esc closes it; what runs is stopped then."""

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, Signal
from PySide6.QtGui import QCloseEvent, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from desktop_llm.core.tools import Tool
from desktop_llm.ui.icons import icon
from desktop_llm.ui.pages.tool_view import ToolView, tool_title
from desktop_llm.ui.widgets.eliding import ElidingLabel
from desktop_llm.ui.widgets.message_bar import MessageAction, SmallButton
from desktop_llm.ui.widgets.plain_text import plain_label
from desktop_llm.words import _

WIDTH, HEIGHT, MARGIN = 600, 460, 16  # pixels


class ToolPopup(QFrame):
    closed = Signal()
    page_wanted = Signal()  # the same on the tools page

    def __init__(self, tool: Tool, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("popup")
        self.setAutoFillBackground(True)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._parent = parent
        self._grabbed: QPoint | None = None
        self.view = ToolView(self)
        sign = plain_label(parent=self)
        sign.setPixmap(icon(tool_icon(tool)).pixmap(20, 20))
        title = ElidingLabel(self)
        title.setProperty("section", True)
        title.setText(tool_title(tool))
        self.setAccessibleName(tool_title(tool))
        larger = SmallButton(self)
        larger.take(
            MessageAction(icon("arrows-out"), _("On the tools page"), self.page_wanted.emit)
        )
        close = SmallButton(self)
        close.take(MessageAction(icon("x"), _("Close"), self.close))
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(sign)
        head.addWidget(title, 1)
        head.addWidget(larger)
        head.addWidget(close)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(16, 12, 12, 16)
        rows.setSpacing(8)
        rows.addLayout(head)
        rows.addWidget(self.view, 1)
        parent.installEventFilter(self)

    def appear(self) -> None:
        self._place()
        self.show()
        self.raise_()
        first = self.view.form.first_field() if self.view.form is not None else None
        taker = self.view.stop_button if self.view.running else first or self.view.run_button
        taker.setFocus(Qt.FocusReason.PopupFocusReason)

    def _place(self) -> None:
        room = self._parent.size()
        width = min(WIDTH, room.width() - 2 * MARGIN)
        height = min(HEIGHT, room.height() - 2 * MARGIN)
        self.resize(width, height)
        self.move((room.width() - width) // 2, max(MARGIN, (room.height() - height) // 3))

    def closeEvent(self, event: QCloseEvent) -> None:
        self._parent.removeEventFilter(self)
        super().closeEvent(event)
        self.closed.emit()
        self.deleteLater()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close()
        else:
            super().keyPressEvent(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize:
            self._place()
        return super().eventFilter(watched, event)

    # It is moved by its edge and its head: what lies below is what it speaks of.

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._grabbed = event.position().toPoint()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._grabbed is not None:
            place = self.mapToParent(event.position().toPoint() - self._grabbed)
            room = self._parent.rect()
            x = min(max(place.x(), 0), max(0, room.width() - self.width()))
            y = min(max(place.y(), 0), max(0, room.height() - self.height()))
            self.move(x, y)

    def mouseReleaseEvent(self, _event: QMouseEvent) -> None:
        self._grabbed = None


def tool_icon(tool: Tool) -> str:
    """A person's file may name an icon that there is not."""
    try:
        icon(tool.icon)
    except KeyError:
        return "magic-wand"
    return tool.icon
