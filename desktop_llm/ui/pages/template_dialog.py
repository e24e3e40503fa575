"""The chat template of a model: its text, what a conversation looks like in it, another in its
place.
"""

from collections.abc import Sequence

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QTextCharFormat, QTextCursor
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QPlainTextEdit,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from desktop_llm.core.engine import PromptPiece, RenderedPrompt
from desktop_llm.core.models import InstalledModel
from desktop_llm.core.templates import FAMILIES, LONGEST_TEMPLATE
from desktop_llm.ui.icons import icon
from desktop_llm.ui.widgets.announce import announce
from desktop_llm.ui.widgets.inputs import Choice
from desktop_llm.ui.widgets.plain_text import plain_label
from desktop_llm.words import _

QUIET_MILLISECONDS = 500  # after a key, before the preview is made anew
WIDTH, HEIGHT = 860, 620  # pixels that it asks for
OWN, CHANGED = -1, -2  # of the choice: the file's own; a person's


class TemplateDialog(QDialog):
    preview_wanted = Signal(str)  # of a source; to be answered by `show_preview`
    kept = Signal(str)  # a source; empty: the file's own

    def __init__(self, model: InstalledModel, own: str, parent: QWidget) -> None:
        """`own`: the template in the file; empty: there is none."""
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(_("Chat template of “{name}”").format(name=model.name))
        self._own = own
        about = plain_label(
            _("How the turns of a conversation are put before the model. A wrong one makes it "
              "answer badly, or not stop."), self
        )  # fmt: skip
        about.setProperty("muted", True)
        about.setWordWrap(True)
        self.choice = Choice(icon("caret-down"), self)
        self.choice.setAccessibleName(_("Template"))
        words = _("Of the file") if own else _("None in the file: a general one")
        self.choice.addItem(words, OWN)
        for at, family in enumerate(FAMILIES):
            self.choice.addItem(family.name, at)
        self.choice.addItem(_("Your own"), CHANGED)
        self.choice.activated.connect(lambda _at: self._choose())
        self.source = QPlainTextEdit(self)
        self.source.setAccessibleName(_("Template"))
        self.source.setLineWrapMode(QPlainTextEdit.LineWrapMode.WidgetWidth)
        self.source.setTabChangesFocus(True)
        self.preview = QPlainTextEdit(self)
        self.preview.setReadOnly(True)
        self.preview.setAccessibleName(_("A conversation in it"))
        self.state = plain_label(parent=self)
        self.state.setWordWrap(True)
        buttons = QDialogButtonBox(self)
        self.keep_button = buttons.addButton(_("Keep"), QDialogButtonBox.ButtonRole.AcceptRole)
        self.keep_button.setProperty("primary", True)
        self.keep_button.style().unpolish(self.keep_button)
        self.keep_button.style().polish(self.keep_button)
        buttons.addButton(_("Cancel"), QDialogButtonBox.ButtonRole.RejectRole)
        buttons.accepted.connect(self._keep)
        buttons.rejected.connect(self.reject)
        split = QSplitter(Qt.Orientation.Horizontal, self)
        split.setChildrenCollapsible(False)
        split.setHandleWidth(1)
        for title, editor in ((_("Template"), self.source),
                              (_("A conversation in it"), self.preview)):  # fmt: skip
            split.addWidget(_titled(title, editor))
        row = QHBoxLayout()
        row.addWidget(self.choice)
        row.addWidget(self.state, 1)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(24, 16, 24, 16)
        rows.setSpacing(10)
        rows.addWidget(about)
        rows.addLayout(row)
        rows.addWidget(split, 1)
        rows.addWidget(buttons)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(QUIET_MILLISECONDS)
        self._timer.timeout.connect(self._ask)
        self._show_source(model.settings.template or own)
        known = [at for at, family in enumerate(FAMILIES)
                 if family.jinja() == model.settings.template]  # fmt: skip
        chosen = OWN if not model.settings.template else known[0] if known else CHANGED
        self.choice.setCurrentIndex(self.choice.findData(chosen))
        self.source.textChanged.connect(self._edited)
        room = parent.window().size()
        self.resize(min(WIDTH, room.width() - 40), min(HEIGHT, room.height() - 40))
        self._timer.start(0)

    def show_preview(self, source: str, shown: RenderedPrompt) -> None:
        """Of a source that may have changed since."""
        if source != self._text():
            return
        fault = shown.template_fault
        self._write(shown.pieces)
        self.state.setProperty("danger", bool(fault))
        self.state.style().unpolish(self.state)
        self.state.style().polish(self.state)
        words = _("It works.") if not fault else _("Of no use: {reason}.").format(reason=fault)
        self.state.setText(words)
        self.keep_button.setEnabled(not fault)
        if fault:
            announce(self.state, words)

    def _write(self, pieces: Sequence[PromptPiece]) -> None:
        """The template's own text in another colour than what was said."""
        self.preview.clear()
        cursor = QTextCursor(self.preview.document())
        scaffold = QTextCharFormat()
        scaffold.setForeground(self.palette().placeholderText())
        for piece in pieces:
            cursor.insertText(piece.text, QTextCharFormat() if piece.is_content else scaffold)

    def _choose(self) -> None:
        chosen = self.choice.currentData()
        if chosen != CHANGED:
            self._show_source(self._own if chosen == OWN else FAMILIES[chosen].jinja())
        self._timer.start(0)

    def _show_source(self, text: str) -> None:
        self.source.blockSignals(True)
        self.source.setPlainText(text)
        self.source.blockSignals(False)

    def _edited(self) -> None:
        self.choice.setCurrentIndex(self.choice.findData(CHANGED))
        self._timer.start()

    def _text(self) -> str:
        return self.source.toPlainText()

    def _ask(self) -> None:
        text = self._text()
        too_long = len(text) > LONGEST_TEMPLATE
        if too_long or not text.strip():
            fault = "" if not text.strip() else _("it is too long")
            self._write([])
            self.state.setText(fault)
            self.keep_button.setEnabled(not too_long and self.choice.currentData() == OWN)
            return
        if not self.state.text():
            self.state.setText(_("Being tried out …"))
        self.preview_wanted.emit(text)

    def _keep(self) -> None:
        text = "" if self.choice.currentData() == OWN else self._text()
        self.accept()
        self.kept.emit("" if text == self._own else text)


def _titled(title: str, editor: QWidget) -> QWidget:
    holder = QWidget()
    label = plain_label(title, holder)
    label.setProperty("small", True)
    label.setBuddy(editor)
    rows = QVBoxLayout(holder)
    rows.setContentsMargins(4, 0, 4, 0)
    rows.setSpacing(4)
    rows.addWidget(label)
    rows.addWidget(editor, 1)
    return holder
