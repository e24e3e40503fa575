"""A person's text tools: a list of all, what one is made of, and a try-out beside it.

Knows no service: it shows what it is told and says what a person wants.
"""

from collections.abc import Sequence
from dataclasses import replace

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import (
    QDialog,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QKeySequenceEdit,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QSplitter,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from desktop_llm.core.presets import variables_of
from desktop_llm.core.tool_files import LONGEST_NAME
from desktop_llm.core.tool_results import items_of
from desktop_llm.core.tools import (
    TEXT,
    Label,
    Long,
    Output,
    Tool,
    Variable,
    VariableKind,
    Words,
)
from desktop_llm.ui.icons import ON_ACCENT, icon
from desktop_llm.ui.pages.tool_popup import tool_icon
from desktop_llm.ui.pages.tool_view import ToolView, tool_title
from desktop_llm.ui.widgets.inputs import Choice
from desktop_llm.ui.widgets.plain_text import plain_label
from desktop_llm.ui.widgets.slider_field import PlainNumber, Scale
from desktop_llm.words import _, noted

WIDTH, HEIGHT, LIST = 1040, 640, 200  # pixels
TEMPERATURE = Scale(low=0, high=2, default=0, step=0.1, decimals=2)
INSTRUCTION_LINES, SAMPLE_LINES = 6, 4
SAMPLE = noted("The library opens at nine on weekdays. Books may be kept for three weeks.")
ID = Qt.ItemDataRole.UserRole


class ToolEditor(QDialog):
    save_wanted = Signal(object)  # a tool
    delete_wanted = Signal(object)
    order_wanted = Signal(list)  # ids
    import_wanted = Signal()
    export_wanted = Signal(list)  # tools
    try_wanted = Signal(object)  # a tool, as it is written now
    chosen = Signal(object)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(_("Text tools"))
        room = parent.window().size()
        self.resize(min(WIDTH, room.width() - 24), min(HEIGHT, room.height() - 24))
        self._tools: list[Tool] = []
        self._shown: Tool | None = None
        self._make_list()
        self._make_fields()
        self.view = ToolView(self)
        self.view.replace_button.hide()
        self.sample = QPlainTextEdit(_(SAMPLE), self)
        self.sample.setAccessibleName(_("A text to try it on"))
        self.sample.setTabChangesFocus(True)
        self.sample.setFixedHeight(SAMPLE_LINES * self.fontMetrics().lineSpacing() + 16)
        self._lay_out()

    def _make_list(self) -> None:
        self.list = QListWidget(self)
        self.list.setAccessibleName(_("Text tools"))
        self.list.setDragDropMode(QListWidget.DragDropMode.InternalMove)
        self.list.currentItemChanged.connect(lambda *_: self._show_chosen())
        self.list.model().rowsMoved.connect(lambda *_: self._moved())
        self.new_button = self._tool("plus", _("New tool"), self.new)
        self.copy_button = self._tool("copy", _("Duplicate"), self._duplicate)
        self.delete_button = self._tool("trash", _("Delete"), self._delete)
        self.up_button = self._tool("arrow-up", _("Further up"), lambda: self._step(-1))
        self.down_button = self._tool("arrow-down", _("Further down"), lambda: self._step(1))
        self.more_button = self._tool("dots-three", _("More"), self._show_more)

    def _make_fields(self) -> None:
        self.name = QLineEdit(self)
        self.name.setMaxLength(LONGEST_NAME)
        self.chinese_name = QLineEdit(self)
        self.chinese_name.setMaxLength(LONGEST_NAME)
        self.instruction = self._area(_("Instruction"))
        self.chinese = self._area(_("Instruction in Chinese"))
        self.chinese.setPlaceholderText(_("Empty: the one above"))
        self.output = Choice(icon("caret-down"), self)
        for output, words in output_words():
            self.output.addItem(words, output.value)
        self.long = Choice(icon("caret-down"), self)
        for choice in (self.output, self.long):
            choice.setSizeAdjustPolicy(
                Choice.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
        for long, words in long_words():
            self.long.addItem(words, long.value)
        self.icon_name = QLineEdit(self)
        self.icon_name.setMaxLength(40)
        self.icon_name.setToolTip(_("A name of the Phosphor set, e.g. “lightbulb”"))
        self.labels = QLineEdit(self)
        self.labels.setPlaceholderText(_("Separated by commas, for “Labels, scored” alone"))
        self.temperature = PlainNumber(TEMPERATURE, self)
        self.temperature.setAlignment(Qt.AlignmentFlag.AlignLeft)
        self.temperature.lineEdit().setTextMargins(7, 0, 0, 0)  # where the other fields begin
        self.temperature.setToolTip(_("0: always the likeliest word; more: more varied"))
        self.model = QLineEdit(self)
        self.model.setPlaceholderText(_("The one in use"))
        self.keys = QKeySequenceEdit(self)
        self.keys.setMaximumSequenceLength(1)
        self.problem = plain_label(parent=self)
        self.problem.setProperty("danger", True)
        self.problem.setWordWrap(True)
        self.save_button = QPushButton(icon("check", ON_ACCENT), _("Save"), self)
        self.save_button.setProperty("primary", True)
        self.save_button.clicked.connect(self._save)
        self.try_button = QPushButton(icon("play"), _("Try it"), self)
        self.try_button.clicked.connect(self._try)

    def _area(self, name: str) -> QPlainTextEdit:
        area = QPlainTextEdit(self)
        area.setTabChangesFocus(True)
        area.setAccessibleName(name)
        area.setFixedHeight(INSTRUCTION_LINES * self.fontMetrics().lineSpacing() + 16)
        return area

    def _tool(self, name: str, words: str, call: object) -> QToolButton:
        button = QToolButton(self)
        button.setIcon(icon(name))
        button.setToolTip(words)
        button.setAccessibleName(words)
        button.clicked.connect(lambda: call())  # type: ignore[operator]
        return button

    def _lay_out(self) -> None:
        left = QWidget(self)
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 8, 0)
        column.setSpacing(6)
        column.addWidget(self.list, 1)
        row = QHBoxLayout()
        row.setSpacing(2)
        for button in (self.new_button, self.copy_button, self.delete_button, self.up_button,
                       self.down_button):  # fmt: skip
            row.addWidget(button)
        row.addStretch()
        row.addWidget(self.more_button)
        column.addLayout(row)
        form = QWidget(self)
        fields = QFormLayout(form)
        fields.setContentsMargins(8, 0, 8, 0)
        fields.setVerticalSpacing(8)
        fields.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapAllRows)
        hint = plain_label(
            _("{{text}} stands for the text; any other {{name}} is asked for."), form
        )
        hint.setProperty("small", True)
        hint.setWordWrap(True)
        for words, field in (
            (_("Name"), self.name), (_("Name in Chinese"), self.chinese_name),
            (_("Instruction"), self.instruction), ("", hint),
            (_("In Chinese"), self.chinese), (_("Result"), self.output),
            (_("Labels"), self.labels), (_("Temperature"), self.temperature),
            (_("Long texts"), self.long), (_("Icon"), self.icon_name), (_("Model"), self.model),
            (_("Shortcut"), self.keys),
        ):  # fmt: skip
            label = plain_label(words, form)
            label.setBuddy(field)
            if words and not field.accessibleName():
                field.setAccessibleName(words)
            fields.addRow(label, field)
        more = plain_label(_("Choices and all else of a tool stand in its file."), form)
        more.setProperty("small", True)
        more.setWordWrap(True)
        fields.addRow(more)
        fields.addRow(self.problem)
        scroll = QScrollArea(self)
        scroll.setWidget(form)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        middle = QWidget(self)
        column = QVBoxLayout(middle)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(scroll, 1)
        row = QHBoxLayout()
        row.setContentsMargins(8, 0, 8, 0)
        row.addStretch()
        row.addWidget(self.try_button)
        row.addWidget(self.save_button)
        column.addLayout(row)
        right = QWidget(self)
        column = QVBoxLayout(right)
        column.setContentsMargins(8, 0, 0, 0)
        column.setSpacing(6)
        title = plain_label(_("Try-out"), right)
        title.setProperty("section", True)
        column.addWidget(title)
        column.addWidget(self.sample)
        column.addWidget(self.view, 1)
        split = QSplitter(Qt.Orientation.Horizontal, self)
        split.setChildrenCollapsible(False)
        split.setHandleWidth(1)
        for widget in (left, middle, right):
            split.addWidget(widget)
        split.setSizes([LIST, 420, 400])
        rows = QVBoxLayout(self)
        rows.setContentsMargins(16, 16, 16, 16)
        rows.addWidget(split)

    # --- showing ---------------------------------------------------------------------------------

    def show_tools(self, tools: Sequence[Tool], problems: Sequence[str], current: str = "") -> None:
        kept = current or (self._shown.id if self._shown is not None else "")
        self._tools = list(tools)
        self.list.blockSignals(True)
        self.list.clear()
        for tool in tools:
            item = QListWidgetItem(icon(tool_icon(tool)), tool_title(tool))
            item.setData(ID, tool.id)
            if tool.own:
                font = item.font()
                font.setWeight(font.Weight.DemiBold)
                item.setFont(font)
                item.setToolTip(_("Your own"))
            self.list.addItem(item)
            if tool.id == kept:
                self.list.setCurrentItem(item)
        if self.list.currentRow() < 0 and tools:
            self.list.setCurrentRow(0)
        self.list.blockSignals(False)
        self.say("\n".join(problems))
        self._show_chosen()

    def say(self, problem: str) -> None:
        self.problem.setText(problem)
        self.problem.setVisible(bool(problem))

    def _show_chosen(self) -> None:
        item = self.list.currentItem()
        tool = next((t for t in self._tools if item is not None and t.id == item.data(ID)), None)
        if tool is not None:
            self._show(tool)

    def _show(self, tool: Tool) -> None:
        self._shown = tool
        self.name.setText(tool.name.en)
        self.chinese_name.setText(tool.name.zh_CN)
        self.instruction.setPlainText(tool.instruction.en)
        self.chinese.setPlainText(tool.instruction.zh_CN)
        self.output.setCurrentIndex(max(0, self.output.findData(tool.output.value)))
        self.long.setCurrentIndex(max(0, self.long.findData(tool.long.value)))
        self.labels.setText(", ".join(label.value for label in tool.labels))
        self.temperature.setValue(tool.sampling.temperature)
        self.icon_name.setText(tool.icon)
        self.model.setText(tool.model)
        self.keys.setKeySequence(QKeySequence(tool.shortcut))
        self.delete_button.setEnabled(tool.own and bool(tool.id))
        self.chosen.emit(tool)

    # --- what a person does ----------------------------------------------------------------------

    def written(self) -> Tool | None:
        """The tool as it stands in the fields; None where something is missing, which is said."""
        name = Words(self.name.text().strip(), self.chinese_name.text().strip())
        instruction = Words(
            self.instruction.toPlainText().strip(), self.chinese.toPlainText().strip()
        )
        if not (name.en or name.zh_CN) or not (instruction.en or instruction.zh_CN):
            self.say(_("A tool needs a name and an instruction."))
            (self.name if not (name.en or name.zh_CN) else self.instruction).setFocus()
            return None
        base = self._shown
        assert base is not None
        output = Output(self.output.currentData())
        labels = _labels(base, self.labels.text())
        asked = any(each.kind is VariableKind.LABELS for each in base.variables)
        if output is Output.LABELS and len(labels) < 2 and not asked:
            self.say(_("At least two labels are needed."))
            self.labels.setFocus()
            return None
        sampling = base.sampling
        self.temperature.settle()
        if round(sampling.temperature, 2) != self.temperature.value():  # else not rounded
            sampling = replace(sampling, temperature=self.temperature.value())
        if output is Output.JSON and not base.schema and not _has_schema(base):
            self.say(_("A schema is set in the tool's file; duplicate “JSON by a schema”."))
            return None
        self.say("")
        return replace(
            base, name=name, instruction=instruction, output=output,
            long=Long(self.long.currentData()), icon=self.icon_name.text().strip() or "magic-wand",
            model=self.model.text().strip(),
            shortcut=self.keys.keySequence().toString(QKeySequence.SequenceFormat.PortableText),
            variables=_variables(base, instruction), labels=labels, sampling=sampling, own=True,
        )  # fmt: skip

    def new(self) -> None:
        self._show(Tool(id="", name=Words(""), instruction=Words(""), icon="magic-wand", own=True))
        self.list.clearSelection()
        self.name.setFocus()

    def _duplicate(self) -> None:
        tool = self._shown
        if tool is None:
            return
        words = _("{name} (copy)")
        name = Words(
            words.format(name=tool.name.en)[:LONGEST_NAME] if tool.name.en else "",
            words.format(name=tool.name.zh_CN)[:LONGEST_NAME] if tool.name.zh_CN else "",
        )
        self._show(replace(tool, id="", name=name, shortcut="", own=True))
        self.name.setFocus()
        self.name.selectAll()

    def _save(self) -> None:
        if (tool := self.written()) is not None:
            self.save_wanted.emit(tool)

    def _try(self) -> None:
        if (tool := self.written()) is not None:
            self.try_wanted.emit(tool)

    def _delete(self) -> None:
        if self._shown is not None and self._shown.own and self._shown.id:
            self.delete_wanted.emit(self._shown)

    def _step(self, by: int) -> None:
        row = self.list.currentRow()
        if 0 <= row + by < self.list.count() and row >= 0:
            item = self.list.takeItem(row)
            self.list.insertItem(row + by, item)
            self.list.setCurrentItem(item)
            self._moved()

    def _moved(self) -> None:
        self.order_wanted.emit([self.list.item(at).data(ID) for at in range(self.list.count())])

    def _show_more(self) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction(icon("download-simple"), _("Import …"), self.import_wanted.emit)
        own = [tool for tool in self._tools if tool.own]
        action = menu.addAction(icon("export"), _("Export your own …"))
        action.setEnabled(bool(own))
        action.triggered.connect(lambda: self.export_wanted.emit(own))
        menu.popup(self.more_button.mapToGlobal(self.more_button.rect().bottomLeft()))


