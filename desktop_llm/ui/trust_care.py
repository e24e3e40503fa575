"""What a reply was made with, shown; making it again, and saying whether it is the same."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer

from desktop_llm.core.conversations import StoredMessage
from desktop_llm.core.details import Comparison, ReplyDetails, compare
from desktop_llm.core.messages import Made, Role
from desktop_llm.core.scores import TokenScore, perplexity
from desktop_llm.ui.bridge import Bridge
from desktop_llm.ui.conversation_care import ConversationCare
from desktop_llm.ui.models.reply_details import comparison_words, facts_of, may_replay, pieces_of
from desktop_llm.ui.pages.reply_panel import ReplyPanel
from desktop_llm.ui.widgets.toasts import Toasts
from desktop_llm.words import _

if TYPE_CHECKING:
    from desktop_llm.services.chat import ChatService

AGAIN_MILLISECONDS = 3000  # until a hash that is being computed is looked for again


@dataclass(frozen=True, slots=True)
class _Found:
    """All there is to show of a reply."""

    reply: StoredMessage
    details: ReplyDetails | None
    scores: tuple[TokenScore, ...]
    file_hash: str
    comparison: Comparison | None


class TrustCare(QObject):
    def __init__(
        self,
        shown: ConversationCare,
        panel: ReplyPanel,
        bridge: Bridge,
        toasts: Toasts,
        chat: "Callable[[], ChatService | None]",
        current: Callable[[], int | None],
    ) -> None:
        """`current`: the reply that the keyboard is at."""
        super().__init__(panel)
        self._shown = shown
        self._panel = panel
        self._bridge = bridge
        self._toasts = toasts
        self._chat = chat
        self._current = current
        self._key: int | None = None  # the reply that was asked about; None: the last
        self._found: _Found | None = None
        self._asked = 0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(AGAIN_MILLISECONDS)
        self._timer.timeout.connect(self.refresh)
        panel.replay_wanted.connect(self.replay)
        shown.branch_changed.connect(self.refresh)
        shown.opened.connect(self._forget)
        shown.answered.connect(self._answered)
        shown.busy_changed.connect(self._busy_changed)

    def look_at(self, key: int | None) -> None:
        """A reply; None: the one that the keyboard is at, or the last."""
        self._key = key if key is not None else self._current()
        self.refresh()

    def refresh(self) -> None:
        if not self._panel.isVisible():
            return
        chat, reply = self._chat(), self._reply()
        self._asked += 1
        nth = self._asked
        if chat is None or reply is None:
            self._found = None
            self._panel.show_nothing()
            return

        def read() -> _Found:
            details = chat.records.details(reply.id)
            known = "" if details is None else chat.hashes.known(details.file)
            if details is not None and not known:
                chat.hashes.want(details.file)
            return _Found(
                reply,
                details,
                chat.records.scores(reply.id),
                known,
                _compared(chat, reply, details),
            )

        def show(found: _Found) -> None:
            if nth == self._asked:
                self._show(found)

        self._bridge.run(read, show, self._fail)

    def replay(self) -> None:
        if self._found is not None and self._found.details is not None:
            self._shown.replay(self._found.reply.id, self._found.details)

    def _reply(self) -> StoredMessage | None:
        wanted = self._shown.message(self._key)
        if wanted is not None and wanted.role is Role.ASSISTANT:
            return wanted
        replies = [each for each in self._shown.branch if each.role is Role.ASSISTANT]
        return replies[-1] if replies else None

    def _show(self, found: _Found) -> None:
        before, self._found = self._found, found
        self._offer()
        if before is None or (before.reply, before.scores) != (found.reply, found.scores):
            scores = found.scores
            pieces = pieces_of(found.reply.text, scores)
            self._panel.show_scores(pieces, perplexity(scores) if scores else None)
        if found.details is not None and not found.file_hash:
            self._timer.start()

    def _offer(self) -> None:
        """Making it again, where that can be done now."""
        found = self._found
        if found is None:
            return
        why_not = _("What this reply was made with was not noted, or it is not whole.")
        able = may_replay(found.reply, found.details)
        if able and self._shown.busy:
            able, why_not = False, _("A reply is being written.")
        verdict = "" if found.comparison is None else comparison_words(found.comparison)
        facts = facts_of(found.reply, found.details, found.file_hash)
        self._panel.show_reply(facts, verdict, able, why_not)

    def _busy_changed(self) -> None:
        """A reply has begun, or stands there as it has ended."""
        if self._shown.busy:
            self._offer()
        else:
            self.refresh()

    def _forget(self) -> None:
        """Another conversation is shown."""
        self._key, self._found = None, None
        self.refresh()

    def _answered(self, reply: StoredMessage) -> None:
        chat = self._chat()
        if chat is None:
            return
        if reply.id in {each.id for each in self._shown.branch}:
            self._key = None if reply.made is not Made.REPLAYED else reply.id
        if reply.made is not Made.REPLAYED:
            return

        def tell(comparison: Comparison | None) -> None:
            if comparison is not None:
                self._toasts.show(comparison_words(comparison))
            self.refresh()

        self._bridge.run(
            lambda: _compared(chat, reply, chat.records.details(reply.id)), tell, self._fail
        )

    def _fail(self, fault: object) -> None:
        self._shown.faulted.emit(fault, False)


def _compared(
    chat: "ChatService", reply: StoredMessage, details: ReplyDetails | None
) -> Comparison | None:
    """A replay with what it replays, where that is still there."""
    if details is None or details.replays is None:
        return None
    before = chat.records.details(details.replays)
    try:
        original = chat.message(details.replays)
    except KeyError:
        return None
    return None if before is None else compare(before, original.text, details, reply.text)
