"""Every key of the window, by what it is for."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFrame,
    QGridLayout,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from desktop_llm.ui.actions import Actions, Group, shortcut_text
from desktop_llm.ui.widgets.plain_text import plain_label
from desktop_llm.words import _


class ShortcutsDialog(QDialog):
    def __init__(self, actions: Actions, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(_("Keyboard shortcuts"))
        self.resize(520, 600)
        inside = QWidget()
        grid = QGridLayout(inside)
        grid.setContentsMargins(24, 16, 24, 16)
        grid.setHorizontalSpacing(24)
        grid.setVerticalSpacing(8)
        grid.setColumnStretch(0, 1)
        row = 0
        for group in Group:
            rows = [
                (_(command.value.words), " / ".join(shortcut_text(command)))
                for command, _action in actions.all()
                if command.value.group is group and command.value.keys
            ]
            if group is Group.CHAT:
                rows += _other_keys()
            section = plain_label(_(group.value))
            section.setProperty("section", True)
            grid.addWidget(section, row, 0, 1, 2)
            row += 1
            for words, keys in rows:
                label = plain_label(words)
                label.setWordWrap(True)
                key = plain_label(keys)
                key.setProperty("keys", True)
                key.setAccessibleName(f"{words}: {keys}")
                grid.addWidget(label, row, 0)
                grid.addWidget(key, row, 1, Qt.AlignmentFlag.AlignRight)
                row += 1
        grid.setRowStretch(row, 1)
        scroll = QScrollArea(self)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidget(inside)
        scroll.setAccessibleName(_("Keyboard shortcuts"))
        buttons = QDialogButtonBox(self)
        buttons.addButton(_("Close"), QDialogButtonBox.ButtonRole.RejectRole)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 8, 0, 16)
        column.addWidget(scroll, 1)
        foot = QVBoxLayout()
        foot.setContentsMargins(24, 0, 24, 0)
        foot.addWidget(buttons)
        column.addLayout(foot)


def _other_keys() -> list[tuple[str, str]]:
    """Those that are no action: they belong to what has the focus."""
    return [
        (_("Send"), "Enter"),
        (_("New line"), "Shift+Enter"),
        (_("Close the topmost, or stop the reply"), "Esc"),
        (_("Delete conversation"), "Delete"),
        (_("From message to message"), "↑ ↓"),
        (_("Menu of a message"), "Shift+F10"),
    ]
