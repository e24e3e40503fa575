"""Files and long texts that are attached to what is being written: read, shown as chips, chosen how
much of, taken away, sent along.

What is attached is stored with the draft as soon as it is read, so that it is there again after a
restart.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPoint, Qt
from PySide6.QtWidgets import QFileDialog, QMenu, QPlainTextEdit

from desktop_llm.core.attachments import Attachment, Take
from desktop_llm.core.documents import PASTE, Document, DocumentKind
from desktop_llm.core.errors import DesktopLlmError, EnvironmentFault, FaultCode
from desktop_llm.core.outlook import Outlook
from desktop_llm.ui.bridge import Bridge
from desktop_llm.ui.conversation_care import ConversationCare
from desktop_llm.ui.icons import icon
from desktop_llm.ui.models.attachments import chip_of, take_hint, take_words
from desktop_llm.ui.pages.conversation import ConversationView
from desktop_llm.ui.pages.document_dialog import DocumentDialog
from desktop_llm.ui.widgets.attachment_row import Chip
from desktop_llm.ui.widgets.toasts import Toasts
from desktop_llm.words import _, counted
from desktop_llm.words.faults import word_fault

if TYPE_CHECKING:
    from desktop_llm.services.chat import ChatService

MOST = 20  # files at a time
TOLD = 3  # why each of so many was refused; of the others the names


@dataclass(eq=False, slots=True)
class _Reading:
    """A file on its way."""

    name: str
    number: int | None  # of the conversation whose draft it is for
    cancel: Callable[[], None] | None = None  # None: it is being stored
    # Of all that was given together; what was refused before this is said again with it.
    refused: list[DesktopLlmError] = field(default_factory=list)


class AttachmentsCare(QObject):
    def __init__(
        self,
        shown: ConversationCare,
        view: ConversationView,
        bridge: Bridge,
        toasts: Toasts,
        chat: "Callable[[], ChatService | None]",
        changed: Callable[[], object],
    ) -> None:
        """`changed`: what would be sent is another."""
        super().__init__(view)
        self._shown = shown
        self._view = view
        self._composer = view.composer
        self._row = view.composer.attachments
        self._bridge = bridge
        self._toasts = toasts
        self._chat = chat
        self._changed = changed
        self._keys = count(-1, -1)  # of what is being read
        self._reading: dict[int, _Reading] = {}
        self._attached: list[Attachment] = []
        self._of: int | None = None  # the conversation whose draft they stand in
        self._tokens: dict[tuple[int, Take], int] = {}
        self._asked = 0  # for the list; an older one comes too late
        self.watch_text: Callable[[QPlainTextEdit], None] = lambda _field: None  # of a document
        editor = self._composer.editor
        editor.longest_paste = PASTE
        editor.files_given.connect(self.attach_files)
        editor.picture_given.connect(self._refuse_picture)
        editor.long_text_given.connect(self._attach_text)
        view.files_dropped.connect(self.attach_files)
        view.transcript.attachment_opened.connect(self.open)
        self._row.opened.connect(self.open)
        self._row.remove_wanted.connect(self.remove)
        self._row.choice_wanted.connect(self._ask_how_much)
        shown.opened.connect(self.refresh)
        shown.drafts_changed.connect(self.refresh)
        shown.composed_taken.connect(self._taken)
        shown.attached = lambda: tuple(each.id for each in self._attached)

    @property
    def reading(self) -> bool:
        """Something for the draft that is shown is not there yet."""
        return any(each.number == self._shown.number for each in self._reading.values())

    def refresh(self) -> None:
        """Show what is attached to the draft that is shown."""
        chat, number = self._chat(), self._shown.number
        self._asked += 1
        nth = self._asked
        if number != self._of:
            self._attached, self._of = [], number
            self._show()
        if chat is None:
            return

        def show(attached: list[Attachment]) -> None:
            if nth == self._asked:
                self._attached = attached
                self._show()

        self._bridge.write(lambda: chat.attachments.of_draft(number), show, self._fail)

    def count(self, outlook: Outlook) -> None:
        """Their tokens are known."""
        known = dict(outlook.attached)
        for attachment in self._attached:
            if attachment.id in known:
                self._tokens[attachment.id, attachment.take] = known[attachment.id]
        self._show(quiet=True)

    # --- what a person does --------------------------------------------------------------------

    def choose_files(self) -> None:
        kinds = _("Documents") + " (*.txt *.md *.pdf *.docx *.csv *.tsv *.html *.htm)"
        filters = ";;".join((kinds, _("All files (*)")))
        paths, _kind = QFileDialog.getOpenFileNames(self._view, _("Attach files"), "", filters)
        self.attach_files(paths)

    def attach_files(self, paths: Sequence[str]) -> None:
        chat, number = self._chat(), self._shown.number
        if chat is None:
            return
        if len(paths) > MOST:
            words = counted(
                "At most {number} file is read at a time.",
                "At most {number} files are read at a time.",
                MOST,
            )
            self._toasts.show(words)
        refused: list[DesktopLlmError] = []
        for path in map(Path, paths[:MOST]):
            key, reading = next(self._keys), _Reading(path.name, number, refused=refused)
            self._reading[key] = reading
            task = chat.documents.read(path)
            reading.cancel = task.cancel
            self._bridge.follow(
                task,
                lambda _event: None,
                lambda document, key=key: self._read(key, document),  # type: ignore[misc]
                lambda fault, key=key: self._unread(key, fault),  # type: ignore[misc]
            )
        self._show()

    def _attach_text(self, text: str) -> None:
        """One that was pasted and is long."""
        import hashlib  # see `core.details`

        content = text.encode()
        document = Document(
            name=_("Pasted text"),
            kind=DocumentKind.PASTED,
            text=text,
            size_bytes=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
        )
        key = next(self._keys)
        self._reading[key] = _Reading(document.name, self._shown.number)
        self._show()

        def undo(attachment: Attachment) -> None:
            self._take_away(attachment.id)
            self._composer.insert(text)

        def stored(attachment: Attachment) -> None:
            self._toasts.show(
                counted(
                    "The pasted text of {number} character is attached.",
                    "The pasted text of {number} characters is attached.",
                    len(text),
                ),
                _("Put it into the message"),
                lambda: undo(attachment),
            )

        self._store(key, document, stored)

    def remove(self, key: int) -> None:
        """What is being read, or a chip that stands there."""
        if (reading := self._reading.get(key)) is not None:
            if reading.cancel is not None:
                reading.cancel()
                del self._reading[key]
                self._show()
            return
        name = next((each.name for each in self._attached if each.id == key), "")
        self._take_away(key)
        self._toasts.show(
            _("“{name}” is no longer attached.").format(name=name),
            _("Undo"),
            lambda: self._put_back(key),
        )

    def _take_away(self, key: int) -> None:
        self._attached = [each for each in self._attached if each.id != key]
        self._show()
        self._composer.setFocus()
        self._write(lambda chat: chat.attachments.remove(key))

    def _put_back(self, key: int) -> None:
        self._write(lambda chat: chat.attachments.put_back(key))

    def choose(self, key: int, take: Take) -> None:
        self._write(lambda chat: chat.attachments.choose(key, take))

    def open(self, key: int) -> None:
        """To be read."""
        chat = self._chat()
        if chat is None or key < 0:
            return

        def read() -> tuple[Attachment, str]:
            return chat.attachments.get(key), chat.attachments.whole(key)

        def show(found: tuple[Attachment, str]) -> None:
            dialog = DocumentDialog(*found, self._view)
            self.watch_text(dialog.view)
            dialog.open()

        self._bridge.run(read, show, self._fail)

    def _ask_how_much(self, key: int, where: QPoint) -> None:
        attachment = next((each for each in self._attached if each.id == key), None)
        if attachment is None:
            return
        menu = QMenu(self._view)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.setToolTipsVisible(True)
        for take in Take:
            action = menu.addAction(f"{take_words(take)} – {take_hint(take)}")
            action.setCheckable(True)
            action.setChecked(take is attachment.take)
            action.triggered.connect(lambda _on=False, take=take: self.choose(key, take))
        menu.addSeparator()
        menu.addAction(icon("eye"), _("Show it"), lambda: self.open(key))
        menu.popup(where)

    def _taken(self) -> None:
        """They are on their way with the question."""
        self._asked += 1
        self._attached = []
        self._show()

    # --- on its way ----------------------------------------------------------------------------

    def _read(self, key: int, document: Document | None) -> None:
        if key not in self._reading:
            return  # cancelled
        if document is None:
            del self._reading[key]
            self._show()
            return
        self._reading[key].cancel = None
        self._store(key, document)

    def _store(
        self,
        key: int,
        document: Document,
        then: Callable[[Attachment], object] = lambda _attachment: None,
    ) -> None:
        chat, number = self._chat(), self._reading[key].number
        if chat is None:
            del self._reading[key]
            self._show()
            return

        def stored(attachment: Attachment) -> None:
            self._reading.pop(key, None)
            if number == self._shown.number:
                self._attached.append(attachment)
            then(attachment)
            self._show()

        self._bridge.write(
            lambda: chat.attach(number, document),
            stored,
            lambda fault: self._unread(key, fault),
        )

    def _unread(self, key: int, fault: DesktopLlmError) -> None:
        if (reading := self._reading.pop(key, None)) is not None:
            reading.refused.append(fault)
            self._fail(_together(reading.refused))
        self._show()

    def _refuse_picture(self) -> None:
        self._fail(EnvironmentFault(FaultCode.DOCUMENT_IS_IMAGE, path=_("What you pasted")))

    def _write(self, change: "Callable[[ChatService], object]") -> None:
        chat = self._chat()
        if chat is not None:
            self._bridge.write(lambda: change(chat), on_failure=self._fail)
            self.refresh()

    def _show(self, quiet: bool = False) -> None:
        """`quiet`: what would be sent is the same."""
        chips = [chip_of(each, self._tokens.get((each.id, each.take))) for each in self._attached]
        chips += [
            Chip(key=key, name=each.name, detail=_("being read …"), busy=True)
            for key, each in self._reading.items()
            if each.number == self._shown.number
        ]
        changed = chips != self._row.chips
        self._row.show_chips(chips)
        self._composer.set_waiting(self.reading)
        if changed and not quiet:
            self._changed()

    def _fail(self, fault: DesktopLlmError) -> None:
        self._shown.faulted.emit(fault, False)


def _together(faults: Sequence[DesktopLlmError]) -> DesktopLlmError:
    """There is one place to say what went wrong, and no file's name is to be lost."""
    if len(faults) == 1:
        return faults[0]
    lines = [str(word_fault(fault)) for fault in faults[:TOLD]]
    if len(faults) > TOLD:
        names = (f"“{fault.data['path']}”" for fault in faults[TOLD:] if "path" in fault.data)
        lines.append(_("and also: {names}").format(names=", ".join(names)))
    return EnvironmentFault(
        FaultCode.DOCUMENTS_REFUSED, number=f"{len(faults):,}", reason="\n".join(lines)
    )
