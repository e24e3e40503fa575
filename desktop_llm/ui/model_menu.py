"""The models to choose from, in a list that can be searched."""

from collections.abc import Callable, Sequence
from enum import Enum, auto
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from desktop_llm.core.errors import EnvironmentFault
from desktop_llm.core.models import InstalledModel
from desktop_llm.ui.icons import icon
from desktop_llm.ui.widgets.picker import Pick, Picker, below
from desktop_llm.words import _
from desktop_llm.words.faults import word_fault

Surveyed = Sequence[tuple[InstalledModel, EnvironmentFault | None]]


class _Other(Enum):
    FILE = auto()
    FOLDER = auto()


class ModelMenu(QObject):
    chosen = Signal(str)  # name in the library, or the path of a file

    def __init__(self, parent: QWidget, open_folder: Callable[[], object]) -> None:
        super().__init__(parent)
        self._window = parent
        self._open_folder = open_folder
        self._picker = Picker(_("Choose a model"), _("No such model"), parent)
        self._picker.chosen.connect(self._take)

    @property
    def picker(self) -> Picker:
        return self._picker

    def open(self, anchor: QWidget, models: Surveyed, current: str) -> None:
        """Below `anchor`; `current` is the one in use."""
        picks = [_pick(model, fault, model.name == current) for model, fault in models]
        more = icon("file-plus"), icon("folder-open")
        picks.append(Pick(_Other.FILE, _("Use a file …"), icon=more[0]))
        picks.append(Pick(_Other.FOLDER, _("Open the models folder"), icon=more[1]))
        self._picker.open(picks, below(anchor, 420, 320), current)

    def _take(self, key: object) -> None:
        if key is _Other.FILE:
            self._choose_file()
        elif key is _Other.FOLDER:
            self._open_folder()
        else:
            self.chosen.emit(str(key))

    def _choose_file(self) -> None:
        dialog = QFileDialog(self._window, _("Use a model file"))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilters([_("Models (*.gguf)"), _("All files (*)")])
        dialog.fileSelected.connect(self.chosen)
        dialog.open()


def model_words(name: str) -> str:
    """A model's name as it is shown: of a file, its own name without the folder."""
    return Path(name).stem if "/" in name or "\\" in name else name


def _pick(model: InstalledModel, fault: EnvironmentFault | None, current: bool) -> Pick:
    if fault is not None:
        words = str(word_fault(fault))
        return Pick(model.name, model.name, _("cannot be used"), icon("warning"), hint=words,
                    enabled=False)  # fmt: skip
    size = _("{megabytes} MB").format(megabytes=f"{model.size_bytes / 1_000_000:,.0f}")
    detail = "  ·  ".join(part for part in (model.quantization, size) if part)
    hint = _("{path}\nTrained for {tokens} tokens").format(
        path=model.path, tokens=f"{model.context_length:,}"
    )
    return Pick(model.name, model.name, detail, icon("check" if current else "cube"), hint=hint)