def _variables(base: Tool, instruction: Words) -> tuple[Variable, ...]:
    """Those of the instruction; what is known of one stays, and so do those that never stood in
    one, as the glossary of a translation.
    """
    before = {*variables_of(base.instruction.en), *variables_of(base.instruction.zh_CN)}
    names = dict.fromkeys((*variables_of(instruction.en), *variables_of(instruction.zh_CN)))
    kept = [v for v in base.variables if v.name in names or v.name not in before]
    known = {variable.name for variable in kept}
    new = [
        Variable(name=name, title=Words(name))
        for name in names
        if name not in known and name != TEXT
    ]
    return (*kept, *new)


def _labels(base: Tool, typed: str) -> tuple[Label, ...]:
    """What is known of one stays."""
    known = {label.value: label for label in base.labels}
    return tuple(
        known.get(name) or Label(value=name, title=Words(name), word=Words(name))
        for name in dict.fromkeys(items_of(typed))
    )


def _has_schema(tool: Tool) -> bool:
    return any(variable.kind is VariableKind.SCHEMA for variable in tool.variables)


def output_words() -> list[tuple[Output, str]]:
    return [
        (Output.TEXT, _("Words about the text")),
        (Output.SUMMARY, _("A summary, linked to its sources")),
        (Output.EDIT, _("The text changed: differences to take")),
        (Output.TRANSLATION, _("A translation")),
        (Output.LABELS, _("Labels, scored")),
        (Output.LIST, _("A list")),
        (Output.QUOTES, _("Quotes from the text")),
        (Output.TABLE, _("A table")),
        (Output.JSON, _("JSON")),
        (Output.CONTINUATION, _("What comes after the text")),
    ]


def long_words() -> list[tuple[Long, str]]:
    return [
        (Long.MERGE, _("In parts, then put together")),
        (Long.REFINE, _("Part after part, refined")),
        (Long.PARTS, _("Each part by itself")),
        (Long.PASSAGES, _("The passages that matter")),
        (Long.BEGINNING, _("Its beginning alone")),
        (Long.END, _("Its end alone")),
    ]
