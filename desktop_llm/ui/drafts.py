"""What stands in composers: held here, and on its way to the disk, the newest text of each.

A conversation's number, or None: what is written before there is a conversation for it; or the
`Edit` of a message that is not ended. Nobody else writes drafts while the window is open, so what
is known here is newer than what is stored.
"""

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from desktop_llm.core.conversations import FIRST_PRIVATE, is_private
from desktop_llm.core.presets import NOTHING_SET
from desktop_llm.ui.bridge import Bridge
from desktop_llm.ui.models.prompts import UnsavedPrompts

if TYPE_CHECKING:
    from desktop_llm.services.chat import ChatService


@dataclass(frozen=True, slots=True)
class Edit:
    message: int


Key = int | None | Edit
PRIVATE_NEW = FIRST_PRIVATE  # the key of a new conversation in the private space: no number of any


class Drafts(QObject):
    failed = Signal(object)  # the fault of a write; the text is kept here and tried again

    def __init__(self, bridge: Bridge, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self._chat: ChatService | None = None
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._newest: dict[Key, str] = {}
        self._more: dict[int, str] = {}  # to be added to a stored text that is not known here
        self._unwritten: dict[Key, None] = {}  # in the order they were noted
        self.prompts = UnsavedPrompts()
        self.new_parameters = NOTHING_SET  # for what there is no conversation for yet
        self.new_model = ""  # that a preset chose for it
        self.private = False  # what there is no conversation for is private, and never written

    def start(self, chat: "ChatService") -> None:
        """The services are open."""
        self._chat = chat
        self._begin()

    def pause(self) -> None:
        """The services are closed: what is noted waits."""
        self._chat = None

    def forget(self) -> None:
        """All is written, and another database may take the place of this one."""
        with self._lock:
            self._newest.clear()
        self.prompts.clear()
        self.new_made()

    def new_made(self) -> None:
        """There is a conversation for it now: the next new one begins with nothing set."""
        self.new_parameters, self.new_model = NOTHING_SET, ""

    @property
    def new(self) -> str:
        """That of no conversation."""
        return self.text(None, "")

    def _named(self, key: Key) -> Key:
        return PRIVATE_NEW if key is None and self.private else key

    def forget_private(self) -> None:
        """The private space is closed."""
        with self._lock:
            for key in [each for each in self._newest if _is_private(each)]:
                del self._newest[key]
            for number in [each for each in self._more if is_private(each)]:
                del self._more[number]
        self.new_made()

    def text(self, key: Key, stored: str) -> str:
        """The newest, where `stored` is what the database had after `write`."""
        key = self._named(key)
        with self._lock:
            more = self._more.get(key, "") if isinstance(key, int) else ""
            return self._newest.get(key, joined(stored, more) if more else stored)

    def know(self, key: Key, stored: str) -> None:
        """What the database has, unless something newer is known."""
        key = self._named(key)
        with self._lock:
            self._newest.setdefault(key, stored)

    def note(self, key: Key, text: str) -> None:
        """An edit without text is none. What is private stays here."""
        key = self._named(key)
        with self._lock:
            self._newest[key] = text
            if not _is_private(key):
                self._unwritten[key] = None
        self._begin()

    def add(self, conversation: int, text: str) -> None:
        """After whatever its draft is."""
        with self._lock:
            if conversation in self._newest or is_private(conversation):
                self._newest[conversation] = joined(self._newest.get(conversation, ""), text)
            else:
                self._more[conversation] = joined(self._more.get(conversation, ""), text)
            if not is_private(conversation):
                self._unwritten[conversation] = None
        self._begin()

    def taken(self, key: Key) -> None:
        """It is on its way as a message, which takes the stored text with it."""
        key = self._named(key)
        with self._lock:
            self._newest[key] = ""
            self._unwritten.pop(key, None)

    def _begin(self) -> None:
        if self._chat is not None:
            self._bridge.write(self.write, on_failure=self.failed.emit)

    def settle(self, conversation: int) -> None:
        """Write, where something is to be added to what is stored. Blocks on the database."""
        with self._lock:
            waits = conversation in self._more
        if waits:
            self.write()

    def write(self) -> None:
        """Write whatever is noted. Blocks on the database; may be called from any thread."""
        with self._writing:
            while (chat := self._chat) is not None:
                with self._lock:
                    key = next(iter(self._unwritten), 0)
                    if key == 0:
                        return
                    text = self._newest.get(key)
                if text is not None:
                    self._write(chat, key, text)
                elif isinstance(key, int):
                    self._write_more(chat, key)

    def _write(self, chat: "ChatService", key: Key, text: str) -> None:
        if isinstance(key, Edit):
            chat.tree.save_edit(key.message, text or None)
        else:
            chat.save_draft(key, text)
        with self._lock:
            if self._newest.get(key) == text:
                self._unwritten.pop(key, None)

    def _write_more(self, chat: "ChatService", conversation: int) -> None:
        more = self._more[conversation]
        chat.add_to_draft(conversation, more)
        with self._lock:
            rest = self._more.pop(conversation)[len(more) :].lstrip("\n")
            if rest:
                self._more[conversation] = rest
            elif conversation not in self._newest:
                self._unwritten.pop(conversation, None)


def _is_private(key: Key) -> bool:
    return is_private(key.message if isinstance(key, Edit) else key)


def joined(*texts: str) -> str:
    """What is given back, before what was written since."""
    return "\n\n".join(text for text in texts if text.strip())
