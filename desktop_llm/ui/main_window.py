"""The window: the chat page and one status line."""

from PySide6.QtCore import QSettings, Signal
from PySide6.QtGui import QAction, QCloseEvent, QGuiApplication, QKeySequence
from PySide6.QtWidgets import QLabel, QMainWindow

from desktop_llm.core.conversations import StoredMessage
from desktop_llm.core.errors import DesktopLlmError
from desktop_llm.services.chat import ChatService
from desktop_llm.ui.bridge import Bridge
from desktop_llm.ui.pages.chat import ChatPage
from desktop_llm.ui.theme import Tokens
from desktop_llm.words import _


class MainWindow(QMainWindow):
    font_step_wanted = Signal(int)  # pixels; 0: back to the default

    def __init__(self, bridge: Bridge, tokens: Tokens, state: QSettings) -> None:
        super().__init__()
        self._state = state
        self.setWindowTitle("desktop-llm")
        self.chat = ChatPage(bridge, tokens, self)
        self.setCentralWidget(self.chat)
        self._model = QLabel(self)
        self.statusBar().setSizeGripEnabled(False)
        self.statusBar().setContentsMargins(12, 0, 12, 0)
        self.statusBar().addWidget(self._model)
        self.chat.answered.connect(self._answered)
        new = QAction(_("New conversation"), self)
        new.setShortcut(QKeySequence.StandardKey.New)
        new.triggered.connect(self.chat.new_conversation)
        self.addAction(new)
        for name, keys, step in (
            (_("Larger text"), ["Ctrl++", "Ctrl+="], 1),
            (_("Smaller text"), ["Ctrl+-"], -1),
            (_("Normal text size"), ["Ctrl+0"], 0),
        ):
            action = QAction(name, self)
            action.setShortcuts([QKeySequence(key) for key in keys])
            action.triggered.connect(lambda _on=False, by=step: self.font_step_wanted.emit(by))
            self.addAction(action)
        self.setMinimumSize(640, 480)
        self._restore()

    def start(self, chat: ChatService) -> None:
        self.chat.start(chat)
        self.chat.composer.editor.setFocus()

    def show_fault(self, fault: DesktopLlmError) -> None:
        self.chat.show_fault(fault)

    def closeEvent(self, event: QCloseEvent) -> None:
        self.chat.leave()
        self._state.setValue("geometry", self.saveGeometry())
        self._state.setValue("split", self.chat.saveState())
        super().closeEvent(event)

    def _answered(self, reply: StoredMessage) -> None:
        parts = [reply.model]
        if reply.stats is not None:
            speed = f"{reply.stats.tokens_per_second:,.0f}"
            parts.append(_("{number} tok/s").format(number=speed))
        self._model.setText(" · ".join(part for part in parts if part))

    def _restore(self) -> None:
        """Qt moves a window back onto a screen that exists."""
        if geometry := self._state.value("geometry"):
            self.restoreGeometry(geometry)
        else:
            room = QGuiApplication.primaryScreen().availableGeometry()
            self.resize(min(1100, room.width()), min(760, room.height()))
        if split := self._state.value("split"):
            self.chat.restoreState(split)
