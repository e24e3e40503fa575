"""The library of prompts: find one, use it, write another.

Knows no service: it shows what it is told and says what a person wants.
"""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QEvent, QModelIndex, QObject, Qt, Signal
from PySide6.QtGui import QAction, QFocusEvent, QKeyEvent, QKeySequence, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QLineEdit,
    QListView,
    QMenu,
    QPushButton,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from desktop_llm.core.presets import Prompt
from desktop_llm.ui.icons import Role, icon
from desktop_llm.ui.models.prompts import PromptRow, PromptsModel
from desktop_llm.ui.pages.prompt_editor import MARGIN, NEW, PromptEditor
from desktop_llm.ui.widgets.announce import announce
from desktop_llm.ui.widgets.empty_state import EmptyState
from desktop_llm.ui.widgets.list_rows import HitDelegate
from desktop_llm.ui.widgets.plain_text import plain_label
from desktop_llm.words import _, counted


class PromptsPanel(QWidget):
    """Esc clears the search, or leaves the editor; else it is the panel's.

    What is in it is made when it is first needed: few people open it, and it takes memory.
    """

    use_wanted = Signal(object)  # a `Prompt`; so are the others
    save_wanted = Signal(object)
    duplicate_wanted = Signal(object)
    delete_wanted = Signal(object)
    left = Signal(object, object)  # what was edited, and what was written and not saved
    examples_wanted = Signal()
    import_wanted = Signal()
    export_wanted = Signal()
    made = Signal(object)  # a widget with fields

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._known = False
        self._made = False
        self._waiting: Sequence[PromptRow] | None = None  # to be shown when it is made
        self._editor: PromptEditor | None = None
        self.model = PromptsModel(self)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)

    def showEvent(self, event: QShowEvent) -> None:
        self._need()
        super().showEvent(event)

    def _need(self) -> None:
        if self._made:
            return
        self._made = True
        self._make()
        self.made.emit(self)
        if self._waiting is not None:
            self.show_rows(self._waiting)

    def _make(self) -> None:
        head = self._head()  # first: Tab goes as widgets are made
        self._make_list()
        foot = self._foot()
        self._nothing = plain_label(_("No prompt has these words."), self)
        self._nothing.setProperty("muted", True)
        self._nothing.setWordWrap(True)
        self._nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._nothing.setMargin(MARGIN)
        self.empty = EmptyState(icon("notebook", Role.PlaceholderText), self)
        self._content = QWidget(self)
        column = QVBoxLayout(self._content)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(head)
        column.addWidget(self.list, 1)
        column.addWidget(self._nothing, 1)
        column.addLayout(foot)
        self._stack = QStackedWidget(self)
        for widget in (self.empty, self._content):
            self._stack.addWidget(widget)
        self._layout.addWidget(self._stack)
        self._stack.show()  # at once: within a show event that waits for the loop
        self._show_actions()

    @property
    def editor(self) -> PromptEditor:
        """Made when it is first wanted: few people write prompts."""
        self._need()
        if self._editor is None:
            self._editor = PromptEditor(self)
            self._editor.saved.connect(self.save_wanted)
            self._editor.left.connect(self._left_editor)
            self._stack.addWidget(self._editor)
            self.made.emit(self._editor)
        return self._editor

    def _head(self) -> QHBoxLayout:
        self.search = QLineEdit(self)
        self.search.setPlaceholderText(_("Search"))
        self.search.setAccessibleName(_("Search prompts"))
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._search)
        self.search.returnPressed.connect(self._use)
        self.search.installEventFilter(self)
        self.new_button = QPushButton(icon("plus"), _("New"), self)
        self.new_button.setAccessibleName(_("New prompt"))
        self.new_button.setToolTip(_("New prompt"))
        self.new_button.clicked.connect(lambda: self.edit(NEW))
        self.more_button = self._tool("dots-three", _("More"), self._show_more)
        row = QHBoxLayout()
        row.setContentsMargins(MARGIN, 4, 12, 8)
        row.setSpacing(8)
        row.addWidget(self.search, 1)
        row.addWidget(self.new_button)
        row.addWidget(self.more_button)
        return row

    def _make_list(self) -> None:
        self.list = QListView(self)
        self.list.setModel(self.model)
        self.list.setItemDelegate(HitDelegate(self.list))
        self.list.setAccessibleName(_("Prompts"))
        self.list.setUniformItemSizes(True)
        self.list.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.list.setViewportMargins(6, 0, 6, 0)
        self.list.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        self.list.selectionModel().currentChanged.connect(self._show_actions)
        self.list.doubleClicked.connect(self._use)

    def _foot(self) -> QHBoxLayout:
        """What can be done with the prompt that is chosen: the same in the menu of its row."""
        keys = Qt.Key
        self.use_button = QPushButton(icon("arrow-elbow-down-left"), _("Insert"), self)
        self.use_button.clicked.connect(self._use)
        self.edit_button = self._tool("pencil-simple", _("Edit"), self._edit)
        self.duplicate_button = self._tool("copy", _("Duplicate"), self._duplicate)
        self.delete_button = self._tool("trash", _("Delete"), self._delete)
        row = QHBoxLayout()
        row.setContentsMargins(MARGIN, 8, 12, MARGIN)
        row.setSpacing(4)
        row.addWidget(self.use_button)
        row.addStretch()
        for button, words, name, call, own in (
            (self.use_button, _("Insert"), "arrow-elbow-down-left", self._use,
             (keys.Key_Return, keys.Key_Enter)),
            (self.edit_button, _("Edit"), "pencil-simple", self._edit, ()),
            (self.duplicate_button, _("Duplicate"), "copy", self._duplicate, ()),
            (self.delete_button, _("Delete"), "trash", self._delete, (keys.Key_Delete,)),
        ):  # fmt: skip
            action = QAction(icon(name), words, self.list)
            action.setShortcuts([QKeySequence(key) for key in own])
            action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
            action.setAutoRepeat(False)  # a key held down takes one row, not all
            action.triggered.connect(call)
            self.list.addAction(action)
            if own:
                native = QKeySequence(own[0]).toString(QKeySequence.SequenceFormat.NativeText)
                button.setToolTip(f"{words}  {native}")
            if button is not self.use_button:
                row.addWidget(button)
        return row

    def _tool(self, name: str, words: str, call: Callable[[], object]) -> QToolButton:
        button = QToolButton(self)
        button.setIcon(icon(name))
        button.setToolTip(words)
        button.setAccessibleName(words)
        button.clicked.connect(lambda: call())
        return button

    # --- what is shown -------------------------------------------------------------------------

    def show_rows(self, rows: Sequence[PromptRow]) -> None:
        """What is chosen stays chosen; where it is gone, what took its place is."""
        if not self._made:
            self._waiting = rows
            self.model.show_rows(rows)
            return
        at = max(0, self.list.currentIndex().row())
        self._known = True
        self.model.show_rows(rows)
        if not self.list.currentIndex().isValid():
            self._choose(min(at, self.model.rowCount() - 1))
        self._show_found()
        if not self.editing:
            self._show_library()

    def choose(self, number: int) -> None:
        """A prompt that is new, or was changed: it is seen whatever was searched for."""
        self._need()
        if self.model.row_with(number) is None:
            self.search.clear()
        if (row := self.model.row_with(number)) is not None:
            self._choose(row)

    def _choose(self, row: int) -> None:
        index = self.model.index(row)
        self.list.setCurrentIndex(index)
        if index.isValid():
            self.list.scrollTo(index)
        self._show_actions()

    def chosen(self) -> Prompt | None:
        return self.model.prompt(self.list.currentIndex())

    def edit(self, stored: Prompt, typed: Prompt | None = None) -> None:
        """Another one that is being written is left as by Esc."""
        if self.editing and self.editor.unsaved() is not None:
            self.left.emit(self.editor.stored, self.editor.unsaved())
        self.editor.open(stored, typed)
        self._show(self.editor)
        taker: QWidget = self.editor.text if stored.id else self.editor.name
        taker.setFocus(Qt.FocusReason.OtherFocusReason)

    @property
    def editing(self) -> bool:
        return self._editor is not None and self._stack.currentWidget() is self._editor

    def close_editor(self) -> None:
        self.editor.open(NEW)
        self._show_library()

    def _show_library(self) -> None:
        if self._known and not self.model.total:
            self.empty.set_words(
                _("No prompts yet"), _("Keep texts that you send often, with gaps to fill in.")
            )
            self.empty.set_buttons(
                [
                    (_("New prompt"), lambda: self.edit(NEW)),
                    (_("Add three examples"), self.examples_wanted.emit),
                    (_("Import …"), self.import_wanted.emit),
                ]
            )
        self._show(self.empty if self._known and not self.model.total else self._content)

    def _show(self, widget: QWidget) -> None:
        """The focus goes along."""
        focus = self.window().focusWidget()
        had_focus = focus is not None and (focus is self or self.isAncestorOf(focus))
        changed = self._stack.currentWidget() is not widget
        self._stack.setCurrentWidget(widget)
        if changed and had_focus:
            self._take_focus(Qt.FocusReason.OtherFocusReason)

    def _take_focus(self, reason: Qt.FocusReason) -> None:
        shown = self._stack.currentWidget()
        if shown is self._content:
            self.search.setFocus(reason)
        elif self.editing:
            self.editor.text.setFocus(reason)
        else:
            self.setFocus(reason)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Passed on; with nothing to pass it to this keeps it, so that Esc is heard."""
        super().focusInEvent(event)
        if self._made and self._stack.currentWidget() is not self.empty:
            self._take_focus(event.reason())

    def _search(self, text: str) -> None:
        self.model.search(text)
        self._choose(0)
        self._show_found()
        if text:
            found = self.model.rowCount()
            announce(self, counted("{number} prompt found", "{number} prompts found", found))

    def _show_found(self) -> None:
        found = self.model.rowCount() > 0
        self.list.setVisible(found)
        self._nothing.setVisible(not found)
        self._show_actions()

    def _show_actions(self, *_indexes: QModelIndex) -> None:
        chosen = self.chosen() is not None
        for action in self.list.actions():
            action.setEnabled(chosen)
        for button in (self.use_button, self.edit_button, self.duplicate_button,
                       self.delete_button):  # fmt: skip
            button.setEnabled(chosen)

    # --- what a person does --------------------------------------------------------------------

    def _use(self) -> None:
        if (prompt := self.chosen()) is not None:
            self.use_wanted.emit(prompt)

    def _edit(self) -> None:
        if (prompt := self.chosen()) is not None:
            self.edit(prompt)

    def _duplicate(self) -> None:
        if (prompt := self.chosen()) is not None:
            self.duplicate_wanted.emit(prompt)

    def _delete(self) -> None:
        if (prompt := self.chosen()) is not None:
            self.list.setFocus(Qt.FocusReason.OtherFocusReason)  # the button may be disabled soon
            self.delete_wanted.emit(prompt)

    def _left_editor(self, typed: Prompt | None) -> None:
        stored = self.editor.stored
        self.close_editor()
        if typed is not None:
            self.left.emit(stored, typed)

    def _show_more(self) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction(icon("download-simple"), _("Import …"), self.import_wanted.emit)
        export = menu.addAction(icon("export"), _("Export …"), self.export_wanted.emit)
        export.setEnabled(self.model.total > 0)
        place = self.more_button.mapToGlobal(self.more_button.rect().bottomRight())
        place.setX(place.x() - menu.sizeHint().width())
        menu.popup(place)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The arrow keys of the search line move in the list."""
        pressed = watched is self.search and event.type() == QEvent.Type.KeyPress
        if pressed and isinstance(event, QKeyEvent):
            step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()))
            if step is not None and not event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier:
                row = self.list.currentIndex().row() + step
                if 0 <= row < self.model.rowCount():
                    self._choose(row)
                return True
            if event.key() == Qt.Key.Key_Escape and self.search.text():
                self.search.clear()
                return True
        return super().eventFilter(watched, event)
