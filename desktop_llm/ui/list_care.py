"""The list of conversations: kept up to date, searched, renamed in, deleted from."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from desktop_llm.core.conversations import BinEntry, Listing
from desktop_llm.core.errors import DesktopLlmError
from desktop_llm.ui.bridge import Bridge
from desktop_llm.ui.pages.sidebar import Sidebar
from desktop_llm.ui.widgets.toasts import Toasts
from desktop_llm.words import _, counted

if TYPE_CHECKING:
    from desktop_llm.services.chat import ChatService


class ListCare(QObject):
    listed = Signal(object)  # the `Listing`
    deleted = Signal(int, object)  # the one that went, and its neighbour or None
    restored = Signal(int, object)  # conversation, and the message that is back or None
    failed = Signal(object)  # a fault

    def __init__(
        self,
        sidebar: Sidebar,
        bridge: Bridge,
        toasts: Toasts,
        chat: "Callable[[], ChatService | None]",
        current: Callable[[], int | None],
    ) -> None:
        """`chat`: None while the services are closed; `current`: the conversation to mark."""
        super().__init__(sidebar)
        self._sidebar = sidebar
        self._bridge = bridge
        self._toasts = toasts
        self._chat = chat
        self._current = current
        self._asked_for = 0  # lists; an older one never replaces a newer
        self._came = 0
        self._going: set[int] = set()  # deleted, or about to be
        sidebar.search_wanted.connect(self._search)
        sidebar.rename_wanted.connect(self._rename)
        sidebar.delete_wanted.connect(self.delete)

    def refresh(self) -> None:
        """The list anew, e.g. because another process has changed it."""
        if (chat := self._chat()) is None:
            return
        self._asked_for += 1
        nth = self._asked_for

        def show(listing: Listing) -> None:
            if nth > self._came and self._chat() is chat:
                self._came = nth
                self.show(listing)

        self._bridge.run(chat.organiser.listing, show, self._fail)

    def show(self, listing: Listing) -> None:
        self._sidebar.show_listing(listing, self._current())
        self.listed.emit(listing)

    def delete(self, numbers: Sequence[int]) -> None:
        """Put aside at once, all or none; a notice offers the way back."""
        if (chat := self._chat()) is None or not numbers:
            return
        numbers, open_one = list(numbers), self._current()
        title = self._sidebar.model.title_of(numbers[0])
        near = self._near(numbers[0] if open_one not in numbers else open_one)
        self._going.update(numbers)

        def gone(_nothing: object) -> None:
            if self._chat() is not chat:
                return  # another database
            left = [other for other in near if other not in self._going]
            for number in numbers:
                self.deleted.emit(number, left[0] if left else None)
            self.refresh()
            self._sidebar.search_again()
            words = _("“{title}” is deleted.").format(title=title)
            if len(numbers) > 1:
                words = counted("{number} conversation is deleted.",
                                "{number} conversations are deleted.", len(numbers))  # fmt: skip
            shown = open_one if open_one in numbers else numbers[0]
            self._toasts.show(words, _("Undo"), lambda: self._restore(numbers, shown))

        def failed(fault: DesktopLlmError) -> None:
            self._going.difference_update(numbers)
            self._fail(fault)

        self._bridge.write(lambda: _put(chat, numbers), gone, failed)

    def _near(self, number: int | None) -> list[int]:
        """All that are listed: those below it first, then those above."""
        numbers = [row.id for row in self._sidebar.model.conversations()]
        at = numbers.index(number) if number in numbers else 0
        return [*numbers[at:], *reversed(numbers[:at])]

    def restore_last(self) -> None:
        """The conversation or the messages deleted last, also before this start."""
        if (chat := self._chat()) is None:
            return

        def back(entry: BinEntry | None) -> None:
            if entry is None:
                self._toasts.show(_("Nothing is deleted."))
            else:
                self.back(entry.conversation, entry.message)

        self._bridge.write(chat.bin.restore_last, back, self._fail)

    def _restore(self, numbers: Sequence[int], shown: int) -> None:
        if (chat := self._chat()) is None:
            return

        def work() -> None:
            for number in numbers:
                chat.bin.take_out(number)

        def back(_nothing: object) -> None:
            self.came_back(numbers)
            self.restored.emit(shown, None)

        self._bridge.write(work, back, self._fail)

    def back(self, number: int, message: int | None = None) -> None:
        """It was restored, and is to be shown."""
        self.came_back([number])
        self.restored.emit(number, message)

    def came_back(self, numbers: Iterable[int]) -> None:
        """They were restored, or messages of them."""
        self._going.difference_update(numbers)
        self.refresh()
        self._sidebar.search_again()

    def _rename(self, number: int, title: str) -> None:
        if (chat := self._chat()) is not None:
            self._bridge.write(
                lambda: chat.rename(number, title), lambda _nothing: self.refresh(), self._fail
            )

    def _search(self, query: str) -> None:
        if (chat := self._chat()) is not None:
            self._bridge.run(
                lambda: chat.search(query),
                lambda hits: self._sidebar.show_hits(query, hits),
                self._fail,
            )

    def _fail(self, fault: DesktopLlmError) -> None:
        self.failed.emit(fault)


def _put(chat: "ChatService", numbers: Sequence[int]) -> None:
    """Into the bin, all or none."""
    done: list[int] = []
    try:
        for number in numbers:
            chat.bin.put(number)
            done.append(number)
    except DesktopLlmError:
        for number in done:
            with suppress(DesktopLlmError):
                chat.bin.take_out(number)
        raise
