"""What a search found, as a list that opens it."""

from PySide6.QtCore import QModelIndex, QPoint, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QListView, QWidget

from desktop_llm.ui.models.hits import MESSAGE_ROLE, HitsModel
from desktop_llm.ui.widgets.list_rows import ID_ROLE, HitDelegate


class FoundList(QListView):
    chosen = Signal(int, object)  # conversation, message or None
    delete_wanted = Signal(int)  # the conversation that the hit is in
    menu_wanted = Signal(int, QPoint)  # of a message

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.hits = HitsModel(self)
        self.setModel(self.hits)
        self.setItemDelegate(HitDelegate(self))
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setAccessibleName(name)
        self.activated.connect(self.choose)
        self.clicked.connect(self.choose)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._want_menu)

    def _want_menu(self, place: QPoint) -> None:
        index = self.indexAt(place)
        message = index.data(MESSAGE_ROLE) if index.isValid() else None
        if isinstance(message, int):
            self.menu_wanted.emit(message, self.viewport().mapToGlobal(place))

    def enter(self) -> None:
        """The keyboard is at the first of them."""
        self.setFocus(Qt.FocusReason.TabFocusReason)
        self.setCurrentIndex(self.hits.index(0))

    def choose(self, index: QModelIndex) -> None:
        self.chosen.emit(index.data(ID_ROLE), index.data(MESSAGE_ROLE))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() != Qt.Key.Key_Delete:
            super().keyPressEvent(event)
        elif (number := self.currentIndex().data(ID_ROLE)) is not None:
            self.delete_wanted.emit(number)
