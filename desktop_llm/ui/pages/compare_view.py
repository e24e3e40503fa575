"""Two replies to one question beside each other, of which one is chosen to go on with."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QSplitter, QVBoxLayout, QWidget

from desktop_llm.core.conversations import StoredMessage
from desktop_llm.ui.icons import icon
from desktop_llm.ui.models.messages import entry_of, note_of
from desktop_llm.ui.theme import Tokens
from desktop_llm.ui.widgets.eliding import ElidingLabel
from desktop_llm.ui.widgets.message_column import ColourCode, DrawFormulas, Work
from desktop_llm.ui.widgets.plain_text import plain_label
from desktop_llm.ui.widgets.transcript import Transcript
from desktop_llm.words import _

NARROW = 560  # pixels under which they stand one below the other


class CompareView(QWidget):
    chosen = Signal(int)  # the side: 0 or 1
    left = Signal()

    def __init__(
        self, tokens: Tokens, colour_code: ColourCode, work: Work, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.question = ElidingLabel(self)
        self.question.setProperty("strong", True)
        self.leave_button = QPushButton(icon("x"), _("Close the comparison"), self)
        self.leave_button.clicked.connect(self.left)
        head = QHBoxLayout()
        head.setContentsMargins(24, 0, 16, 0)
        head.setSpacing(12)
        head.addWidget(self.question, 1)
        head.addWidget(self.leave_button)
        first, second = (
            _Column(name, tokens, colour_code, work, self)
            for name in (_("First reply"), _("Second reply"))
        )
        self.sides = (first, second)
        self._split = QSplitter(Qt.Orientation.Horizontal, self)
        self._split.setChildrenCollapsible(False)
        self._split.setHandleWidth(1)
        for at, side in enumerate(self.sides):
            self._split.addWidget(side)
            side.take_button.clicked.connect(lambda _on=False, at=at: self.chosen.emit(at))
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(8)
        rows.addLayout(head)
        rows.addWidget(self._split, 1)

    def begin(self, question: str, titles: tuple[str, str]) -> None:
        self.question.setText(question)
        for side, title in zip(self.sides, titles, strict=True):
            side.begin(title)

    def offer(self, ready: bool) -> None:
        """Whether one can be chosen now."""
        for side in self.sides:
            side.take_button.setEnabled(ready and side.key is not None)

    def draw_formulas_with(self, draw: DrawFormulas) -> None:
        for side in self.sides:
            side.transcript.draw_formulas_with(draw)

    def restyle(self, tokens: Tokens) -> None:
        for side in self.sides:
            side.transcript.restyle(tokens)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        narrow = event.size().width() < NARROW
        self._split.setOrientation(Qt.Orientation.Vertical if narrow else Qt.Orientation.Horizontal)
        super().resizeEvent(event)


class _Column(QFrame):
    """One reply: by whom, what it says, and the button that takes it."""

    def __init__(
        self, name: str, tokens: Tokens, colour_code: ColourCode, work: Work, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self.key: int | None = None  # of the reply, once there is one
        self.title = ElidingLabel(self)
        self.title.setProperty("section", True)
        self.state = plain_label(parent=self)
        self.state.setProperty("small", True)
        self.transcript = Transcript(tokens, colour_code, work, self)
        self._name = name
        self.take_button = QPushButton(icon("check"), _("Go on with this one"), self)
        self._show_names("")
        head = QVBoxLayout()
        head.setContentsMargins(24, 4, 16, 0)
        head.setSpacing(0)
        head.addWidget(self.title)
        head.addWidget(self.state)
        foot = QHBoxLayout()
        foot.setContentsMargins(24, 0, 16, 8)
        foot.addWidget(self.take_button)
        foot.addStretch()
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(4)
        rows.addLayout(head)
        rows.addWidget(self.transcript, 1)
        rows.addLayout(foot)

    def _show_names(self, title: str) -> None:
        self.title.setText(title)
        of = f"{self._name}: {title}" if title else self._name
        self.transcript.setAccessibleName(of)
        self.take_button.setAccessibleName(f"{self.take_button.text()}: {of}")

    def begin(self, title: str) -> None:
        self.key = None
        self._show_names(title)
        self.state.setText(_("waits for its turn"))
        self.take_button.setEnabled(False)
        self.transcript.show_entries([])

    def show_reply(self, reply: StoredMessage) -> None:
        """It begins, or is there already."""
        self.key = reply.id
        self.state.setText("")
        self.transcript.show_entries([entry_of(reply)])

    def grow(self, text: str) -> None:
        assert self.key is not None
        self.state.setText("")
        self.transcript.stream(self.key, text)

    def say(self, words: str) -> None:
        self.state.setText(words)

    def finish(self, reply: StoredMessage) -> None:
        seconds = reply.stats.thinking_seconds if reply.stats is not None else 0.0
        self.state.setText("")
        self.transcript.finish(reply.id, reply.text, note_of(reply), seconds)
