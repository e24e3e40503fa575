"""The page of what was deleted: bring it back, or erase it before its time.

Knows no service: it shows what it is told and says what a person wants.
"""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QItemSelection, QItemSelectionModel, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QFocusEvent, QHideEvent, QKeyEvent, QKeySequence, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QListView,
    QProgressBar,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from desktop_llm.core.conversations import BinEntry
from desktop_llm.core.errors import DesktopLlmError
from desktop_llm.ui.icons import Role, icon
from desktop_llm.ui.models.bin import BinModel, messages_of, title_of
from desktop_llm.ui.widgets.empty_state import EmptyState
from desktop_llm.ui.widgets.inline_fault import InlineFault
from desktop_llm.ui.widgets.inline_question import InlineQuestion
from desktop_llm.ui.widgets.list_rows import TwoLineDelegate
from desktop_llm.ui.widgets.plain_text import plain_label
from desktop_llm.words import _, counted
from desktop_llm.words.faults import word_fault

FaultAction = tuple[str, Callable[[], object]]
WIDTH = 680  # pixels of the column
LEAST = 56  # pixels of the list's height
PATIENCE = 400  # milliseconds before a word about what takes long
PASSES = 60_000  # milliseconds after which "5 minutes ago" is looked at again


class BinPage(QFrame):
    restore_wanted = Signal(list)  # `BinEntry`s
    erase_wanted = Signal(list)  # `BinEntry`s; it was asked whether that is meant
    cancel_wanted = Signal()  # erase no more of them

    def __init__(self, days: int, parent: QWidget | None = None) -> None:
        """`days` that an entry stays."""
        super().__init__(parent)
        self.setObjectName("page")
        self._busy = False
        self._asked: list[BinEntry] = []  # what the question is about
        self._model = BinModel(days, self)
        title = plain_label(_("Deleted"), self)
        title.setProperty("heading", True)
        about = _("What you delete stays here for {days} days and is erased everywhere then; only "
                  "backups keep it until they expire.")  # fmt: skip
        sentence = plain_label(about.format(days=days), self)
        sentence.setProperty("muted", True)
        sentence.setWordWrap(True)
        self.list = QListView(self)
        self.empty = EmptyState(icon("trash", Role.PlaceholderText), self)
        self._stack = QStackedWidget(self)
        self._stack.addWidget(self.list)
        self._stack.addWidget(self.empty)
        self._stack.setMinimumHeight(LEAST)  # or large letters leave no room for a question
        self.question = InlineQuestion(_("Erase"), _("Cancel"), self)
        self.progress = _Progress(self)
        self.progress.cancel_button.clicked.connect(self.cancel_wanted)
        self.fault = InlineFault(icon("warning", Role.BrightText), icon("x"), self)
        self.fault.set_words(_("Dismiss"))
        self.question.after = self.fault.after = self.list
        self._make_buttons()
        self._set_up_list()
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self.restore_button)
        buttons.addWidget(self.erase_button)
        buttons.addStretch()
        buttons.addWidget(self.empty_button)
        column = QWidget(self)
        column.setMaximumWidth(WIDTH)
        rows = QVBoxLayout(column)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(12)
        rows.addWidget(title)
        rows.addWidget(sentence)
        rows.addWidget(self._stack, 1)
        for widget in (self.question, self.progress, self.fault):
            rows.addWidget(widget)
        rows.addLayout(buttons)  # below, where no notice lies over them
        outer = QHBoxLayout(self)
        outer.setContentsMargins(24, 16, 24, 24)
        outer.addStretch(1)
        outer.addWidget(column, 1000)
        outer.addStretch(1)
        self._clock = QTimer(self)
        self._clock.setInterval(PASSES)
        self._clock.timeout.connect(self._model.let_time_pass)
        self._show_buttons()

    def _make_buttons(self) -> None:
        self.restore_button = QPushButton(icon("arrow-counter-clockwise"), _("Restore"), self)
        self.restore_button.clicked.connect(self._restore)
        self.erase_button = QPushButton(icon("trash"), _("Erase now"), self)
        self.erase_button.clicked.connect(self._ask_to_erase)
        self.empty_button = QPushButton(_("Empty the bin"), self)
        self.empty_button.clicked.connect(self._ask_to_empty)

    def _set_up_list(self) -> None:
        self.list.setModel(self._model)
        self.list.setItemDelegate(TwoLineDelegate(self.list))
        self.list.setAccessibleName(_("Deleted"))
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.list.setUniformItemSizes(True)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.list.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        self.list.selectionModel().selectionChanged.connect(self._show_buttons)
        keys = Qt.Key
        for button, call, own in (
            (self.restore_button, self._restore, (keys.Key_Return, keys.Key_Enter)),
            (self.erase_button, self._ask_to_erase, (keys.Key_Delete,)),
        ):
            action = QAction(button.icon(), button.text(), self.list)
            action.setShortcuts([QKeySequence(key) for key in own])
            action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
            action.setAutoRepeat(False)  # a key held down takes one row, not all
            action.triggered.connect(call)
            self.list.addAction(action)
            native = QKeySequence(own[0]).toString(QKeySequence.SequenceFormat.NativeText)
            button.setToolTip(f"{button.text()}  {native}")

    # --- showing -------------------------------------------------------------------------------

    def show_entries(self, entries: list[BinEntry]) -> None:
        """What is chosen stays chosen; where it is gone, what took its place is."""
        if entries != self._model.entries():
            self._show_anew(entries)
        if not entries:
            about = _("What you delete can be restored here.")
            self.empty.set_words(_("Nothing is deleted"), about)
        self._stack.setCurrentWidget(self.list if entries else self.empty)
        self._show_buttons()

    def _show_anew(self, entries: list[BinEntry]) -> None:
        chosen, current = {_key(entry) for entry in self.chosen()}, self.list.currentIndex()
        had, at = self._model.entry(current), max(0, current.row())
        place = self.list.verticalScrollBar().value()
        self._model.show(entries)
        rows = [row for row, entry in enumerate(entries) if _key(entry) in chosen]
        kept = [row for row in rows if had is not None and _key(entries[row]) == _key(had)]
        if entries:
            row = (kept or rows or [min(at, len(entries) - 1)])[0]
            self._choose(rows or [row], row)
            self.list.verticalScrollBar().setValue(place)
            if not kept:
                self.list.scrollTo(self._model.index(row))
        there = {_key(entry) for entry in entries}
        if any(_key(entry) not in there for entry in self._asked):
            self.question.dismiss()  # it is about something that is gone

    def _choose(self, rows: list[int], current: int) -> None:
        flags, selection = QItemSelectionModel.SelectionFlag, self.list.selectionModel()
        self.list.setAutoScroll(False)
        selection.setCurrentIndex(self._model.index(current), flags.NoUpdate)
        self.list.setAutoScroll(True)
        all_of_them = QItemSelection()
        for row in rows:
            all_of_them.select(self._model.index(row), self._model.index(row))
        selection.select(all_of_them, flags.Select)

    def show_fault(
        self, fault: DesktopLlmError | None, retry: Callable[[], object] | None = None
    ) -> None:
        if fault is None:
            self.fault.dismiss()
            return

        def again() -> None:
            self.fault.dismiss()
            if retry is not None:
                retry()

        words = word_fault(fault)
        actions: list[FaultAction] = [] if retry is None else [(_("Try again"), again)]
        self.fault.show_fault(words.what, words.next_step, actions)

    def show_busy(self, busy: bool) -> None:
        """While something is done nothing else can be asked for."""
        self._busy = busy
        if busy:
            self.list.setFocus(Qt.FocusReason.OtherFocusReason)  # a button that is pressed goes
        else:
            self.progress.end()
        self._show_buttons()

    def chosen(self) -> list[BinEntry]:
        """As they stand in the list."""
        rows = sorted(index.row() for index in self.list.selectionModel().selectedIndexes())
        entries = self._model.entries()
        return [entries[row] for row in rows]

    def _show_buttons(self) -> None:
        chosen = self.list.selectionModel().hasSelection() and not self._busy
        self.restore_button.setEnabled(chosen)
        self.erase_button.setEnabled(chosen)
        for action in self.list.actions():
            action.setEnabled(chosen)
        filled = self._model.rowCount() > 0
        self.empty_button.setEnabled(filled and not self._busy)
        for button in (self.restore_button, self.erase_button, self.empty_button):
            button.setVisible(filled)

    # --- what a person does --------------------------------------------------------------------

    def _restore(self) -> None:
        self.question.dismiss()
        self.restore_wanted.emit(self.chosen())

    def _ask_to_erase(self) -> None:
        self._ask(_question(chosen := self.chosen()), chosen)

    def _ask_to_empty(self) -> None:
        entries = self._model.entries()
        words = counted("Erase the {number} entry in the bin for good?",
                        "Erase all {number} entries in the bin for good?",
                        len(entries))  # fmt: skip
        self._ask(words, entries)

    def _ask(self, words: str, entries: list[BinEntry]) -> None:
        self._asked = entries
        about = _("This cannot be undone. Backups keep it until they expire.")
        self.question.ask(words, about, lambda: self.erase_wanted.emit(entries))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.question.isVisible():
            self.question.dismiss()
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        if self.list.isVisible():
            self.list.setFocus(event.reason())

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._clock.start()
        self._model.let_time_pass()

    def hideEvent(self, event: QHideEvent) -> None:
        self._clock.stop()
        self.question.dismiss()  # it was about what was seen
        super().hideEvent(event)


