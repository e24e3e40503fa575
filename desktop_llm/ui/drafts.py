"""What stands in composers, on its way to the disk: one write at a time, the newest text wins.

A conversation's number, or None: what is written before there is a conversation for it. The text
of that one is also held here.
"""

import threading
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from desktop_llm.ui.bridge import Bridge

if TYPE_CHECKING:
    from desktop_llm.services.chat import ChatService


class Drafts(QObject):
    failed = Signal(object)  # the fault of a write; the text is kept here and tried again

    def __init__(self, bridge: Bridge, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self._chat: ChatService | None = None
        self._noted: dict[int | None, str] = {}  # newer than what is on the disk
        self._lock = threading.Lock()  # of the notes
        self._lane = threading.Lock()  # of who writes
        self.new = ""

    def start(self, chat: "ChatService", new: str) -> None:
        """The services are open; `new`: the draft that is stored for no conversation."""
        if chat is not self._chat:
            self._chat = chat
            noted = self.pending(None)
            self.new = new if noted is None else noted
            self._bridge.run(self.write, on_failure=self.failed.emit)

    def pause(self) -> None:
        """The services are closed: what is noted waits."""
        self._chat = None

    def note(self, conversation: int | None, text: str) -> None:
        if conversation is None:
            self.new = text
        with self._lock:
            self._noted[conversation] = text
        if self._chat is not None:
            self._bridge.run(self.write, on_failure=self.failed.emit)

    def drop(self, conversation: int | None) -> None:
        """It is on its way as a question."""
        if conversation is None:
            self.new = ""
        with self._lock:
            self._noted.pop(conversation, None)

    def pending(self, conversation: int | None) -> str | None:
        """The text where it is newer than what is on the disk."""
        with self._lock:
            return self._noted.get(conversation)

    def write(self) -> None:
        """Write whatever is noted. Blocks on the database; may be called from any thread."""
        with self._lane:
            while (chat := self._chat) is not None:
                with self._lock:
                    if not self._noted:
                        return
                    conversation, text = next(iter(self._noted.items()))
                chat.save_draft(conversation, text)
                with self._lock:
                    if self._noted.get(conversation) == text:
                        del self._noted[conversation]


def joined(*texts: str) -> str:
    """What is given back, before what was written since."""
    return "\n\n".join(text for text in texts if text.strip())
