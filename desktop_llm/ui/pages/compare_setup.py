"""Which two are to answer the next question: a model and a preset for each."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from desktop_llm.core.presets import Preset
from desktop_llm.ui.icons import icon
from desktop_llm.ui.widgets.passing_card import PassingCard
from desktop_llm.ui.widgets.plain_text import plain_label
from desktop_llm.words import _


@dataclass(frozen=True, slots=True)
class Side:
    """`preset`: None for the values of the conversation."""

    model: str
    preset: Preset | None

    @property
    def title(self) -> str:
        return self.model if self.preset is None else f"{self.model} · {self.preset.name}"


class CompareSetup(PassingCard):
    """Esc and the cross leave it."""

    toggled = Signal()  # it is shown, or no longer

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("card", parent)
        self._presets: Sequence[Preset] = ()
        title = plain_label(_("Two replies to the next question"), self)
        title.setProperty("strong", True)
        close = QPushButton(icon("x"), _("Cancel"), self)
        close.clicked.connect(self.dismiss)
        head = QHBoxLayout()
        head.addWidget(title, 1)
        head.addWidget(close)
        grid = QGridLayout()
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(6)
        grid.setColumnStretch(1, 1)
        grid.setColumnStretch(2, 1)
        self._boxes: list[tuple[QComboBox, QComboBox]] = []
        for row, name in enumerate((_("First"), _("Second"))):
            model, preset = self._box(), self._box()
            for box, kind in ((model, _("Model")), (preset, _("Preset"))):
                box.setAccessibleName(f"{name}: {kind}")
            preset.activated.connect(lambda _at, row=row: self._preset_chosen(row))
            label = plain_label(name, self)
            label.setProperty("muted", True)
            for column, widget in enumerate((label, model, preset)):
                grid.addWidget(widget, row, column)
            self._boxes.append((model, preset))
        self._about = plain_label(
            _("Write the question below and send it. They answer one after the other."), self
        )
        self._about.setProperty("small", True)
        self._about.setWordWrap(True)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(16, 10, 10, 12)
        rows.setSpacing(8)
        rows.addLayout(head)
        rows.addLayout(grid)
        rows.addWidget(self._about)

    def _box(self) -> QComboBox:
        box = QComboBox(self)
        box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        return box

    def ask(self, models: Sequence[str], model: str, presets: Sequence[Preset]) -> None:
        """`model`: the one that would answer. What was chosen before stays, where it is there."""
        self._presets = presets
        others = [name for name in models if name != model]
        for row, (box, preset) in enumerate(self._boxes):
            chosen, kept = box.currentText(), preset.currentText()
            box.clear()
            box.addItems(list(models) or [model])
            wanted = others[0] if row == 1 and others else model
            box.setCurrentText(chosen if chosen in models else wanted)
            preset.clear()
            preset.addItem(_("Values of this conversation"))
            preset.addItems([each.name for each in presets])
            preset.setCurrentIndex(max(0, preset.findText(kept)))
        self.show()
        self.toggled.emit()

    @property
    def sides(self) -> tuple[Side, Side]:
        first, second = (
            Side(model.currentText(), self._preset(preset)) for model, preset in self._boxes
        )
        return first, second

    def _preset(self, box: QComboBox) -> Preset | None:
        at = box.currentIndex() - 1
        return self._presets[at] if 0 <= at < len(self._presets) else None

    def _preset_chosen(self, row: int) -> None:
        """One that names a model takes that along."""
        model, box = self._boxes[row]
        preset = self._preset(box)
        if preset is not None and preset.model and model.findText(preset.model) >= 0:
            model.setCurrentText(preset.model)

    def dismiss(self) -> None:
        if not self.isHidden():
            super().dismiss()
            self.toggled.emit()
