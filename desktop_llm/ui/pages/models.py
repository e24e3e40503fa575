"""The page of models: what this computer has, what each is, and what can be done with it.

Knows no service: it shows what it is told and says what a person wants.
"""

from collections.abc import Sequence

from PySide6.QtCore import QItemSelectionModel, Qt, Signal
from PySide6.QtGui import QAction, QKeySequence, QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QListView,
    QMenu,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from desktop_llm.core.errors import DesktopLlmError
from desktop_llm.core.model_facts import ModelKind
from desktop_llm.core.models import InstalledModel, ModelSource
from desktop_llm.storage.model_places import Place
from desktop_llm.ui.icons import Role, icon
from desktop_llm.ui.models.library import LibraryModel, Surveyed
from desktop_llm.ui.widgets.button_grid import ButtonGrid
from desktop_llm.ui.widgets.empty_state import EmptyState
from desktop_llm.ui.widgets.facts_grid import FactsGrid
from desktop_llm.ui.widgets.inline_fault import InlineFault
from desktop_llm.ui.widgets.inline_question import InlineQuestion
from desktop_llm.ui.widgets.list_rows import TwoLineDelegate
from desktop_llm.ui.widgets.plain_text import plain_caption, plain_label
from desktop_llm.ui.widgets.scrolled import scrolled
from desktop_llm.words import _
from desktop_llm.words.faults import word_fault
from desktop_llm.words.models import facts_of, file_facts

NARROW = 760  # pixels of the page under which the details stand below the list
LEAST = 160  # pixels of height of the list and of the details


