"""What is attached, as a row of chips: name, size, how much of it is taken, a way to remove it."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QFrame, QHBoxLayout, QProgressBar, QPushButton, QWidget

from desktop_llm.ui.widgets.flow_layout import FlowLayout
from desktop_llm.ui.widgets.message_bar import MessageAction, SmallButton
from desktop_llm.ui.widgets.plain_text import plain_caption, plain_label, plain_tip

NAME = 28  # characters of a name that are shown; the rest stands in the tooltip


@dataclass(frozen=True, slots=True)
class Chip:
    """`choice`: words of the button that asks how much is taken; empty: there is none. `busy`: it
    is not there yet.
    """

    key: int
    name: str
    detail: str = ""
    tip: str = ""
    choice: str = ""
    busy: bool = False


class AttachmentRow(QWidget):
    opened = Signal(int)
    remove_wanted = Signal(int)
    choice_wanted = Signal(int, QPoint)  # where its menu belongs, on the screen

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._icons = (QIcon(), QIcon())
        self._remove_words = "{name}"
        self._chips: dict[Chip, _ChipView] = {}
        self._flow = FlowLayout(6, self)
        self.hide()

    def set_words(self, file_icon: QIcon, remove_icon: QIcon, remove: str) -> None:
        """`remove`: with `{name}`."""
        self._icons, self._remove_words = (file_icon, remove_icon), remove

    def __len__(self) -> int:
        return len(self._chips)

    @property
    def chips(self) -> list[Chip]:
        return list(self._chips)

    def show_chips(self, chips: Sequence[Chip]) -> None:
        """What has not changed stays where it is, with the focus."""
        focus = self.focusWidget()
        held = next((each for each in self._chips.values() if each.isAncestorOf(focus)), None)
        views = {}
        while self._flow.count():
            self._flow.takeAt(0)
        for chip in chips:
            view = self._chips.pop(chip, None) or _ChipView(self, chip)
            views[chip] = view
            self._flow.addWidget(view)
            view.show()
        for old in self._chips.values():
            old.hide()
            old.deleteLater()
        self._chips = views
        self.setVisible(bool(views))
        if held is not None and held not in views.values():
            self._refocus(held.chip.key)
        self.updateGeometry()

    def _refocus(self, key: int) -> None:
        """On the same chip, which looks another way now, else on the last."""
        same = [view for view in self._chips.values() if view.chip.key == key]
        views = same or list(self._chips.values())[-1:]
        for view in views:
            view.first.setFocus()

    def dressed(self, chip: Chip) -> tuple[QIcon, MessageAction]:
        words = self._remove_words.format(name=chip.name)
        remove = MessageAction(self._icons[1], words, lambda: self.remove_wanted.emit(chip.key))
        return self._icons[0], remove


class _ChipView(QFrame):
    def __init__(self, row: AttachmentRow, chip: Chip) -> None:
        super().__init__(row)
        self.setObjectName("tag")
        self.setAccessibleName(chip.name)
        self.chip = chip
        picture, remove = row.dressed(chip)
        name = chip.name if len(chip.name) <= NAME else f"{chip.name[: NAME - 9]}…{chip.name[-8:]}"
        self.first = QPushButton(picture, plain_caption(name), self)
        self.first.setAccessibleName(f"{chip.name}, {chip.detail}" if chip.detail else chip.name)
        self.first.setToolTip(plain_tip(chip.tip or chip.name))
        self.first.setEnabled(not chip.busy)
        self.first.clicked.connect(lambda: row.opened.emit(chip.key))
        line = QHBoxLayout(self)
        line.setContentsMargins(2, 1, 2, 1)
        line.setSpacing(4)
        line.addWidget(self.first)
        if chip.detail:
            detail = plain_label(chip.detail, self)
            detail.setProperty("small", True)
            line.addWidget(detail)
        if chip.busy:
            bar = QProgressBar(self)
            bar.setRange(0, 0)
            bar.setTextVisible(False)
            bar.setFixedWidth(48)
            bar.setAccessibleName(chip.detail or chip.name)
            line.addWidget(bar)
        if chip.choice:
            line.addWidget(self._choice(row, chip))
        button = SmallButton(self)
        button.take(remove)
        line.addWidget(button)

    def _choice(self, row: AttachmentRow, chip: Chip) -> QPushButton:
        button = QPushButton(f"{chip.choice} ▾", self)
        button.setAccessibleName(f"{chip.name}: {chip.choice}")
        button.setCursor(Qt.CursorShape.PointingHandCursor)

        def ask() -> None:
            row.choice_wanted.emit(chip.key, button.mapToGlobal(button.rect().bottomLeft()))

        button.clicked.connect(ask)
        return button
