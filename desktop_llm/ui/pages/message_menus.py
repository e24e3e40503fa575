"""What can be done with a message: the buttons beside it, its menu, and a link's."""

from functools import partial
from typing import Protocol

from PySide6.QtCore import QObject, QPoint, Qt, QUrl
from PySide6.QtGui import QCursor, QDesktopServices
from PySide6.QtWidgets import QMenu

from desktop_llm.core.context import Care
from desktop_llm.core.corrections import Rating
from desktop_llm.ui.icons import icon
from desktop_llm.ui.widgets.message_bar import MessageAction
from desktop_llm.ui.widgets.plain_text import plain_caption
from desktop_llm.ui.widgets.transcript import Transcript
from desktop_llm.words import _


class MessageDeeds(Protocol):
    """What a page can do with a message of a given key."""

    def is_live(self, key: int) -> bool: ...

    def may_retry(self, key: int) -> bool: ...

    def may_go_on(self, key: int) -> bool: ...

    def is_cut_off(self, key: int) -> bool:
        """A reply that did not come to its end."""

    def versions_of(self, key: int) -> tuple[int, int]:
        """Which one it is, from 0, and how many there are."""

    def model_names(self) -> list[str]:
        """That another reply can be made with."""

    def copy_text(self, text: str) -> None: ...

    def copy_formatted(self, markdown: str) -> None: ...

    def retry(self, key: int, model: str = "") -> object: ...

    def go_on(self, key: int) -> None: ...

    def edit(self, key: int) -> None: ...

    def step_version(self, key: int, by: int) -> None: ...

    def fork(self, key: int) -> None: ...

    def delete(self, key: int) -> None: ...

    def rating_of(self, key: int) -> Rating: ...

    def rate(self, key: int, rating: Rating) -> None: ...

    def is_for_training(self, key: int) -> bool: ...

    def use_for_training(self, key: int, wanted: bool) -> None: ...

    def compare_versions(self, key: int) -> None: ...

    def is_reply(self, key: int) -> bool: ...

    def tell_about(self, key: int) -> None: ...

    def attachments_of(self, key: int) -> list[tuple[int, str]]:
        """Their numbers and names."""

    def open_attachment(self, number: int) -> None: ...

    def add_tools(self, menu: QMenu, key: int) -> None:
        """What can be done with its text."""

    def care_of(self, key: int) -> Care: ...

    def take_care(self, key: int, care: Care) -> None: ...


