"""Where a person writes: grows with its text, Enter sends, Shift+Enter breaks the line."""

from PySide6.QtCore import Signal
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from desktop_llm.ui.widgets.attachment_row import AttachmentRow
from desktop_llm.ui.widgets.gauge import Gauge
from desktop_llm.ui.widgets.message_bar import MessageAction, SmallButton
from desktop_llm.ui.widgets.plain_text import plain_label
from desktop_llm.ui.widgets.text_editor import TextEditor

MOST_LINES = 10
BAR = 72  # pixels
SURELY_TEXT = 1000  # characters; nobody types as many spaces


class Composer(QFrame):
    send_wanted = Signal(str)  # the text stays until `clear`: a failed send loses nothing
    stop_wanted = Signal()
    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("composer")
        self.editor = TextEditor(self)
        self.editor.takes_files = True
        self.attachments = AttachmentRow(self)
        self.gauge = plain_label(parent=self)
        self.gauge.setProperty("small", True)
        self.bar = Gauge(self)
        self.bar.setFixedWidth(BAR)
        self.bar.hide()
        self.button = QPushButton(self)
        self.button.setProperty("primary", True)
        self.button.clicked.connect(self._clicked)
        self._running = False
        self._blocked = False
        self._held = False
        self._waiting = False
        self._words = ("", "")
        self._icons = (QIcon(), QIcon())
        self._tools = QHBoxLayout()
        self._tools.setSpacing(4)
        self._last_tool: SmallButton | None = None
        foot = QHBoxLayout()
        foot.setContentsMargins(0, 0, 0, 0)
        foot.setSpacing(12)
        foot.addLayout(self._tools)
        foot.addWidget(self.bar)
        foot.addWidget(self.gauge)
        foot.addStretch()
        foot.addWidget(self.button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 8, 8, 8)
        layout.setSpacing(4)
        layout.addWidget(self.attachments)
        layout.addWidget(self.editor)
        layout.addLayout(foot)
        self.setFocusProxy(self.editor)
        self.editor.send_wanted.connect(self._send)
        self.editor.focused.connect(self._show_focus)
        self.editor.textChanged.connect(self._text_changed)
        self._text_changed()

    def set_words(self, placeholder: str, name: str, send: str, stop: str) -> None:
        self.editor.setPlaceholderText(placeholder)
        self.editor.setAccessibleName(name)
        self._words = (send, stop)
        self.set_running(self._running)

    def set_icons(self, send: QIcon, stop: QIcon) -> None:
        self._icons = (send, stop)
        self.set_running(self._running)

    def set_running(self, running: bool) -> None:
        self._running = running
        self.button.setText(self._words[running])
        self.button.setIcon(self._icons[running])
        self.button.setAccessibleName(self._words[running])
        self.button.setEnabled(running or self._may_send())

    def set_held(self, held: bool) -> None:
        """Nothing can be sent now."""
        self._held = held
        self.set_running(self._running)

    def set_waiting(self, waiting: bool) -> None:
        """Something that belongs to the text is not there yet."""
        if waiting != self._waiting:
            self._waiting = waiting
            self.set_running(self._running)

    def set_gauge(self, text: str, hint: str = "", over: bool = False) -> None:
        """How much of the context the text takes; over it cannot be sent."""
        self.gauge.setText(text)
        self.bar.setVisible(bool(text))
        self.gauge.setToolTip(hint)
        self.gauge.setAccessibleName(hint or text)
        if bool(self.gauge.property("danger")) != over:
            self.gauge.setProperty("danger", over)
            self.gauge.style().unpolish(self.gauge)
            self.gauge.style().polish(self.gauge)
        self._blocked = over
        self.set_running(self._running)

    def text(self) -> str:
        return self.editor.toPlainText()

    def set_text(self, text: str) -> None:
        self.editor.setPlainText(text)
        cursor = self.editor.textCursor()
        cursor.movePosition(cursor.MoveOperation.End)
        self.editor.setTextCursor(cursor)

    def insert(self, text: str) -> None:
        """At the cursor; what is written, and what is chosen of it, stays. Can be undone."""
        cursor = self.editor.textCursor()
        cursor.setPosition(cursor.selectionEnd())
        cursor.insertText(text)
        self.editor.setTextCursor(cursor)
        self.editor.ensureCursorVisible()

    def add_tool(self, tool: MessageAction, name: str) -> SmallButton:
        """A small button at the left of the foot; `tool.text` is its tooltip."""
        button = SmallButton(self)
        button.take(tool)
        button.setAccessibleName(name)
        self._tools.addWidget(button)
        before = self._last_tool or self.editor
        QWidget.setTabOrder(before, button)
        QWidget.setTabOrder(button, self.bar)
        QWidget.setTabOrder(self.bar, self.button)
        self._last_tool = button
        return button

    def clear(self) -> None:
        self.editor.clear()

    def has_text(self) -> bool:
        length = self.editor.document().characterCount() - 1
        return length > SURELY_TEXT or bool(self.text().strip())

    def _may_send(self) -> bool:
        kept_back = self._blocked or self._held or self._waiting
        return not kept_back and self.has_text()

    def _clicked(self) -> None:
        if self._running:
            self.stop_wanted.emit()
        else:
            self._send()
        self.editor.setFocus()  # the button may be disabled now

    def _send(self) -> None:
        if not self._running and self._may_send():
            self.send_wanted.emit(self.text())

    def _text_changed(self) -> None:
        document = self.editor.document()
        lines = max(2, min(MOST_LINES, round(document.size().height())))
        height = lines * self.editor.fontMetrics().lineSpacing() + 12
        if self.editor.height() != height:
            self.editor.setFixedHeight(height)
        self.set_running(self._running)
        self.changed.emit()

    def _show_focus(self, focused: bool) -> None:
        self.setProperty("active", focused)
        self.style().unpolish(self)
        self.style().polish(self)
