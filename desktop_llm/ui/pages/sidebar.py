"""The list beside a conversation: all of them in their sections, or what a search found."""

from collections.abc import Sequence

from PySide6.QtCore import (
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPoint,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from desktop_llm.core.conversations import Listing, SearchHit
from desktop_llm.ui.actions import Actions, Command
from desktop_llm.ui.icons import Role, icon
from desktop_llm.ui.models.conversations import ConversationsModel
from desktop_llm.ui.pages.found_list import FoundList
from desktop_llm.ui.widgets.list_rows import ID_ROLE
from desktop_llm.ui.widgets.organised_list import OrganisedList
from desktop_llm.ui.widgets.organised_rows import FOLD_ROLE, OrganisedDelegate
from desktop_llm.ui.widgets.plain_text import plain_label
from desktop_llm.ui.widgets.search_line import SearchLine
from desktop_llm.words import _, counted

SEARCH_MILLISECONDS = 150  # of quiet before a search
BUTTON = 28  # pixels
_Flag = QItemSelectionModel.SelectionFlag


class Sidebar(QWidget):
    chosen = Signal(int, object)  # conversation, message or None
    wanted = Signal()  # it is to be seen
    search_wanted = Signal(str)
    rename_wanted = Signal(int, str)
    delete_wanted = Signal(list)  # conversations
    delete_folder_wanted = Signal(int)
    found_menu_wanted = Signal(int, QPoint)  # of a message that a search found

    def __init__(self, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("sidebar")
        self._opens_first = False  # the first hit, when the search has found it
        self._current: int | None = None  # the conversation that is open
        self._newer: tuple[Listing, int | None] | None = None  # once no name is edited
        self.model = ConversationsModel(self)
        self.model.rename_wanted.connect(self.rename_wanted)
        self._new = QPushButton(icon("plus"), _("New conversation"), self)
        self._new.setToolTip(actions.hint(Command.NEW))
        self._new.clicked.connect(lambda: actions[Command.NEW].trigger())
        self._new_folder = QToolButton(self)
        self._new_folder.setIcon(icon("folder-plus"))
        self._new_folder.setAccessibleName(_(Command.NEW_FOLDER.value.words))
        self._new_folder.setToolTip(actions.hint(Command.NEW_FOLDER))
        self._new_folder.setMinimumSize(BUTTON, BUTTON)
        self._new_folder.clicked.connect(lambda: actions[Command.NEW_FOLDER].trigger())
        self.search = SearchLine(self)
        self.search.setPlaceholderText(_("Search"))
        self.search.setAccessibleName(_("Search conversations"))
        self.search.setToolTip(actions.hint(Command.SEARCH))
        self.search.setClearButtonEnabled(True)
        self.search.addAction(icon("magnifying-glass"), QLineEdit.ActionPosition.LeadingPosition)
        self.list = OrganisedList(self)
        self._set_up_list()
        self._found = FoundList(_("Found"), self)
        self._hits = self._found.hits
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
        self._found.chosen.connect(self.chosen)
        self._found.menu_wanted.connect(self.found_menu_wanted)
        self._found.delete_wanted.connect(lambda number: self.delete_wanted.emit([number]))
        head = QHBoxLayout()
        head.setSpacing(4)
        head.addWidget(self._new, 1)
        head.addWidget(self._new_folder)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 12, 12, 12)
        column.setSpacing(8)
        column.addLayout(head)
        column.addWidget(self.search)
        column.addWidget(self._stack, 1)

    def _set_up_list(self) -> None:
        view, muted = self.list, Role.PlaceholderText
        view.setModel(self.model)
        carets = icon("caret-down", muted), icon("caret-right", muted)
        view.setItemDelegate(OrganisedDelegate(*carets, view))
        view.setAccessibleName(_("Conversations"))
        view.drag_words = self._words_of
        view.chosen.connect(self._row_chosen)
        view.fold_wanted.connect(self._fold)
        view.itemDelegate().closeEditor.connect(self._edited)
        view.delete_pressed.connect(self._delete_chosen)
        view.cleared.connect(lambda: self._mark(self._index_of(self._current)))

    # --- what is listed ------------------------------------------------------------------------

    def show_listing(self, listing: Listing, current: int | None) -> None:
        """What is chosen stays chosen, and the list stays where it was scrolled to."""
        if self.list.state() is QAbstractItemView.State.EditingState:
            self._newer = (listing, current)
            return
        self._newer, self._current = None, current
        chosen, place = self.selected(), self.list.verticalScrollBar().value()
        with self.list.quietly():
            self.model.show(listing)
        self.model.mark_open(current)
        self.list.verticalScrollBar().setValue(place)
        self._choose(chosen)
        self._show_stack()

    def _choose(self, numbers: Sequence[int]) -> None:
        """Those that are still listed; where none is, the one that is open."""
        rows = [row for row in map(self.model.row_of, numbers) if row is not None]
        if not rows:
            self._mark(self._index_of(self._current))
        elif not self.list.selectionModel().hasSelection():  # all was set anew
            again = QItemSelection()
            for row in rows:
                again.select(self.model.index(row), self.model.index(row))
            with self.list.quietly():
                index = self.model.index(rows[-1])
                self.list.selectionModel().setCurrentIndex(index, _Flag.NoUpdate)
                self.list.selectionModel().select(again, _Flag.ClearAndSelect)

    def mark(self, conversation: int | None) -> None:
        """Show which one is open, without opening it."""
        self._current = conversation
        self.model.mark_open(conversation)
        index = self._index_of(conversation)
        if not self.list.selectionModel().isSelected(index):
            self._mark(index)
        if index.isValid():
            self.list.scrollTo(index)

    def _mark(self, index: QModelIndex) -> None:
        """Choose it alone. The keyboard stays at a heading that it was led to, and is led to that
        of a folded folder which hides what is open.
        """
        selection, row = self.list.selectionModel(), self.model.listed(self._current)
        with self.list.quietly():
            if self.list.hasFocus() and self.list.currentIndex().data(FOLD_ROLE) is not None:
                selection.select(index, _Flag.ClearAndSelect)
            elif not index.isValid() and row is not None and row.folder is not None:
                selection.setCurrentIndex(self._index_of_folder(row.folder), _Flag.Clear)
            else:
                selection.setCurrentIndex(index, _Flag.ClearAndSelect)

    def _index_of(self, conversation: int | None) -> QModelIndex:
        row = None if conversation is None else self.model.row_of(conversation)
        return QModelIndex() if row is None else self.model.index(row)

    def selected(self) -> list[int]:
        """The conversations that are chosen, as they stand."""
        rows = sorted(index.row() for index in self.list.selectedIndexes())
        return [self.model.index(row).data(ID_ROLE) for row in rows]

    def meant(self, conversation: int) -> list[int]:
        """By a click on it: all that are chosen where it is one of them, else it alone."""
        chosen = self.selected()
        return chosen if conversation in chosen else [conversation]

    def meant_by_keys(self, conversation: int | None) -> list[int]:
        """By a command: several that are chosen where the keyboard is at the list, else the one
        that is open.
        """
        chosen = self.selected()
        if len(chosen) > 1 and self.window().focusWidget() is self.list:
            return chosen
        return [] if conversation is None else [conversation]

    def neighbour(self, conversation: int | None, by: int) -> int | None:
        """The next or previous one in the list."""
        numbers = [row.id for row in self.model.conversations()]
        if not numbers:
            return None
        if conversation not in numbers:
            return numbers[0]
        return numbers[min(max(numbers.index(conversation) + by, 0), len(numbers) - 1)]

    def below_row(self, conversation: int) -> QPoint | None:
        """In the window; None where the row is not seen."""
        box = self.list.visualRect(self._index_of(conversation))
        if not self.list.isVisible() or not self.list.viewport().rect().intersects(box):
            return None
        return self.list.viewport().mapTo(self.window(), box.bottomLeft() + QPoint(16, 2))

    # --- names ---------------------------------------------------------------------------------

    def rename(self, conversation: int) -> None:
        """Edit the title where it stands."""
        row = self.model.listed(conversation)
        if row is not None and self.model.row_of(conversation) is None and row.folder is not None:
            self._fold(self._index_of_folder(row.folder), True)
        self._edit(self.model.row_of(conversation))

    def rename_folder(self, folder: int) -> None:
        self._edit(self.model.row_of_folder(folder))

    def name_folder(self, conversations: Sequence[int] = ()) -> None:
        """A row where a new folder gets its name; it is made then, with these in it."""
        with self.list.quietly():
            row = self.model.begin_folder(conversations)
        self._edit(row)

    def drop_new_folder(self) -> None:
        """It could not be made."""
        if self.list.state() is not QAbstractItemView.State.EditingState:
            with self.list.quietly():
                self.model.end_folder()
            self._show_stack()

    def _edit(self, row: int | None) -> None:
        self.wanted.emit()
        self.search.clear()
        self._show_stack()
        if row is not None:
            self.list.scrollTo(self.model.index(row))
            self.list.edit(self.model.index(row))

    def _edited(self) -> None:
        QTimer.singleShot(0, self, self._after_edit)  # once the editor is gone

    def _after_edit(self) -> None:
        if not self.model.named_folder:
            self.drop_new_folder()
        if self._newer is not None:
            self.show_listing(*self._newer)

    # --- searching -----------------------------------------------------------------------------

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
        if self._searches:
            self.search_wanted.emit(self.search.text())

    def search_tag(self, tag: str) -> None:
        """All that has it."""
        self.wanted.emit()
        self.search.setText(f"#{tag} ")
        self.search.setFocus()

    @property
    def _searches(self) -> bool:
        """For more than the sign of a tag that is only begun."""
        return bool(self.search.text().strip(" #＃"))

    def _search_changed(self, _text: str) -> None:
        if self._searches:
            self._timer.start()
        else:
            self._timer.stop()
            self._hits.show([])
            self._nothing.setText("")
            self._show_stack()

    def _show_stack(self) -> None:
        if self._searches:
            shown: QWidget = self._found if self._hits.rowCount() else self._nothing
        elif self.model.rowCount():
            shown = self.list
        else:
            self._nothing.setText(_("Conversations will be listed here."))
            shown = self._nothing
        self._stack.setCurrentWidget(shown)

    def _open_first(self) -> None:
        """What the search found first, as soon as it has."""
        if self._timer.isActive():
            self._timer.stop()
            self._opens_first = True
            self.search_wanted.emit(self.search.text())
        elif self._hits.rowCount():
            self._enter_found()
            self._found.choose(self._found.currentIndex())

    def _enter_found(self) -> None:
        if self._stack.currentWidget() is self._found:
            self._found.enter()

    # --- what a person does --------------------------------------------------------------------

    def _row_chosen(self, index: QModelIndex) -> None:
        number = index.data(ID_ROLE)
        if number is not None:
            self.chosen.emit(number, None)

    def _fold(self, index: QModelIndex, opened: bool) -> None:
        folder = self.model.folder_at(index)
        if folder is None:
            return
        chosen = self.selected()
        with self.list.quietly():
            self.model.fold(folder.id, opened)
            heading = self._index_of_folder(folder.id)
            self.list.selectionModel().setCurrentIndex(heading, _Flag.NoUpdate)
        self._choose(chosen)

    def _index_of_folder(self, folder: int) -> QModelIndex:
        row = self.model.row_of_folder(folder)
        return QModelIndex() if row is None else self.model.index(row)

    def _delete_chosen(self) -> None:
        index = self.list.currentIndex()
        folder = self.model.folder_at(index)
        if folder is not None:
            self.delete_folder_wanted.emit(folder.id)
        elif chosen := self.selected():
            self.delete_wanted.emit(chosen)

    def _words_of(self, indexes: Sequence[QModelIndex]) -> str:
        """Beside the mouse that drags them."""
        if len(indexes) == 1:
            return str(indexes[0].data())
        return counted("{number} conversation", "{number} conversations", len(indexes))
