"""About: version and licence, and those of the packages inside."""

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QListWidget,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from desktop_llm import __version__
from desktop_llm.services.licences import Licence
from desktop_llm.ui.widgets.plain_text import plain_label
from desktop_llm.words import _


class AboutDialog(QDialog):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(_("About desktop-llm"))
        self.resize(640, 520)
        self._licences: Sequence[Licence] = ()
        title = plain_label("desktop-llm", self)
        title.setProperty("heading", True)
        about = plain_label(
            _("Version {version}. Language work on your own computer. Licence: Apache-2.0.").format(
                version=__version__
            ),
            self,
        )
        about.setWordWrap(True)
        section = plain_label(_("Packages inside, and their licences"), self)
        section.setProperty("section", True)
        self.list = QListWidget(self)
        self.list.setAccessibleName(_("Packages"))
        self.list.currentRowChanged.connect(self._show_text)
        self._text = QPlainTextEdit(self)
        self._text.setReadOnly(True)
        self._text.setAccessibleName(_("Text of the licence"))
        self._text.setTabChangesFocus(True)
        pair = QHBoxLayout()
        pair.setSpacing(12)
        pair.addWidget(self.list, 2)
        pair.addWidget(self._text, 3)
        buttons = QDialogButtonBox(self)
        buttons.addButton(_("Close"), QDialogButtonBox.ButtonRole.RejectRole)
        buttons.rejected.connect(self.reject)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(24, 24, 24, 16)
        rows.setSpacing(12)
        for widget in (title, about, section):
            rows.addWidget(widget)
        rows.addLayout(pair, 1)
        rows.addWidget(buttons)

    def show_licences(self, licences: Sequence[Licence]) -> None:
        self._licences = licences
        self.list.clear()
        for licence in licences:
            self.list.addItem(f"{licence.package} {licence.version}")
        self.list.setCurrentRow(0)

    def _show_text(self, row: int) -> None:
        if 0 <= row < len(self._licences):
            licence = self._licences[row]
            self._text.setPlainText(f"{licence.licence}\n\n{licence.text}".strip())
