"""The library of prompts: kept, found, filled in and put into the composer."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QWidget

from desktop_llm.core.errors import DesktopLlmError
from desktop_llm.core.presets import NAME_LENGTH, Prompt, filled_in, variables_of
from desktop_llm.ui.actions import BeforeText
from desktop_llm.ui.bridge import Bridge
from desktop_llm.ui.models.prompts import PromptRow, UnsavedPrompts, row_of, variables_line
from desktop_llm.ui.pages.conversation import ConversationView
from desktop_llm.ui.pages.prompts_panel import PromptsPanel
from desktop_llm.ui.prompt_files import (
    LeftOut,
    ReadPrompts,
    Refused,
    read_prompts,
    write_prompts,
)
from desktop_llm.ui.widgets.picker import Pick
from desktop_llm.ui.widgets.slash_picker import SlashPicker, above
from desktop_llm.ui.widgets.toasts import Toasts
from desktop_llm.words import _, counted

if TYPE_CHECKING:
    from PySide6.QtWidgets import QFileDialog

    from desktop_llm.services.chat import ChatService

MOST_ASKED = 20  # variables of one prompt; more stay as they are
NAMED = 3  # of what could not be imported
PICKER = (420, 360)  # pixels at most


class PromptsCare(QObject):
    failed = Signal(object)  # a fault

    def __init__(
        self,
        view: ConversationView,
        panel: PromptsPanel,
        bridge: Bridge,
        toasts: Toasts,
        chat: "Callable[[], ChatService | None]",
        unsaved: UnsavedPrompts,
    ) -> None:
        """`unsaved` outlives this: the window is made anew for another language."""
        super().__init__(view)
        self._view = view
        self._composer = view.composer
        self._form = view.form
        self._panel = panel
        self._bridge = bridge
        self._toasts = toasts
        self._chat = chat
        self._unsaved = unsaved
        self._rows: dict[int, PromptRow] = {}
        self._asked: Prompt | None = None  # whose variables are asked for
        self._picker: SlashPicker | None = None
        before_text = BeforeText(self)
        self._form.field_made.connect(lambda field: field.installEventFilter(before_text))
        self._form.confirmed.connect(self._fill)
        self._form.cancelled.connect(self._keep_typed)
        self._composer.editor.slash_typed.connect(self._offer)
        panel.use_wanted.connect(self.use)
        panel.save_wanted.connect(self._save)
        panel.duplicate_wanted.connect(self._duplicate)
        panel.delete_wanted.connect(self._delete)
        panel.left.connect(self._left_unsaved)
        panel.examples_wanted.connect(lambda: self._add(example_prompts()))
        panel.import_wanted.connect(self.choose_files)
        panel.export_wanted.connect(self.choose_target)
        if unsaved.edited is not None:
            panel.edit(*unsaved.edited)
            unsaved.edited = None

    def retire(self) -> None:
        """Another one takes this one's place: it gets what was typed here."""
        self._form.give_up()
        if self._panel.editing and (typed := self._panel.editor.unsaved()) is not None:
            self._unsaved.edited = (self._panel.editor.stored, typed)

    def refresh(self) -> None:
        """The services are open, or have another database."""
        self._write(lambda _chat: None)

    def _write(
        self,
        change: "Callable[[ChatService], int | None]",
        then: Callable[[int | None], object] = lambda _number: None,
        failed: Callable[[], object] = lambda: None,
    ) -> None:
        """`change` may give the number of a prompt; `then` comes when the list is shown anew."""
        chat = self._chat()
        if chat is None:
            failed()
            return

        def work() -> tuple[int | None, list[PromptRow]]:
            number = change(chat)
            return number, [row_of(prompt) for prompt in chat.presets.prompts()]

        def done(found: tuple[int | None, list[PromptRow]]) -> None:
            number, rows = found
            self._rows = {row.prompt.id: row for row in rows}
            self._panel.show_rows(rows)
            then(number)

        def fail(fault: DesktopLlmError) -> None:
            failed()
            self.failed.emit(fault)

        self._bridge.write(work, done, fail)

    # --- using ---------------------------------------------------------------------------------

    def use(self, prompt: Prompt) -> None:
        """Its text goes into the composer; what it leaves open is asked for first."""
        names = variables_of(prompt.text)[:MOST_ASKED]
        self._form.give_up()  # what was typed for another one is kept
        if not names:
            self._insert(prompt, prompt.text)
            return
        self._asked = prompt
        values = self._unsaved.values_of(prompt.id)
        self._form.open(prompt.name, prompt.text, names, values.typed, values.last)

    def _fill(self, known: dict[str, str]) -> None:
        prompt, self._asked = self._asked, None
        if prompt is None:
            return
        values = self._unsaved.values_of(prompt.id)
        values.typed, values.last = {}, known
        self._insert(prompt, filled_in(prompt.text, known))

    def _keep_typed(self, typed: dict[str, str]) -> None:
        prompt, self._asked = self._asked, None
        if prompt is not None:
            self._unsaved.values_of(prompt.id).typed = typed
        self._composer.setFocus()

    def _insert(self, prompt: Prompt, text: str) -> None:
        self._composer.insert(text)
        self._composer.setFocus()
        self._write(partial(_used, prompt=prompt.id))

    # --- the picker ----------------------------------------------------------------------------

    def _offer(self) -> None:
        """A slash was typed into the empty composer."""
        if not self._rows:
            return
        if self._picker is None:
            words = _("Which prompt?"), _("No such prompt. Esc keeps what you typed.")
            self._picker = SlashPicker(*words, self._view)
            self._picker.chosen.connect(self._pick)
            self._picker.left.connect(self._not_picked)
            self._picker.taken_back.connect(self._take_slash_back)
        picks = [
            Pick(number, row.prompt.name, variables_line(row.variables, 24))
            for number, row in self._rows.items()
        ]
        width = min(PICKER[0], self._composer.width())
        self._picker.open(picks, above(self._composer, width, PICKER[1]))

    def _pick(self, number: object) -> None:
        self._take_slash_back()
        row = self._rows.get(number) if isinstance(number, int) else None
        if row is not None:
            self.use(row.prompt)

    def _not_picked(self, typed: str) -> None:
        """It was no prompt that was meant: all that was typed stands in the composer."""
        self._composer.setFocus()
        if typed:
            self._composer.insert(typed)

    def _take_slash_back(self) -> None:
        self._composer.setFocus()
        if self._composer.text() == "/":
            self._composer.editor.textCursor().deletePreviousChar()

    # --- keeping -------------------------------------------------------------------------------

    def _save(self, prompt: Prompt) -> None:
        editor, stored = self._panel.editor, self._panel.editor.stored
        editor.set_busy(True)

        def saved(number: int | None) -> None:
            if self._panel.editing and editor.stored is stored:
                self._panel.close_editor()
            if number is not None:
                self._panel.choose(number)

        def failed() -> None:
            if editor.stored is stored:
                editor.set_busy(False)

        self._write(lambda chat: chat.presets.save_prompt(prompt), saved, failed)

    def _store(self, prompt: Prompt) -> None:
        def stored(number: int | None) -> None:
            if number is not None:
                self._panel.choose(number)

        self._write(lambda chat: chat.presets.save_prompt(prompt), stored)

    def _duplicate(self, prompt: Prompt) -> None:
        most = NAME_LENGTH - len(_("{name} (copy)")) + len("{name}")
        name = _("{name} (copy)").format(name=prompt.name[:most])
        self._store(Prompt(name=name, text=prompt.text))

    def _delete(self, prompt: Prompt) -> None:
        def deleted(_number: int | None) -> None:
            words = _("“{name}” is deleted.").format(name=prompt.name)
            self._toasts.show(words, _("Undo"), lambda: self._store(prompt))

        self._write(partial(_deleted, prompt=prompt.id), deleted)

    def _left_unsaved(self, stored: Prompt, typed: Prompt) -> None:
        words = _("The new prompt is not saved.")
        if stored.id:
            words = _("Your changes to “{name}” are not saved.").format(name=stored.name)
        self._toasts.show(words, _("Undo"), lambda: self._panel.edit(stored, typed))

    def _add(self, prompts: Sequence[Prompt], then: Callable[[], object] = lambda: None) -> None:
        self._write(partial(_added, prompts=prompts), lambda _number: then())

    # --- files ---------------------------------------------------------------------------------

    def choose_files(self) -> None:
        from PySide6.QtWidgets import QFileDialog

        dialog = _dialog(self._view, _("Import prompts"))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.setNameFilters([_("Prompts (*.json *.txt *.md)"), _("All files (*)")])
        dialog.filesSelected.connect(lambda names: self.import_files([Path(n) for n in names]))
        dialog.open()

    def import_files(self, paths: Sequence[Path]) -> None:
        def add(found: ReadPrompts) -> None:
            if found.prompts:
                self._add(found.prompts, lambda: self._toasts.show(_imported(found)))
            else:
                self._toasts.show(_imported(found))

        self._bridge.run(lambda: read_prompts(paths), add, self.failed.emit)

    def choose_target(self) -> None:
        from PySide6.QtWidgets import QFileDialog

        dialog = _dialog(self._view, _("Export prompts"))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilter(_("Prompts (*.json)"))
        dialog.setDefaultSuffix("json")
        dialog.selectFile("desktop-llm-prompts.json")
        dialog.fileSelected.connect(lambda name: self.export(Path(name)))
        dialog.open()

    def export(self, path: Path) -> None:
        """All of them, as they are stored."""
        chat = self._chat()
        if chat is None:
            return

        def written(_nothing: None) -> None:
            self._toasts.show(_("“{name}” is saved.").format(name=path.name))

        self._bridge.write(
            lambda: write_prompts(path, chat.presets.prompts()), written, self.failed.emit
        )


