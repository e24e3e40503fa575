"""The language packs of this computer: what they are, and gone where wanted."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from desktop_llm.core.language_packs import LanguagePack
from desktop_llm.ui.icons import icon
from desktop_llm.ui.pages.tool_form import language_name
from desktop_llm.ui.widgets.empty_state import EmptyState
from desktop_llm.ui.widgets.plain_text import plain_label
from desktop_llm.words import _
from desktop_llm.words.amounts import size_words

WIDTH, HEIGHT = 520, 360  # pixels


class PacksDialog(QDialog):
    install_wanted = Signal()
    remove_wanted = Signal(str)  # name and version

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(_("Language packs"))
        self.resize(WIDTH, HEIGHT)
        self._rows = QVBoxLayout()
        self._rows.setSpacing(12)
        self._empty = EmptyState(icon("package"), self)
        self._empty.set_words(
            _("No language pack yet"),
            _("Take the wheel of a spaCy pipeline. It is unpacked as data; nothing of it is run."),
        )
        self._shown: list[QWidget] = []
        self.install_button = QPushButton(_("Install a language pack …"), self)
        self.install_button.setProperty("primary", True)
        self.install_button.clicked.connect(self.install_wanted)
        self._said = plain_label(parent=self)
        self._said.setProperty("muted", True)
        self._said.setWordWrap(True)
        foot = QHBoxLayout()
        foot.addStretch()
        foot.addWidget(self.install_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(12)
        inner = QWidget(self)
        inside = QVBoxLayout(inner)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.addLayout(self._rows)
        inside.addStretch()
        self._list = QScrollArea(self)
        self._list.setFrameShape(QScrollArea.Shape.NoFrame)
        self._list.setWidgetResizable(True)
        self._list.setWidget(inner)
        column.addWidget(self._list, 1)
        column.addWidget(self._empty, 1)
        column.addWidget(self._said)
        column.addLayout(foot)

    def show_packs(self, packs: Sequence[LanguagePack]) -> None:
        for row in self._shown:
            row.hide()
            row.deleteLater()
        self._shown = [self._row(pack) for pack in packs]
        for row in self._shown:
            self._rows.addWidget(row)
        self._list.setVisible(bool(packs))
        self._empty.setVisible(not packs)

    def say(self, words: str) -> None:
        self._said.setText(words)

    def _row(self, pack: LanguagePack) -> QWidget:
        row = QWidget(self)
        name = plain_label(f"{pack.name} {pack.version}", row)
        name.setProperty("section", True)
        known = _("hash known") if pack.known_hash else _("hash noted at the installation")
        facts = [language_name(pack.language), size_words(pack.size_bytes), pack.licence, known]
        about = plain_label("  ·  ".join(filter(None, facts)), row)
        about.setProperty("muted", True)
        about.setWordWrap(True)
        about.setToolTip(f"sha256 {pack.sha256}")
        remove = QPushButton(icon("trash"), _("Remove"), row)
        remove.setAccessibleName(_("Remove {name}").format(name=pack.name))
        identity = f"{pack.name}-{pack.version}"
        remove.clicked.connect(lambda: self.remove_wanted.emit(identity))
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(name)
        words.addWidget(about)
        line = QHBoxLayout(row)
        line.setContentsMargins(0, 0, 0, 0)
        line.addLayout(words, 1)
        line.addWidget(remove)
        return row
