"""What a text is made of: how it reads, its words, names in it, and how sentences are built.

Knows no service: it shows what it is told and says what a person wants.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from PySide6.QtCore import QSortFilterProxyModel, Qt, Signal
from PySide6.QtGui import QPalette, QStandardItem, QStandardItemModel, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QDialog,
    QHBoxLayout,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSplitter,
    QTableView,
    QTabWidget,
    QTextEdit,
    QVBoxLayout,
    QWidget,
)

from desktop_llm.core.language import (
    OFFERED,
    Analysis,
    CountedWords,
    FoundCollocations,
    FoundLines,
    Readable,
    Span,
    Unit,
)
from desktop_llm.ui.icons import icon
from desktop_llm.ui.pages.tool_form import language_name
from desktop_llm.ui.widgets.bar_chart import Bar, BarChart
from desktop_llm.ui.widgets.dependency_arcs import DependencyArcs, Word
from desktop_llm.ui.widgets.empty_state import EmptyState
from desktop_llm.ui.widgets.plain_text import plain_label
from desktop_llm.words import _, counted

WIDTH, HEIGHT = 900, 640  # pixels
CHARTED = 15  # words
MOST_SENTENCES = 2000  # that can be chosen
LENGTHS = ((1, 5), (6, 10), (11, 15), (16, 20), (21, 30), (31, 40), (41, 0))  # words a sentence
# Colours that the theme tells kinds of entities apart by, besides their names.
_ROLES = (
    QPalette.ColorRole.Accent, QPalette.ColorRole.WindowText, QPalette.ColorRole.PlaceholderText,
)  # fmt: skip


class AnalysisDialog(QDialog):
    language_chosen = Signal(str)
    cancel_wanted = Signal()
    word_wanted = Signal(str)  # where it stands
    stop_words_wanted = Signal(bool)
    export_wanted = Signal(str, list)  # name, rows with their head
    pack_wanted = Signal()
    packs_wanted = Signal()

    def __init__(self, text: str, shortened: bool, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(_("Analysis"))
        self.text = text
        self._analysis: Analysis | None = None
        room = parent.window().size()
        self.resize(min(WIDTH, room.width() - 40), min(HEIGHT, room.height() - 40))
        self.language = QComboBox(self)
        self.language.setAccessibleName(_("Language of the text"))
        for code in OFFERED:
            self.language.addItem(language_name(code), code)
        self.language.activated.connect(
            lambda _at: self.language_chosen.emit(self.language.currentData())
        )
        self._said = plain_label(parent=self)
        self._said.setProperty("muted", True)
        self._said.setWordWrap(True)
        self._bar = QProgressBar(self)
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName(_("Analysis"))
        self._bar.setFixedWidth(160)
        self.cancel_button = QPushButton(_("Cancel"), self)
        self.cancel_button.clicked.connect(self.cancel_wanted)
        self.packs_button = QPushButton(icon("package"), _("Language packs …"), self)
        self.packs_button.clicked.connect(self.packs_wanted)
        self.tabs = QTabWidget(self)
        self.tabs.setDocumentMode(True)
        self.overview = _Overview(self)
        self.words = _Words(self)
        self.places = _Places(self)
        self.names = _Names(self)
        self.sentence = _Sentence(self)
        for page, title in (
            (self.overview, _("Overview")), (self.words, _("Words")),
            (self.places, _("Concordance")), (self.names, _("Names")),
            (self.sentence, _("Sentence")),
        ):  # fmt: skip
            self.tabs.addTab(page, title)
        self.words.stop_words.toggled.connect(self.stop_words_wanted)
        self.words.table.doubleClicked.connect(lambda index: self._look_up(index.row()))
        self.places.line.returnPressed.connect(
            lambda: self.word_wanted.emit(self.places.line.text())
        )
        for page in (self.names, self.sentence):
            page.pack_wanted.connect(self.pack_wanted)
        for panel in (self.words, self.places, self.names, self.sentence):
            panel.export_wanted.connect(self.export_wanted)
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self.language)
        head.addWidget(self._said, 1)
        head.addWidget(self._bar)
        head.addWidget(self.cancel_button)
        head.addWidget(self.packs_button)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(16, 16, 16, 16)
        rows.setSpacing(12)
        rows.addLayout(head)
        rows.addWidget(self.tabs, 1)
        self._shortened = shortened
        self.show_working(True)

    # --- what is known -------------------------------------------------------------------------

    def show_working(self, working: bool, fraction: float = 0.0) -> None:
        self._bar.setVisible(working)
        self.cancel_button.setVisible(working)
        self._bar.setRange(0, 1000 if fraction else 0)
        self._bar.setValue(round(1000 * fraction))

    def show_language(self, code: str, sure: bool) -> None:
        at = self.language.findData(code)
        if at >= 0:
            self.language.setCurrentIndex(at)
        said = [] if sure else [_("Unsure of the language: choose it.")]
        if self._shortened:
            length = f"{len(self.text):,}"
            said.append(_("Only the first {length} characters.").format(length=length))
        self._said.setText(" ".join(said))

    def show_fault(self, words: str) -> None:
        self.show_working(False)
        self._said.setText(words)

    def show_analysis(self, analysis: Analysis) -> None:
        self._analysis = analysis
        self.overview.show_lengths(analysis, self.text)
        self.names.show_entities(analysis, self.text)
        self.sentence.show_sentences(analysis, self.text)

    def show_places(self, found: FoundLines) -> None:
        self.places.show_lines(self.text, found)

    def _look_up(self, row: int) -> None:
        word = self.words.table.model().index(row, 0).data()
        self.tabs.setCurrentWidget(self.places)
        self.places.line.setText(word)
        self.word_wanted.emit(word)


class Table(QTableView):
    """Rows of texts and numbers, sorted by a click on a head."""

    def __init__(self, name: str, heads: Sequence[str], parent: QWidget) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.heads = list(heads)
        self._items = QStandardItemModel(0, len(heads), self)
        self._items.setHorizontalHeaderLabels(self.heads)
        sorted_rows = QSortFilterProxyModel(self)
        sorted_rows.setSourceModel(self._items)
        sorted_rows.setSortRole(Qt.ItemDataRole.UserRole)
        self.setModel(sorted_rows)
        self.setSortingEnabled(True)
        self.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        head = self.horizontalHeader()
        head.setStretchLastSection(True)
        head.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)

    def show_rows(self, rows: Sequence[Sequence[Any]]) -> None:
        self._items.removeRows(0, self._items.rowCount())
        for row in rows:
            cells = []
            for value in row:
                cell = QStandardItem(f"{value:,}" if isinstance(value, int) else str(value))
                cell.setData(value, Qt.ItemDataRole.UserRole)
                if not isinstance(value, str):
                    cell.setTextAlignment(
                        Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
                    )
                cells.append(cell)
            self._items.appendRow(cells)
        self.resizeColumnsToContents()

    def rows(self) -> list[list[str]]:
        """With their head, as they were shown first."""
        found = [
            [str(self._items.item(row, at).data(Qt.ItemDataRole.UserRole))
             for at in range(self._items.columnCount())]
            for row in range(self._items.rowCount())
        ]  # fmt: skip
        return [self.heads, *found]


class _Panel(QWidget):
    export_wanted = Signal(str, list)
    pack_wanted = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(0, 12, 0, 0)
        self.column.setSpacing(8)

    def export_button(self, name: str, table: Table) -> QPushButton:
        button = QPushButton(icon("export"), _("Export …"), self)
        button.setAccessibleName(_("Export: {name}").format(name=table.accessibleName()))
        button.clicked.connect(partial(self._export, name, table))
        return button

    def _export(self, name: str, table: Table) -> None:
        self.export_wanted.emit(name, table.rows())

    def needs_pack(self, sentence: str) -> EmptyState:
        state = EmptyState(icon("package"), self)
        state.set_words(_("A language pack is needed"), sentence)
        state.set_buttons([(_("Install a language pack …"), self.pack_wanted.emit)])
        return state


class _Overview(_Panel):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.facts = plain_label(parent=self)
        self.facts.setWordWrap(True)
        self.formula = plain_label(parent=self)
        self.formula.setProperty("muted", True)
        self.formula.setWordWrap(True)
        title = plain_label(_("Length of the sentences, in words"), self)
        title.setProperty("section", True)
        self.chart = BarChart(self)
        self.chart.setAccessibleName(_("Length of the sentences, in words"))
        self.column.addWidget(self.facts)
        self.column.addWidget(self.formula)
        self.column.addSpacing(8)
        self.column.addWidget(title)
        self.column.addWidget(self.chart)
        self.column.addStretch()

    def show_readable(self, found: Readable) -> None:
        words = counted("{number} word", "{number} words", found.words)
        if found.unit is Unit.CHARACTER:
            words = counted("{number} character", "{number} characters", found.words)
        sentences = counted("{number} sentence", "{number} sentences", found.sentences)
        parts = [words, sentences]
        mean = found.words_per_sentence
        parts.append(_("{number} a sentence").format(number=f"{mean:.1f}"))
        self.facts.setText("  ·  ".join(parts))
        if found.ease is None and found.grade is None:
            self.formula.setText(_("No measure of how easy it reads is known for this language."))
            return
        said = []
        if found.ease is not None:
            said.append(_("Reading ease {number} of 100").format(number=f"{found.ease:.0f}"))
        if found.grade is not None:
            said.append(_("school year {number}").format(number=f"{found.grade:.1f}"))
        self.formula.setText(f"{', '.join(said)}  ·  {found.formula}")

    def show_lengths(self, analysis: Analysis, text: str) -> None:
        lengths = sentence_lengths(analysis, text)
        bars = []
        for low, high in LENGTHS:
            count = sum(low <= each and (not high or each <= high) for each in lengths)
            label = f"{low} – {high}" if high else f"{low} +"
            bars.append(Bar(label, count, f"{count:,}"))
        self.chart.set_bars(bars)


class _Words(_Panel):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.stop_words = QCheckBox(_("Count stop words, too"), self)
        self.chart = BarChart(self)
        self.chart.setAccessibleName(_("The most frequent words"))
        self.table = Table(_("Words"), [_("Word"), _("Count"), _("Share")], self)
        self.pairs = Table(
            _("Words that belong together"), [_("Words"), _("Count"), _("Likelihood ratio")], self
        )
        left, right = QWidget(self), QWidget(self)
        rows = QVBoxLayout(left)
        rows.setContentsMargins(0, 0, 8, 0)
        rows.addWidget(self.stop_words)
        scroll = QScrollArea(self)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setWidget(self.chart)
        rows.addWidget(scroll, 1)
        rows = QVBoxLayout(right)
        rows.setContentsMargins(8, 0, 0, 0)
        rows.addWidget(self.table, 3)
        rows.addWidget(self.export_button("words", self.table), 0, Qt.AlignmentFlag.AlignRight)
        title = plain_label(_("Words that belong together"), self)
        title.setProperty("section", True)
        rows.addWidget(title)
        rows.addWidget(self.pairs, 2)
        rows.addWidget(
            self.export_button("collocations", self.pairs), 0, Qt.AlignmentFlag.AlignRight
        )
        split = QSplitter(self)
        split.addWidget(left)
        split.addWidget(right)
        split.setSizes([420, 420])
        self.column.addWidget(split, 1)

    def show_words(self, found: CountedWords) -> None:
        total = max(1, found.words)
        rows = [
            (each.word, each.count, f"{100 * each.count / total:.2f} %") for each in found.found
        ]
        self.table.show_rows(rows)
        self.chart.set_bars(
            [Bar(each.word, each.count, f"{each.count:,}") for each in found.found[:CHARTED]]
        )

    def show_pairs(self, found: FoundCollocations) -> None:
        joint = "" if found.unit is Unit.CHARACTER else " "
        self.pairs.show_rows([
            (f"{each.first}{joint}{each.second}", each.count, round(each.score, 1))
            for each in found.found
        ])  # fmt: skip


class _Places(_Panel):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.line = QLineEdit(self)
        self.line.setPlaceholderText(_("A word or phrase, then Enter"))
        self.line.setAccessibleName(_("A word or phrase, then Enter"))
        self.table = Table(_("Concordance"), [_("Before"), _("Word"), _("After")], self)
        self._said = plain_label(parent=self)
        self._said.setProperty("muted", True)
        foot = QHBoxLayout()
        foot.addWidget(self._said, 1)
        foot.addWidget(self.export_button("concordance", self.table))
        self.column.addWidget(self.line)
        self.column.addWidget(self.table, 1)
        self.column.addLayout(foot)

    def show_lines(self, text: str, found: FoundLines) -> None:
        self.table.show_rows(
            [(each.left, text[each.start : each.end], each.right) for each in found.found]
        )
        model = self.table.model()
        for row in range(model.rowCount()):
            right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            model.setData(model.index(row, 0), right, Qt.ItemDataRole.TextAlignmentRole)
        width = self.table.viewport().width()
        self.table.setColumnWidth(0, round(0.42 * width))
        self.table.resizeColumnToContents(1)
        self._said.setText(counted("{number} place", "{number} places", found.total))


class _Names(_Panel):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.reading = QTextEdit(self)
        self.reading.setReadOnly(True)
        self.reading.setAccessibleName(_("The text with the names in it"))
        self.table = Table(_("Names"), [_("Name"), _("Kind"), _("Count")], self)
        self.chart = BarChart(self)
        self.chart.setAccessibleName(_("Kinds of names"))
        self._there = QSplitter(self)
        self._there.addWidget(self.reading)
        right = QWidget(self)
        rows = QVBoxLayout(right)
        rows.setContentsMargins(8, 0, 0, 0)
        rows.addWidget(self.chart)
        rows.addWidget(self.table, 1)
        rows.addWidget(self.export_button("names", self.table), 0, Qt.AlignmentFlag.AlignRight)
        self._there.addWidget(right)
        self._there.setSizes([520, 320])
        self._missing = self.needs_pack(
            _("People, places and organisations are found by the language pack of a language.")
        )
        self.column.addWidget(self._there, 1)
        self.column.addWidget(self._missing, 1)
        self._there.hide()

    def show_entities(self, analysis: Analysis, text: str) -> None:
        there = "entities" in analysis.parts
        self._there.setVisible(there)
        self._missing.setVisible(not there)
        if not there:
            return
        found: dict[tuple[str, str], int] = {}
        kinds: dict[str, int] = {}
        for each in analysis.entities:
            name = text[each.start : each.end]
            found[name, each.label] = found.get((name, each.label), 0) + 1
            kinds[each.label] = kinds.get(each.label, 0) + 1
        by_count = sorted(kinds.items(), key=lambda pair: -pair[1])
        self.chart.set_bars([Bar(kind, count, f"{count:,}") for kind, count in by_count])
        rows = sorted(((*key, count) for key, count in found.items()), key=lambda row: -row[2])
        self.table.show_rows(rows)
        places = {kind: at for at, (kind, _count) in enumerate(by_count)}
        self._mark(text, analysis.entities, places)

    def _mark(self, text: str, entities: Sequence[Span], places: dict[str, int]) -> None:
        self.reading.clear()
        cursor, at = QTextCursor(self.reading.document()), 0
        plain = QTextCharFormat()
        cursor.beginEditBlock()
        for each in entities:
            cursor.insertText(text[at : each.start], plain)
            marked = QTextCharFormat()
            role = _ROLES[places[each.label] % len(_ROLES)]
            marked.setFontUnderline(True)
            marked.setUnderlineColor(self.palette().color(role))
            marked.setBackground(self.palette().color(QPalette.ColorRole.AlternateBase))
            marked.setToolTip(each.label)
            cursor.insertText(text[each.start : each.end], marked)
            small = QTextCharFormat()
            small.setForeground(self.palette().color(role))
            small.setVerticalAlignment(QTextCharFormat.VerticalAlignment.AlignSuperScript)
            cursor.insertText(f" {each.label}", small)
            at = each.end
        cursor.insertText(text[at:], plain)
        cursor.endEditBlock()
        self.reading.moveCursor(QTextCursor.MoveOperation.Start)


class _Sentence(_Panel):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._analysis: Analysis | None = None
        self._text = ""
        self.choice = QComboBox(self)
        self.choice.setAccessibleName(_("Sentence"))
        self.choice.setMinimumContentsLength(20)
        self.choice.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.choice.currentIndexChanged.connect(self._show)
        self.arcs = DependencyArcs(self)
        self.arcs.setAccessibleName(_("How the sentence is built"))
        self._scroll = QScrollArea(self)
        self._scroll.setWidget(self.arcs)
        self.table = Table(
            _("Words of the sentence"),
            [_("Word"), _("Lemma"), _("Part of speech"), _("Relation"), _("Depends on")], self,
        )  # fmt: skip
        self._missing = self.needs_pack(
            _("Parts of speech and what depends on what come from the language pack.")
        )
        self.column.addWidget(self.choice)
        self.column.addWidget(self._scroll, 3)
        self.column.addWidget(self.table, 2)
        self._export_button = self.export_button("sentence", self.table)
        self.column.addWidget(self._export_button, 0, Qt.AlignmentFlag.AlignRight)
        self.column.addWidget(self._missing, 1)
        self._show_there(False)

    def show_sentences(self, analysis: Analysis, text: str) -> None:
        self._analysis, self._text = analysis, text
        self._show_there("head" in analysis.annotations or "part_of_speech" in analysis.annotations)
        self.choice.clear()
        for at, span in enumerate(analysis.sentences[:MOST_SENTENCES], 1):
            words = " ".join(text[span.start : span.end].split())
            self.choice.addItem(f"{at}. {words[:120]}")

    def _show_there(self, there: bool) -> None:
        for part in (self.choice, self._scroll, self.table, self._export_button):
            part.setVisible(there)
        self._missing.setVisible(not there)

    def _show(self, at: int) -> None:
        if self._analysis is None or not 0 <= at < len(self._analysis.sentences):
            return
        words = sentence_words(self._analysis, self._text, at)
        self.arcs.set_words(words)
        self.table.show_rows([
            (word.text, word.lemma, word.part_of_speech, word.relation,
             words[word.head].text if 0 <= word.head < len(words) else "")
            for word in words
        ])  # fmt: skip


def sentence_lengths(analysis: Analysis, text: str) -> list[int]:
    """Words of each sentence."""
    tokens, at, lengths = analysis.tokens, 0, []
    for span in analysis.sentences:
        count = 0
        while at < len(tokens) and tokens[at].start < span.end:
            token = tokens[at]
            count += any(map(str.isalnum, text[token.start : token.end]))
            at += 1
        lengths.append(count)
    return [length for length in lengths if length]


def sentence_words(analysis: Analysis, text: str, at: int) -> list[Word]:
    """Of one sentence; heads count within it."""
    span = analysis.sentences[at]
    places = [
        place for place, token in enumerate(analysis.tokens)
        if span.start <= token.start < span.end and text[token.start : token.end].strip()
    ]  # fmt: skip
    within = {place: number for number, place in enumerate(places)}
    return [
        Word(text[token.start : token.end], token.part_of_speech, token.lemma,
             within.get(token.head, -1), token.label)
        for token in (analysis.tokens[place] for place in places)
    ]  # fmt: skip