class MessageMenus(QObject):
    def __init__(self, transcript: Transcript, deeds: MessageDeeds) -> None:
        super().__init__(transcript)
        self._transcript = transcript
        self._deeds = deeds
        transcript.set_actions(self._buttons)
        transcript.menu_wanted.connect(self._show_menu)
        transcript.link_activated.connect(self.show_link)

    def _buttons(self, key: int) -> list[MessageAction]:
        deeds = self._deeds
        actions = self._steps(key)
        if deeds.is_live(key):
            return actions
        text = self._transcript.text_of(key)
        actions.append(MessageAction(icon("copy"), _("Copy"), lambda: deeds.copy_text(text)))
        actions.append(MessageAction(icon("pencil-simple"), _("Edit"), lambda: deeds.edit(key)))
        if deeds.may_go_on(key) and deeds.is_cut_off(key):
            words = _("Continue")
            actions.append(MessageAction(icon("arrow-line-right"), words, lambda: deeds.go_on(key)))
        if deeds.may_retry(key):
            words = _("Another reply")
            actions.append(MessageAction(icon("arrow-clockwise"), words, lambda: deeds.retry(key)))
        if deeds.is_reply(key):
            actions += self._thumbs(key)
        more = MessageAction(
            icon("dots-three"), _("More"), lambda: self._show_menu(key, QCursor.pos())
        )
        return [*actions, more]

    def _thumbs(self, key: int) -> list[MessageAction]:
        """Filled where it is rated so; again: no longer."""
        deeds, rated = self._deeds, self._deeds.rating_of(key)
        made = []
        for rating, name, words in (
            (Rating.GOOD, "thumbs-up", _("Good reply")),
            (Rating.POOR, "thumbs-down", _("Poor reply")),
        ):
            is_set = rated is rating
            picture = icon(f"{name}-fill" if is_set else name)
            new = Rating.NONE if is_set else rating
            tip = _("{words} (is set; again to take it back)").format(words=words)
            made.append(
                MessageAction(picture, tip if is_set else words, partial(deeds.rate, key, new))
            )
        return made

    def _steps(self, key: int) -> list[MessageAction]:
        """To its other versions, where there are any."""
        at, of = self._deeds.versions_of(key)
        if of < 2:
            return []
        step = self._deeds.step_version
        before = MessageAction(
            icon("caret-left"), _("Previous version"), lambda: step(key, -1), at > 0
        )
        after = MessageAction(
            icon("caret-right"), _("Next version"), lambda: step(key, 1), at < of - 1
        )
        return [before, after]

    def _show_menu(self, key: int, where: QPoint) -> None:
        transcript, deeds = self._transcript, self._deeds
        text = transcript.text_of(key)
        menu = self._menu()
        copy = menu.addAction(icon("copy"), _("Copy selection"), lambda: transcript.copy())
        copy.setEnabled(transcript.has_selection)
        if transcript.has_selection:
            menu.addAction(
                _("Copy selection as Markdown"),
                lambda: deeds.copy_text(transcript.selected_markdown()),
            )
            menu.addAction(
                _("Copy selection with formatting"),
                lambda: deeds.copy_formatted(transcript.selected_markdown()),
            )
        menu.addAction(_("Copy message"), lambda: deeds.copy_text(text))
        menu.addAction(_("Copy message with formatting"), lambda: deeds.copy_formatted(text))
        if code := transcript.code_of(key):
            menu.addAction(icon("code"), _("Copy code"), lambda: deeds.copy_text("\n\n".join(code)))
        for number, name in deeds.attachments_of(key):
            words = _("Show “{name}”").format(name=name)
            menu.addAction(
                icon("file-text"), plain_caption(words), partial(deeds.open_attachment, number)
            )
        menu.addAction(_("Select all"), transcript.select_all)
        menu.addSeparator()
        if not deeds.is_live(key):
            deeds.add_tools(menu, key)
            menu.addSeparator()
        if not deeds.is_live(key):
            menu.addAction(icon("pencil-simple"), _("Edit"), lambda: deeds.edit(key))
        if deeds.may_retry(key):
            menu.addAction(icon("arrow-clockwise"), _("Another reply"), lambda: deeds.retry(key))
            self._add_models(menu, key)
        if deeds.may_go_on(key):
            menu.addAction(icon("arrow-line-right"), _("Continue"), lambda: deeds.go_on(key))
        self._add_care(menu, key)
        if deeds.is_reply(key) and not deeds.is_live(key):
            self._add_rating(menu, key)
        if deeds.is_reply(key) and deeds.versions_of(key)[1] > 1 and deeds.may_retry(key):
            words = _("Compare with another version")
            menu.addAction(icon("columns"), words, lambda: deeds.compare_versions(key))
        if deeds.is_reply(key) and not deeds.is_live(key):
            menu.addAction(icon("info"), _("About this reply"), lambda: deeds.tell_about(key))
        menu.addAction(icon("git-fork"), _("Fork into a new conversation"), lambda: deeds.fork(key))
        menu.addSeparator()
        menu.addAction(icon("trash"), _("Delete from here on"), lambda: deeds.delete(key))
        menu.popup(where)

    def _add_care(self, menu: QMenu, key: int) -> None:
        care = self._deeds.care_of(key)
        for words, name, wanted in (
            (_("Always send to the model"), "push-pin", Care.PINNED),
            (_("Keep from the model"), "eye-slash", Care.EXCLUDED),
        ):
            action = menu.addAction(icon(name), words)
            action.setCheckable(True)
            action.setChecked(care is wanted)
            new = Care.USUAL if care is wanted else wanted
            action.triggered.connect(partial(self._deeds.take_care, key, new))

    def _add_rating(self, menu: QMenu, key: int) -> None:
        deeds, rated = self._deeds, self._deeds.rating_of(key)
        for rating, name, words in (
            (Rating.GOOD, "thumbs-up", _("Good reply")),
            (Rating.POOR, "thumbs-down", _("Poor reply")),
        ):
            action = menu.addAction(icon(name), words)
            action.setCheckable(True)
            action.setChecked(rated is rating)
            new = Rating.NONE if rated is rating else rating
            action.triggered.connect(partial(deeds.rate, key, new))
        action = menu.addAction(icon("graduation-cap"), _("Use for training"))
        action.setCheckable(True)
        action.setChecked(deeds.is_for_training(key))
        wanted = not deeds.is_for_training(key)
        action.triggered.connect(partial(deeds.use_for_training, key, wanted))

    def _add_models(self, menu: QMenu, key: int) -> None:
        names = self._deeds.model_names()
        if len(names) < 2:
            return
        others = menu.addMenu(icon("cube"), _("Another reply by"))
        for name in names:
            others.addAction(plain_caption(name), partial(self._deeds.retry, key, name))

    def show_link(self, address: str) -> None:
        """The full address first: a link's text can say anything."""
        menu = self._menu()
        menu.addAction(plain_caption(address)).setEnabled(False)
        menu.addSeparator()
        menu.addAction(_("Open in the browser"), lambda: QDesktopServices.openUrl(QUrl(address)))
        menu.addAction(_("Copy address"), lambda: self._deeds.copy_text(address))
        menu.popup(QCursor.pos())

    def _menu(self) -> QMenu:
        menu = QMenu(self._transcript)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        return menu
