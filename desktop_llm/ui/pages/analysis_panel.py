"""What the tabs of an analysis have in common: tables to keep, packs that are needed."""

from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from desktop_llm.ui.icons import icon
from desktop_llm.ui.widgets.empty_state import EmptyState
from desktop_llm.ui.widgets.sorted_table import SortedTable
from desktop_llm.words import _


class Panel(QWidget):
    export_wanted = Signal(str, list)
    pack_wanted = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(0, 12, 0, 0)
        self.column.setSpacing(8)

    def export_button(self, name: str, table: SortedTable) -> QPushButton:
        button = QPushButton(icon("export"), _("Export …"), self)
        button.setAccessibleName(_("Export: {name}").format(name=table.accessibleName()))
        button.clicked.connect(partial(self._export, name, table))
        return button

    def _export(self, name: str, table: SortedTable) -> None:
        self.export_wanted.emit(name, table.rows())

    def needs_pack(self, sentence: str) -> EmptyState:
        state = EmptyState(icon("package"), self)
        state.set_words(_("A language pack is needed"), sentence)
        state.set_buttons([(_("Install a language pack …"), self.pack_wanted.emit)])
        return state
