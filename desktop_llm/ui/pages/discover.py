"""The page of models to be had: those that are known by themselves, and those a search finds.

Knows no service: it shows what it is told and says what a person wants. Nothing is asked of the Hub
while a person types; only what they look for by Enter or the button is sent.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QItemSelectionModel, Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QListView,
    QProgressBar,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from desktop_llm.core.catalogue import Fit, ModelTask
from desktop_llm.core.errors import DesktopLlmError
from desktop_llm.ui.icons import ON_ACCENT, Role, icon
from desktop_llm.ui.models.discover import FileOffer, FilesModel, Offer, OffersModel
from desktop_llm.ui.widgets.empty_state import EmptyState
from desktop_llm.ui.widgets.facts_grid import FactsGrid
from desktop_llm.ui.widgets.flow_layout import FlowLayout
from desktop_llm.ui.widgets.inline_fault import InlineFault
from desktop_llm.ui.widgets.inputs import Choice
from desktop_llm.ui.widgets.link_menu import show_link_menu
from desktop_llm.ui.widgets.list_rows import TwoLineDelegate
from desktop_llm.ui.widgets.plain_text import plain_label
from desktop_llm.ui.widgets.safe_text import SafeText
from desktop_llm.ui.widgets.scrolled import scrolled
from desktop_llm.words import _
from desktop_llm.words.discover import task_words
from desktop_llm.words.faults import word_fault

NARROW = 760  # pixels of the page under which the details stand below the list
LEAST = 150  # pixels of height of the list and of the details
LANGUAGES = ("en", "zh", "de", "fr", "es", "ja", "ko", "ru")
LICENCES = ("apache-2.0", "mit", "llama3.2", "gemma")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is looked for."""

    words: str = ""
    task: ModelTask | None = None
    language: str = ""
    licence: str = ""
    sort: str = "downloads"


