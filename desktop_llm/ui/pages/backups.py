"""The backups page: what there is, making one now, going back to one."""

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    Signal,
)
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QListView,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from desktop_llm.core.conversations import Backup
from desktop_llm.ui.icons import Role, icon
from desktop_llm.ui.models.conversations import exact_time
from desktop_llm.ui.widgets.empty_state import EmptyState
from desktop_llm.ui.widgets.list_rows import DETAIL_ROLE, DetailDelegate
from desktop_llm.ui.widgets.plain_text import plain_label, plain_tip
from desktop_llm.words import _

WIDTH = 680  # pixels of the column
_NOWHERE = QModelIndex()
Index = QModelIndex | QPersistentModelIndex


class BackupsPage(QFrame):
    create_wanted = Signal()
    restore_wanted = Signal(object)  # a `Backup`

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("page")
        self._model = BackupsModel(self)
        title = plain_label(_("Backups"), self)
        title.setProperty("heading", True)
        about = plain_label(
            _("Restoring puts the conversations back as they were. What is there now is kept as a "
              "backup first, so that you can return. Backups older than 30 days are erased, as "
              "what you deleted is."), self
        )  # fmt: skip
        about.setProperty("muted", True)
        about.setWordWrap(True)
        self.list = QListView(self)
        self.list.setModel(self._model)
        self.list.setItemDelegate(DetailDelegate(self.list))
        self.list.setAccessibleName(_("Backups"))
        self.list.selectionModel().currentChanged.connect(self._show_buttons)
        self.empty = EmptyState(icon("clock-counter-clockwise", Role.PlaceholderText), self)
        self.empty.set_words(_("No backup yet"), _("One is made every day the program is used."))
        self._stack = QStackedWidget(self)
        self._stack.addWidget(self.list)
        self._stack.addWidget(self.empty)
        self.create_button = QPushButton(icon("plus"), _("Back up now"), self)
        self.create_button.clicked.connect(self.create_wanted)
        self.restore_button = QPushButton(
            icon("clock-counter-clockwise"), _("Restore this one"), self
        )
        self.restore_button.clicked.connect(lambda: self.restore_wanted.emit(self.chosen()))
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self.create_button)
        buttons.addWidget(self.restore_button)
        buttons.addStretch()
        column = QWidget(self)
        column.setMaximumWidth(WIDTH)
        rows = QVBoxLayout(column)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(12)
        for widget in (title, about):
            rows.addWidget(widget)
        rows.addLayout(buttons)
        rows.addWidget(self._stack, 1)
        outer = QHBoxLayout(self)
        outer.setContentsMargins(24, 16, 24, 24)
        outer.addStretch(1)
        outer.addWidget(column, 1000)
        outer.addStretch(1)
        self._show_buttons()

    def show_backups(self, backups: list[Backup]) -> None:
        self._model.show(backups)
        self._stack.setCurrentWidget(self.list if backups else self.empty)
        if backups:
            self.list.setCurrentIndex(self._model.index(0))
        self._show_buttons()

    def chosen(self) -> Backup | None:
        return self._model.backup(self.list.currentIndex())

    def _show_buttons(self) -> None:
        self.restore_button.setEnabled(self.chosen() is not None)


class BackupsModel(QAbstractListModel):
    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[Backup] = []

    def show(self, backups: list[Backup]) -> None:
        self.beginResetModel()
        self._rows = backups
        self.endResetModel()

    def backup(self, index: Index) -> Backup | None:
        return self._rows[index.row()] if index.isValid() else None

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        backup = self.backup(index)
        if backup is None:
            return None
        size = _("{kilobytes} kB").format(kilobytes=f"{backup.size_bytes / 1000:,.0f}")
        if role == Qt.ItemDataRole.DisplayRole:
            return exact_time(backup.created)
        if role == DETAIL_ROLE:
            return f"{_cause(backup.cause)}  ·  {size}"
        return plain_tip(backup.path) if role == Qt.ItemDataRole.ToolTipRole else None


def _cause(cause: str) -> str:
    words = {
        "daily": _("daily"),
        "manual": _("made by you"),
        "migration": _("before an update"),
        "replaced": _("before a restore"),
        "damaged": _("damaged file"),
    }
    return words.get(cause, cause)
