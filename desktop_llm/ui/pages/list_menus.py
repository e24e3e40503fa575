"""What can be done with conversations and folders, as menus of their list."""

from collections.abc import Sequence
from functools import partial
from typing import Protocol

from PySide6.QtCore import QModelIndex, QObject, QPoint, Qt
from PySide6.QtWidgets import QMenu

from desktop_llm.core.conversations import Folder
from desktop_llm.ui.icons import icon
from desktop_llm.ui.pages.sidebar import Sidebar
from desktop_llm.ui.widgets.list_rows import ID_ROLE
from desktop_llm.ui.widgets.plain_text import plain_caption
from desktop_llm.words import _

MOST_TAGS = 5  # that are offered to be searched for


class ListDeeds(Protocol):
    """What a page can do with conversations and folders of given numbers."""

    def rename(self, number: int) -> None: ...

    def pin(self, numbers: Sequence[int], pinned: bool) -> None: ...

    def move(self, numbers: Sequence[int], folder: int | None) -> None: ...

    def edit_tags(self, numbers: Sequence[int]) -> None: ...

    def show_tag(self, tag: str) -> None: ...

    def delete(self, numbers: Sequence[int]) -> None: ...

    def export(self, numbers: Sequence[int]) -> None: ...

    def new_folder(self, numbers: Sequence[int]) -> None: ...

    def rename_folder(self, folder: int) -> None: ...

    def delete_folder(self, folder: int) -> None: ...


class ListMenus(QObject):
    def __init__(self, sidebar: Sidebar, deeds: ListDeeds) -> None:
        super().__init__(sidebar)
        self._sidebar = sidebar
        self._model = sidebar.model
        self._deeds = deeds
        sidebar.list.menu_wanted.connect(self._show)

    def _show(self, index: QModelIndex, where: QPoint) -> None:
        """Of the row that was clicked, and of all that are chosen where it is one of them."""
        menu = QMenu(self._sidebar)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        number, folder = index.data(ID_ROLE), self._model.folder_at(index)
        if number is not None:
            self._fill(menu, self._sidebar.meant(number))
        elif folder is not None:
            self._fill_of_folder(menu, folder)
        else:
            self._add_new_folder(menu, [])
        view = self._sidebar.list
        view.point_at(index)
        menu.aboutToHide.connect(lambda: view.point_at(QModelIndex()))
        menu.popup(where)

    def _fill(self, menu: QMenu, numbers: Sequence[int]) -> None:
        deeds = self._deeds
        rows = [row for row in map(self._model.listed, numbers) if row is not None]
        if len(numbers) == 1:
            menu.addAction(icon("pencil-simple"), _("Rename"), lambda: deeds.rename(numbers[0]))
        pinned = all(row.pinned for row in rows)
        words, name = (_("Unpin"), "push-pin-slash") if pinned else (_("Pin"), "push-pin")
        menu.addAction(icon(name), words, lambda: deeds.pin(numbers, not pinned))
        self._add_folders(menu, numbers, {row.folder for row in rows})
        menu.addAction(icon("tag"), _("Tags …"), lambda: deeds.edit_tags(numbers))
        tags = rows[0].tags if len(rows) == 1 else ()
        for tag in tags[:MOST_TAGS]:
            words = plain_caption(_("Show all with #{tag}").format(tag=tag))
            menu.addAction(icon("magnifying-glass"), words, partial(deeds.show_tag, tag))
        menu.addAction(icon("export"), _("Export …"), lambda: deeds.export(numbers))
        menu.addSeparator()
        menu.addAction(icon("trash"), _("Delete"), lambda: deeds.delete(numbers))

    def _add_folders(self, menu: QMenu, numbers: Sequence[int], present: set[int | None]) -> None:
        """A mark at the one they are in."""
        choice = menu.addMenu(icon("folder"), _("Move to folder"))
        for folder in self._model.folders:
            call = partial(self._deeds.move, numbers, folder.id)
            action = choice.addAction(plain_caption(folder.name), call)
            action.setCheckable(True)
            action.setChecked(present == {folder.id})
        none = choice.addAction(_("No folder"), partial(self._deeds.move, numbers, None))
        none.setCheckable(True)
        none.setChecked(present == {None})
        choice.addSeparator()
        self._add_new_folder(choice, numbers)

    def _add_new_folder(self, menu: QMenu, numbers: Sequence[int]) -> None:
        words = _("New folder …") if numbers else _("New folder")
        menu.addAction(icon("folder-plus"), words, partial(self._deeds.new_folder, numbers))

    def _fill_of_folder(self, menu: QMenu, folder: Folder) -> None:
        deeds = self._deeds
        words = _("Rename folder")
        menu.addAction(icon("pencil-simple"), words, lambda: deeds.rename_folder(folder.id))
        self._add_new_folder(menu, [])
        menu.addSeparator()
        menu.addAction(icon("trash"), _("Delete folder"), lambda: deeds.delete_folder(folder.id))
