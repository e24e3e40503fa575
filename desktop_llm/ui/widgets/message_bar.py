"""The small buttons beside a message: shown under the mouse and for the message in focus."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QGuiApplication, QIcon
from PySide6.QtWidgets import QFrame, QHBoxLayout, QToolButton, QWidget

SIZE = 24  # pixels of a button, its frame included


@dataclass(frozen=True, slots=True)
class MessageAction:
    icon: QIcon
    text: str
    call: Callable[[], object]
    enabled: bool = True


class SmallButton(QToolButton):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setIconSize(QSize(16, 16))
        self.setFixedSize(SIZE, SIZE)
        self._call: Callable[[], object] = lambda: None
        self.clicked.connect(lambda: self._call())

    def take(self, action: MessageAction) -> None:
        self.setIcon(action.icon)
        self.setToolTip(action.text)
        self.setAccessibleName(action.text)
        self.setEnabled(action.enabled)
        self._call = action.call


class MessageBar(QFrame):
    """The buttons of one message at a time."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("messageBar")
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(2)
        self._buttons: list[SmallButton] = []
        self.key: int | None = None  # of the message it belongs to
        self.hide()

    def show_for(self, key: int, actions: Sequence[MessageAction]) -> None:
        """The same buttons serve every message, so that focus stays in them."""
        self.key = key
        while len(self._buttons) < len(actions):
            self._buttons.append(SmallButton(self))
            self._layout.addWidget(self._buttons[-1])
        for button, action in zip(self._buttons, actions, strict=False):
            button.take(action)
        for at, button in enumerate(self._buttons):
            button.setVisible(at < len(actions))
        self.setVisible(bool(actions))

    def set_floating(self, floating: bool) -> None:
        """It lies over something: a box of its own."""
        if bool(self.property("floating")) == floating:
            return
        self.setProperty("floating", floating)
        self._layout.setContentsMargins(*([2] * 4 if floating else [0] * 4))
        self.style().unpolish(self)
        self.style().polish(self)

    def leave(self) -> None:
        """The focus, where it is here, goes to what holds this."""
        self.key = None
        focus, holder = self.window().focusWidget(), self.parentWidget()
        if holder is not None and focus is not None and self.isAncestorOf(focus):
            holder.setFocus()
        self.hide()

    def place(self, right: float, top: float) -> None:
        size = self.sizeHint()
        self.setGeometry(round(right - size.width()), round(top), size.width(), size.height())


class CopyCodeButton(SmallButton):
    """At the corner of the code under the mouse."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._code = ""
        self.hide()

    def set_words(self, icon: QIcon, text: str) -> None:
        self.take(
            MessageAction(icon, text, lambda: QGuiApplication.clipboard().setText(self._code))
        )

    def show_on(self, box: QRectF, code: str) -> None:
        self._code = code
        self.move(round(box.right()) - SIZE - 6, round(box.top()) + 6)
        self.show()
