"""The conversation that is shown as a tree: versions, edits, deleted parts, forks, and the map."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QMenu

from desktop_llm.core.context import Care
from desktop_llm.core.conversations import StoredMessage, TreeNode
from desktop_llm.core.corrections import Rating
from desktop_llm.core.errors import DesktopLlmError
from desktop_llm.core.generation import FinishReason
from desktop_llm.core.messages import MessageState, Role
from desktop_llm.ui.bridge import Bridge
from desktop_llm.ui.conversation_care import DRAFT_MILLISECONDS, ConversationCare
from desktop_llm.ui.drafts import Drafts, Edit
from desktop_llm.ui.widgets.branch_map import BranchMap
from desktop_llm.ui.widgets.message_editor import EditWords
from desktop_llm.ui.widgets.toasts import Toasts
from desktop_llm.ui.widgets.transcript import Transcript
from desktop_llm.words import _, counted

if TYPE_CHECKING:
    from desktop_llm.services.chat import ChatService


_CUT_OFF = (FinishReason.LENGTH, FinishReason.CONTEXT)


class BranchCare(QObject):
    """Also what the menus of messages call."""

    forked = Signal(int)  # the new conversation

    def __init__(
        self,
        shown: ConversationCare,
        transcript: Transcript,
        branch_map: BranchMap,
        bridge: Bridge,
        drafts: Drafts,
        toasts: Toasts,
        chat: "Callable[[], ChatService | None]",
        copy_text: Callable[[str], None],
        copy_formatted: Callable[[str], None],
    ) -> None:
        super().__init__(shown)
        self.copy_text = copy_text
        self.copy_formatted = copy_formatted
        self.take_care: Callable[[int, Care], None] = lambda _key, _care: None
        self.rate: Callable[[int, Rating], None] = lambda _key, _rating: None
        self.use_for_training: Callable[[int, bool], None] = lambda _key, _wanted: None
        self.compare: Callable[[int, int], None] = lambda _one, _other: None
        self.tell_about: Callable[[int], None] = lambda _key: None
        self.open_attachment: Callable[[int], None] = lambda _number: None
        self.add_tools: Callable[[QMenu, int], None] = lambda _menu, _key: None
        self.models: list[str] = []  # names of those that can be used
        self.may_retry = shown.may_retry
        self.may_go_on = shown.may_go_on
        self.retry = shown.retry
        self.go_on = shown.go_on
        self._shown = shown
        self._transcript = transcript
        self._map = branch_map
        self._bridge = bridge
        self._drafts = drafts
        self._toasts = toasts
        self._chat = chat
        self._had_focus = False  # the editor, before other messages were shown
        self._caret = 0
        self._asked_for = 0  # branches; an older one never replaces a newer
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(DRAFT_MILLISECONDS)
        self._timer.timeout.connect(self.save_edit)
        editor = transcript.editor
        editor.set_words(edit_words(asks=True))
        editor.changed.connect(self._timer.start)
        editor.confirmed.connect(self._confirm)
        editor.cancelled.connect(self._cancel)
        transcript.version_wanted.connect(self.step_version)
        transcript.edit_wanted.connect(self.edit)
        transcript.delete_wanted.connect(self.delete)
        shown.opened.connect(self._opened)
        shown.left.connect(self.save_edit)
        shown.edit_returned.connect(self.show_message)
        shown.withdrawn.connect(self.show_message)
        shown.branch_changing.connect(self._changing)
        shown.branch_changed.connect(self._reopen_edit)
        shown.branch_changed.connect(self.refresh_map)
        shown.busy_changed.connect(lambda: editor.set_held(shown.busy))

    # --- versions ------------------------------------------------------------------------------

    def step_version(self, key: int, by: int) -> None:
        """Show the version before or after that message, as its branch was left last."""
        message = self._shown.message(key)
        if message is None or key not in message.versions:
            return
        at = message.versions.index(key) + by
        if 0 <= at < len(message.versions):
            self.show_message(message.versions[at])

    def show_message(self, key: int) -> None:
        """A branch with that message in it."""
        chat, number = self._chat(), self._shown.number
        if chat is None or number is None or self._shown.opening:
            return
        self._asked_for += 1
        nth = self._asked_for

        def read() -> list[StoredMessage]:
            chat.tree.show_version(key)
            return chat.open(number)[1]

        def show(branch: list[StoredMessage]) -> None:
            current = self._shown.number == number and not self._shown.opening
            if nth == self._asked_for and current:
                self._map.mark(key)
                self._shown.show_branch(branch, key)

        self._bridge.write(read, show, self._fail)

    def versions_of(self, key: int) -> tuple[int, int]:
        """Which one it is, from 0, and how many there are."""
        message = self._shown.message(key)
        if message is None or key not in message.versions:
            return 0, 1
        return message.versions.index(key), len(message.versions)

    def forked_last(self) -> int | None:
        """The last message with other versions, for keys that name none."""
        branch = reversed(self._shown.branch)
        return next((message.id for message in branch if len(message.versions) > 1), None)

    # --- edits ---------------------------------------------------------------------------------

    def edit(self, key: int | None = None) -> None:
        """None: the last question."""
        mine = [message.id for message in self._shown.branch if message.role is Role.USER]
        message = self._shown.message(mine[-1] if key is None and mine else key)
        if message is None or self.is_live(message.id):
            return
        if self._transcript.editor.key == message.id:
            self._transcript.editor.setFocus()
            return
        self.save_edit()
        text = self._drafts.text(Edit(message.id), message.draft or "") or message.text
        self._open_editor(message, text)

    def _open_editor(self, message: StoredMessage, text: str, focus: bool = True) -> None:
        words = edit_words(message.role is Role.USER)
        self._drafts.know(Edit(message.id), message.draft or "")
        self._transcript.edit(message.id, text, words, focus)
        self._transcript.editor.set_held(self._shown.busy)

    def save_edit(self) -> None:
        """What stands in the editor, where it differs from the message."""
        self._timer.stop()
        editor = self._transcript.editor
        message = None if editor.key is None else self._shown.message(editor.key)
        if message is None:
            return
        text = editor.text()
        kept = "" if text == message.text else text
        if kept != self._drafts.text(Edit(message.id), message.draft or ""):
            self._drafts.note(Edit(message.id), kept)

    def _changing(self) -> None:
        """Other messages are about to be shown."""
        self.save_edit()
        focus = self._transcript.window().focusWidget()
        editor = self._transcript.editor
        self._had_focus = focus is not None and editor.isAncestorOf(focus)
        self._caret = editor.editor.textCursor().position()

    def _reopen_edit(self) -> None:
        """An edit that was not ended stands where it stood; the keyboard stays where it is."""
        had_focus, self._had_focus = self._had_focus, False
        if self._transcript.editor.key is not None:
            return
        for message in reversed(self._shown.branch):
            text = self._drafts.text(Edit(message.id), message.draft or "")
            if text and text != message.text:
                self._open_editor(message, text, focus=had_focus)
                if had_focus:
                    self._transcript.editor.set_caret(self._caret)
                return

    def _confirm(self, key: int, text: str) -> None:
        message = self._shown.message(key)
        chat = self._chat()
        if message is None or chat is None:
            return
        self._timer.stop()
        if text == message.text:
            self._end_edit(key)
            return
        if message.role is Role.USER:
            self._shown.send_edited(key, text)
            return
        number = message.conversation

        def keep() -> tuple[int, list[StoredMessage]]:
            edited = chat.edit_reply(message, text)
            return edited.id, chat.open(number)[1]

        def show(kept: tuple[int, list[StoredMessage]]) -> None:
            self._drafts.taken(Edit(key))
            if self._shown.number == number and not self._shown.opening:
                self._transcript.close_editor()
                self._shown.show_branch(kept[1], kept[0])

        self._drafts.note(Edit(key), text)  # until it is kept
        self._bridge.write(keep, show, self._fail)

    def _cancel(self, key: int, text: str) -> None:
        message = self._shown.message(key)
        changed = message is not None and text != message.text
        self._end_edit(key)
        if changed:
            self._toasts.show(
                _("The edit is dropped."), _("Undo"), lambda: self._edit_again(key, text)
            )

    def _edit_again(self, key: int, text: str) -> None:
        self._drafts.note(Edit(key), text)
        message = self._shown.message(key)
        if message is not None:
            self._open_editor(message, text)

    def _end_edit(self, key: int) -> None:
        self._timer.stop()
        self._drafts.note(Edit(key), "")
        self._transcript.close_editor()

    def is_live(self, key: int) -> bool:
        live = self._shown.live
        return live is not None and live.reply == key

    def is_cut_off(self, key: int) -> bool:
        """A reply that did not come to its end."""
        message = self._shown.message(key)
        return message is not None and (
            message.state is not MessageState.COMPLETE or message.finish in _CUT_OFF
        )

    def care_of(self, key: int) -> Care:
        message = self._shown.message(key)
        return Care.USUAL if message is None else message.care

    def compare_versions(self, key: int) -> None:
        """With the version before it, or for the first the one after."""
        message = self._shown.message(key)
        if message is not None and len(message.versions) > 1:
            at = message.versions.index(key)
            other = message.versions[at - 1] if at else message.versions[1]
            first, second = sorted((key, other))
            self.compare(first, second)

    def rating_of(self, key: int) -> Rating:
        message = self._shown.message(key)
        return Rating.NONE if message is None else message.rating

    def is_for_training(self, key: int) -> bool:
        message = self._shown.message(key)
        return message is not None and message.training

    def is_reply(self, key: int) -> bool:
        message = self._shown.message(key)
        return message is not None and message.role is Role.ASSISTANT

    def attachments_of(self, key: int) -> list[tuple[int, str]]:
        message = self._shown.message(key)
        return [] if message is None else [(each.id, each.name) for each in message.attachments]

    def model_names(self) -> list[str]:
        return self.models

    # --- deleting and forking ------------------------------------------------------------------

    def delete(self, key: int) -> None:
        """That message and what follows it; a notice offers the way back."""
        chat, number = self._chat(), self._shown.number
        if chat is None or number is None or self._shown.opening:
            return
        live = self._shown.live if self._may_hold_live(key) else None
        if live is not None:
            live.task.cancel()
        self.save_edit()

        def work() -> tuple[int, list[StoredMessage]]:
            count = chat.tree.delete(key)
            return count, chat.open(number)[1]

        def gone(found: tuple[int, list[StoredMessage]]) -> None:
            count, branch = found
            self._show_if_open(number, branch, None)
            self._shown.list_changed.emit()
            words = counted("{number} message is deleted.", "{number} messages are deleted.", count)
            self._toasts.show(words, _("Undo"), lambda: self._restore(number, key))
            self._stop_unseen(number)

        def begin() -> None:
            self._bridge.write(work, gone, self._fail)

        if live is None:
            begin()
        else:  # its end is stored by then
            live.task.on_end(lambda _error: self._bridge.post(begin))

    def _stop_unseen(self, number: int) -> None:
        """A question that was sent while its place was deleted went along."""
        live = self._shown.live
        keys = [message.id for message in self._shown.branch]
        if self._shown.number == number and live is not None and live.reply not in (None, *keys):
            live.task.cancel()

    def _may_hold_live(self, key: int) -> bool:
        """The reply that is being written may hang on that message."""
        keys = [message.id for message in self._shown.branch]
        live = self._shown.live
        if live is None or key not in keys:
            return live is not None
        return live.reply is None or live.reply in keys[keys.index(key) :]

    def _restore(self, number: int, key: int) -> None:
        if (chat := self._chat()) is None:
            return

        def work() -> list[StoredMessage] | None:
            try:
                chat.tree.restore(key)
            except KeyError:
                return None  # erased from the bin meanwhile
            return chat.open(number)[1]

        def back(branch: list[StoredMessage] | None) -> None:
            if branch is None:
                self._toasts.show(_("It is erased and cannot be restored any more."))
            elif not self._show_if_open(number, branch, key):
                self._shown.open(number, key)
            self._shown.list_changed.emit()

        self._bridge.write(work, back, self._fail)

    def _show_if_open(self, number: int, branch: list[StoredMessage], at: int | None) -> bool:
        if self._shown.number != number or self._shown.opening:
            return False
        self._asked_for += 1
        self._shown.show_branch(branch, at)
        return True

    def fork(self, key: int | None = None) -> None:
        """A new conversation of what stands down to that message; None: of the whole branch."""
        chat = self._chat()
        branch = self._shown.branch
        if chat is None or not branch:
            return
        end = branch[-1].id if key is None else key
        title = _("{title} – fork").format(title=self._shown.title)
        self._bridge.write(lambda: chat.tree.fork(end, title), self.forked.emit, self._fail)

    # --- the map -------------------------------------------------------------------------------

    def refresh_map(self) -> None:
        chat, number = self._chat(), self._shown.number
        if not self._map.isVisible():
            return
        if chat is None or number is None:
            self._map.show_nodes([])
            return

        def show(nodes: list[TreeNode]) -> None:
            if self._shown.number == number:
                self._map.show_nodes(nodes)

        self._bridge.run(lambda: chat.tree.nodes(number), show, self._fail)

    def _opened(self) -> None:
        self._asked_for += 1
        self._reopen_edit()
        self.refresh_map()

    def _fail(self, fault: DesktopLlmError) -> None:
        self._shown.faulted.emit(fault, False)


def edit_words(asks: bool) -> EditWords:
    return EditWords(
        name=_("Edit your message") if asks else _("Edit the reply"),
        confirm=_("Send") if asks else _("Save"),
        cancel=_("Cancel"),
        enter_confirms=asks,
    )
