"""The page of the text tools: a text at the left, the tools between, what comes of it at the right.

Knows no service: it shows what it is told and says what a person wants.
"""

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QSplitter,
    QTextEdit,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from desktop_llm.core.segments import Span
from desktop_llm.core.tools import Tool
from desktop_llm.ui.icons import icon
from desktop_llm.ui.pages.tool_popup import tool_icon
from desktop_llm.ui.pages.tool_view import ToolView, tool_title
from desktop_llm.ui.widgets.eliding import ElidingLabel
from desktop_llm.ui.widgets.plain_text import plain_label
from desktop_llm.ui.widgets.text_editor import files_of
from desktop_llm.words import _, counted

MOST_SHOWN = 200_000  # characters; the tools read all
BUTTON = 36  # pixels
STRIP = 48


class ToolsPage(QFrame):
    tool_chosen = Signal(str)  # its id
    files_given = Signal(list)  # paths
    open_wanted = Signal()
    table_wanted = Signal()
    history_wanted = Signal()
    analysis_wanted = Signal()
    manage_wanted = Signal()
    text_edited = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("page")
        self.setAcceptDrops(True)
        self._buttons: dict[str, QToolButton] = {}
        self._whole = ""  # where not all of the text is shown
        title = plain_label(_("Text tools"), self)
        title.setProperty("heading", True)
        self.open_button = self._button(_("Open …"), "folder-open", self.open_wanted)
        self.table_button = self._button(_("Table …"), "table", self.table_wanted)
        self.history_button = self._button(
            _("History"), "clock-counter-clockwise", self.history_wanted
        )
        self.analyse_button = self._button(_("Analyse"), "chart-bar", self.analysis_wanted)
        self.manage_button = self._button(
            _("Manage tools …"), "sliders-horizontal", self.manage_wanted
        )
        self.source = _Source(self)
        self.source.setPlaceholderText(_("Write or paste a text, or drop a file here"))
        self.source.setAccessibleName(_("Text"))
        self.source.setTabChangesFocus(True)
        self.source.textChanged.connect(self._edited)
        self.source.files_given.connect(self.files_given)
        self._about = plain_label(parent=self)
        self._about.setProperty("small", True)
        self._about.setWordWrap(True)
        self.view = ToolView(self)
        self.view.sources_chosen.connect(self.mark)
        self._tool_name = ElidingLabel(self)
        self._tool_name.setProperty("section", True)
        self.strip = QWidget(self)
        self._strip = QVBoxLayout(self.strip)
        self._strip.setContentsMargins(2, 2, 2, 2)
        self._strip.setSpacing(2)
        self._strip.addStretch()
        scroll = QScrollArea(self)
        scroll.setWidget(self.strip)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFixedWidth(STRIP)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._lay_out(title, scroll)
        self.setFocusProxy(self.source)

    def _lay_out(self, title: QWidget, strip: QWidget) -> None:
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(title)
        head.addStretch()
        for button in (self.open_button, self.table_button, self.analyse_button,
                       self.history_button, self.manage_button):  # fmt: skip
            head.addWidget(button)
        left, right = QWidget(self), QWidget(self)
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self.source, 1)
        column.addWidget(self._about)
        column = QVBoxLayout(right)
        column.setContentsMargins(8, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self._tool_name)
        column.addWidget(self.view, 1)
        middle = QWidget(self)
        row = QHBoxLayout(middle)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        row.addWidget(strip)
        row.addWidget(right, 1)
        self.split = QSplitter(Qt.Orientation.Horizontal, self)
        self.split.setChildrenCollapsible(False)
        self.split.setHandleWidth(1)
        self.split.addWidget(left)
        self.split.addWidget(middle)
        self.split.setSizes([500, 560])
        rows = QVBoxLayout(self)
        rows.setContentsMargins(24, 16, 24, 16)
        rows.setSpacing(12)
        rows.addLayout(head)
        rows.addWidget(self.split, 1)

    def _button(self, words: str, name: str, signal: object) -> QPushButton:
        button = QPushButton(icon(name), words, self)
        button.setAutoDefault(True)
        button.clicked.connect(lambda: signal.emit())  # type: ignore[attr-defined]  # a signal
        return button

    # --- the tools -------------------------------------------------------------------------------

    def show_tools(self, tools: Sequence[Tool], current: str) -> None:
        for button in self._buttons.values():
            self._strip.removeWidget(button)
            button.hide()
            button.deleteLater()
        self._buttons = {}
        for at, tool in enumerate(tools):
            button = QToolButton(self.strip)
            button.setIcon(icon(tool_icon(tool)))
            button.setIconSize(QSize(20, 20))
            button.setFixedSize(BUTTON, BUTTON)
            button.setCheckable(True)
            name = tool_title(tool)
            button.setToolTip(f"{name}  {tool.shortcut}".strip())
            button.setAccessibleName(name)
            button.clicked.connect(partial(self.tool_chosen.emit, tool.id))
            self._strip.insertWidget(at, button)
            button.show()
            self._buttons[tool.id] = button
        self.mark_tool(current)

    def mark_tool(self, identity: str) -> None:
        for own, button in self._buttons.items():
            button.setChecked(own == identity)
            if own == identity:
                self._tool_name.setText(button.accessibleName())

    # --- the text --------------------------------------------------------------------------------

    def text(self) -> str:
        return self._whole or self.source.toPlainText()

    def show_text(self, text: str, about: str = "") -> None:
        self._whole = text if len(text) > MOST_SHOWN else ""
        self.source.blockSignals(True)
        self.source.setPlainText(text[:MOST_SHOWN])
        self.source.blockSignals(False)
        self.source.setReadOnly(bool(self._whole))
        words = [about] if about else []
        words.append(counted("{number} character", "{number} characters", len(text)))
        if self._whole:
            note = _("The first {number} are shown; the tools read all.")
            words.append(note.format(number=f"{MOST_SHOWN:,}"))
        self._about.setText(_(" · ").join(words))
        self.mark([])

    def show_state(self, words: str) -> None:
        """E.g. that a file is being read."""
        self._about.setText(words)

    def _edited(self) -> None:
        self._whole = ""
        number = self.source.document().characterCount() - 1
        self._about.setText(counted("{number} character", "{number} characters", number))
        self.text_edited.emit()

    def mark(self, spans: Sequence[Span]) -> None:
        """Sentences that a part of the result rests on."""
        marks = []
        for span in spans:
            if span.start >= MOST_SHOWN:
                continue
            mark = QTextEdit.ExtraSelection()
            form = QTextCharFormat()
            form.setBackground(self.palette().highlight())
            cursor = QTextCursor(self.source.document())
            cursor.setPosition(_units(self.source, span.start))
            cursor.setPosition(_units(self.source, span.end), QTextCursor.MoveMode.KeepAnchor)
            mark.cursor, mark.format = cursor, form
            marks.append(mark)
        self.source.setExtraSelections(marks)
        if marks:
            first: QTextCursor = marks[0].cursor
            shown = QTextCursor(self.source.document())
            shown.setPosition(first.selectionStart())
            self.source.setTextCursor(shown)
            self.source.centerCursor()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if files_of(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        if paths := files_of(event.mimeData()):
            event.acceptProposedAction()
            self.files_given.emit(paths)


def _units(editor: QPlainTextEdit, characters: int) -> int:
    """A place in a document, which counts UTF-16 units."""
    text = editor.toPlainText()[:characters]
    return len(text) + sum(sign > "\uffff" for sign in text)


class _Source(QPlainTextEdit):
    files_given = Signal(list)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if files_of(event.mimeData()):
            event.acceptProposedAction()
        else:
            super().dragEnterEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        if paths := files_of(event.mimeData()):
            event.acceptProposedAction()
            self.files_given.emit(paths)
        else:
            super().dropEvent(event)
