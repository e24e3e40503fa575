"""The prompt as the model gets it, character for character."""

from collections.abc import Iterator

from PySide6.QtCore import QEvent, QTimer, Signal
from PySide6.QtGui import QFont, QGuiApplication, QPalette, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from desktop_llm.core.engine import PromptPiece, RenderedPrompt
from desktop_llm.ui.icons import icon
from desktop_llm.ui.theme import CHINESE_FALLBACKS, MONOSPACE
from desktop_llm.ui.widgets.announce import announce
from desktop_llm.ui.widgets.list_rows import smaller
from desktop_llm.ui.widgets.plain_text import plain_label
from desktop_llm.words import _, counted

MOST_SHOWN = 200_000  # characters; more would take the view long to lay out
AT_ONCE = 20_000  # characters that are put in before the window gets its turn
COPIED_MILLISECONDS = 2_000  # that the button says so


class ExactText(QWidget):
    """What the template adds is grey."""

    left = Signal()
    anew_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rendered: RenderedPrompt | None = None
        self._rest: Iterator[PromptPiece] = iter(())
        self._place = 0  # of the scroll bar, once all is there
        self._timer = QTimer(self)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._insert)
        self._copied = QTimer(self)
        self._copied.setSingleShot(True)
        self._copied.setInterval(COPIED_MILLISECONDS)
        self._copied.timeout.connect(self._offer_copy)
        self.back_button = QPushButton(icon("caret-left"), _("Back"), self)
        self.back_button.clicked.connect(self.left)
        self.copy_button = QPushButton(self)
        self.copy_button.clicked.connect(self.copy)
        self._tokens = plain_label(parent=self)
        self._tokens.setProperty("strong", True)
        self._note = plain_label(parent=self)
        self._stale = QPushButton(icon("arrow-clockwise"), _("It has changed. Show it anew"), self)
        self._stale.clicked.connect(self.anew_wanted)
        self.view = QPlainTextEdit(self)
        self.view.setReadOnly(True)
        self.view.setUndoRedoEnabled(False)
        self.view.setTabChangesFocus(True)
        self.view.setAccessibleName(_("The exact text"))
        self._note.setProperty("small", True)
        self._note.setWordWrap(True)
        header = QHBoxLayout()
        header.setSpacing(8)
        header.addWidget(self.back_button)
        header.addStretch()
        header.addWidget(self.copy_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 4, 16, 16)
        column.setSpacing(8)
        column.addLayout(header)
        column.addWidget(self._tokens)
        column.addWidget(self._note)
        column.addWidget(self._stale)
        column.addWidget(self.view, 1)
        self._offer_copy()
        self._dress()

    @property
    def filling(self) -> bool:
        """Whether there is more to come than is seen."""
        return self._timer.isActive()

    def show_prompt(self, rendered: RenderedPrompt) -> None:
        self._rendered = rendered
        self._offer_copy()
        self._stale.hide()
        self._tokens.setText(counted("{number} token", "{number} tokens", rendered.tokens))
        notes = [_("What the chat template adds is grey.")]
        if rendered.template_fault:
            notes.append(
                _("The chat template of this model could not be used ({reason}).").format(
                    reason=rendered.template_fault
                )
            )
        length = sum(len(piece.text) for piece in rendered.pieces)
        if length > MOST_SHOWN:
            words = _("Only the first {shown} of {all} characters are shown; “Copy” takes all.")
            notes.append(words.format(shown=f"{MOST_SHOWN:,}", all=f"{length:,}"))
        self._note.setText("\n".join(notes))
        self.view.setAccessibleDescription(self._note.text())
        self._fill()

    def forget(self) -> None:
        """A long prompt takes memory."""
        self._rendered = None
        self._timer.stop()
        self.view.clear()

    def mark_changed(self) -> None:
        """What is sent is another text by now."""
        self._stale.show()

    def copy(self) -> None:
        if self._rendered is None:
            return
        text = "".join(piece.text for piece in self._rendered.pieces)
        QGuiApplication.clipboard().setText(text)
        self.copy_button.setText(_("Copied"))
        self.copy_button.setIcon(icon("check"))
        announce(self, _("Copied"))
        self._copied.start()

    def _offer_copy(self) -> None:
        self._copied.stop()
        self.copy_button.setText(_("Copy"))
        self.copy_button.setIcon(icon("copy"))

    # --- filling -------------------------------------------------------------------------------

    def _fill(self, place: int = 0) -> None:
        self.view.clear()
        self._place = place
        self._rest = _portions(() if self._rendered is None else self._rendered.pieces)
        self._timer.start()
        self._insert()

    def _insert(self) -> None:
        """Not through the view's own cursor: what is selected meanwhile stays so."""
        template = QTextCharFormat()
        template.setForeground(self.palette().color(QPalette.ColorRole.PlaceholderText))
        content = QTextCharFormat()
        cursor = QTextCursor(self.view.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.beginEditBlock()
        put = 0
        while put < AT_ONCE:
            piece = next(self._rest, None)
            if piece is None:
                self._timer.stop()
                break
            cursor.insertText(piece.text, content if piece.is_content else template)
            put += len(piece.text)
        cursor.endEditBlock()
        if not self._timer.isActive() and self._place:
            self.view.verticalScrollBar().setValue(self._place)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange):
            self._dress()
            if self._rendered is not None:  # its colours are in the text
                self._fill(self.view.verticalScrollBar().value())

    def _dress(self) -> None:
        font = QFont(smaller(self.font()))
        font.setFamilies([*MONOSPACE, *CHINESE_FALLBACKS])
        if self.view.font() != font:
            self.view.setFont(font)


def _portions(pieces: tuple[PromptPiece, ...]) -> Iterator[PromptPiece]:
    """No more than is shown, and none longer than what is put in at once."""
    room = MOST_SHOWN
    for piece in pieces:
        text = piece.text[:room]
        room -= len(text)
        for at in range(0, len(text), AT_ONCE):
            yield PromptPiece(text[at : at + AT_ONCE], piece.is_content)
