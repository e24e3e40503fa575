"""What can be done with a message: the buttons beside it, its menu, and a link's."""

from collections.abc import Callable

from PySide6.QtCore import QObject, QPoint, Qt, QUrl
from PySide6.QtGui import QCursor, QDesktopServices
from PySide6.QtWidgets import QMenu

from desktop_llm.ui.icons import icon
from desktop_llm.ui.widgets.message_bar import MessageAction
from desktop_llm.ui.widgets.plain_text import plain_caption
from desktop_llm.ui.widgets.transcript import Transcript
from desktop_llm.words import _


class MessageMenus(QObject):
    """`may_retry(key)` tells whether another reply can take that one's place."""

    def __init__(
        self,
        transcript: Transcript,
        copy: Callable[[str], None],
        retry: Callable[[], None],
        may_retry: Callable[[int], bool],
    ) -> None:
        super().__init__(transcript)
        self._transcript = transcript
        self._copy = copy
        self._retry = retry
        self._may_retry = may_retry
        transcript.set_actions(self._buttons)
        transcript.menu_wanted.connect(self._show_menu)
        transcript.link_activated.connect(self._show_link)

    def _buttons(self, key: int) -> list[MessageAction]:
        text = self._transcript.text_of(key)
        actions = [MessageAction(icon("copy"), _("Copy"), lambda: self._copy(text))]
        if self._may_retry(key):
            retry = MessageAction(icon("arrow-clockwise"), _("Another reply"), self._retry)
            actions.append(retry)
        more = MessageAction(
            icon("dots-three"), _("More"), lambda: self._show_menu(key, QCursor.pos())
        )
        return [*actions, more]

    def _show_menu(self, key: int, where: QPoint) -> None:
        transcript, text = self._transcript, self._transcript.text_of(key)
        menu = self._menu()
        copy = menu.addAction(icon("copy"), _("Copy selection"), lambda: transcript.copy())
        copy.setEnabled(transcript.has_selection)
        menu.addAction(_("Copy message"), lambda: self._copy(text))
        if code := transcript.code_of(key):
            menu.addAction(icon("code"), _("Copy code"), lambda: self._copy("\n\n".join(code)))
        menu.addAction(_("Select all"), transcript.select_all)
        if self._may_retry(key):
            menu.addSeparator()
            menu.addAction(icon("arrow-clockwise"), _("Another reply"), self._retry)
        menu.popup(where)

    def _show_link(self, address: str) -> None:
        """The full address first: a link's text can say anything."""
        menu = self._menu()
        menu.addAction(plain_caption(address)).setEnabled(False)
        menu.addSeparator()
        menu.addAction(_("Open in the browser"), lambda: QDesktopServices.openUrl(QUrl(address)))
        menu.addAction(_("Copy address"), lambda: self._copy(address))
        menu.popup(QCursor.pos())

    def _menu(self) -> QMenu:
        menu = QMenu(self._transcript)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        return menu