class DiscoverPage(QFrame):
    narrowed = Signal(object)  # a `Wanted`, for the catalogue alone
    search_wanted = Signal(object)  # a `Wanted`, for the Hub
    details_wanted = Signal(object)  # of an `Offer`, from the Hub
    download_wanted = Signal(object, object)  # an `Offer`, a `FileOffer` or None
    page_wanted = Signal(object)  # of an `Offer`, in the browser
    cancel_wanted = Signal()
    back_wanted = Signal()
    chosen_changed = Signal(object)  # an `Offer`

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("page")
        self._offers = OffersModel(self)
        self._files = FilesModel(self)
        title = plain_label(_("Find models"), self)
        title.setProperty("heading", True)
        self.back_button = QPushButton(icon("caret-left"), _("Models of this computer"), self)
        self.back_button.clicked.connect(self.back_wanted)
        head = QHBoxLayout()
        head.addWidget(title, 1)
        head.addWidget(self.back_button)
        self.about = plain_label(
            _("Chosen for this program; the search asks the Hub of Hugging Face."), self
        )
        self.about.setProperty("muted", True)
        self.about.setWordWrap(True)
        self.list = QListView(self)
        self.empty = EmptyState(icon("magnifying-glass", Role.PlaceholderText), self)
        self.empty.set_words(_("Nothing was found"), _("Try fewer words, or other filters."))
        self._lists = QStackedWidget(self)
        self._lists.addWidget(self.list)
        self._lists.addWidget(self.empty)
        self._lists.setMinimumSize(260, LEAST)
        self._split = QSplitter(Qt.Orientation.Horizontal, self)
        self._split.setChildrenCollapsible(False)
        self._split.setHandleWidth(1)
        self._split.addWidget(self._lists)
        self._side = self._details()
        self._split.addWidget(self._side)
        self._split.setStretchFactor(0, 1)
        self._split.setSizes([500, 420])
        self.fault = InlineFault(icon("warning", Role.BrightText), icon("x"), self)
        self.fault.set_words(_("Dismiss"))
        rows = QVBoxLayout(self)
        rows.setContentsMargins(24, 16, 24, 16)
        rows.setSpacing(10)
        rows.addLayout(head)
        rows.addWidget(self.about)
        rows.addWidget(self._search_row())
        rows.addWidget(self._busy_row())
        rows.addWidget(self.fault)
        rows.addWidget(self._split, 1)
        self.fault.after = self.words
        self._set_up_lists()
        self.setFocusProxy(self.words)
        self.show_offers([])

    # --- its parts -------------------------------------------------------------------------------

    def _search_row(self) -> QWidget:
        self.words = QLineEdit(self)
        self.words.setPlaceholderText(_("Name of a model"))
        self.words.setAccessibleName(_("Name of a model"))
        self.words.setClearButtonEnabled(True)
        self.words.setMinimumWidth(180)
        self.words.returnPressed.connect(self._search)
        self.words.textChanged.connect(lambda _text: self._narrow())
        self.search_button = QPushButton(icon("magnifying-glass"), _("Search the Hub"), self)
        self.search_button.clicked.connect(self._search)
        self.task = self._choice(
            _("Task"), [(_("Every task"), None), *((task_words(each), each) for each in ModelTask)]
        )
        from desktop_llm.words.models import LANGUAGES as NAMES

        self.language = self._choice(
            _("Language"), [(_("Every language"), ""), *((NAMES[each], each) for each in LANGUAGES)]
        )
        self.licence = self._choice(
            _("Licence"), [(_("Every licence"), ""), *((each, each) for each in LICENCES)]
        )
        self.sort = self._choice(
            _("Order"),
            [
                (_("Most downloaded"), "downloads"),
                (_("Most liked"), "likes"),
                (_("Changed last"), "last_modified"),
                (_("Talked about"), "trending_score"),
            ],
        )
        row = QWidget(self)
        flow = FlowLayout(8, row)
        for widget in (self.words, self.search_button, self.task, self.language, self.licence,
                       self.sort):  # fmt: skip
            flow.addWidget(widget)
        return row

    def _busy_row(self) -> QWidget:
        self.busy = QWidget(self)
        self._busy_words = plain_label(parent=self.busy)
        self._busy_words.setProperty("small", True)
        bar = QProgressBar(self.busy)
        bar.setRange(0, 0)
        bar.setTextVisible(False)
        bar.setMaximumHeight(6)
        self.cancel_button = QPushButton(_("Cancel"), self.busy)
        self.cancel_button.clicked.connect(self.cancel_wanted)
        row = QHBoxLayout(self.busy)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        row.addWidget(self._busy_words)
        row.addWidget(bar, 1)
        row.addWidget(self.cancel_button)
        self.busy.hide()
        return self.busy

    def _details(self) -> QWidget:
        inside = QWidget(self)
        inside.setMinimumSize(260, LEAST)
        self.name = plain_label(parent=inside)
        self.name.setProperty("section", True)
        self.name.setWordWrap(True)
        self.sentence = plain_label(parent=inside)
        self.sentence.setWordWrap(True)
        self.notice = plain_label(parent=inside)
        self.notice.setWordWrap(True)
        self.notice.setProperty("danger", True)
        self.card = SafeText(inside)
        self.card.setAccessibleName(_("What its makers say"))
        self.card.link_activated.connect(
            lambda address: show_link_menu(
                self.card, address, _("Open in the browser"), _("Copy address")
            )
        )
        self.card.setFrameShape(QFrame.Shape.NoFrame)
        self._below = QStackedWidget(inside)
        self._below.addWidget(self._about_area())
        self._below.addWidget(self.card)
        self.download_button = QPushButton(
            icon("download-simple", ON_ACCENT), _("Download"), inside
        )
        self.download_button.setProperty("primary", True)
        self.download_button.clicked.connect(self._download)
        self.more_button = QPushButton(icon("list"), _("All its files"), inside)
        self.more_button.setToolTip(_("Asks the Hub"))
        self.more_button.clicked.connect(self._ask_details)
        self.card_button = QPushButton(icon("book-open"), _("What its makers say"), inside)
        self.card_button.setCheckable(True)
        self.card_button.toggled.connect(self._show_card)
        self.page_button = QPushButton(icon("arrow-square-out"), _("Its page"), inside)
        self.page_button.setToolTip(_("Open in the browser"))
        self.page_button.clicked.connect(self._open_page)
        buttons = QWidget(inside)
        flow = FlowLayout(8, buttons)
        for button in (self.download_button, self.more_button, self.card_button, self.page_button):
            flow.addWidget(button)
        column = QVBoxLayout(inside)
        column.setContentsMargins(16, 0, 0, 0)
        column.setSpacing(8)
        for widget in (self.name, self.sentence, self.notice, buttons):
            column.addWidget(widget)
        column.addWidget(self._below, 1)
        return inside

    def _about_area(self) -> QWidget:
        """Its files, then what is known of it: one scrolls through both."""
        inside = QWidget()
        self.files = QListView(inside)
        self.files.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.facts = FactsGrid(inside)
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 8, 0)
        column.setSpacing(12)
        column.addWidget(self.files)
        column.addWidget(self.facts)
        column.addStretch()
        self._area = scrolled(inside, _("About this model"), self)
        return self._area

    def _set_up_lists(self) -> None:
        for view, model, name in (
            (self.list, self._offers, _("Models to be had")),
            (self.files, self._files, _("Its files")),
        ):
            view.setModel(model)
            view.setItemDelegate(TwoLineDelegate(view))
            view.setAccessibleName(name)
            view.setUniformItemSizes(True)
            view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
            view.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.list.selectionModel().currentChanged.connect(lambda *_: self._choose())
        self.files.selectionModel().currentChanged.connect(lambda *_: self._choose_file())
        self.files.doubleClicked.connect(lambda _index: self._download())

    def _choice(self, name: str, choices: Sequence[tuple[str, object]]) -> Choice:
        control = Choice(icon("caret-down"), self)
        for text, value in choices:
            control.addItem(text, value)
        control.setAccessibleName(name)
        control.setToolTip(name)
        control.currentIndexChanged.connect(lambda _at: self._narrow())
        return control

    # --- what is shown ---------------------------------------------------------------------------

    def wanted(self) -> Wanted:
        task = self.task.currentData()
        return Wanted(
            words=self.words.text().strip(),
            task=None if task is None else ModelTask(task),  # Qt gives its text
            language=self.language.currentData(),
            licence=self.licence.currentData(),
            sort=self.sort.currentData(),
        )

    def show_offers(self, offers: Sequence[Offer]) -> None:
        chosen = self.chosen()
        self._offers.show(offers)
        same = [row for row, each in enumerate(offers) if chosen and each.repo == chosen.repo]
        if offers:
            index = self._offers.index(same[0] if same else 0)
            self.list.selectionModel().setCurrentIndex(
                index, QItemSelectionModel.SelectionFlag.ClearAndSelect
            )
        self._lists.setCurrentWidget(self.list if offers else self.empty)
        self._choose()

    def chosen(self) -> Offer | None:
        return self._offers.at(self.list.currentIndex())

    def chosen_file(self) -> FileOffer | None:
        return self._files.at(self.files.currentIndex())

    def show_details(
        self, name: str, sentence: str, notice: str, facts: Sequence[tuple[str, str]]
    ) -> None:
        self.name.setText(name)
        for label, words in ((self.sentence, sentence), (self.notice, notice)):
            label.setText(words)
            label.setVisible(bool(words))
        self.facts.show_facts(facts)

    def show_files(self, files: Sequence[FileOffer], card: str) -> None:
        """`card`: HTML of `rendering.html`; empty: there is none."""
        self._files.show(files)
        rows = sum(self.files.sizeHintForRow(row) for row in range(len(files)))
        self.files.setFixedHeight(rows + 2 * self.files.frameWidth())
        self.files.setVisible(bool(files))
        if files:
            index = self._files.index(self._files.usual())
            self.files.selectionModel().setCurrentIndex(
                index, QItemSelectionModel.SelectionFlag.ClearAndSelect
            )
        self.card.show_html(card)
        self.card_button.setEnabled(bool(card))
        if not card:
            self.card_button.setChecked(False)
        self._show_card(self.card_button.isChecked())

    def show_busy(self, words: str) -> None:
        """Empty: it is over."""
        self._busy_words.setText(words)
        self.busy.setVisible(bool(words))

    def show_fault(
        self, fault: DesktopLlmError | None, *actions: tuple[str, Callable[[], object]]
    ) -> None:
        if fault is None:
            self.fault.dismiss()
            return
        words = word_fault(fault)
        self.fault.show_fault(words.what, words.next_step, list(actions))

    def _show_card(self, wanted: bool) -> None:
        self._below.setCurrentWidget(self.card if wanted else self._area)
        self._show_buttons()

    def _choose_file(self) -> None:
        box = self.files.visualRect(self.files.currentIndex())
        self._area.ensureVisible(0, self.files.y() + box.bottom(), 0, box.height())
        self._show_buttons()

    def _show_buttons(self) -> None:
        offer, file = self.chosen(), self.chosen_file()
        known = offer is not None and offer.known is not None
        self.download_button.setEnabled(file is not None or (known and not self._files.rowCount()))
        too_large = file is not None and file.fit is Fit.TOO_LARGE
        self.download_button.setToolTip(_("It does not fit into the memory now.") if too_large
                                        else "")  # fmt: skip
        self.more_button.setVisible(known and not self._files.rowCount())
        self.card_button.setVisible(self._files.rowCount() > 0)
        self.page_button.setEnabled(offer is not None)

    def _choose(self) -> None:
        self.card_button.setChecked(False)
        self.show_files([], "")
        offer = self.chosen()
        self._side.setVisible(offer is not None)
        if offer is not None:
            self.chosen_changed.emit(offer)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        narrow = self.width() < NARROW
        wanted = Qt.Orientation.Vertical if narrow else Qt.Orientation.Horizontal
        if self._split.orientation() != wanted:
            self._split.setOrientation(wanted)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Esc leaves what is shown over the page before it leaves the page."""
        if event.key() == Qt.Key.Key_Escape and not self.busy.isHidden():
            self.cancel_wanted.emit()
        elif event.key() == Qt.Key.Key_Escape and not self.fault.isHidden():
            self.fault.dismiss()
        else:
            super().keyPressEvent(event)

    # --- what a person wants ---------------------------------------------------------------------

    def _narrow(self) -> None:
        self.narrowed.emit(self.wanted())

    def _search(self) -> None:
        self.search_wanted.emit(self.wanted())

    def _ask_details(self) -> None:
        if (offer := self.chosen()) is not None:
            self.details_wanted.emit(offer)

    def _download(self) -> None:
        if (offer := self.chosen()) is not None and self.download_button.isEnabled():
            self.download_wanted.emit(offer, self.chosen_file())

    def _open_page(self) -> None:
        if (offer := self.chosen()) is not None:
            self.page_wanted.emit(offer)
