"""The page of corrections: what the model said and what is better, marked for training, exported.

Knows no service: it shows what it is told and says what a person wants.
"""

from PySide6.QtCore import QItemSelectionModel, Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QListView,
    QMenu,
    QPlainTextEdit,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from desktop_llm.core.corrections import Correction, CorrectionKind, ExportForm
from desktop_llm.core.errors import DesktopLlmError
from desktop_llm.ui.icons import Role, icon
from desktop_llm.ui.models.corrections import CorrectionsModel
from desktop_llm.ui.widgets.empty_state import EmptyState
from desktop_llm.ui.widgets.inline_fault import InlineFault
from desktop_llm.ui.widgets.list_rows import TwoLineDelegate
from desktop_llm.ui.widgets.plain_text import plain_label
from desktop_llm.words import _, counted
from desktop_llm.words.faults import word_fault

MOST_SHOWN = 100_000  # characters of one text
NARROW = 760  # pixels of the page under which the texts stand below the list


class CorrectionsPage(QFrame):
    wanted = Signal(list, bool)  # `Correction`s: to be used for training, or not
    selected = Signal(object)  # the `Correction` whose texts are to be shown, or None
    export_wanted = Signal(object)  # an `ExportForm`, of what is marked
    open_wanted = Signal(object)  # the conversation or the table of a `Correction`
    delete_wanted = Signal(list)  # `Correction`s of tables: nothing else is left of them

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("page")
        self._model = CorrectionsModel(self)
        title = plain_label(_("Corrections"), self)
        title.setProperty("heading", True)
        about = plain_label(
            _(
                "Replies that you edited, chose over another one, or rated as good, and results "
                "that you corrected in tables. Mark those that a model is to learn from."
            ),
            self,
        )
        about.setProperty("muted", True)
        about.setWordWrap(True)
        self.list = QListView(self)
        self._set_up_list()
        self.empty = EmptyState(icon("graduation-cap", Role.PlaceholderText), self)
        self.empty.set_words(
            _("No corrections yet"),
            _("Edit a reply, compare two, or rate one as good: it is listed here."),
        )
        self._split = QSplitter(Qt.Orientation.Horizontal, self)
        self._split.setChildrenCollapsible(False)
        self._split.setHandleWidth(1)
        self._split.addWidget(self.list)
        self._split.addWidget(self._texts())
        self._split.setStretchFactor(1, 1)
        self._split.setSizes([320, 600])
        self._stack = QStackedWidget(self)
        self._stack.addWidget(self._split)
        self._stack.addWidget(self.empty)
        self.fault = InlineFault(icon("warning", Role.BrightText), icon("x"), self)
        self.fault.set_words(_("Dismiss"))
        self.fault.after = self.list
        rows = QVBoxLayout(self)
        rows.setContentsMargins(24, 16, 24, 24)
        rows.setSpacing(12)
        for widget in (title, about):
            rows.addWidget(widget)
        rows.addWidget(self._stack, 1)
        rows.addWidget(self.fault)
        rows.addLayout(self._buttons())
        self.setFocusProxy(self.list)
        self._show_buttons()

    def _set_up_list(self) -> None:
        self.list.setModel(self._model)
        self.list.setItemDelegate(TwoLineDelegate(self.list))
        self.list.setAccessibleName(_("Corrections"))
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.list.setUniformItemSizes(True)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setMinimumWidth(220)
        self.list.selectionModel().selectionChanged.connect(self._show_buttons)
        self.list.selectionModel().currentChanged.connect(lambda *_: self._tell_current())
        self.list.activated.connect(lambda _index: self._toggle())

    def _texts(self) -> QWidget:
        holder = QWidget(self)
        column = QVBoxLayout(holder)
        column.setContentsMargins(12, 0, 0, 0)
        column.setSpacing(4)
        self.question, question = self._text(_("Question"))
        self.before, self._before_part = self._text(_("Before: what the model said"))
        self.after, after = self._text(_("After: what is better"))
        column.addWidget(question, 1)
        column.addWidget(self._before_part, 2)
        column.addWidget(after, 2)
        return holder

    def _text(self, name: str) -> tuple[QPlainTextEdit, QWidget]:
        part = QWidget(self)
        label = plain_label(name, part)
        label.setProperty("small", True)
        view = QPlainTextEdit(part)
        view.setReadOnly(True)
        view.setUndoRedoEnabled(False)
        view.setTabChangesFocus(True)
        view.setAccessibleName(name)
        rows = QVBoxLayout(part)
        rows.setContentsMargins(0, 0, 0, 4)
        rows.setSpacing(2)
        rows.addWidget(label)
        rows.addWidget(view, 1)
        return view, part

    def _buttons(self) -> QHBoxLayout:
        self.use_button = QPushButton(icon("check"), "", self)
        self.use_button.clicked.connect(self._toggle)
        self.open_button = QPushButton(icon("chat-circle"), _("Open the conversation"), self)
        self.open_button.clicked.connect(lambda: self.open_wanted.emit(self._current()))
        self.delete_button = QPushButton(icon("trash"), _("Delete"), self)
        self.delete_button.clicked.connect(self._delete)
        self.export_button = QPushButton(icon("export"), _("Export …"), self)
        menu = QMenu(self.export_button)
        menu.addAction(
            _("Chat form: question and answer (JSONL)"),
            lambda: self.export_wanted.emit(ExportForm.CHAT),
        )
        menu.addAction(
            _("Preference form: chosen and rejected (JSONL)"),
            lambda: self.export_wanted.emit(ExportForm.PREFERENCE),
        )
        self.export_button.setMenu(menu)
        self.marked = plain_label(parent=self)
        self.marked.setProperty("small", True)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.use_button)
        row.addWidget(self.delete_button)
        row.addWidget(self.open_button)
        row.addStretch()
        row.addWidget(self.marked)
        row.addWidget(self.export_button)
        return row

    # --- what is shown -------------------------------------------------------------------------

    def show_corrections(self, corrections: list[Correction]) -> None:
        """What was chosen stays chosen, where it is still there."""
        chosen = {_key(each) for each in self._selected()}
        current = self._current()
        self._model.show(corrections)
        self._stack.setCurrentWidget(self._split if corrections else self.empty)
        selection, flags = self.list.selectionModel(), QItemSelectionModel.SelectionFlag
        at = 0
        for row, each in enumerate(corrections):
            if current is not None and _key(each) == _key(current):
                at = row
            if _key(each) in chosen:
                selection.select(self._model.index(row), flags.Select)
        if corrections:
            keep = flags.NoUpdate if chosen else flags.ClearAndSelect
            selection.setCurrentIndex(self._model.index(at), keep)
        self._tell_current()
        self._show_buttons()

    def show_texts(self, question: str, before: str, after: str) -> None:
        for view, text in (
            (self.question, question), (self.before, before), (self.after, after),
        ):  # fmt: skip
            view.setPlainText(text[:MOST_SHOWN])
        current = self._current()
        self._before_part.setVisible(current is None or current.kind is not CorrectionKind.LIKED)

    def show_fault(self, fault: DesktopLlmError | None) -> None:
        if fault is None:
            self.fault.dismiss()
        else:
            words = word_fault(fault)
            self.fault.show_fault(words.what, words.next_step)

    @property
    def for_training(self) -> list[Correction]:
        return [each for each in self._model.all() if each.training]

    def _selected(self) -> list[Correction]:
        found = map(self._model.correction, self.list.selectionModel().selectedIndexes())
        return [each for each in found if each is not None]

    def _current(self) -> Correction | None:
        return self._model.correction(self.list.currentIndex())

    def _tell_current(self) -> None:
        self.selected.emit(self._current())

    def _delete(self) -> None:
        self.delete_wanted.emit(self._selected())

    def _toggle(self) -> None:
        chosen = self._selected()
        if chosen:
            self.wanted.emit(chosen, not all(each.training for each in chosen))

    def _show_buttons(self) -> None:
        chosen, marked = self._selected(), self.for_training
        used = bool(chosen) and all(each.training for each in chosen)
        self.use_button.setText(_("Do not use") if used else _("Use for training"))
        self.use_button.setEnabled(bool(chosen))
        cells = bool(chosen) and all(each.kind is CorrectionKind.CELL for each in chosen)
        self.delete_button.setVisible(cells)
        current = self._current()
        self.open_button.setEnabled(current is not None)
        of_table = current is not None and current.kind is CorrectionKind.CELL
        self.open_button.setIcon(icon("table" if of_table else "chat-circle"))
        self.open_button.setText(_("Open the table") if of_table else _("Open the conversation"))
        self.export_button.setEnabled(bool(marked))
        self.marked.setText(
            counted(
                "{number} correction is for training",
                "{number} corrections are for training",
                len(marked),
            )
            if self._model.rowCount()
            else ""
        )

    def resizeEvent(self, event: object) -> None:
        ways = Qt.Orientation
        wanted = ways.Vertical if self.width() < NARROW else ways.Horizontal
        if wanted is not self._split.orientation():
            self._split.setOrientation(wanted)
            self._split.setSizes([100, 250] if wanted is ways.Vertical else [320, 600])
        super().resizeEvent(event)  # type: ignore[arg-type]


def _key(correction: Correction) -> tuple[str, int, int | None]:
    return correction.kind.value, correction.chosen, correction.rejected
