"""The pages at the left edge: an icon each, the settings at the foot."""

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QFrame, QToolButton, QVBoxLayout, QWidget

from desktop_llm.ui.actions import Actions, Command
from desktop_llm.ui.icons import icon
from desktop_llm.words import _

BUTTON = 40  # pixels


class Rail(QFrame):
    def __init__(
        self,
        actions: Actions,
        pages: list[Command],
        foot: list[Command],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("rail")
        self._actions = actions
        self._buttons: dict[Command, QToolButton] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 12, 6, 12)
        column.setSpacing(4)
        for command in pages:
            column.addWidget(self._button(command))
        column.addStretch()
        for command in foot:
            column.addWidget(self._button(command))

    def mark(self, command: Command | None) -> None:
        """Which page is shown; None: one that is not on the rail."""
        for own, button in self._buttons.items():
            button.setChecked(own is command)

    def _button(self, command: Command) -> QToolButton:
        button = QToolButton(self)
        button.setIcon(icon(command.value.icon))
        button.setIconSize(QSize(20, 20))
        button.setFixedSize(BUTTON, BUTTON)
        button.setCheckable(True)
        button.setToolTip(self._actions.hint(command))
        button.setAccessibleName(_(command.value.words))
        button.clicked.connect(lambda _on=False: self._actions[command].trigger())
        self._buttons[command] = button
        return button
