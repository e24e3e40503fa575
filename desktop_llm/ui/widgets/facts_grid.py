"""Names and values, as a list that can be read, selected and copied."""

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QSizePolicy, QWidget

from desktop_llm.ui.widgets.plain_text import plain_label

SHORT = 20  # characters of a value that stands beside its name


class FactsGrid(QWidget):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._facts: Sequence[tuple[str, str]] = ()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(12)
        self._grid.setVerticalSpacing(6)
        self._grid.setColumnStretch(1, 1)

    @property
    def facts(self) -> Sequence[tuple[str, str]]:
        return self._facts

    def show_facts(self, facts: Sequence[tuple[str, str]]) -> None:
        if facts == self._facts:
            return
        self._facts = facts
        while (item := self._grid.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.deleteLater()
        for row, (name, value) in enumerate(facts):
            label = plain_label(name, self)
            label.setProperty("muted", True)
            label.setWordWrap(True)
            label.setAlignment(Qt.AlignmentFlag.AlignTop)
            if len(value) > SHORT:
                self._grid.addWidget(label, 2 * row, 0, 1, 2)
                self._grid.addWidget(_value(name, value), 2 * row + 1, 0, 1, 2)
            else:
                self._grid.addWidget(label, 2 * row, 0)
                self._grid.addWidget(_value(name, value), 2 * row, 1)

    def text(self) -> str:
        """One a line."""
        return "\n".join(f"{name}: {value}" for name, value in self._facts)


def _value(name: str, value: str) -> QLabel:
    broken = value
    if len(value) > 32 and " " not in value:  # a hash or a path: it may break in the middle
        broken = "\u200b".join(value[at : at + 8] for at in range(0, len(value), 8))
    label = plain_label(broken)
    label.setWordWrap(True)
    label.setAccessibleName(f"{name}: {value}")
    label.setTextInteractionFlags(
        Qt.TextInteractionFlag.TextSelectableByMouse
        | Qt.TextInteractionFlag.TextSelectableByKeyboard
    )
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    return label
