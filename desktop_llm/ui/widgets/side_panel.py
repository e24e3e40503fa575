"""A panel beside the content: one of several pages at a time, which others choose."""

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QIcon, QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from desktop_llm.ui.widgets.eliding import ElidingLabel
from desktop_llm.ui.widgets.message_bar import MessageAction, SmallButton

NARROWEST = 260  # pixels
WIDTH = 320  # pixels at first


class SidePanel(QFrame):
    """Hidden until a page is opened. Esc closes it."""

    opened = Signal(str)
    closed = Signal()

    def __init__(self, close_icon: QIcon, close_words: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.after: QWidget | None = None  # gets the focus when this goes with it
        self.setObjectName("sidepanel")
        self.setMinimumWidth(NARROWEST)
        self._pages: dict[str, tuple[str, QWidget]] = {}
        self._shown = ""
        self._title = ElidingLabel(self)
        self._title.setProperty("section", True)
        self.close_button = SmallButton(self)
        self.close_button.take(MessageAction(close_icon, close_words, self.close_panel))
        self._stack = QStackedWidget(self)
        header = QHBoxLayout()
        header.setContentsMargins(16, 12, 12, 8)
        header.setSpacing(8)
        header.addWidget(self._title, 1)
        header.addWidget(self.close_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(header)
        column.addWidget(self._stack, 1)
        QWidget.setTabOrder(self._stack, self.close_button)  # what is read comes first
        self.hide()

    def sizeHint(self) -> QSize:
        return QSize(WIDTH, super().sizeHint().height())

    @property
    def shown(self) -> str:
        """The page, or empty where the panel is hidden."""
        return self._shown

    def add(self, key: str, title: str, widget: QWidget) -> None:
        """When it is opened, the widget or its focus proxy gets the focus."""
        self._pages[key] = (title, widget)
        self._stack.addWidget(widget)

    def open(self, key: str) -> None:
        """Raises KeyError for an unknown page."""
        title, widget = self._pages[key]
        self._shown = key
        self._title.setText(title)
        self.setAccessibleName(title)
        self._stack.setCurrentWidget(widget)
        self.show()
        taker = widget.focusProxy() or widget
        if taker.focusPolicy() is Qt.FocusPolicy.NoFocus:
            taker = self.close_button  # Esc must be heard
        taker.setFocus(Qt.FocusReason.OtherFocusReason)
        self.opened.emit(key)

    def close_panel(self) -> None:
        if not self._shown:
            return
        if self.after is not None and self._has_focus():
            self.after.setFocus(Qt.FocusReason.OtherFocusReason)
        self._shown = ""
        self.hide()
        self.closed.emit()

    def _has_focus(self) -> bool:
        focus = self.window().focusWidget()
        return focus is not None and self.isAncestorOf(focus)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close_panel()
        else:
            super().keyPressEvent(event)
