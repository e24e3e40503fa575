"""The messages that are shown: as values, and as the transcript draws them."""

from desktop_llm.core.conversations import StoredMessage
from desktop_llm.core.replies import Asked
from desktop_llm.ui.models.messages import entry_of, note_of
from desktop_llm.ui.pages.conversation import ConversationView


class ShownBranch:
    def __init__(self, view: ConversationView) -> None:
        self._view = view
        self._transcript = view.transcript
        self.messages: list[StoredMessage] = []

    @property
    def keys(self) -> list[int]:
        return [message.id for message in self.messages]

    @property
    def last(self) -> int | None:
        return self.messages[-1].id if self.messages else None

    def message(self, key: int | None) -> StoredMessage | None:
        return next((message for message in self.messages if message.id == key), None)

    def show(self, messages: list[StoredMessage]) -> None:
        """Those of another conversation."""
        self.messages = messages
        self._transcript.show_entries([entry_of(message) for message in messages])
        self._view.show_empty(not messages)

    def change(self, messages: list[StoredMessage], at: int | None) -> None:
        """Another branch of the same; `at`: the message that is to be seen."""
        self.messages = messages
        self._transcript.change_entries([entry_of(message) for message in messages], at)
        self._view.show_empty(not messages)

    def take_in(self, asked: Asked) -> bool:
        """A question and its reply, after what they follow; what stood there goes. False where
        that is not shown.
        """
        for message in (asked.question, asked.reply):
            if message.id in self.keys:
                continue
            if not self._cut_after(message.parent):
                return False
            self.messages.append(message)
            self._transcript.add(entry_of(message))
        self._view.show_empty(False)
        self._transcript.stream(asked.reply.id, "")
        return True

    def take_out(self, key: int) -> None:
        """A message and what follows it."""
        del self.messages[self.keys.index(key) :]
        self._transcript.remove_from(key)
        self._view.show_empty(not self.messages)

    def finish(self, reply: StoredMessage) -> bool:
        """A reply as it ended. False where it is not shown."""
        if reply.id not in self.keys:
            return False
        self.messages[self.keys.index(reply.id)] = reply
        seconds = reply.stats.thinking_seconds if reply.stats is not None else 0.0
        self._transcript.finish(reply.id, reply.text, note_of(reply), seconds)
        return True

    def _cut_after(self, key: int | None) -> bool:
        """None: everything goes. False where there is no such message."""
        keys = self.keys
        if key is not None and key not in keys:
            return False
        rest = keys[0 if key is None else keys.index(key) + 1 :]
        if rest:
            self.take_out(rest[0])
        return True
