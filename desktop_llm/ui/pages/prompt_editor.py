"""A prompt being written, in the panel at the side."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QTextCursor
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from desktop_llm.core.presets import NAME_LENGTH, PROMPT_LENGTH, Prompt, variables_of
from desktop_llm.core.text import clean_text
from desktop_llm.ui.models.prompts import name_for
from desktop_llm.ui.widgets.plain_text import plain_label
from desktop_llm.ui.widgets.text_editor import TextEditor
from desktop_llm.words import _

NEW = Prompt(name="", text="")
MARGIN = 16  # pixels at both sides
MOST_LISTED = 12  # variables


class PromptEditor(QWidget):
    """Ctrl+Enter saves, Esc leaves; what was typed goes along with the signal."""

    saved = Signal(object)  # a `Prompt`
    left = Signal(object)  # a `Prompt` that was not saved, or None where nothing was changed

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._stored = NEW
        self._busy = False
        self._used: tuple[str, ...] | None = None
        name_label = plain_label(_("Name"), self)
        self.name = QLineEdit(self)
        self.name.setMaxLength(NAME_LENGTH)
        self.name.setAccessibleName(_("Name of the prompt"))
        name_label.setBuddy(self.name)
        text_label = plain_label(_("Text"), self)
        self.text = TextEditor(self, enter_sends=False)
        self.text.setAccessibleName(_("Text of the prompt"))
        self.text.setMinimumHeight(72)
        text_label.setBuddy(self.text)
        about = _("{{name}} leaves a gap that is asked for when you use the prompt.")
        self._about = plain_label(about, self)
        self._about.setProperty("small", True)
        self._variables = plain_label(parent=self)
        for label in (self._about, self._variables):
            label.setWordWrap(True)
        self.text.setAccessibleDescription(about)
        self.cancel_button = QPushButton(_("Cancel"), self)
        self.cancel_button.clicked.connect(self.leave)
        self.save_button = QPushButton(_("Save"), self)
        self.save_button.setProperty("primary", True)
        self.save_button.clicked.connect(self._save)
        for button in (self.cancel_button, self.save_button):
            button.setAutoDefault(True)  # Enter presses it too
        foot = QHBoxLayout()
        foot.setSpacing(8)
        foot.addStretch()
        foot.addWidget(self.cancel_button)
        foot.addWidget(self.save_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(MARGIN, 4, MARGIN, MARGIN)
        column.setSpacing(4)
        column.addWidget(name_label)
        column.addWidget(self.name)
        column.addSpacing(8)
        column.addWidget(text_label)
        column.addWidget(self.text, 1)
        column.addWidget(self._about)
        column.addSpacing(4)
        column.addWidget(self._variables)
        column.addSpacing(8)
        column.addLayout(foot)
        self.name.textChanged.connect(self._show_state)
        self.name.returnPressed.connect(self.text.setFocus)
        self.text.textChanged.connect(self._show_state)
        self.text.send_wanted.connect(self._save)
        self.setFocusProxy(self.name)
        self.open(NEW)

    def open(self, stored: Prompt, typed: Prompt | None = None) -> None:
        """`typed`: what was written of it before, and not saved."""
        self._stored = stored
        shown = typed or stored
        self.set_busy(False)
        self.name.setText(shown.name)
        self.text.setPlainText(shown.text)
        self.text.moveCursor(QTextCursor.MoveOperation.End)
        self.name.setPlaceholderText(_("e.g. Summary"))
        self._show_state()

    def prompt(self) -> Prompt:
        """As it stands here."""
        text = clean_text(self.text.toPlainText())
        return Prompt(id=self._stored.id, name=clean_text(self.name.text()), text=text)

    @property
    def stored(self) -> Prompt:
        """What is being edited, as it was."""
        return self._stored

    def unsaved(self) -> Prompt | None:
        """What stands here where that is something else than what is stored."""
        prompt = self.prompt()
        return None if prompt == self._stored else prompt

    def set_busy(self, busy: bool) -> None:
        """While it is being saved nothing can be written that would be lost."""
        self._busy = busy
        self.name.setReadOnly(busy)
        self.text.setReadOnly(busy)
        self._show_state()

    def leave(self) -> None:
        if not self._busy:
            self.left.emit(self.unsaved())

    def _save(self) -> None:
        if self._may_save():
            prompt = self.prompt()
            named = Prompt(id=prompt.id, name=name_for(prompt.name, prompt.text), text=prompt.text)
            self.saved.emit(named)

    def _may_save(self) -> bool:
        length = self.text.document().characterCount() - 1
        return not self._busy and length <= PROMPT_LENGTH and bool(self.text.toPlainText().strip())

    def _show_state(self) -> None:
        self.save_button.setEnabled(self._may_save())
        text = self.text.toPlainText()
        too_long = len(text) > PROMPT_LENGTH
        if too_long:
            words = _("Too long: {most} characters at most.").format(most=f"{PROMPT_LENGTH:,}")
        else:
            names = variables_of(text)
            shown = _(", ").join(names[:MOST_LISTED]) + (" …" if len(names) > MOST_LISTED else "")
            words = _("Asked for: {names}").format(names=shown) if names else ""
        self._variables.setText(words)
        self._variables.setVisible(bool(words))
        if bool(self._variables.property("danger")) != too_long:
            self._variables.setProperty("danger", too_long)
            self._variables.style().unpolish(self._variables)
            self._variables.style().polish(self._variables)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.leave()
        else:
            super().keyPressEvent(event)
