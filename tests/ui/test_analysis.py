"""The analysis of a text, with the real language process and no language pack."""

import csv

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QWidget

from desktop_llm.core.language import Analysis, Part, Span, Token, Unit
from desktop_llm.engine.client import EngineClient
from desktop_llm.services.bundle import ToolsOnDemand
from desktop_llm.services.models import ModelService
from desktop_llm.storage.library import Library
from desktop_llm.storage.paths import Folders
from desktop_llm.ui.analysis_care import AnalysisCare
from desktop_llm.ui.bridge import Bridge
from desktop_llm.ui.pages.analysis import AnalysisDialog, sentence_lengths, sentence_words
from desktop_llm.ui.widgets.bar_chart import Bar, BarChart
from desktop_llm.ui.widgets.dependency_arcs import arc_levels

TEXT = (
    "The bridge over the river was opened in spring. The bridge cost a lot of money. =Nobody= "
    "complains about the bridge today, and the river is quiet."
)
CHINESE = "这座桥在春天开放。这座桥花了很多钱。今天没有人抱怨这座桥，河水很平静。"


@pytest.fixture
def begin(qtbot, tmp_path):
    folders = Folders(tmp_path / "data", tmp_path / "cache")
    folders.ensure()
    engine = EngineClient()
    tools = ToolsOnDemand(folders, engine, ModelService(Library(folders), engine), lambda: None)
    bridge, window, said = Bridge(), QWidget(), []
    window.resize(1000, 700)
    qtbot.addWidget(window)

    def begin(text):
        care = AnalysisCare(text, tools, bridge, said.append, window)
        care.open()
        dialog = care.dialog
        qtbot.waitUntil(lambda: done(dialog), timeout=60_000)
        return care, said

    yield begin
    tools.close()
    bridge.close()
    engine.close()


def done(dialog):
    return dialog._analysis is not None and dialog.cancel_button.isHidden()


def test_a_text_is_counted_and_its_words_found(begin, qtbot, tmp_path, monkeypatch):
    care, said = begin(TEXT)
    dialog = care.dialog
    assert dialog.language.currentData() == "en"
    assert "3 sentences" in dialog.overview.facts.text()
    assert "Flesch" in dialog.overview.formula.text()
    assert sum(bar.value for bar in dialog.overview.chart.bars) == 3
    rows = dialog.words.table.rows()
    assert rows[1][:2] == ["bridge", "3"]
    assert dialog.words.chart.bars[0].label == "bridge"
    dialog.words.stop_words.click()
    qtbot.waitUntil(lambda: dialog.words.table.rows()[1][0] == "the", timeout=10_000)
    dialog.words.table.doubleClicked.emit(dialog.words.table.model().index(1, 0))
    assert dialog.tabs.currentWidget() is dialog.places
    qtbot.waitUntil(lambda: len(dialog.places.table.rows()) == 4, timeout=10_000)
    assert dialog.places.table.rows()[1][1].lower() == "bridge"
    target = tmp_path / "lines.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), "CSV (*.csv)"))
    dialog.places.export_wanted.emit("x", [["a"], ["=1+1"], ["b"]])
    qtbot.waitUntil(lambda: bool(said), timeout=10_000)
    with target.open(encoding="utf-8-sig", newline="") as file:
        assert list(csv.reader(file)) == [["a"], ["'=1+1"], ["b"]]
    dialog.close()


def test_what_needs_a_pack_says_so_and_another_language_may_be_chosen(begin, qtbot):
    care, _said = begin(CHINESE)
    dialog = care.dialog
    assert dialog.language.currentData() == "zh"
    for panel in (dialog.names, dialog.sentence):
        assert not panel._missing.isHidden()
    before = dialog._analysis
    at = dialog.language.findData("en")
    dialog.language.setCurrentIndex(at)
    dialog.language.activated.emit(at)
    qtbot.waitUntil(lambda: dialog._analysis is not before and done(dialog), timeout=20_000)
    assert dialog._analysis.language == "en"
    dialog.close()


def test_a_wheel_that_is_none_is_refused_and_said(begin, qtbot, tmp_path):
    care, said = begin("Short.")
    wheel = tmp_path / "en_pack-1.0-py3-none-any.whl"
    wheel.write_bytes(b"no archive")
    care.install(wheel, lambda: None)
    qtbot.waitUntil(lambda: "en_pack" in care.dialog._said.text(), timeout=20_000)
    assert said == []
    care._manage()
    care.dialog.close()


def parsed():
    text = "Ann sees Lindau. It sleeps."
    heads = (1, 1, 1, 1, 5, 5, 5)
    places = ((0, 3), (4, 8), (9, 15), (15, 16), (17, 19), (20, 26), (26, 27))
    tokens = tuple(
        Token(start, end, "l", "NOUN", "", head, "dep")
        for (start, end), head in zip(places, heads, strict=True)
    )
    return text, Analysis(
        "en", Unit.WORD, (Part.SENTENCES, Part.TOKENS, Part.ENTITIES), ("head", "lemma"),
        (Span(0, 16), Span(17, 27)), tokens, (Span(0, 3, "PERSON"), Span(9, 15, "GPE")),
    )  # fmt: skip


def test_names_are_marked_and_sentences_drawn(qtbot):
    text, analysis = parsed()
    window = QWidget()
    window.resize(900, 700)
    qtbot.addWidget(window)
    dialog = AnalysisDialog(text, False, window)
    dialog.show_analysis(analysis)
    assert sentence_lengths(analysis, text) == [3, 2]
    assert [word.head for word in sentence_words(analysis, text, 1)] == [1, 1, 1]
    assert dialog.names.table.rows()[1:] == [["Ann", "PERSON", "1"], ["Lindau", "GPE", "1"]]
    assert "Ann PERSON sees Lindau GPE" in dialog.names.reading.toPlainText()
    assert dialog.sentence.table.rows()[1] == ["Ann", "l", "NOUN", "dep", "sees"]
    dialog.sentence.choice.setCurrentIndex(1)
    assert dialog.sentence.table.rows()[1][0] == "It"
    assert not dialog.sentence.arcs.grab().isNull()
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)


def test_arcs_lie_above_what_they_span():
    levels = arc_levels([1, 1, 1, 2, 2])
    assert levels == {0: 1, 2: 1, 3: 1, 4: 2}
    assert arc_levels([-1, 7, 2]) == {}


def test_a_chart_tells_a_screen_reader_what_it_shows(qtbot):
    chart = BarChart()
    qtbot.addWidget(chart)
    chart.set_bars([Bar("good", 3, "3"), Bar("poor", 0, "0")])
    assert chart.accessibleDescription() == "good: 3, poor: 0"
    assert not chart.grab().isNull()
    chart.set_bars([])
    assert chart.accessibleDescription() == ""
