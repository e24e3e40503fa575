"""Parameters of the conversation that is shown, and presets: what a person does with them becomes
calls of the chat service, off the window's thread.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices

from desktop_llm.core.errors import DesktopLlmError
from desktop_llm.core.messages import Role
from desktop_llm.core.presets import NOTHING_SET, Parameters, Preset, PresetFile
from desktop_llm.ui.bridge import Bridge
from desktop_llm.ui.conversation_care import ConversationCare
from desktop_llm.ui.pages.parameters_panel import ParametersPanel
from desktop_llm.ui.widgets.toasts import Toasts
from desktop_llm.words import _, counted

if TYPE_CHECKING:
    from desktop_llm.services.chat import ChatService

FILE_NAME = "desktop-llm-presets.json"
MOST_NAMED = 3  # of what could not be taken from a file
LONGEST_NAME = 40  # characters of each


class ParametersCare(QObject):
    stored = Signal()  # other parameters of what is shown

    def __init__(
        self,
        shown: ConversationCare,
        panel: ParametersPanel,
        bridge: Bridge,
        toasts: Toasts,
        chat: "Callable[[], ChatService | None]",
        models: Callable[[], Sequence[str]],
        model: Callable[[], str],
        choose_model: Callable[[str], object],
    ) -> None:
        """`models`: names of those that can be used. `model`: that of the conversation.
        `choose_model`: for this conversation alone.
        """
        super().__init__(panel)
        self._shown = shown
        self._panel = panel
        self._bridge = bridge
        self._toasts = toasts
        self._chat = chat
        self._models = models
        self._model = model
        self._choose_model = choose_model
        self._presets: list[Preset] = []
        self._reads = 0
        self._chosen: dict[int | None, int] = {}  # preset by conversation; 0: none
        self._begun: int | None = None  # the conversation that the last new one has become
        self._unstored: dict[int, Parameters] = {}  # on their way, or it failed
        shown.settling.connect(panel.flush)
        shown.opened.connect(self._opened)
        shown.first_asked.connect(self._first_asked)
        shown.parameters_changed.connect(self._show)
        for changed in (shown.branch_changed, shown.busy_changed):
            changed.connect(self._show)
        panel.parameters_changed.connect(lambda values: self._set(shown.seen, values))
        panel.preset_chosen.connect(self.apply)
        panel.made.connect(self._connect_presets)

    def _connect_presets(self) -> None:
        row = self._panel.presets
        row.save_wanted.connect(self._save_new)
        row.rename_wanted.connect(self._rename)
        row.update_wanted.connect(self._update)
        row.delete_wanted.connect(self._delete)
        row.import_wanted.connect(self.choose_file)
        row.export_wanted.connect(self.choose_place)

    def pause(self) -> None:
        """The services are about to close; another database may take the place of theirs."""
        self._chosen.clear()
        self._unstored.clear()

    # --- what is shown -------------------------------------------------------------------------

    def refresh(self) -> None:
        """The presets may be others now."""
        chat = self._chat()
        if chat is None:
            return
        self._reads += 1
        nth = self._reads

        def show(presets: list[Preset]) -> None:
            if nth == self._reads:
                self._presets = presets
                self._show()

        self._bridge.run(chat.presets.presets, show, self._fail)

    def _opened(self) -> None:
        number = self._shown.seen
        if number is not None and number in self._unstored:  # what was read is older
            self._set(number, self._unstored[number])
        if number is None:
            self._begun = None
        self._show()
        if self._panel.isVisible():
            self.refresh()

    def _show(self) -> None:
        self._panel.show_parameters(
            self._shown.parameters, self._presets, self._last_seed(), self._preset()
        )

    def _last_seed(self) -> int | None:
        for message in reversed(self._shown.branch):
            if message.role is Role.ASSISTANT and message.stats is not None:
                return message.stats.seed
        return None

    def _preset(self) -> Preset | None:
        """The one that was chosen, else one that says the same."""
        chosen, parameters = self._chosen.get(self._shown.seen), self._shown.parameters
        for preset in self._presets:
            if preset.id == chosen:
                return preset
            if chosen is None and preset.parameters == parameters != NOTHING_SET:
                return preset
        return None

    # --- parameters ----------------------------------------------------------------------------

    def _set(self, number: int | None, parameters: Parameters) -> None:
        """None: of the new conversation, if that is still shown."""
        if number == self._shown.seen:
            self._shown.take_parameters(parameters)
        if number is not None:
            self._store(number, parameters)
        else:
            self.stored.emit()

    def _store(self, number: int, parameters: Parameters) -> None:
        if (chat := self._chat()) is None:
            return
        self._unstored[number] = parameters

        def stored(_nothing: object) -> None:
            if self._unstored.get(number) is parameters:
                del self._unstored[number]
            self.stored.emit()

        self._bridge.write(lambda: chat.set_parameters(number, parameters), stored, self._fail)

    def _first_asked(self, number: int, sent_with: Parameters | None) -> None:
        """The new conversation is one now."""
        self._begun = number
        if None in self._chosen:
            self._chosen[number] = self._chosen.pop(None)
        if self._shown.parameters != sent_with:
            self._store(number, self._shown.parameters)
        self._show()

    # --- presets -------------------------------------------------------------------------------

    def apply(self, preset: Preset | None) -> None:
        """Its values, and its model, become those of the conversation. None: all as by default."""
        self._panel.flush()
        number, before = self._shown.seen, self._shown.parameters
        chosen_before, model_before = self._chosen.get(number), self._shown.model
        parameters = NOTHING_SET if preset is None else preset.parameters
        wanted = preset.model if preset is not None else ""
        there = not wanted or wanted in self._models()
        other_model = wanted if there and wanted != self._model() else ""
        self._chosen[number] = 0 if preset is None else preset.id
        if number is None:
            self._begun = None
        if other_model:
            self._choose_model(other_model)
        if parameters == before and not other_model and there:
            self._show()
            return
        self._set(number, parameters)

        def undo() -> None:
            at = self._begun if number is None else number
            if chosen_before is None:
                self._chosen.pop(at, None)
            else:
                self._chosen[at] = chosen_before
            if other_model:
                self._model_back(at, model_before)
            self._set(at, before)

        words = _("Everything is as by default again.")
        if preset is not None:
            words = _("“{name}” is applied.").format(name=preset.name)
        if not there:
            missing = _("Its model “{model}” is not on this computer: the present one stays.")
            words = f"{words} {missing.format(model=wanted)}"
        self._toasts.show(words, _("Undo"), undo)

    def _model_back(self, number: int | None, model: str) -> None:
        chat = self._chat()
        if number == self._shown.seen:
            self._choose_model(model)
        elif number is not None and chat is not None:
            self._bridge.write(lambda: chat.choose_model(number, model), on_failure=self._fail)

    def _save_new(self, name: str, with_model: bool) -> None:
        self._panel.flush()
        number = self._shown.seen
        model = self._model() if with_model else ""
        preset = Preset(name=name, model=model, parameters=self._shown.parameters)

        def saved(new: int) -> None:
            self._chosen[self._begun if number is None and self._begun else number] = new
            self._toasts.show(_("“{name}” is saved.").format(name=name))

        self._save(preset, saved)

    def _rename(self, preset: Preset, name: str) -> None:
        self._save(replace(preset, name=name))

    def _update(self, preset: Preset) -> None:
        self._panel.flush()

        def updated(_number: int) -> None:
            words = _("“{name}” is updated.").format(name=preset.name)
            self._toasts.show(words, _("Undo"), lambda: self._save(preset))

        self._save(replace(preset, parameters=self._shown.parameters), updated)

    def _delete(self, preset: Preset) -> None:
        if (chat := self._chat()) is None:
            return

        def deleted(_nothing: object) -> None:
            words = _("“{name}” is deleted.").format(name=preset.name)
            self._toasts.show(words, _("Undo"), lambda: self._save(preset))
            self.refresh()

        self._bridge.write(lambda: chat.presets.delete_preset(preset.id), deleted, self._fail)

    def _save(self, preset: Preset, then: Callable[[int], object] = lambda _number: None) -> None:
        if (chat := self._chat()) is None:
            return

        def saved(number: int) -> None:
            then(number)
            self.refresh()

        self._bridge.write(lambda: chat.presets.save_preset(preset), saved, self._fail)

    # --- files ---------------------------------------------------------------------------------

    def choose_file(self) -> None:
        """To import from."""
        from PySide6.QtWidgets import QFileDialog

        dialog = QFileDialog(self._panel.window(), _("Import presets"))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilters([_("Presets (*.json)"), _("All files (*)")])
        dialog.fileSelected.connect(lambda name: self.import_file(Path(name)))
        dialog.open()

    def import_file(self, path: Path) -> None:
        from desktop_llm.services.preset_files import read_presets, with_own_names

        if (chat := self._chat()) is None:
            return

        def add(found: PresetFile) -> None:
            def work() -> None:
                names = [preset.name for preset in chat.presets.presets()]
                chat.presets.add(presets=with_own_names(found.presets, names))

            def added(_nothing: object) -> None:
                self._toasts.show(import_words(len(found.presets), found.left_out))
                self.refresh()

            self._bridge.write(work, added, self._fail)

        self._bridge.run(lambda: read_presets(path), add, self._fail)

    def choose_place(self) -> None:
        """To export to."""
        from PySide6.QtWidgets import QFileDialog

        dialog = QFileDialog(self._panel.window(), _("Export presets"))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("json")
        dialog.setNameFilter(_("Presets (*.json)"))
        dialog.selectFile(FILE_NAME)
        dialog.fileSelected.connect(lambda name: self.export_file(Path(name)))
        dialog.open()

    def export_file(self, path: Path) -> None:
        from desktop_llm.services.preset_files import write_presets

        if (chat := self._chat()) is None:
            return

        def written(_nothing: object) -> None:
            folder = QUrl.fromLocalFile(str(path.parent))
            self._toasts.show(
                _("“{name}” is saved.").format(name=path.name),
                _("Open the folder"),
                lambda: QDesktopServices.openUrl(folder),
            )

        self._bridge.run(lambda: write_presets(path, chat.presets.presets()), written, self._fail)

    def _fail(self, fault: DesktopLlmError) -> None:
        self._shown.faulted.emit(fault, False)


def import_words(taken: int, left_out: Sequence[str]) -> str:
    """What has come of a file."""
    words = counted("{number} preset is imported.", "{number} presets are imported.", taken)
    if not left_out:
        return words
    names = [" ".join(name.split())[:LONGEST_NAME] for name in left_out[:MOST_NAMED]]
    rest = len(left_out) - len(names)
    more = _("Not taken: {names}.")
    if rest:
        more = counted(
            "Not taken: {{names}} and {number} more.",
            "Not taken: {{names}} and {number} more.",
            rest,
        )
    return words + " " + more.replace("{names}", _(", ").join(names))
