"""What is to be done with a table or a folder: which column, which tools, where the result goes.

Knows no service: it shows what it is told and says what a person wants.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PySide6.QtCore import QMargins, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from desktop_llm.core.tables import Step
from desktop_llm.core.tools import Tool
from desktop_llm.ui.icons import Role, icon
from desktop_llm.ui.models.table_rows import ShownRow, ShownStep, TableRows
from desktop_llm.ui.pages.table_grid import TableGrid
from desktop_llm.ui.pages.tool_form import ToolForm
from desktop_llm.ui.pages.tool_popup import tool_icon
from desktop_llm.ui.pages.tool_view import tool_title
from desktop_llm.ui.widgets.eliding import ElidingLabel
from desktop_llm.ui.widgets.inline_fault import InlineFault
from desktop_llm.ui.widgets.inputs import Choice
from desktop_llm.ui.widgets.plain_text import plain_label
from desktop_llm.ui.widgets.scrolled import scrolled
from desktop_llm.ui.widgets.text_editor import files_of
from desktop_llm.words import _, counted

FIRST = "sentiment"
WIDTH, HEIGHT = 860, 680  # pixels that it asks for
MOST_STEPS = 8
GRID = 190  # pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """`columns`: none for a folder; `column`: that the texts seem to be in; `target`: where the
    results go unless another place is chosen.
    """

    path: Path
    columns: Sequence[str]
    column: str
    rows: int
    ragged: int
    target: Path


class TableSetup(QDialog):
    source_given = Signal(str)  # a path; answered by `show_source` or `show_fault`
    preview_wanted = Signal()  # answered by `show_preview` or `show_fault`
    stop_wanted = Signal()
    start_wanted = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(_("Work on a table or a folder"))
        self.setAcceptDrops(True)
        self._values: Mapping[str, Mapping[str, str]] = {}
        self._tools: Sequence[Tool] = ()
        self._steps: list[_StepCard] = []
        self.source: Source | None = None
        self.name = ElidingLabel(self)
        self.name.setProperty("strong", True)
        self.about = plain_label(parent=self)
        self.about.setProperty("muted", True)
        self.about.setWordWrap(True)
        self.file_button = self._button(_("Choose a file …"), "file-text", self._choose_file)
        self.folder_button = self._button(
            _("Choose a folder …"), "folder-open", self._choose_folder
        )
        self.column = Choice(icon("caret-down"), self)
        self.column.setAccessibleName(_("Column with the texts"))
        self.column.setMinimumWidth(220)
        self.column.activated.connect(lambda _at: self._changed())
        self._column_label = plain_label(_("Column with the texts"), self)
        self._column_label.setBuddy(self.column)
        self.add_button = self._button(_("Add another tool"), "plus", self._add_step)
        self.target = QLineEdit(self)
        self.target.setAccessibleName(_("Where the results go"))
        choose = self.target.addAction(
            icon("folder-open"), QLineEdit.ActionPosition.TrailingPosition
        )
        choose.setToolTip(_("Choose where the results go"))
        choose.triggered.connect(self._choose_target)
        self.fault = InlineFault(icon("warning", Role.BrightText), icon("x"), self)
        self.fault.set_words(_("Dismiss"))
        self.fault.after = self.file_button
        self.rows = TableRows(False, self)
        self.grid = TableGrid(_("Preview"), self)
        self.grid.setModel(self.rows)
        self.grid.setMinimumHeight(GRID)
        self.estimate = plain_label(parent=self)
        self.estimate.setWordWrap(True)
        self.bar = QProgressBar(self)
        self.bar.setRange(0, 0)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(_("Preview"))
        self.preview_button = self._button(
            _("Preview of ten rows"), "eye", self.preview_wanted.emit
        )
        self.stop_button = self._button(_("Stop"), "stop", self.stop_wanted.emit)
        self.start_button = self._button(_("Start the work"), "play", self.start_wanted.emit)
        self.start_button.setProperty("primary", True)
        self.start_button.setIcon(icon("play", Role.LinkVisited))
        self._lay_out()
        room = parent.window().size()
        self.resize(min(WIDTH, room.width() - 24), min(HEIGHT, room.height() - 24))
        self.show_busy(False)
        self._show_about()

    def _lay_out(self) -> None:
        inside = QWidget()
        self._inside = column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 8, 0)
        column.setSpacing(12)
        top = QHBoxLayout()
        top.setSpacing(8)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(self.name)
        words.addWidget(self.about)
        top.addLayout(words, 1)
        for button in (self.file_button, self.folder_button):
            top.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
        column.addLayout(top)
        self._steps_column = QVBoxLayout()
        self._steps_column.setSpacing(8)
        self._form = QFormLayout()
        self._form.setHorizontalSpacing(12)
        self._form.setVerticalSpacing(8)
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._form.addRow(self._column_label, self.column)
        label = plain_label(_("Results"), self)
        label.setBuddy(self.target)
        self._form.addRow(label, self.target)
        add = QHBoxLayout()
        add.addWidget(self.add_button)
        add.addStretch()
        column.addLayout(self._form)
        column.addLayout(self._steps_column)
        column.addLayout(add)
        column.addWidget(self.fault)
        column.addWidget(self.bar)
        column.addWidget(self.estimate)
        column.addWidget(self.grid, 1)
        column.addStretch()
        self._area = scrolled(inside, _("Work on a table or a folder"), self)
        self._area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        buttons = QHBoxLayout()
        buttons.setContentsMargins(0, 0, 8, 0)  # in line with what scrolls above
        buttons.setSpacing(8)
        buttons.addWidget(self.preview_button)
        buttons.addWidget(self.stop_button)
        buttons.addStretch()
        close = self._button(_("Close"), "", self.reject)
        close.setIcon(icon("x"))
        buttons.addWidget(close)
        buttons.addWidget(self.start_button)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(QMargins(24, 16, 16, 16))
        rows.setSpacing(12)
        rows.addWidget(self._area, 1)
        rows.addLayout(buttons)

    def _button(self, words: str, name: str, call: object) -> QPushButton:
        button = QPushButton(words, self)
        if name:
            button.setIcon(icon(name))
        button.setAutoDefault(False)
        button.clicked.connect(lambda _on=False: call())  # type: ignore[operator]
        return button

    # --- what is shown ---------------------------------------------------------------------------

    def show_tools(self, tools: Sequence[Tool], values: Mapping[str, Mapping[str, str]]) -> None:
        """`values`: of each tool, where a default is not the tool's own."""
        self._tools, self._values = tools, values
        if not self._steps and tools:
            self._add_step()

    def show_reading(self, path: Path) -> None:
        self.source = None
        self.fault.dismiss()
        self.name.setText(path.name)
        self.about.setText(_("“{name}” is being read …").format(name=path.name))
        self._clear_preview()
        self._enable()

    def show_source(self, source: Source) -> None:
        self.source = source
        self.column.clear()
        self.column.addItems([name.replace("\n", " ") for name in source.columns])
        if source.column in source.columns:
            self.column.setCurrentIndex(list(source.columns).index(source.column))
        for widget in (self.column, self._column_label):
            widget.setVisible(bool(source.columns))
        self.target.clear()
        self.target.setPlaceholderText(str(source.target))
        self._show_about()
        self._enable()

    def show_part(self, done: int, of: int) -> None:
        """Of the preview."""
        self.bar.setRange(0, of)
        self.bar.setValue(done)

    def show_busy(self, busy: bool) -> None:
        """A preview is being made."""
        self.bar.setRange(0, 0)  # how far is not known yet
        self.bar.setVisible(busy)
        self.stop_button.setVisible(busy)
        self.preview_button.setVisible(not busy)
        if busy:
            self.fault.dismiss()
            self._clear_preview()
            self.estimate.setText(_("The first rows are being worked on …"))
            self.estimate.show()
            self._area.ensureWidgetVisible(self.estimate)
        self._enable()

    def show_preview(
        self, steps: Sequence[ShownStep], rows: Sequence[ShownRow], words: str
    ) -> None:
        self.show_busy(False)
        self.rows.documents = self.source is not None and not self.source.columns
        self.rows.show_table(steps, len(rows))
        self.rows.show_page(self.rows.reading, 0, rows)
        self.estimate.setText(words)
        for widget in (self.estimate, self.grid):
            widget.show()
        self.grid.fit(self.rows)
        self._inside.activate()
        self._area.ensureWidgetVisible(self.grid)

    def show_stopped(self) -> None:
        self.show_busy(False)
        self._clear_preview()

    def show_fault(self, what: str, next_step: str) -> None:
        self.show_stopped()
        self.fault.show_fault(what, next_step)
        self._show_about()
        self._area.ensureWidgetVisible(self.fault)

    def _clear_preview(self) -> None:
        self.estimate.hide()
        self.grid.hide()

    def _show_about(self) -> None:
        source = self.source
        if source is None:
            self.name.setText(_("No table yet"))
            self.about.setText(
                _(
                    "Choose a CSV, TSV, XLSX or JSONL file or a folder of documents,"
                    " or drop it here."
                )
            )
            for widget in (self.column, self._column_label):
                widget.hide()
            return
        self.name.setText(source.path.name)
        if not source.columns:
            self.about.setText(counted("{number} document", "{number} documents", source.rows))
            return
        parts = [
            counted("{number} row", "{number} rows", source.rows),
            counted("{number} column", "{number} columns", len(source.columns)),
        ]
        words = _(" · ").join(parts)
        if source.ragged:
            words += "\n" + counted(
                "{number} row had more or fewer cells than the first.",
                "{number} rows had more or fewer cells than the first.", source.ragged,
            )  # fmt: skip
        self.about.setText(words)

    def _enable(self) -> None:
        ready = self.source is not None and bool(self._steps) and self.bar.isHidden()
        self.preview_button.setEnabled(ready)
        self.start_button.setEnabled(ready)
        self.add_button.setVisible(bool(self._tools) and len(self._steps) < MOST_STEPS)
        for card in self._steps:
            card.remove_button.setVisible(len(self._steps) > 1)

    # --- what is wanted --------------------------------------------------------------------------

    def steps(self) -> list[Step]:
        return [card.step() for card in self._steps]

    def chosen_column(self) -> str:
        """Empty: it is a folder."""
        if self.source is None or not self.source.columns:
            return ""
        return self.source.columns[self.column.currentIndex()]

    def chosen_target(self) -> Path | None:
        """None: where it goes by itself."""
        text = self.target.text().strip()
        return Path(text).expanduser() if text else None

    def lacks(self) -> str:
        """The title of a field that must be filled in; empty: none."""
        return next(filter(None, (card.form.lacks() for card in self._steps)), "")

    def _add_step(self) -> None:
        taken = {card.tool.id for card in self._steps}
        free = [tool for tool in self._tools if tool.id not in taken] or list(self._tools)
        first = next((tool for tool in free if tool.id == FIRST), free[0])
        card = _StepCard(self._tools, first, self._values, self)
        card.remove_button.clicked.connect(partial(self._remove_step, card))
        card.changed.connect(self._changed)
        self._steps.append(card)
        self._steps_column.addWidget(card)
        self._number()
        if len(self._steps) > 1:
            card.box.setFocus(Qt.FocusReason.OtherFocusReason)

    def _remove_step(self, card: "_StepCard") -> None:
        self._steps.remove(card)
        self._steps_column.removeWidget(card)
        card.hide()
        card.deleteLater()
        self.add_button.setFocus(Qt.FocusReason.OtherFocusReason)
        self._number()

    def _changed(self) -> None:
        """What was previewed is no longer what is wanted."""
        if not self.bar.isHidden():
            self.stop_wanted.emit()
        self._clear_preview()

    def _number(self) -> None:
        self._changed()
        for number, card in enumerate(self._steps, 1):
            card.show_number(number, len(self._steps))
        self._enable()

    def _choose_file(self) -> None:
        tables, others = _("Tables"), _("All files")
        kinds = f"{tables} (*.csv *.tsv *.tab *.xlsx *.jsonl *.ndjson);;{others} (*)"
        self._ask(QFileDialog.FileMode.ExistingFile, _("Choose a table"), kinds)

    def _choose_folder(self) -> None:
        self._ask(QFileDialog.FileMode.Directory, _("Choose a folder of documents"), "")

    def _ask(self, mode: QFileDialog.FileMode, title: str, kinds: str) -> None:
        dialog = QFileDialog(self, title, "", kinds)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(mode)
        if mode is QFileDialog.FileMode.Directory:
            dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.fileSelected.connect(self.source_given)
        dialog.open()

    def _choose_target(self) -> None:
        start = self.target.text() or self.target.placeholderText()
        dialog = QFileDialog(self, _("Where the results go"), start)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.fileSelected.connect(self.target.setText)
        dialog.open()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if files_of(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        if paths := files_of(event.mimeData()):
            event.acceptProposedAction()
            self.source_given.emit(paths[0])


class _StepCard(QFrame):
    """One tool and what it leaves open."""

    changed = Signal()

    def __init__(
        self, tools: Sequence[Tool], tool: Tool, values: Mapping[str, Mapping[str, str]],
        parent: QWidget,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self.setObjectName("card")
        self._tools = tools
        self._values = values
        self.tool = tool
        self.box = Choice(icon("caret-down"), self)
        for each in tools:
            self.box.addItem(icon(tool_icon(each)), tool_title(each), each.id)
        self.box.setCurrentIndex(self.box.findData(tool.id))
        self.box.activated.connect(self._choose)
        self.remove_button = QToolButton(self)
        self.remove_button.setIcon(icon("x"))
        self._number = plain_label(parent=self)
        self._number.setProperty("strong", True)
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self._number)
        head.addWidget(self.box, 1)
        head.addWidget(self.remove_button)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(16, 10, 12, 10)
        self._column.setSpacing(8)
        self._column.addLayout(head)
        self._show_form()

    def _show_form(self) -> None:
        self.form = ToolForm(self.tool, self._values.get(self.tool.id, {}), self)
        self.form.changed.connect(self.changed)
        self._column.addWidget(self.form)
        self.form.setVisible(bool(self.tool.variables))

    def show_number(self, number: int, of: int) -> None:
        self._number.setText(_("Tool") if of == 1 else _("Tool {number}").format(number=number))
        name = _("Tool {number}").format(number=number)
        self.box.setAccessibleName(name)
        words = _("Remove tool {number}").format(number=number)
        self.remove_button.setAccessibleName(words)
        self.remove_button.setToolTip(words)

    def step(self) -> Step:
        return Step(self.tool.id, self.form.values())

    def _choose(self, at: int) -> None:
        self.tool = self._tools[at]
        self._column.removeWidget(self.form)
        self.form.hide()
        self.form.deleteLater()
        self._show_form()
        self.changed.emit()