class _Progress(QWidget):
    """Shown where it takes a moment."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._words = plain_label(parent=self)
        self._words.setProperty("muted", True)
        self._bar = QProgressBar(self)
        self._bar.setTextVisible(False)
        self.cancel_button = QPushButton(_("Cancel"), self)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(PATIENCE)
        self._timer.timeout.connect(self.show)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        row.addWidget(self._words)
        row.addWidget(self._bar, 1)
        row.addWidget(self.cancel_button)
        self.hide()

    def show_part(self, done: int, total: int) -> None:
        words = _("Erasing: {done} of {total}").format(done=f"{done:,}", total=f"{total:,}")
        self._words.setText(words)
        self._bar.setAccessibleName(words)
        self._bar.setRange(0, total)
        self._bar.setValue(done)
        if not self._timer.isActive() and self.isHidden():
            self._timer.start()

    def end(self) -> None:
        self._timer.stop()
        self.hide()


def _key(entry: BinEntry) -> tuple[int, int | None]:
    return entry.conversation, entry.message


def _question(entries: Sequence[BinEntry]) -> str:
    if len(entries) != 1:
        return counted("Erase the {number} chosen entry for good?",
                       "Erase the {number} chosen entries for good?",
                       len(entries))  # fmt: skip
    title = title_of(entries[0])
    if entries[0].message is None:
        return _("Erase “{title}” for good?").format(title=title)
    words = _("Erase {messages} of “{title}” for good?")
    return words.format(messages=messages_of(entries[0]), title=title)
