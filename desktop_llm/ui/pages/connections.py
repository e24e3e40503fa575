"""The page of connections: every one that was made, when, to whom, why, and how much came."""

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

from desktop_llm.core.errors import DesktopLlmError
from desktop_llm.core.network import Why
from desktop_llm.storage.ledger import Entry
from desktop_llm.ui.icons import Role, icon
from desktop_llm.ui.models.bin import relative_time
from desktop_llm.ui.models.conversations import exact_time
from desktop_llm.ui.widgets.empty_state import EmptyState
from desktop_llm.ui.widgets.inline_fault import InlineFault
from desktop_llm.ui.widgets.list_rows import (
    BELOW_ROLE,
    DETAIL_BELOW_ROLE,
    DETAIL_ROLE,
    TwoLineDelegate,
)
from desktop_llm.ui.widgets.plain_text import plain_label, plain_tip
from desktop_llm.words import _, counted
from desktop_llm.words.amounts import size_words
from desktop_llm.words.faults import word_fault
from desktop_llm.words.network import outcome_words, purpose_words

WIDTH = 680  # pixels of the column
_ICONS: dict[str, str] = {
    Why.SEARCH: "magnifying-glass",
    Why.DOWNLOAD: "download-simple",
    Why.UNASKED: "warning",
}
_NOWHERE = QModelIndex()
Index = QModelIndex | QPersistentModelIndex


class ConnectionsPage(QFrame):
    clear_wanted = Signal()
    refresh_wanted = Signal()
    offline_wanted = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("page")
        self._model = ConnectionsModel(self)
        self._offline = False
        title = plain_label(_("Connections"), self)
        title.setProperty("heading", True)
        about = plain_label(
            _("Every connection this program has made. What no part of it was asked for is refused "
              "and stands here too."), self
        )  # fmt: skip
        about.setProperty("muted", True)
        about.setWordWrap(True)
        self.total = plain_label(parent=self)
        self.total.setWordWrap(True)
        self.list = QListView(self)
        self.list.setModel(self._model)
        self.list.setItemDelegate(TwoLineDelegate(self.list))
        self.list.setUniformItemSizes(True)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.list.setAccessibleName(_("Connections"))
        self.empty = EmptyState(icon("globe", Role.PlaceholderText), self)
        self.empty.set_words(
            _("No connection was made"),
            _("This program connects only to find and download models, when you ask for it."),
        )
        self._stack = QStackedWidget(self)
        self._stack.addWidget(self.empty)
        self._stack.addWidget(self.list)
        self.fault = InlineFault(icon("warning", Role.BrightText), icon("x"), self)
        self.fault.set_words(_("Dismiss"))
        self.fault.after = self.list
        self.offline_button = QPushButton(self)
        self.offline_button.clicked.connect(lambda: self.offline_wanted.emit(not self._offline))
        self.refresh_button = QPushButton(icon("arrow-clockwise"), _("Look again"), self)
        self.refresh_button.clicked.connect(self.refresh_wanted)
        self.clear_button = QPushButton(icon("trash"), _("Clear the list"), self)
        self.clear_button.clicked.connect(self.clear_wanted)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self.offline_button)
        buttons.addWidget(self.refresh_button)
        buttons.addStretch()
        buttons.addWidget(self.clear_button)
        column = QWidget(self)
        column.setMaximumWidth(WIDTH)
        rows = QVBoxLayout(column)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(12)
        for widget in (title, about, self.total):
            rows.addWidget(widget)
        rows.addWidget(self._stack, 1)
        rows.addWidget(self.fault)
        rows.addLayout(buttons)
        outer = QHBoxLayout(self)
        outer.setContentsMargins(24, 16, 24, 24)
        outer.addStretch(1)
        outer.addWidget(column, 1000)
        outer.addStretch(1)
        self.setFocusProxy(self.list)
        self.show_offline(False)
        self.show_entries([])

    def show_entries(self, entries: list[Entry]) -> None:
        """The newest first."""
        self._model.show(entries)
        self._stack.setCurrentWidget(self.list if entries else self.empty)
        made = [entry for entry in entries if entry.why != Why.UNASKED]
        hosts = len({entry.host for entry in made})
        words = counted("{number} host", "{number} hosts", hosts)
        received = size_words(sum(entry.received for entry in made))
        self.total.setText(_("{hosts}, {size} received").format(hosts=words, size=received))
        self.total.setVisible(bool(entries))
        self.clear_button.setEnabled(bool(entries))

    def show_offline(self, offline: bool) -> None:
        self._offline = offline
        self.offline_button.setIcon(icon("wifi-high" if offline else "wifi-slash"))
        self.offline_button.setText(_("Go online") if offline else _("Go offline"))

    def show_fault(self, fault: DesktopLlmError) -> None:
        words = word_fault(fault)
        self.fault.show_fault(words.what, words.next_step)


class ConnectionsModel(QAbstractListModel):
    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[Entry] = []

    def show(self, entries: list[Entry]) -> None:
        if entries != self._rows:
            self.beginResetModel()
            self._rows = entries
            self.endResetModel()

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid():
            return None
        entry = self._rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return entry.host
        if role == DETAIL_ROLE:
            return relative_time(entry.last)
        if role == BELOW_ROLE:
            return purpose_words(entry)
        if role == DETAIL_BELOW_ROLE:
            return outcome_words(entry)
        if role == Qt.ItemDataRole.DecorationRole:
            return icon(_ICONS.get(entry.why, "globe"), Role.PlaceholderText)
        if role == Qt.ItemDataRole.ToolTipRole:
            times = dict.fromkeys((exact_time(entry.first), exact_time(entry.last)))
            return plain_tip("\n".join((purpose_words(entry), " – ".join(times))))
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return "\n".join((entry.host, purpose_words(entry), outcome_words(entry)))
        return None
