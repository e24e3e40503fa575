"""What was deleted: listed, restored, erased.

Everything is asked about what was seen; what has been restored or erased since then is left alone.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from desktop_llm.core.conversations import BinEntry
from desktop_llm.core.errors import DesktopLlmError
from desktop_llm.ui.bridge import Bridge
from desktop_llm.ui.models.bin import title_of
from desktop_llm.ui.workspace import Page, Workspace
from desktop_llm.words import _, counted

if TYPE_CHECKING:
    from desktop_llm.services.chat import ChatService
    from desktop_llm.ui.pages.bin import BinPage


class BinCare(QObject):
    def __init__(
        self, workspace: Workspace, bridge: Bridge, chat: "Callable[[], ChatService | None]"
    ) -> None:
        """`chat`: None while the services are closed."""
        super().__init__(workspace)
        self._workspace = workspace
        self._bridge = bridge
        self._chat = chat
        self._page: BinPage | None = None
        self._asked_for = 0  # lists; an older one never replaces a newer
        self._came = 0
        self._unread = False  # the fault that is shown is that of a list
        self._cancelled = False
        # whatever changes the one list may change the other
        workspace.chat.list.listed.connect(self.refresh)

    def connect_page(self, page: "BinPage") -> None:
        self._page = page
        page.restore_wanted.connect(self._restore)
        page.erase_wanted.connect(self._erase)
        page.cancel_wanted.connect(self._cancel)

    def refresh(self) -> None:
        """The list anew, where it is seen."""
        chat, page = self._chat(), self._page
        if chat is None or page is None or self._workspace.page is not Page.BIN:
            return
        self._asked_for += 1
        nth = self._asked_for

        def show(entries: list[BinEntry]) -> None:
            if nth > self._came and self._chat() is chat:
                self._came = nth
                if self._unread:
                    self._unread = False
                    page.show_fault(None)
                page.show_entries(entries)

        def failed(fault: DesktopLlmError) -> None:
            self._unread = True
            page.show_fault(fault, self.refresh)

        self._bridge.run(chat.bin.entries, show, failed)

    # --- restoring -----------------------------------------------------------------------------

    def _restore(self, entries: list[BinEntry]) -> None:
        if (begun := self._begin()) is None:
            return
        chat, page = begun
        numbers = {entry.conversation for entry in entries}

        def work() -> list[BinEntry]:
            there = {_identity(entry) for entry in chat.bin.entries()}
            left = [entry for entry in entries if _identity(entry) in there]
            return [entry for entry in left if _done(partial(chat.bin.restore, entry))]

        def restored(back: list[BinEntry]) -> None:
            page.show_busy(False)
            self._workspace.chat.list.came_back(numbers)
            self.refresh()
            self._show_in_chat(back)
            self._tell_restored(back)

        def failed(fault: DesktopLlmError) -> None:
            self._workspace.chat.list.came_back(numbers)  # some of them may have
            self._failed(page, fault, lambda: self._restore(entries))

        self._bridge.write(work, restored, failed)

    def _show_in_chat(self, back: list[BinEntry]) -> None:
        """What is shown there lacks the messages that are back."""
        chat_page = self._workspace.chat
        own = [entry for entry in back if entry.conversation == chat_page.conversation]
        if own and own[0].message is not None:
            chat_page.open(own[0].conversation, own[0].message)

    def _tell_restored(self, back: list[BinEntry]) -> None:
        toasts = self._workspace.toasts
        if not back:
            self._tell_gone()
            return
        first = back[0]
        if len(back) > 1:
            words = counted("{number} entry is restored.", "{number} entries are restored.",
                            len(back))  # fmt: skip
        elif first.message is None:
            words = _("“{title}” is restored.").format(title=title_of(first))
        else:
            words = counted("{number} message is restored.", "{number} messages are restored.",
                            first.messages)  # fmt: skip
        if len({entry.conversation for entry in back}) == 1:
            toasts.show(words, _("Open"), lambda: self._open(first))
        else:
            toasts.show(words)

    def _open(self, entry: BinEntry) -> None:
        if self._chat() is not None:
            self._workspace.show_page(Page.CHAT)
            self._workspace.chat.open(entry.conversation, entry.message)

    # --- erasing -------------------------------------------------------------------------------

    def _erase(self, entries: list[BinEntry]) -> None:
        """One after the other, so that it can be ended between two and holds nothing else up."""
        if (begun := self._begin()) is None:
            return
        chat, page = begun
        self._workspace.toasts.clear()  # they may offer the way back to what goes now
        self._cancelled = False
        erased = tried = 0

        def work(entry: BinEntry) -> bool:
            there = {_identity(other) for other in chat.bin.entries()}
            if _identity(entry) not in there:
                return False
            return _done(partial(chat.bin.erase, entry.conversation, entry.message))

        def go_on(done: bool) -> None:
            nonlocal erased, tried
            erased += done
            tried += 1
            step()

        def step() -> None:
            page.progress.show_part(tried, len(entries))
            if tried < len(entries) and not self._cancelled and self._chat() is chat:
                self._bridge.write(partial(work, entries[tried]), go_on, failed)
                return
            page.show_busy(False)
            self.refresh()
            if erased:
                words = counted("{number} entry is erased.", "{number} entries are erased.", erased)
                self._workspace.toasts.show(words)
            elif not self._cancelled:
                self._tell_gone()

        def failed(fault: DesktopLlmError) -> None:
            self._failed(page, fault, lambda: self._erase(entries[tried:]))

        step()

    def _cancel(self) -> None:
        self._cancelled = True

    # --- both ----------------------------------------------------------------------------------

    def _begin(self) -> "tuple[ChatService, BinPage] | None":
        chat, page = self._chat(), self._page
        assert page is not None
        if chat is None:
            self._workspace.toasts.show(_("Not now: something else is still being done."))
            return None
        page.show_fault(None)
        page.show_busy(True)
        return chat, page

    def _failed(self, page: "BinPage", fault: DesktopLlmError, retry: Callable[[], object]) -> None:
        page.show_busy(False)
        self._unread = False
        page.show_fault(fault, retry)
        self.refresh()

    def _tell_gone(self) -> None:
        self._workspace.toasts.show(_("It is no longer here: it was restored or erased meanwhile."))


def _identity(entry: BinEntry) -> tuple[int, int | None, float]:
    """Deleted again is not the same."""
    return entry.conversation, entry.message, entry.deleted


def _done(work: Callable[[], object]) -> bool:
    """False: it is gone, by another process or with what it hung on."""
    with suppress(KeyError):
        work()
        return True
    return False
