"""What text tools have made: searched, opened again, forgotten."""

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QHBoxLayout,
    QLineEdit,
    QListView,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from desktop_llm.core.tools import Tool
from desktop_llm.storage.tool_history import ToolRun
from desktop_llm.ui.icons import icon
from desktop_llm.ui.models.bin import relative_time
from desktop_llm.ui.pages.tool_popup import tool_icon
from desktop_llm.ui.pages.tool_view import tool_title
from desktop_llm.ui.widgets.list_rows import DetailDelegate
from desktop_llm.ui.widgets.picker import Pick, Picks
from desktop_llm.ui.widgets.plain_text import plain_label
from desktop_llm.words import _

QUIET_MILLISECONDS = 200  # after a key, before it is searched
WIDTH, HEIGHT = 620, 480  # pixels


class ToolHistoryDialog(QDialog):
    search_wanted = Signal(str)
    chosen = Signal(int)  # a run
    delete_wanted = Signal(int)
    clear_wanted = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(_("History of the text tools"))
        room = parent.window().size()
        self.resize(min(WIDTH, room.width() - 40), min(HEIGHT, room.height() - 40))
        self.line = QLineEdit(self)
        self.line.setPlaceholderText(_("Search in texts and results"))
        self.line.setAccessibleName(_("Search in texts and results"))
        self.line.setClearButtonEnabled(True)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(QUIET_MILLISECONDS)
        self._timer.timeout.connect(lambda: self.search_wanted.emit(self.line.text()))
        self.line.textChanged.connect(lambda _text: self._timer.start())
        self._model = Picks(self)
        self.list = QListView(self)
        self.list.setModel(self._model)
        self.list.setItemDelegate(DetailDelegate(self.list))
        self.list.setAccessibleName(_("History"))
        self.list.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.list.activated.connect(lambda _index: self._open())
        self.list.selectionModel().currentChanged.connect(lambda *_: self._update())
        self._nothing = plain_label(parent=self)
        self._nothing.setProperty("muted", True)
        self._nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._nothing.setWordWrap(True)
        self.open_button = QPushButton(icon("arrow-elbow-down-left"), _("Open again"), self)
        self.open_button.clicked.connect(self._open)
        self.delete_button = QPushButton(icon("trash"), _("Delete"), self)
        self.delete_button.clicked.connect(self._delete)
        self.clear_button = QPushButton(_("Delete all …"), self)
        self.clear_button.setProperty("danger", True)
        self.clear_button.clicked.connect(self._clear)
        foot = QHBoxLayout()
        foot.addWidget(self.clear_button)
        foot.addStretch()
        foot.addWidget(self.delete_button)
        foot.addWidget(self.open_button)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(16, 16, 16, 16)
        rows.setSpacing(10)
        rows.addWidget(self.line)
        rows.addWidget(self.list, 1)
        rows.addWidget(self._nothing, 1)
        rows.addLayout(foot)
        self._sure = False
        self._update()

    def show_runs(self, words: str, runs: Sequence[ToolRun], tools: Mapping[str, Tool]) -> None:
        if words != self.line.text():
            return  # there is a newer search
        picks = []
        for run in runs:
            tool = tools.get(run.tool)
            name = tool_title(tool) if tool is not None else run.tool
            sign = icon(tool_icon(tool)) if tool is not None else icon("magic-wand")
            text = f"{name}: {run.title}" if run.title else name
            picks.append(Pick(run.id, text, relative_time(run.created), sign, hint=run.result))
        self._model.show_rows(picks)
        if picks:
            self.list.setCurrentIndex(self._model.index(0))
        self._nothing.setText(
            _("Nothing has these words.") if words else _("What you do with the tools stands here.")
        )
        self._update()

    def _update(self) -> None:
        there = bool(self._model.rows)
        self.list.setVisible(there)
        self._nothing.setVisible(not there)
        for button in (self.open_button, self.delete_button):
            button.setEnabled(self._current() is not None)
        self.clear_button.setEnabled(there)

    def _current(self) -> int | None:
        row = self.list.currentIndex().row()
        if not 0 <= row < len(self._model.rows):
            return None
        key = self._model.rows[row].key
        return key if isinstance(key, int) else None

    def _open(self) -> None:
        if (run := self._current()) is not None:
            self.accept()
            self.chosen.emit(run)

    def _delete(self) -> None:
        if (run := self._current()) is not None:
            self.delete_wanted.emit(run)

    def _clear(self) -> None:
        """What cannot be undone is asked for twice."""
        if not self._sure:
            self._sure = True
            self.clear_button.setText(_("Really delete all?"))
            return
        self._sure = False
        self.clear_button.setText(_("Delete all …"))
        self.clear_wanted.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Delete and self.list.hasFocus():
            self._delete()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.line.hasFocus():
            self._open()
        elif event.key() == Qt.Key.Key_Down and self.line.hasFocus():
            self.list.setFocus()
        else:
            super().keyPressEvent(event)
