"""What a language pack finds in a text: names of things, and how its sentences are built."""

from bisect import bisect_left
from collections.abc import Sequence

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QColor, QPalette, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import (
    QComboBox,
    QHeaderView,
    QScrollArea,
    QSplitter,
    QTextEdit,
    QVBoxLayout,
    QWidget,
)

from desktop_llm.core.language import Analysis, Span
from desktop_llm.ui.icons import icon
from desktop_llm.ui.pages.analysis_panel import Panel
from desktop_llm.ui.theme import load_tokens
from desktop_llm.ui.widgets.bar_chart import Bar, BarChart
from desktop_llm.ui.widgets.dependency_arcs import DependencyArcs, Word
from desktop_llm.ui.widgets.inputs import Choice
from desktop_llm.ui.widgets.plain_text import plain_tip
from desktop_llm.ui.widgets.sorted_table import SortedTable
from desktop_llm.words import _, noted

MOST_SENTENCES = 2000  # that can be chosen
MOST_SHOWN = 100_000  # characters that names are marked in
KINDS = {
    "PERSON": noted("person"), "PER": noted("person"), "ORG": noted("organisation"),
    "GPE": noted("country or city"), "LOC": noted("place"), "FAC": noted("building"),
    "NORP": noted("people or party"), "EVENT": noted("event"), "WORK_OF_ART": noted("work"),
    "PRODUCT": noted("product"), "LAW": noted("law"), "LANGUAGE": noted("language"),
    "DATE": noted("date"), "TIME": noted("time"), "MONEY": noted("money"),
    "PERCENT": noted("percentage"), "QUANTITY": noted("quantity"), "ORDINAL": noted("ordinal"),
    "CARDINAL": noted("number"), "MISC": noted("other name"),
}  # fmt: skip


PARTS_OF_SPEECH = {  # of Universal Dependencies
    "ADJ": noted("adjective"), "ADP": noted("preposition or postposition"),
    "ADV": noted("adverb"), "AUX": noted("auxiliary verb"), "CCONJ": noted("and, or, but"),
    "DET": noted("article or determiner"), "INTJ": noted("interjection"), "NOUN": noted("noun"),
    "NUM": noted("number"), "PART": noted("particle"), "PRON": noted("pronoun"),
    "PROPN": noted("name"), "PUNCT": noted("punctuation"),
    "SCONJ": noted("that, because, if"), "SYM": noted("symbol"), "VERB": noted("verb"),
    "X": noted("other"),
}  # fmt: skip


def kind_words(label: str) -> str:
    return _(KINDS[label]) if label in KINDS else label


class NamesPanel(Panel):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.reading = QTextEdit(self)
        self.reading.setReadOnly(True)
        self.reading.setAccessibleName(_("The text with the names in it"))
        self.table = SortedTable(_("Names"), [_("Name"), _("Kind"), _("Count")], self)
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
        self._there.setHandleWidth(1)
        self._there.setSizes([440, 400])
        self._analysis: Analysis | None = None
        self._text = ""
        self._missing = self.needs_pack(
            _("People, places and organisations are found by the language pack of a language.")
        )
        self.column.addWidget(self._there, 1)
        self.column.addWidget(self._missing, 1)
        self._there.hide()

    def show_entities(self, analysis: Analysis, text: str) -> None:
        self._analysis, self._text = analysis, text
        there = "entities" in analysis.parts
        self._there.setVisible(there)
        self._missing.setVisible(not there)
        if not there:
            return
        found: dict[tuple[str, str], int] = {}
        for each in analysis.entities:
            name = " ".join(text[each.start : each.end].split()), kind_words(each.label)
            found[name] = found.get(name, 0) + 1
        rows = sorted(((*key, count) for key, count in found.items()), key=lambda row: -row[2])
        self.table.show_rows(rows)
        self._colour(analysis.entities)

    def _colour(self, entities: Sequence[Span]) -> None:
        """The commonest kinds get the colours that lie furthest apart."""
        kinds: dict[str, int] = {}
        for each in entities:
            kinds[each.label] = kinds.get(each.label, 0) + 1
        by_count = sorted(kinds.items(), key=lambda pair: -pair[1])
        dark = self.palette().window().color().lightness() < 128
        tokens = load_tokens("dark" if dark else "light")
        colours = [
            QColor(colour)
            for colour in (
                tokens.accent, tokens.syntax_number, tokens.syntax_string, tokens.syntax_keyword,
                tokens.muted,
            )
        ]  # fmt: skip
        chosen = {kind: colours[at % len(colours)] for at, (kind, _n) in enumerate(by_count)}
        self.chart.set_bars(
            [Bar(kind_words(kind), count, f"{count:,}", chosen[kind]) for kind, count in by_count]
        )
        self._mark(self._text[:MOST_SHOWN], entities, chosen)

    def _mark(self, text: str, entities: Sequence[Span], colours: dict[str, QColor]) -> None:
        self.reading.clear()
        cursor, at = QTextCursor(self.reading.document()), 0
        plain = QTextCharFormat()
        cursor.beginEditBlock()
        for each in entities:
            if each.end > len(text):
                break
            cursor.insertText(text[at : each.start], plain)
            marked = QTextCharFormat()
            marked.setFontUnderline(True)
            marked.setForeground(colours[each.label])
            marked.setBackground(self.palette().color(QPalette.ColorRole.AlternateBase))
            marked.setToolTip(plain_tip(kind_words(each.label)))
            cursor.insertText(text[each.start : each.end], marked)
            at = each.end
        cursor.insertText(text[at:], plain)
        cursor.endEditBlock()
        self.reading.moveCursor(QTextCursor.MoveOperation.Start)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and self._analysis is not None:
            self._colour(self._analysis.entities)


class SentencePanel(Panel):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._analysis: Analysis | None = None
        self._text = ""
        self.choice = Choice(icon("caret-down"), self)
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
        self._scroll.setBackgroundRole(QPalette.ColorRole.Base)
        self.table = SortedTable(
            _("Words of the sentence"),
            [_("Word"), _("Lemma"), _("Part of speech"), _("Relation"), _("Depends on")], self,
        )  # fmt: skip
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
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
        ], {tag: _(tip) for tag, tip in PARTS_OF_SPEECH.items()})  # fmt: skip


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
    first = bisect_left(analysis.tokens, span.start, key=lambda token: token.start)
    end = bisect_left(analysis.tokens, span.end, key=lambda token: token.start)
    places = [
        place for place in range(first, end)
        if text[analysis.tokens[place].start : analysis.tokens[place].end].strip()
    ]  # fmt: skip
    within = {place: number for number, place in enumerate(places)}
    return [
        Word(text[token.start : token.end], token.part_of_speech, token.lemma,
             within.get(token.head, -1), token.label)
        for token in (analysis.tokens[place] for place in places)
    ]  # fmt: skip