def example_prompts() -> tuple[Prompt, ...]:
    return (
        Prompt(
            name=_("Summarise"),
            text=_("Summarise the following text in {{language}}, in three sentences:\n\n{{text}}"),
        ),
        Prompt(
            name=_("Reply to an e-mail"),
            text=_(
                "Write a short, friendly reply to this e-mail. What I want to say:"
                " {{my answer}}\n\n{{e-mail}}"
            ),
        ),
        Prompt(
            name=_("Explain simply"),
            text=_("Explain {{topic}} to someone who has never heard of it, with one example."),
        ),
    )


def _dialog(parent: QWidget, title: str) -> "QFileDialog":
    from PySide6.QtWidgets import QFileDialog

    dialog = QFileDialog(parent, title)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    return dialog


def _used(chat: "ChatService", prompt: int) -> None:
    chat.presets.use_prompt(prompt)


def _deleted(chat: "ChatService", prompt: int) -> None:
    chat.presets.delete_prompt(prompt)


def _added(chat: "ChatService", prompts: Sequence[Prompt]) -> None:
    chat.presets.add(prompts=prompts)


def _imported(found: ReadPrompts) -> str:
    """How many were taken, and what could not be."""
    taken, left_out = len(found.prompts), found.left_out
    words = counted("{number} prompt imported.", "{number} prompts imported.", taken)
    if not taken:
        words = _("No prompt was imported.")
    if not left_out:
        return words
    named = [_reason(each) for each in left_out[:NAMED]]
    if more := len(left_out) - NAMED if len(left_out) > NAMED else 0:
        named.append(counted("{number} more", "{number} more", more))
    return _("{words} Not taken: {list}").format(words=words, list=_("; ").join(named))


def _reason(left: LeftOut) -> str:
    why = {
        Refused.TOO_LARGE: _("too large"),
        Refused.NOT_PROMPTS: _("not a file of prompts"),
        Refused.NOT_TEXT: _("not text"),
        Refused.EMPTY: _("empty"),
        Refused.UNREADABLE: _("cannot be read"),
        Refused.TOO_MANY: _("too many prompts"),
        Refused.ENTRY: _("entry {number} is broken").format(number=left.entry),
    }[left.why]
    return _("{file} ({why})").format(file=left.file, why=why)
