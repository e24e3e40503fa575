"""The conversations as a list model: pinned, in folders, by day; renamed, folded and moved here.

What a person does becomes a signal; the list changes once the database has it. Only folding shows
at once.
"""

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from PySide6.QtCore import QDateTime, QLocale, QMimeData, QModelIndex, QObject, Qt, Signal

from desktop_llm.core.conversations import Folder, Listed, Listing
from desktop_llm.ui.models.keyed_rows import Index, Key, KeyedRows
from desktop_llm.ui.models.listing_rows import (
    NEW_FOLDER,
    PINNED,
    FolderRow,
    Row,
    Rows,
    day_limits,
    folder_key,
    rows_of,
)
from desktop_llm.ui.widgets.list_rows import BADGE_ROLE, DETAIL_ROLE, HEADER_ROLE, ID_ROLE
from desktop_llm.ui.widgets.organised_rows import (
    FOLD_ROLE,
    HEADING_FORMAT,
    INDENT_ROLE,
    OPEN_ROLE,
    ROWS_FORMAT,
    SECTION_ROLE,
)
from desktop_llm.ui.widgets.plain_text import plain_tip
from desktop_llm.words import _, counted, current_language

_NOWHERE = QModelIndex()
# as numbers: `data` is asked for some two hundred times a frame
_DISPLAY, _EDIT, _TIP, _NAME, _DESCRIPTION = (
    int(role)
    for role in (
        Qt.ItemDataRole.DisplayRole,
        Qt.ItemDataRole.EditRole,
        Qt.ItemDataRole.ToolTipRole,
        Qt.ItemDataRole.AccessibleTextRole,
        Qt.ItemDataRole.AccessibleDescriptionRole,
    )
)
_ROW_FLAGS = (
    Qt.ItemFlag.ItemIsEnabled
    | Qt.ItemFlag.ItemIsEditable
    | Qt.ItemFlag.ItemIsDragEnabled
    | Qt.ItemFlag.ItemIsDropEnabled
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where conversations are dropped: onto the pinned ones, into a folder, or out of each."""

    folder: int | None = None
    pinned: bool = False


class ConversationsModel(KeyedRows):
    rename_wanted = Signal(int, str)
    folder_rename_wanted = Signal(int, str)
    folder_wanted = Signal(str, list)  # name of a new one, and the conversations for it
    folded = Signal(int, bool)  # a folder; whether it is open now
    place_wanted = Signal(list, object)  # conversations, and a `Place`
    order_wanted = Signal(list)  # the folders in another order

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.is_running: Callable[[int], bool] = lambda _number: False
        self._listing = Listing((), ())
        self._made = Rows()
        self._limits: list[float] = []
        self._listed: dict[int, Listed] = {}
        self._folders: dict[int, Folder] = {}
        self._folds: dict[int, bool] = {}  # by the person, and not read back yet
        self._for_new_folder: list[int] | None = None  # conversations; None: none is being named
        self.named_folder = ""  # the new one's name, until it is listed
        self._shown: int | None = None
        self._own = os.urandom(8).hex()  # what is dragged here from another list is no concern

    def show(self, listing: Listing, now: float | None = None) -> None:
        limits = day_limits(time.time() if now is None else now)
        for folder in listing.folders:
            if self._folds.get(folder.id) == folder.open:
                del self._folds[folder.id]
        if self._folds:
            folders = [
                replace(folder, open=self._folds.get(folder.id, folder.open))
                for folder in listing.folders
            ]
            listing = Listing(tuple(folders), listing.conversations)
        if listing == self._listing and limits == self._limits and self._for_new_folder is None:
            return
        self._listing, self._limits = listing, limits
        self._for_new_folder, self.named_folder = None, ""
        self._listed = {row.id: row for row in listing.conversations}
        self._folders = {folder.id: folder for folder in listing.folders}
        self._arrange()

    def _arrange(self) -> None:
        made = rows_of(self._listing, self._limits, self._for_new_folder is not None)
        self._made = made
        self._show(made.rows, made.keys)

    # --- what is listed ------------------------------------------------------------------------

    @property
    def folders(self) -> tuple[Folder, ...]:
        return self._listing.folders

    def conversations(self) -> list[Listed]:
        """As they stand in the list; those in a folded folder do not."""
        return [row for row in self._rows if isinstance(row, Listed)]

    def listed(self, conversation: int | None) -> Listed | None:
        """Also in a folded folder."""
        return None if conversation is None else self._listed.get(conversation)

    def folder(self, number: int | None) -> Folder | None:
        return None if number is None else self._folders.get(number)

    def row_of(self, conversation: int) -> int | None:
        return self.row_with(conversation)

    def row_of_folder(self, folder: int) -> int | None:
        return self.row_with(folder_key(folder))

    def folder_at(self, index: Index) -> Folder | None:
        """Whose heading this is."""
        row = self._rows[index.row()] if index.isValid() else None
        return row.folder if isinstance(row, FolderRow) else None

    def title_of(self, conversation: int | None) -> str:
        row = self.listed(conversation)
        return (row.title if row is not None else "") or _("New conversation")

    def refresh(self, conversation: int) -> None:
        """Whether a reply is being written there has changed."""
        self._tell(conversation, BADGE_ROLE)

    def mark_open(self, conversation: int | None) -> None:
        """It is the one that is read, whatever is chosen in the list."""
        before, self._shown = self._shown, conversation
        for number in (before, conversation):
            if number is not None and before != conversation:
                self._tell(number, OPEN_ROLE)
                row = self._listed.get(number)
                if row is not None and row.folder is not None:
                    self._tell(folder_key(row.folder), OPEN_ROLE)

    def _tell(self, key: Key, role: int) -> None:
        if (row := self.row_with(key)) is not None:
            self.dataChanged.emit(self.index(row), self.index(row), [role])

    # --- folders -------------------------------------------------------------------------------

    def fold(self, number: int, opened: bool) -> None:
        folder = self._folders.get(number)
        if folder is None or folder.open == opened:
            return
        self._folds[number] = opened
        folders = tuple(
            replace(each, open=opened) if each.id == number else each
            for each in self._listing.folders
        )
        self._listing = Listing(folders, self._listing.conversations)
        self._folders[number] = replace(folder, open=opened)
        self._arrange()
        self.folded.emit(number, opened)

    def begin_folder(self, conversations: Sequence[int]) -> int:
        """A row for a new folder that will hold these; returns where it is to be named."""
        self._for_new_folder, self.named_folder = list(conversations), ""
        self._arrange()
        row = self.row_with(NEW_FOLDER)
        assert row is not None
        return row

    def end_folder(self) -> None:
        """It is not made, or was made and will be listed."""
        if self._for_new_folder is not None:
            self._for_new_folder, self.named_folder = None, ""
            self._arrange()

    # --- as Qt wants it ------------------------------------------------------------------------

    def data(self, index: Index, role: int = _DISPLAY) -> object:
        if not index.isValid():
            return None
        row = self._rows[index.row()]
        if role == SECTION_ROLE:
            return self._made.section_of(index.row())
        if isinstance(row, Listed):
            return self._of_conversation(row, role)
        if isinstance(row, FolderRow):
            return self._of_folder(row, role)
        return row.words if role in (_DISPLAY, HEADER_ROLE) else None

    def _of_conversation(self, row: Listed, role: int) -> object:
        if role in (_DISPLAY, _EDIT):
            return row.title or _("New conversation")
        if role == ID_ROLE:
            return row.id
        if role == DETAIL_ROLE:
            return _tags(row) if row.tags else None
        if role == INDENT_ROLE:
            return not row.pinned and row.folder in self._folders
        if role == OPEN_ROLE:
            return row.id == self._shown
        if role == BADGE_ROLE:
            return self.is_running(row.id)
        if role == _TIP:
            parts = [row.title or _("New conversation"), *self._where(row), _tags(row)]
            return plain_tip("\n".join([*filter(None, parts), exact_time(row.changed)]))
        if role == _DESCRIPTION:
            return ", ".join(filter(None, [*self._where(row), _tags(row)]))
        return None

    def _where(self, row: Listed) -> list[str]:
        folder = self.folder(row.folder)
        words = [_(PINNED)] if row.pinned else []
        if folder is not None:
            words.append(_("Folder: {name}").format(name=folder.name))
        return words

    def _of_folder(self, row: FolderRow, role: int) -> object:
        folder = row.folder
        if role in (_DISPLAY, _EDIT, HEADER_ROLE):
            return self.named_folder or _("New folder") if folder is None else folder.name
        if role == FOLD_ROLE:
            return folder is None or folder.open
        if folder is None:
            return None
        if role == DETAIL_ROLE:
            return f"{row.count:,}"
        if role == OPEN_ROLE:
            shown = self.listed(self._shown)
            inside = shown is not None and shown.folder == folder.id and not shown.pinned
            return inside and not folder.open
        if role == _NAME:
            return _("Folder: {name}").format(name=folder.name)
        if role == _DESCRIPTION:
            return ", ".join([_size(row), _("unfolded") if folder.open else _("folded")])
        if role == _TIP:
            return plain_tip(f"{folder.name}\n{_size(row)}")
        return None

    def setData(self, index: Index, value: object, role: int = _EDIT) -> bool:
        row: Row | None = self._rows[index.row()] if index.isValid() else None
        words = " ".join(str(value).split())
        if role != _EDIT or not words or row is None:
            return False
        if isinstance(row, Listed) and words != row.title:
            self.rename_wanted.emit(row.id, words)
        elif isinstance(row, FolderRow) and row.folder is None:
            self.named_folder = words
            self.folder_wanted.emit(words, self._for_new_folder or [])
        elif isinstance(row, FolderRow) and row.folder and words != row.folder.name:
            self.folder_rename_wanted.emit(row.folder.id, words)
        return True

    def flags(self, index: Index) -> Qt.ItemFlag:
        row: Row | None = self._rows[index.row()] if index.isValid() else None
        if row is None:
            return Qt.ItemFlag.NoItemFlags
        if isinstance(row, Listed):
            return _ROW_FLAGS | Qt.ItemFlag.ItemIsSelectable
        return _ROW_FLAGS if isinstance(row, FolderRow) else Qt.ItemFlag.ItemIsDropEnabled

    # --- drag and drop -------------------------------------------------------------------------

    def supportedDropActions(self) -> Qt.DropAction:
        return Qt.DropAction.MoveAction

    def mimeTypes(self) -> list[str]:
        return [ROWS_FORMAT, HEADING_FORMAT]

    def mimeData(self, indexes: Sequence[QModelIndex]) -> QMimeData:
        """Of conversations, or of the heading of one folder."""
        rows = [self._rows[index.row()] for index in indexes]
        data = QMimeData()
        numbers = [row.id for row in rows if isinstance(row, Listed)]
        folders = [row.folder.id for row in rows if isinstance(row, FolderRow) and row.folder]
        if numbers:
            data.setData(ROWS_FORMAT, json.dumps([self._own, *numbers]).encode())
        elif folders:
            data.setData(HEADING_FORMAT, json.dumps([self._own, folders[0]]).encode())
        return data

    def canDropMimeData(
        self, data: QMimeData, _action: Qt.DropAction, row: int, _column: int, parent: Index
    ) -> bool:
        """Conversations onto a row, a folder's heading before one; where it changes something."""
        if numbers := self._dragged(data, ROWS_FORMAT):
            place = self._place_at(parent)
            return place is not None and bool(self._not_at(place, numbers))
        if (folders := self._dragged(data, HEADING_FORMAT)) and row >= 0:
            return self._reordered(folders[0], row) != [folder.id for folder in self.folders]
        return False

    def dropMimeData(
        self, data: QMimeData, action: Qt.DropAction, row: int, column: int, parent: Index
    ) -> bool:
        if not self.canDropMimeData(data, action, row, column, parent):
            return False
        if numbers := self._dragged(data, ROWS_FORMAT):
            place = self._place_at(parent)
            assert place is not None
            self.place_wanted.emit(self._not_at(place, numbers), place)
        else:
            (folder,) = self._dragged(data, HEADING_FORMAT)
            self.order_wanted.emit(self._reordered(folder, row))
        return True

    def _dragged(self, data: QMimeData, kind: str) -> list[int]:
        if not data.hasFormat(kind):
            return []
        own, *numbers = json.loads(bytes(data.data(kind).data()))
        return numbers if own == self._own else []

    def _place_at(self, index: Index) -> Place | None:
        """That a row belongs to."""
        if not index.isValid():
            return None
        key = self._keys[self._made.section_of(index.row())[0]]
        if key == PINNED:
            return Place(pinned=True)
        if key == NEW_FOLDER:
            return None
        heading = self._rows[self._made.section_of(index.row())[0]]
        folder = heading.folder if isinstance(heading, FolderRow) else None
        return Place(folder.id if folder is not None else None)

    def _not_at(self, place: Place, numbers: Sequence[int]) -> list[int]:
        rows = [row for row in map(self.listed, numbers) if row is not None]
        if place.pinned:
            return [row.id for row in rows if not row.pinned]
        return [row.id for row in rows if row.pinned or row.folder != place.folder]

    def _reordered(self, folder: int, row: int) -> list[int]:
        """The folders, with that one before the first heading from `row` on."""
        order = [each.id for each in self.folders]
        if folder not in order:
            return order
        before = [n for n in order if (self.row_of_folder(n) or 0) < row and n != folder]
        return [*before, folder, *(n for n in order if n != folder and n not in before)]


def exact_time(seconds: float) -> str:
    """In the words of the language that is shown."""
    locale, moment = QLocale(current_language().value), QDateTime.fromSecsSinceEpoch(int(seconds))
    day = locale.toString(moment.date(), QLocale.FormatType.LongFormat)
    return f"{day} {locale.toString(moment.time(), QLocale.FormatType.ShortFormat)}"


def _tags(row: Listed) -> str:
    return " ".join(f"#{tag}" for tag in row.tags)


def _size(row: FolderRow) -> str:
    return counted("{number} conversation", "{number} conversations", row.count)
