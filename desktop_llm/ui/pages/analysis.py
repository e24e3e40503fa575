"""What a text is made of: how it reads, its words, names in it, and how sentences are built.

Knows no service: it shows what it is told and says what a person wants.
"""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSplitter,
    QTabWidget,
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
    Unit,
)
from desktop_llm.ui.icons import icon
from desktop_llm.ui.pages.analysis_marks import NamesPanel, SentencePanel, sentence_lengths
from desktop_llm.ui.pages.analysis_panel import Panel
from desktop_llm.ui.pages.tool_form import language_name
from desktop_llm.ui.widgets.bar_chart import Bar, BarChart
from desktop_llm.ui.widgets.inputs import Choice
from desktop_llm.ui.widgets.plain_text import plain_label
from desktop_llm.ui.widgets.sorted_table import SortedTable
from desktop_llm.words import _, counted

WIDTH, HEIGHT = 900, 640  # pixels
CHARTED = 15  # words
LENGTHS = ((1, 5), (6, 10), (11, 15), (16, 20), (21, 30), (31, 40), (41, 0))  # words a sentence


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
        self.language = Choice(icon("caret-down"), self)
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
        self.names = NamesPanel(self)
        self.sentence = SentencePanel(self)
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

    def say(self, words: str) -> None:
        self._said.setText(words)

    def show_fault(self, words: str) -> None:
        self.show_working(False)
        self.say(words)

    def show_analysis(self, analysis: Analysis) -> None:
        self._analysis = analysis
        self.overview.show_lengths(analysis, self.text)
        self.names.show_entities(analysis, self.text)
        self.sentence.show_sentences(analysis, self.text)

    def show_places(self, word: str, found: FoundLines) -> None:
        self.places.show_lines(word, found)

    def _look_up(self, row: int) -> None:
        word = self.words.table.model().index(row, 0).data()
        self.tabs.setCurrentWidget(self.places)
        self.places.line.setText(word)
        self.word_wanted.emit(word)


class _Overview(Panel):
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
        self.formula.setText("  ·  ".join([*said, found.formula]))

    def show_lengths(self, analysis: Analysis, text: str) -> None:
        lengths = sentence_lengths(analysis, text)
        bars = []
        for low, high in LENGTHS:
            count = sum(low <= each and (not high or each <= high) for each in lengths)
            label = f"{low} – {high}" if high else _("{number} and more").format(number=low)
            bars.append(Bar(label, count, f"{count:,}"))
        self.chart.set_bars(bars)


class _Words(Panel):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.stop_words = QCheckBox(_("Count stop words, too"), self)
        self.chart = BarChart(self)
        self.chart.setAccessibleName(_("The most frequent words"))
        self.table = SortedTable(_("Words"), [_("Word"), _("Count"), _("Share, %")], self)
        self.pairs = SortedTable(
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
        split.setHandleWidth(1)
        split.setSizes([420, 420])
        self.column.addWidget(split, 1)

    def show_words(self, found: CountedWords) -> None:
        total = max(1, found.words)
        rows = [(each.word, each.count, 100 * each.count / total) for each in found.found]
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


class _Places(Panel):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.line = QLineEdit(self)
        self.line.setPlaceholderText(_("A word or phrase, then Enter"))
        self.line.setAccessibleName(_("A word or phrase, then Enter"))
        self.table = SortedTable(_("Concordance"), [_("Before"), _("Word"), _("After")], self)
        head = self.table.horizontalHeader()
        head.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)  # as wide as what is before
        self._said = plain_label(parent=self)
        self._said.setProperty("muted", True)
        foot = QHBoxLayout()
        foot.addWidget(self._said, 1)
        foot.addWidget(self.export_button("concordance", self.table))
        self.column.addWidget(self.line)
        self.column.addWidget(self.table, 1)
        self.column.addLayout(foot)

    def show_lines(self, word: str, found: FoundLines) -> None:
        del word
        text = self.window()
        assert isinstance(text, AnalysisDialog)
        self.table.show_rows(
            [(each.left, text.text[each.start : each.end], each.right) for each in found.found]
        )
        model = self.table.model()
        for row in range(model.rowCount()):
            right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            model.setData(model.index(row, 0), right, Qt.ItemDataRole.TextAlignmentRole)
        self._said.setText(counted("{number} place", "{number} places", found.total))
