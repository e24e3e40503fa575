"""What a tool leaves open, asked for in one row a variable."""

from collections.abc import Mapping

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFormLayout, QLineEdit, QPlainTextEdit, QWidget

from desktop_llm.core.languages import LANGUAGES
from desktop_llm.core.tools import Tool, Variable, VariableKind
from desktop_llm.ui.icons import icon
from desktop_llm.ui.widgets.inputs import Choice
from desktop_llm.ui.widgets.plain_text import plain_label
from desktop_llm.words import _, current_language

SCHEMA_LINES = 5


class ToolForm(QWidget):
    changed = Signal()
    confirmed = Signal()  # Enter in a field

    def __init__(
        self, tool: Tool, values: Mapping[str, str], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._tool = tool
        self._fields: dict[str, QWidget] = {}
        rows = QFormLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setHorizontalSpacing(12)
        rows.setVerticalSpacing(6)
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        for variable in tool.variables:
            field = self._field(variable, values.get(variable.name) or variable.default)
            title = variable.title.within(current_language().value)
            field.setAccessibleName(title)
            label = plain_label(title, self)
            label.setBuddy(field)
            rows.addRow(label, field)
            self._fields[variable.name] = field

    def values(self) -> dict[str, str]:
        return {name: _value(field) for name, field in self._fields.items()}

    def lacks(self) -> str:
        """The title of the first that must be filled in and is not; empty: none."""
        for variable in self._tool.variables:
            if variable.required and not _value(self._fields[variable.name]).strip():
                return variable.title.within(current_language().value)
        return ""

    def first_field(self) -> QWidget | None:
        return next(iter(self._fields.values()), None)

    def _choose_file(self, line: QLineEdit) -> None:
        from PySide6.QtCore import Qt
        from PySide6.QtWidgets import QFileDialog

        dialog = QFileDialog(self, _("Choose a file"))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(line.setText)
        dialog.open()

    def _field(self, variable: Variable, value: str) -> QWidget:
        if variable.kind in (VariableKind.CHOICE, VariableKind.LANGUAGE):
            box = Choice(icon("caret-down"), self)
            if variable.kind is VariableKind.CHOICE:
                for each in variable.choices:
                    box.addItem(each.title.within(current_language().value), each.value)
            else:
                if not variable.default:
                    box.addItem(_("Automatic"), "")
                for language in LANGUAGES:
                    box.addItem(language_name(language.code), language.code)
            box.setCurrentIndex(max(0, box.findData(value)))
            box.activated.connect(lambda _at: self.changed.emit())
            return box
        if variable.kind is VariableKind.SCHEMA:
            area = QPlainTextEdit(value, self)
            area.setTabChangesFocus(True)
            area.setFixedHeight(SCHEMA_LINES * area.fontMetrics().lineSpacing() + 16)
            area.textChanged.connect(self.changed)
            return area
        line = QLineEdit(value, self)
        if variable.kind is VariableKind.FILE:
            line.setPlaceholderText(_("None"))
            choose = line.addAction(icon("folder-open"), QLineEdit.ActionPosition.TrailingPosition)
            choose.setToolTip(_("Choose a file"))
            choose.triggered.connect(lambda: self._choose_file(line))
        line.textEdited.connect(lambda _text: self.changed.emit())
        line.returnPressed.connect(self.confirmed)
        return line


def language_name(code: str) -> str:
    """In the program's language, with its own name where that is another."""
    for language in LANGUAGES:
        if language.code == code:
            chinese = current_language().value == "zh_CN"
            name = language.chinese if chinese else language.english
            return name if name == language.own else f"{name}  {language.own}"
    return code


def _value(field: QWidget) -> str:
    if isinstance(field, Choice):
        return str(field.currentData())
    if isinstance(field, QPlainTextEdit):
        return field.toPlainText()
    assert isinstance(field, QLineEdit)
    return field.text()


def needs_answers(tool: Tool) -> bool:
    """Whether something must be typed before it can run."""
    return any(variable.required and not variable.default for variable in tool.variables)
