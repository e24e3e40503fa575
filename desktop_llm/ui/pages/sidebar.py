"""The list beside a conversation: all of them by day, or what a search found."""

from PySide6.QtCore import QModelIndex, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QLineEdit,
    QListView,
    QMenu,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from desktop_llm.core.conversations import Conversation, SearchHit
from desktop_llm.ui.actions import Actions, Command
from desktop_llm.ui.icons import icon
from desktop_llm.ui.models.conversations import (
    ID_ROLE,
    MESSAGE_ROLE,
    ConversationsModel,
    HitsModel,
)
from desktop_llm.ui.widgets.list_rows import RowDelegate
from desktop_llm.ui.widgets.plain_text import plain_label
from desktop_llm.words import _

SEARCH_MILLISECONDS = 150  # of quiet before a search


class Sidebar(QWidget):
    chosen = Signal(int, object)  # conversation, message or None
    search_wanted = Signal(str)
    rename_wanted = Signal(int, str)
    delete_wanted = Signal(int)

    def __init__(self, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("sidebar")
        self._opens_first = False  # the first hit, when the search has found it
        self._marking = False  # a row becomes current, but is not to be opened
        self._newer: tuple[list[Conversation], int | None] | None = None  # once no title is edited
        self.model = ConversationsModel(self)
        self.model.rename_wanted.connect(self.rename_wanted)
        self._hits = HitsModel(self)
        self._new = QPushButton(icon("plus"), _("New conversation"), self)
        self._new.setToolTip(actions.hint(Command.NEW))
        self._new.clicked.connect(lambda: actions[Command.NEW].trigger())
        self.search = _SearchLine(self)
        self.search.setPlaceholderText(_("Search"))
        self.search.setAccessibleName(_("Search conversations"))
        self.search.setToolTip(actions.hint(Command.SEARCH))
        self.search.setClearButtonEnabled(True)
        self.search.addAction(icon("magnifying-glass"), QLineEdit.ActionPosition.LeadingPosition)
        self.list = self._new_list(_("Conversations"))
        self.list.setModel(self.model)
        self.list.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed)
        self.list.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.list.customContextMenuRequested.connect(self._show_menu)
        self.list.selectionModel().currentChanged.connect(self._row_chosen)
        self.list.itemDelegate().closeEditor.connect(self._edited)
        self.list.delete_pressed.connect(self._delete_current)
        self._found = self._new_list(_("Found"))
        self._found.setModel(self._hits)
        self._found.activated.connect(self._hit_chosen)
        self._found.clicked.connect(self._hit_chosen)
        self._nothing = plain_label(parent=self)
        self._nothing.setProperty("muted", True)
        self._nothing.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
        self._nothing.setWordWrap(True)
        self._nothing.setContentsMargins(8, 24, 8, 8)
        self._stack = QStackedWidget(self)
        for shown in (self.list, self._found, self._nothing):
            self._stack.addWidget(shown)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SEARCH_MILLISECONDS)
        self._timer.timeout.connect(lambda: self.search_wanted.emit(self.search.text()))
        self.search.textChanged.connect(self._search_changed)
        self.search.returnPressed.connect(self._open_first)
        self.search.down_pressed.connect(self._enter_found)
        self._found.delete_pressed.connect(self._delete_found)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 12, 12, 12)
        column.setSpacing(8)
        column.addWidget(self._new)
        column.addWidget(self.search)
        column.addWidget(self._stack, 1)

    def show_conversations(self, conversations: list[Conversation], current: int | None) -> None:
        if self.list.state() is QAbstractItemView.State.EditingState:
            self._newer = (conversations, current)
            return
        self._newer, self._marking = None, True
        place = self.list.verticalScrollBar().value()
        self.model.show(conversations)
        self.list.verticalScrollBar().setValue(place)
        self._marking = False
        self._set_current(current)
        self._show_stack()

    def _edited(self) -> None:
        QTimer.singleShot(0, self, self._show_newer)  # once the editor is gone

    def _show_newer(self) -> None:
        if self._newer is not None:
            self.show_conversations(*self._newer)

    def show_hits(self, query: str, hits: list[SearchHit]) -> None:
        """Ignored where something else is searched for by now."""
        if query != self.search.text():
            return
        self._hits.show(hits)
        self._nothing.setText(
            _("Nothing found for “{query}”.").format(query=query.strip()) if not hits else ""
        )
        self._show_stack()
        if self._opens_first:
            self._opens_first = False
            self._open_first()

    def search_again(self) -> None:
        """Something was changed that may have been found."""
        if self.search.text().strip():
            self.search_wanted.emit(self.search.text())

    def mark(self, conversation: int | None) -> None:
        """Show which one is open, without opening it."""
        index = self._set_current(conversation)
        if index.isValid():
            self.list.scrollTo(index)

    def _set_current(self, conversation: int | None) -> QModelIndex:
        row = None if conversation is None else self.model.row_of(conversation)
        index = QModelIndex() if row is None else self.model.index(row, 0)
        self._marking = True
        self.list.setAutoScroll(False)
        self.list.setCurrentIndex(index)
        self.list.setAutoScroll(True)
        self._marking = False
        return index

    def neighbour(self, conversation: int | None, by: int) -> int | None:
        """The next or previous one in the list."""
        numbers = [row.id for row in self.model.conversations()]
        if not numbers:
            return None
        if conversation not in numbers:
            return numbers[0]
        return numbers[min(max(numbers.index(conversation) + by, 0), len(numbers) - 1)]

    def rename(self, conversation: int) -> None:
        """Edit the title where it stands."""
        self.search.clear()
        if (row := self.model.row_of(conversation)) is not None:
            self.list.scrollTo(self.model.index(row, 0))
            self.list.edit(self.model.index(row, 0))

    def _new_list(self, name: str) -> "_List":
        view = _List(self)
        view.setItemDelegate(RowDelegate(view))
        view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        view.setAccessibleName(name)
        return view

    def _search_changed(self, text: str) -> None:
        if text.strip():
            self._timer.start()
        else:
            self._timer.stop()
            self._hits.show([])
            self._nothing.setText("")
            self._show_stack()

    def _show_stack(self) -> None:
        if self.search.text().strip():
            shown: QWidget = self._found if self._hits.rowCount() else self._nothing
        elif self.model.rowCount():
            shown = self.list
        else:
            self._nothing.setText(_("Conversations will be listed here."))
            shown = self._nothing
        self._stack.setCurrentWidget(shown)

    def _row_chosen(self, index: QModelIndex, _before: QModelIndex) -> None:
        number = index.data(ID_ROLE)
        if number is not None and not self._marking:
            self.chosen.emit(number, None)

    def _open_first(self) -> None:
        """What the search found first, as soon as it has."""
        if self._timer.isActive():
            self._timer.stop()
            self._opens_first = True
            self.search_wanted.emit(self.search.text())
        elif self._hits.rowCount():
            self._enter_found()
            self._hit_chosen(self._found.currentIndex())

    def _enter_found(self) -> None:
        if self._stack.currentWidget() is self._found:
            self._found.setFocus(Qt.FocusReason.TabFocusReason)
            self._found.setCurrentIndex(self._hits.index(0))

    def _delete_found(self) -> None:
        """The conversation that the hit is in."""
        number = self._found.currentIndex().data(ID_ROLE)
        if number is not None:
            self.delete_wanted.emit(number)

    def _hit_chosen(self, index: QModelIndex) -> None:
        self.chosen.emit(index.data(ID_ROLE), index.data(MESSAGE_ROLE))

    def _delete_current(self) -> None:
        number = self.list.currentIndex().data(ID_ROLE)
        if number is not None:
            self.delete_wanted.emit(number)

    def _show_menu(self, point: QPoint) -> None:
        """Of the row that was clicked, whichever is open."""
        number = self.list.indexAt(point).data(ID_ROLE)
        if number is None:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        rename, delete = Command.RENAME.value, Command.DELETE.value
        menu.addAction(icon(rename.icon), _(rename.words), lambda: self.rename(number))
        menu.addAction(icon(delete.icon), _(delete.words), lambda: self.delete_wanted.emit(number))
        menu.popup(self.list.viewport().mapToGlobal(point))


class _List(QListView):
    delete_pressed = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Delete:
            self.delete_pressed.emit()
        else:
            super().keyPressEvent(event)


class _SearchLine(QLineEdit):
    down_pressed = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Down:
            self.down_pressed.emit()
        else:
            super().keyPressEvent(event)
