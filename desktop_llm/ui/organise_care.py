"""How the list of conversations is kept: folders, pins and tags, off the window's thread.

The list shows what the database has; after each act it is read anew.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPoint, QRect, QSize, Signal

from desktop_llm.core.conversations import Folder, Listed, tag_of
from desktop_llm.core.errors import DesktopLlmError
from desktop_llm.ui.bridge import Bridge
from desktop_llm.ui.icons import Role, icon
from desktop_llm.ui.list_care import ListCare
from desktop_llm.ui.models.conversations import Place
from desktop_llm.ui.pages.sidebar import Sidebar
from desktop_llm.ui.widgets.picker import Pick, Picker, over
from desktop_llm.ui.widgets.tag_editor import WIDTH, TagEditor, Tagged, TagWords
from desktop_llm.ui.widgets.toasts import Toasts
from desktop_llm.words import _, counted

if TYPE_CHECKING:
    from desktop_llm.services.chat import ChatService

PLACE = QSize(420, 380)  # pixels that a choice of folders may take
HEIGHT = 420  # pixels that the tags may take
NO_FOLDER, NEW_FOLDER = "none", "new"  # keys beside the numbers of folders


class OrganiseCare(QObject):
    export_wanted = Signal(list)  # numbers of conversations

    def __init__(
        self,
        sidebar: Sidebar,
        lists: ListCare,
        bridge: Bridge,
        toasts: Toasts,
        chat: "Callable[[], ChatService | None]",
    ) -> None:
        """`chat`: None while the services are closed."""
        super().__init__(sidebar)
        self._sidebar = sidebar
        self._model = sidebar.model
        self._lists = lists
        self._bridge = bridge
        self._toasts = toasts
        self._chat = chat
        self._picker: Picker | None = None
        self._editor: TagEditor | None = None
        self._moved: Sequence[int] = ()  # what the picker is about
        self._tagged: Sequence[int] = ()  # and the tags
        self.rename = sidebar.rename
        self.rename_folder = sidebar.rename_folder
        self.new_folder = sidebar.name_folder
        self.delete = lists.delete
        self.show_tag = sidebar.search_tag
        self.export = lambda numbers: self.export_wanted.emit(list(numbers))
        sidebar.model.folder_wanted.connect(self._create_folder)
        sidebar.model.folder_rename_wanted.connect(self._rename_folder)
        sidebar.model.folded.connect(self._fold)
        sidebar.model.place_wanted.connect(self.place)
        sidebar.model.order_wanted.connect(self.order_folders)
        sidebar.delete_folder_wanted.connect(self.delete_folder)
        sidebar.search.tags_wanted.connect(self._read_tags)
        lists.listed.connect(self._show_tags)

    # --- pins and places -----------------------------------------------------------------------

    def pin(self, numbers: Sequence[int], pinned: bool | None = None) -> None:
        """None: unpin them where all of them are."""
        if pinned is None:
            pinned = not all(row.pinned for row in self._rows(numbers))
        self._write(lambda chat: chat.organiser.pin(numbers, pinned))
        if self._sidebar.isHidden():
            self._toasts.show(_("Pinned.") if pinned else _("No longer pinned."))

    def move(self, numbers: Sequence[int], folder: int | None) -> None:
        """Those that are pinned stay so."""
        self._write(lambda chat: chat.organiser.move(numbers, folder))
        if self._sidebar.isHidden():
            into = self._model.folder(folder)
            words = _("No longer in a folder.") if into is None else _("Moved to “{name}”.")
            self._toasts.show(words.format(name="" if into is None else into.name))

    def place(self, numbers: Sequence[int], place: Place) -> None:
        """Where they were dropped."""
        if place.pinned:
            self._write(lambda chat: chat.organiser.pin(numbers, True))
        else:
            self._write(lambda chat: chat.organiser.place(numbers, place.folder))

    def choose_folder(self, numbers: Sequence[int]) -> None:
        """By a list that is searched."""
        if self._picker is None:
            placeholder, nothing = _("Move to a folder"), _("No such folder")
            self._picker = Picker(placeholder, nothing, self._sidebar)
            self._picker.chosen.connect(self._folder_chosen)
        self._moved = list(numbers)
        muted = Role.PlaceholderText
        folders = [
            Pick(folder.id, folder.name, icon=icon("folder", muted))
            for folder in self._model.folders
        ]
        none = Pick(NO_FOLDER, _("No folder"), icon=icon("folder-minus", muted))
        new = Pick(NEW_FOLDER, _("New folder …"), icon=icon("folder-plus", muted))
        present = {row.folder for row in self._rows(numbers)}
        current = present.pop() if len(present) == 1 else None
        place = over(self._sidebar.window(), PLACE.width(), PLACE.height())
        self._picker.open([*folders, none, new], place, current or NO_FOLDER)

    def _folder_chosen(self, key: object) -> None:
        if key == NEW_FOLDER:
            self._sidebar.name_folder(self._moved)
        else:
            self.move(self._moved, key if isinstance(key, int) else None)

    # --- folders -------------------------------------------------------------------------------

    def _create_folder(self, name: str, numbers: Sequence[int]) -> None:
        self._write(lambda chat: chat.organiser.create_folder(name, numbers))

    def _rename_folder(self, folder: int, name: str) -> None:
        self._write(lambda chat: chat.organiser.rename_folder(folder, name))

    def _fold(self, folder: int, opened: bool) -> None:
        """It is seen already."""
        if (chat := self._chat()) is not None:
            self._bridge.write(
                lambda: chat.organiser.open_folder(folder, opened), on_failure=self._fail
            )

    def order_folders(self, folders: Sequence[int]) -> None:
        self._write(lambda chat: chat.organiser.order_folders(folders))

    def delete_folder(self, number: int) -> None:
        folder = self._model.folder(number)
        if folder is None or (chat := self._chat()) is None:
            return
        position = self._model.folders.index(folder)

        def gone(inside: Sequence[int]) -> None:
            self._lists.refresh()
            words = _("The folder “{name}” is deleted.").format(name=folder.name)
            if inside:
                words += " " + _("Its conversations are still here.")
            back = lambda: self._restore_folder(folder, position, inside)  # noqa: E731
            self._toasts.show(words, _("Undo"), back)

        self._bridge.write(lambda: chat.organiser.delete_folder(number), gone, self._fail)

    def _restore_folder(self, folder: Folder, position: int, inside: Sequence[int]) -> None:
        self._write(lambda chat: chat.organiser.restore_folder(folder, position, inside))

    # --- tags ----------------------------------------------------------------------------------

    def edit_tags(self, numbers: Sequence[int]) -> None:
        if self._editor is None:
            words = TagWords(
                line=_("Add a tag"),
                hint=_("Enter adds the tag; Esc closes."),
                show=_("Show all with #{tag}"),
                take=_("Remove the tag {tag}"),
                some=_("{count} of {all} have it"),
            )
            self._editor = TagEditor(words, icon("x"), tag_of, self._sidebar)
            self._editor.add_wanted.connect(lambda tag: self._tag(add=[tag]))
            self._editor.remove_wanted.connect(lambda tag: self._tag(remove=[tag]))
            self._editor.show_wanted.connect(self._sidebar.search_tag)
        self._tagged = list(numbers)
        title = counted("Tags of {number} conversation", "Tags of {number} conversations",
                        len(numbers))  # fmt: skip
        if len(numbers) == 1:
            title = _("Tags of “{title}”").format(title=self._model.title_of(numbers[0]))
        self._editor.open(title, self._tags_of(numbers), len(numbers), self._place_of(numbers))
        self._read_tags()

    def _tags_of(self, numbers: Sequence[int]) -> list[Tagged]:
        counts = Counter(tag for row in self._rows(numbers) for tag in row.tags)
        return [Tagged(tag, count) for tag, count in sorted(counts.items())]

    def _place_of(self, numbers: Sequence[int]) -> QRect:
        """Below the row, where it is seen; always within the window."""
        window = self._sidebar.window()
        corner = self._sidebar.below_row(numbers[0])
        if corner is None:
            return over(window, WIDTH, HEIGHT)
        left = min(corner.x(), window.width() - WIDTH - 8)
        top = max(8, min(corner.y(), window.height() - HEIGHT - 8))
        return QRect(window.mapToGlobal(QPoint(left, top)), QSize(WIDTH, HEIGHT))

    def _tag(self, add: Sequence[str] = (), remove: Sequence[str] = ()) -> None:
        numbers = list(self._tagged)
        self._write(lambda chat: chat.organiser.tag(numbers, add, remove))

    def _show_tags(self, _listing: object = None) -> None:
        """They may have changed, by this or by another window."""
        if self._editor is not None and self._editor.isVisible():
            there = [row.id for row in self._rows(self._tagged)]
            if not there:
                self._editor.close()
                return
            self._tagged = there
            self._editor.show_tags(self._tags_of(there), len(there))
            self._read_tags()

    def _read_tags(self) -> None:
        if (chat := self._chat()) is None:
            return

        def show(known: list[tuple[str, int]]) -> None:
            self._sidebar.search.set_tags([tag for tag, _count in known])
            if self._editor is not None:
                self._editor.set_known(known)

        self._bridge.run(chat.organiser.tags, show, self._fail)

    # --- all of them ---------------------------------------------------------------------------

    def _rows(self, numbers: Sequence[int]) -> list[Listed]:
        return [row for row in map(self._model.listed, numbers) if row is not None]

    def _write(self, work: "Callable[[ChatService], object]") -> None:
        if (chat := self._chat()) is not None:
            self._bridge.write(
                lambda: work(chat), lambda _nothing: self._lists.refresh(), self._fail
            )

    def _fail(self, fault: DesktopLlmError) -> None:
        self._sidebar.drop_new_folder()
        self._lists.failed.emit(fault)
