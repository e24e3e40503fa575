"""What is to be exported and how; what came of an import."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QButtonGroup,
    QDialog,
    QDialogButtonBox,
    QPlainTextEdit,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from desktop_llm.services.exports import FileForm
from desktop_llm.ui.widgets.plain_text import plain_caption, plain_label
from desktop_llm.words import _


@dataclass(frozen=True, slots=True)
class Scope:
    """`numbers`: None for all conversations."""

    words: str
    numbers: tuple[int, ...] | None


class ExportDialog(QDialog):
    wanted = Signal(object, object)  # numbers or None, `FileForm`

    def __init__(self, scopes: Sequence[Scope], parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(_("Export conversations"))
        self._scopes = scopes
        self.what = QButtonGroup(self)
        self.forms = QButtonGroup(self)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 16)
        column.setSpacing(6)
        column.addWidget(_section(_("What"), self))
        for at, scope in enumerate(scopes):
            button = QRadioButton(plain_caption(scope.words), self)
            button.setChecked(at == 0)
            self.what.addButton(button, at)
            column.addWidget(button)
        column.addSpacing(10)
        column.addWidget(_section(_("As"), self))
        for at, (_form, words, about) in enumerate(_forms()):
            button = QRadioButton(words, self)
            button.setChecked(at == 0)
            button.setAccessibleDescription(about)
            self.forms.addButton(button, at)
            hint = plain_label(about, self)
            hint.setProperty("small", True)
            hint.setWordWrap(True)
            hint.setContentsMargins(24, 0, 0, 2)
            column.addWidget(button)
            column.addWidget(hint)
        column.addSpacing(10)
        column.addStretch(1)
        buttons = QDialogButtonBox(self)
        go_on = buttons.addButton(_("Export …"), QDialogButtonBox.ButtonRole.AcceptRole)
        go_on.setProperty("primary", True)
        go_on.style().unpolish(go_on)
        go_on.style().polish(go_on)
        buttons.addButton(_("Cancel"), QDialogButtonBox.ButtonRole.RejectRole)
        buttons.accepted.connect(self._go_on)
        buttons.rejected.connect(self.reject)
        column.addWidget(buttons)
        self.setMinimumWidth(420)

    def _go_on(self) -> None:
        numbers = self._scopes[self.what.checkedId()].numbers
        form = _forms()[self.forms.checkedId()][0]
        self.accept()
        self.wanted.emit(numbers, form)


def _forms() -> list[tuple[FileForm, str, str]]:
    return [
        (FileForm.JSON, _("JSON, lossless"), _("All branches and everything that is known of them. "
                                               "This program reads it again.")),
        (FileForm.MARKDOWN, _("Markdown"), _("The branch that is shown, as text.")),
        (FileForm.HTML, _("HTML"), _("The branch that is shown, as a page for any browser.")),
        (FileForm.PDF, _("PDF"), _("The branch that is shown, to print or to send.")),
    ]  # fmt: skip


class ImportReport(QDialog):
    """What was imported and what was not."""

    def __init__(self, words: str, lines: Sequence[str], parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(_("Imported conversations"))
        self.resize(560, 380)
        self._lines = lines
        title = plain_label(words, self)
        title.setProperty("section", True)
        title.setWordWrap(True)
        about = plain_label(_("Not all of it could be taken:"), self)
        about.setProperty("muted", True)
        self.view = QPlainTextEdit(self)
        self.view.setReadOnly(True)
        self.view.setTabChangesFocus(True)
        self.view.setPlainText("\n".join(lines))
        self.view.setAccessibleName(about.text())
        buttons = QDialogButtonBox(self)
        copy = buttons.addButton(_("Copy"), QDialogButtonBox.ButtonRole.ActionRole)
        copy.clicked.connect(self._copy)
        buttons.addButton(_("Close"), QDialogButtonBox.ButtonRole.RejectRole)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 16)
        column.setSpacing(8)
        for widget in (title, about, self.view, buttons):
            column.addWidget(widget)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText("\n".join(self._lines))


def _section(words: str, parent: QWidget) -> QWidget:
    label = plain_label(words, parent)
    label.setProperty("section", True)
    return label
