"""Asks for what a text leaves open, one field a name, and shows the text as it will be.

Ctrl+Enter goes on and, in the last field, confirms; Esc leaves.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPalette, QResizeEvent, QTextCharFormat
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QTextEdit,
    QVBoxLayout,
    QWidget,
)

from desktop_llm.ui.widgets.announce import announce
from desktop_llm.ui.widgets.eliding import ElidingLabel
from desktop_llm.ui.widgets.plain_text import plain_label
from desktop_llm.ui.widgets.text_editor import TextEditor

MOST_LINES = 6  # of a field; it scrolls then
HIGHEST = 232  # pixels of all fields; they scroll then
PREVIEWED = 20_000  # characters of the text, and
VALUE = 2_000  # of one value, that are shown before it is inserted
LINES = 4  # of the preview
_OPEN, _SHUT = "\ue000", "\ue001"  # around a value, on its way into the preview
_EDGES = re.compile(f"([{_OPEN}{_SHUT}])")

Fill = Callable[[str, Mapping[str, str]], str]


@dataclass(frozen=True, slots=True)
class FormWords:
    confirm: str
    cancel: str
    preview: str
    hint: str
    last_time: str  # before the value of the last time: "{value}"


class VariableForm(QFrame):
    confirmed = Signal(dict)  # name and value, of what is known
    cancelled = Signal(dict)  # what was typed
    field_made = Signal(QWidget)
    toggled = Signal()  # it is shown, or hidden again

    def __init__(self, fill: Fill, words: FormWords, parent: QWidget | None = None) -> None:
        """`fill` puts values into a text."""
        super().__init__(parent)
        self.setObjectName("card")
        self._fill = fill
        self._words = words
        self._text = ""
        self._last: Mapping[str, str] = {}
        self.fields: dict[str, TextEditor] = {}
        self._title = ElidingLabel(self)
        self._title.setProperty("strong", True)
        self._fields = _Fields(self)
        self.preview = QPlainTextEdit(self)
        self.preview.setReadOnly(True)
        self.preview.setTabChangesFocus(True)
        self.preview.setAccessibleName(words.preview)
        self.preview.setProperty("preview", True)
        self._preview_name = plain_label(words.preview, self)
        self._preview_name.setProperty("small", True)
        self._hint = ElidingLabel(self)
        self._hint.setText(words.hint)
        self._hint.setProperty("small", True)
        self.cancel_button = QPushButton(words.cancel, self)
        self.cancel_button.clicked.connect(self.give_up)
        self.confirm_button = QPushButton(words.confirm, self)
        self.confirm_button.setProperty("primary", True)
        self.confirm_button.clicked.connect(self.confirm)
        for button in (self.cancel_button, self.confirm_button):
            button.setAutoDefault(True)  # Enter presses it too
        foot = QHBoxLayout()
        foot.setSpacing(8)
        foot.addWidget(self._hint, 1)
        foot.addWidget(self.cancel_button)
        foot.addWidget(self.confirm_button)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(16, 12, 12, 12)
        rows.setSpacing(8)
        rows.addWidget(self._title)
        rows.addWidget(self._fields)
        rows.addWidget(self._preview_name)
        rows.addWidget(self.preview)
        rows.addLayout(foot)
        self.hide()

    def open(
        self,
        title: str,
        text: str,
        names: Sequence[str],
        typed: Mapping[str, str],
        last: Mapping[str, str],
    ) -> None:
        """`typed` stands in the fields; `last` is offered, and taken where a field is empty."""
        self._title.setText(title)
        self.setAccessibleName(title)
        self._text, self._last = text, last
        self.fields = {}
        made = self._fields.show_names(names)
        for name, editor in zip(names, made, strict=True):
            editor.setPlainText(typed.get(name, ""))
            offered = " ".join(last.get(name, "")[:VALUE].split())[:120]
            words = self._words.last_time.format(value=offered) if offered else ""
            editor.setPlaceholderText(words)
            editor.textChanged.connect(self._changed)
            editor.focused.connect(lambda _on: self._show_preview())
            editor.send_wanted.connect(lambda editor=editor: self._go_on(editor))
            self.fields[name] = editor
            self.field_made.emit(editor)
        before: QWidget = self.fields[names[-1]]
        for widget in (self.preview, self.cancel_button, self.confirm_button):
            QWidget.setTabOrder(before, widget)
            before = widget
        self.show()
        self._show_preview()
        self.toggled.emit()
        first = next((each for each in made if not each.toPlainText()), made[0])
        first.setFocus(Qt.FocusReason.OtherFocusReason)
        announce(self, title)

    def values(self) -> dict[str, str]:
        """What is known: typed, or else of the last time."""
        found = {}
        for name, editor in self.fields.items():
            if value := editor.toPlainText() or self._last.get(name, ""):
                found[name] = value
        return found

    def typed(self) -> dict[str, str]:
        return {name: text for name, each in self.fields.items() if (text := each.toPlainText())}

    def confirm(self) -> None:
        if not self.isHidden():
            values = self.values()
            self._close()
            self.confirmed.emit(values)

    def give_up(self) -> None:
        if not self.isHidden():
            typed = self.typed()
            self._close()
            self.cancelled.emit(typed)

    def _close(self) -> None:
        self.hide()
        self.toggled.emit()

    def _go_on(self, editor: TextEditor) -> None:
        """To the next field, or to the end."""
        editors = list(self.fields.values())
        at = editors.index(editor) + 1
        if at < len(editors):
            editors[at].setFocus(Qt.FocusReason.TabFocusReason)
        else:
            self.confirm()

    def _changed(self) -> None:
        self._fields.fit()
        self._show_preview()

    def _show_preview(self) -> None:
        """Values stand out, and that of the field in focus is seen."""
        at = next((name for name, each in self.fields.items() if each.hasFocus()), None)
        values = {
            name: f"{_OPEN}{int(name == at)}{_plain(value[:VALUE])}{_SHUT}"
            for name, value in self.values().items()
        }
        filled = self._fill(_plain(self._text[:PREVIEWED]), values)[: 2 * PREVIEWED]
        text, spans, seen = _spans(filled)
        self.preview.setPlainText(text)
        marks = []
        for start, end in spans:
            mark = QTextEdit.ExtraSelection()
            mark.format = QTextCharFormat()
            mark.format.setForeground(self.palette().color(QPalette.ColorRole.Accent))
            mark.cursor = self.preview.textCursor()
            mark.cursor.setPosition(start)
            mark.cursor.setPosition(end, mark.cursor.MoveMode.KeepAnchor)
            marks.append(mark)
        self.preview.setExtraSelections(marks)
        lines = max(1, min(LINES, round(self.preview.document().size().height())))
        self.preview.setFixedHeight(lines * self.preview.fontMetrics().lineSpacing() + 24)
        if seen is not None:
            cursor = self.preview.textCursor()
            cursor.setPosition(seen)
            self.preview.setTextCursor(cursor)
            self.preview.ensureCursorVisible()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._changed()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.give_up()
        else:
            super().keyPressEvent(event)


class _Fields(QScrollArea):
    """As high as its fields, to a measure."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._editors: list[TextEditor] = []

    def show_names(self, names: Sequence[str]) -> list[TextEditor]:
        content = QWidget()
        content.setObjectName("variableFields")
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        self._editors = []
        for at, name in enumerate(names):
            if at:
                column.addSpacing(4)
            label = plain_label(name, content)
            label.setWordWrap(True)
            editor = TextEditor(content, enter_sends=False)
            editor.setAccessibleName(name)
            label.setBuddy(editor)
            editor.focused.connect(partial(self._see, editor))
            column.addWidget(label)
            column.addWidget(editor)
            self._editors.append(editor)
        self.setWidget(content)
        self.fit()
        return list(self._editors)

    def _see(self, editor: TextEditor, focused: bool) -> None:
        if focused:
            self.ensureWidgetVisible(editor)

    def fit(self) -> None:
        for editor in self._editors:
            lines = max(1, min(MOST_LINES, round(editor.document().size().height())))
            height = lines * editor.fontMetrics().lineSpacing() + 20
            if editor.height() != height:
                editor.setFixedHeight(height)
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        content = self.widget()
        height = HIGHEST if content is None else content.sizeHint().height()
        return QSize(200, min(HIGHEST, height))

    def minimumSizeHint(self) -> QSize:
        return QSize(120, min(72, self.sizeHint().height()))


def _plain(text: str) -> str:
    return _EDGES.sub("", text)


def _spans(filled: str) -> tuple[str, list[tuple[int, int]], int | None]:
    """The text, where the values stand in it (in UTF-16, as Qt counts), and the end of the first
    one that is to be seen.
    """
    parts: list[str] = []
    spans, seen, at, start = [], None, 0, 0
    wanted = False
    for part in _EDGES.split(filled):
        if part == _OPEN:
            start = -1
        elif part == _SHUT:
            spans.append((start, at))
            seen = at if wanted and seen is None else seen
        elif part:
            if start < 0:
                wanted, part, start = part[0] == "1", part[1:], at
            parts.append(part)
            at += len(part.encode("utf-16-le", "surrogatepass")) // 2
    return "".join(parts), spans, seen
