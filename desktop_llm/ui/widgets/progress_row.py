"""One piece of work: its name, how far it is, what can be done about it, what happened to it."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QFrame, QHBoxLayout, QProgressBar, QToolButton, QVBoxLayout, QWidget

from desktop_llm.ui.widgets.eliding import ElidingLabel
from desktop_llm.ui.widgets.plain_text import plain_label, plain_tip

STEPS = 1000  # of the bar


@dataclass(frozen=True, slots=True)
class RowAction:
    """`key`: what `ProgressRow.wanted` says; `words`: its name, without the row's."""

    key: str
    icon: QIcon
    words: str
    checked: bool | None = None  # None: it cannot be on or off


@dataclass(frozen=True, slots=True)
class RowState:
    """`fraction`: None where there is no bar; below 0: how far is not known."""

    title: str
    detail: str
    fraction: float | None = None
    fault: str = ""
    actions: Sequence[RowAction] = ()
    lines: Sequence[str] = ()  # what happened, where that is to be seen


class ProgressRow(QFrame):
    wanted = Signal(str)  # the key of an action

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self._title = ElidingLabel(self)
        self._title.setProperty("strong", True)
        self._detail = plain_label(parent=self)
        self._detail.setProperty("small", True)
        self._fault = plain_label(parent=self)
        self._fault.setProperty("danger", True)
        self._lines = plain_label(parent=self)
        self._lines.setProperty("small", True)
        selectable = Qt.TextInteractionFlag.TextSelectableByMouse
        for label in (self._detail, self._fault, self._lines):
            label.setWordWrap(True)
            label.setTextInteractionFlags(selectable)
        self._bar = QProgressBar(self)
        self._bar.setTextVisible(False)
        self._buttons: dict[str, QToolButton] = {}
        self._row = QHBoxLayout()
        self._row.setSpacing(4)
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self._title, 1)
        head.addLayout(self._row)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 8, 8, 12)
        column.setSpacing(6)
        column.addLayout(head)
        inner = QVBoxLayout()
        inner.setContentsMargins(0, 0, 8, 0)
        inner.setSpacing(6)
        for widget in (self._bar, self._detail, self._fault, self._lines):
            inner.addWidget(widget)
        column.addLayout(inner)

    def show_state(self, state: RowState) -> None:
        self._title.setText(state.title)
        self._detail.setText(state.detail)
        self._fault.setText(state.fault)
        self._fault.setVisible(bool(state.fault))
        self._lines.setText("\n".join(state.lines))
        self._lines.setVisible(bool(state.lines))
        self._bar.setVisible(state.fraction is not None)
        if state.fraction is not None:
            unknown = state.fraction < 0
            self._bar.setRange(0, 0 if unknown else STEPS)
            self._bar.setValue(0 if unknown else round(STEPS * state.fraction))
            self._bar.setAccessibleName(state.title)
        self.setAccessibleName(state.title)
        self.setAccessibleDescription(f"{state.detail} {state.fault}".strip())
        self._show_actions(state.title, state.actions)

    def button(self, key: str) -> QToolButton | None:
        return self._buttons.get(key)

    def _show_actions(self, title: str, actions: Sequence[RowAction]) -> None:
        """Those that stay keep their widget, and with it the focus; else the next one gets it."""
        keys = [action.key for action in actions]
        had_focus = any(button.hasFocus() for button in self._buttons.values())
        for key in [key for key in self._buttons if key not in keys]:
            button = self._buttons.pop(key)
            self._row.removeWidget(button)
            button.hide()
            button.deleteLater()
        for at, action in enumerate(actions):
            made = self._buttons.get(action.key)
            if made is None:
                made = self._buttons[action.key] = self._button(action)
            if self._row.indexOf(made) != at:
                self._row.insertWidget(at, made)
            made.setIcon(action.icon)
            made.setToolTip(plain_tip(action.words))
            made.setAccessibleName(f"{action.words}: {title}")
            if action.checked is not None:
                made.setChecked(action.checked)
        if had_focus and actions and not any(each.hasFocus() for each in self._buttons.values()):
            self._buttons[actions[0].key].setFocus(Qt.FocusReason.OtherFocusReason)

    def _button(self, action: RowAction) -> QToolButton:
        button = QToolButton(self)
        button.setCheckable(action.checked is not None)
        button.clicked.connect(lambda _on=False, key=action.key: self.wanted.emit(key))
        return button