class ModelsPage(QFrame):
    use_wanted = Signal(object)  # an `InstalledModel`; so are the others
    removal_wanted = Signal(object)  # to be answered by `ask_removal`
    remove_confirmed = Signal(object)
    show_wanted = Signal(object)  # its file, in the system's file manager
    check_wanted = Signal(object)
    loading_wanted = Signal(object)  # how it is loaded is to be set
    template_wanted = Signal(object)  # its chat template is to be shown
    speed_wanted = Signal(object)  # it is to be measured, and made faster
    newer_wanted = Signal(object)  # whether the Hub has one
    file_wanted = Signal()
    folder_wanted = Signal()
    place_wanted = Signal(object)  # a `Place` of another program
    unlink_wanted = Signal(str)  # a folder that is linked
    find_wanted = Signal()  # to be had from the Hub
    links_wanted = Signal()  # the menu is about to be shown: what is offered, what is linked

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("page")
        self._model = LibraryModel(self)
        title = plain_label(_("Models"), self)
        title.setProperty("heading", True)
        about = plain_label(
            _("What this computer has. Everything here works without a network."), self
        )
        about.setProperty("muted", True)
        about.setWordWrap(True)
        self.list = QListView(self)
        self.empty = EmptyState(icon("cube", Role.PlaceholderText), self)
        self.empty.set_words(
            _("There is no model on this computer yet"),
            _(
                "Find one that fits this computer, add a file, or use the models of another "
                "program where they lie."
            ),
        )
        self._split = QSplitter(Qt.Orientation.Horizontal, self)
        self._split.setChildrenCollapsible(False)
        self._split.setHandleWidth(1)
        self._split.addWidget(self.list)
        self._split.addWidget(self._details())
        self._split.setStretchFactor(0, 1)
        self._split.setSizes([560, 320])
        self._stack = QStackedWidget(self)
        self._stack.addWidget(self._split)
        self._stack.addWidget(self.empty)
        self.question = InlineQuestion(_("Delete"), _("Cancel"), self)
        self.fault = InlineFault(icon("warning", Role.BrightText), icon("x"), self)
        self.fault.set_words(_("Dismiss"))
        self.question.after = self.fault.after = self.list
        rows = QVBoxLayout(self)
        rows.setContentsMargins(24, 16, 24, 24)
        rows.setSpacing(12)
        for widget in (title, about):
            rows.addWidget(widget)
        rows.addWidget(self._stack, 1)
        rows.addWidget(self.question)
        rows.addWidget(self.fault)
        rows.addLayout(self._foot())
        self.setFocusProxy(self.list)
        self._set_up_list()
        self._show_chosen()

    def _set_up_list(self) -> None:
        self.list.setModel(self._model)
        self.list.setItemDelegate(TwoLineDelegate(self.list))
        self.list.setAccessibleName(_("Models"))
        self.list.setUniformItemSizes(True)
        self.list.setMinimumSize(260, LEAST)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.list.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        self.list.selectionModel().currentChanged.connect(lambda *_: self._show_chosen())
        self.list.doubleClicked.connect(lambda _index: self._use())
        keys = Qt.Key
        for button, call, own in (
            (self.use_button, self._use, (keys.Key_Return, keys.Key_Enter)),
            (self.show_button, self._show, ()),
            (self.check_button, self._check, ()),
            (self.newer_button, self._ask_newer, ()),
            (self.load_button, self._set_loading, ()),
            (self.template_button, self._show_template, ()),
            (self.speed_button, self._make_faster, ()),
            (self.remove_button, self._remove, (keys.Key_Delete,)),
        ):
            action = QAction(button.icon(), button.text(), self.list)
            action.setShortcuts([QKeySequence(key) for key in own])
            action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
            action.setAutoRepeat(False)
            action.triggered.connect(call)
            self.list.addAction(action)

    def _details(self) -> QWidget:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(16, 4, 8, 8)
        column.setSpacing(12)
        self.name = plain_label(parent=inside)
        self.name.setProperty("section", True)
        self.name.setWordWrap(True)
        self.use_button = QPushButton(icon("chat-circle"), _("Use in chat"), inside)
        self.use_button.clicked.connect(self._use)
        self.show_button = QPushButton(icon("folder-open"), _("Show the file"), inside)
        self.show_button.clicked.connect(self._show)
        self.check_button = QPushButton(icon("shield-check"), _("Check the file"), inside)
        self.check_button.setToolTip(_("Read it whole, and compare its hash with the known one"))
        self.check_button.clicked.connect(self._check)
        self.newer_button = QPushButton(icon("arrow-circle-up"), _("Newer version?"), inside)
        self.newer_button.setToolTip(_("Asks the Hub whether the file has changed there"))
        self.newer_button.clicked.connect(self._ask_newer)
        self.load_button = QPushButton(icon("sliders-horizontal"), _("Loading …"), inside)
        self.load_button.setToolTip(_("Context, KV cache, threads and more, for this model"))
        self.load_button.clicked.connect(self._set_loading)
        self.template_button = QPushButton(icon("code"), _("Template …"), inside)
        self.template_button.setToolTip(_("How conversations are put before it; another in place"))
        self.template_button.clicked.connect(self._show_template)
        self.speed_button = QPushButton(icon("lightning"), _("Make faster …"), inside)
        self.speed_button.setToolTip(_("Measure it, and try formats that suit this computer"))
        self.speed_button.clicked.connect(self._make_faster)
        self.remove_button = QPushButton(icon("trash"), _("Delete"), inside)
        self.remove_button.clicked.connect(self._remove)
        self.trouble = plain_label(parent=inside)
        self.trouble.setProperty("danger", True)
        self.trouble.setWordWrap(True)
        self.facts = FactsGrid(inside)
        buttons = (
            self.use_button,
            self.show_button,
            self.check_button,
            self.newer_button,
            self.load_button,
            self.template_button,
            self.speed_button,
            self.remove_button,
        )
        column.addWidget(self.name)
        column.addWidget(ButtonGrid(buttons, inside))
        column.addWidget(self.trouble)
        column.addWidget(self.facts)
        column.addStretch()
        self._area = scrolled(inside, _("About this model"), self)
        self._area.setMinimumSize(260, LEAST)
        return self._area

    def _foot(self) -> QHBoxLayout:
        self.find_button = QPushButton(icon("magnifying-glass"), _("Find models"), self)
        self.find_button.clicked.connect(self.find_wanted)
        self.add_button = QPushButton(icon("file-plus"), _("Add a file …"), self)
        self.add_button.clicked.connect(self.file_wanted)
        self.folder_button = QPushButton(icon("folder-plus"), _("Use a folder …"), self)
        self.folder_button.clicked.connect(self.folder_wanted)
        self.places_button = QPushButton(icon("app-window"), _("From other programs"), self)
        self.places_button.clicked.connect(self.links_wanted)
        row = QHBoxLayout()
        row.setSpacing(8)
        for button in (self.find_button, self.add_button, self.folder_button, self.places_button):
            row.addWidget(button)
        row.addStretch()
        return row

    # --- what is shown ---------------------------------------------------------------------------

    def show_models(self, models: Surveyed, loaded: str = "") -> None:
        """What was chosen stays chosen; where it is gone, what took its place is."""
        before = self._model.at(self.list.currentIndex())
        row = self.list.currentIndex().row()
        self._model.show(models, loaded)
        count = self._model.rowCount()
        if before is not None and (same := self._model.row_of(before[0].path)) >= 0:
            row = same
        if count:
            index = self._model.index(max(0, min(row, count - 1)))
            self.list.selectionModel().setCurrentIndex(
                index, QItemSelectionModel.SelectionFlag.ClearAndSelect
            )
        self._stack.setCurrentWidget(self._split if count else self.empty)
        self._show_chosen()

    def chosen(self) -> InstalledModel | None:
        found = self._model.at(self.list.currentIndex())
        return None if found is None else found[0]

    def choose(self, path: str) -> None:
        if (row := self._model.row_of(path)) >= 0:
            self.list.setCurrentIndex(self._model.index(row))

    def ask_removal(self, model: InstalledModel, words: str, about: str) -> None:
        """Before something is lost."""
        self.question.ask(words, about, lambda: self.remove_confirmed.emit(model))

    def show_links(self, offered: Sequence[Place], linked: Sequence[str]) -> None:
        """A menu: folders of other programs to use, and those in use to give up."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for place in offered:
            words = _("Use the models of {app}").format(app=place.app)
            action = menu.addAction(icon("app-window"), plain_caption(f"{words}  ({place.path})"))
            action.triggered.connect(lambda _on=False, place=place: self.place_wanted.emit(place))
        if not offered:
            none = menu.addAction(_("No other program's models were found"))
            none.setEnabled(False)
        if linked:
            menu.addSeparator()
        for path in linked:
            words = _("Stop using {path}").format(path=path)
            action = menu.addAction(icon("x"), plain_caption(words))
            action.triggered.connect(lambda _on=False, path=path: self.unlink_wanted.emit(path))
        menu.popup(self.places_button.mapToGlobal(self.places_button.rect().topLeft()))

    def show_fault(self, fault: DesktopLlmError) -> None:
        words = word_fault(fault)
        self.fault.show_fault(words.what, words.next_step)

    def _show_chosen(self) -> None:
        found = self._model.at(self.list.currentIndex())
        model, fault = (None, None) if found is None else found
        self.name.setText("" if model is None else model.name)
        self.trouble.setText("" if fault is None else str(word_fault(fault)))
        self.trouble.setVisible(fault is not None)
        facts = [] if model is None else facts_of(model) if fault is None else file_facts(model)
        self.facts.show_facts(facts)
        usable = model is not None and fault is None
        writes = model is not None and usable and model.kind is ModelKind.CHAT
        self.use_button.setEnabled(writes)
        self.load_button.setEnabled(writes)
        self.template_button.setEnabled(writes)
        self.speed_button.setEnabled(writes)
        self.show_button.setEnabled(model is not None)
        self.check_button.setEnabled(usable)
        from_hub = model is not None and "/" in model.repo and bool(model.sha256)
        self.newer_button.setEnabled(from_hub)
        self.remove_button.setEnabled(
            model is not None and model.source is not ModelSource.STARTER
        )  # fmt: skip

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        narrow = self.width() < NARROW
        wanted = Qt.Orientation.Vertical if narrow else Qt.Orientation.Horizontal
        if self._split.orientation() != wanted:
            self._split.setOrientation(wanted)

    # --- what a person wants ---------------------------------------------------------------------

    def _use(self) -> None:
        if (model := self.chosen()) is not None and self.use_button.isEnabled():
            self.use_wanted.emit(model)

    def _show(self) -> None:
        if (model := self.chosen()) is not None:
            self.show_wanted.emit(model)

    def _check(self) -> None:
        if (model := self.chosen()) is not None and self.check_button.isEnabled():
            self.check_wanted.emit(model)

    def _set_loading(self) -> None:
        if (model := self.chosen()) is not None and self.load_button.isEnabled():
            self.loading_wanted.emit(model)

    def _show_template(self) -> None:
        if (model := self.chosen()) is not None and self.template_button.isEnabled():
            self.template_wanted.emit(model)

    def _make_faster(self) -> None:
        if (model := self.chosen()) is not None and self.speed_button.isEnabled():
            self.speed_wanted.emit(model)

    def _ask_newer(self) -> None:
        if (model := self.chosen()) is not None and self.newer_button.isEnabled():
            self.newer_wanted.emit(model)

    def _remove(self) -> None:
        if (model := self.chosen()) is not None and self.remove_button.isEnabled():
            self.removal_wanted.emit(model)
