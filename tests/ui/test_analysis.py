"""The analysis of a text, in its dialog, with the real language process."""

import csv
import io

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QFileDialog

from desktop_llm.core.language import Analysis, Span, Token, Unit
from desktop_llm.ui.actions import Command
from desktop_llm.ui.pages.analysis import AnalysisDialog
from desktop_llm.ui.pages.analysis_marks import sentence_lengths, sentence_words
from desktop_llm.ui.pages.language_packs import PacksDialog
from desktop_llm.ui.widgets.bar_chart import Bar, BarChart
from desktop_llm.ui.widgets.dependency_arcs import arc_levels
from desktop_llm.ui.workspace import Page
from tests.fakes.language_packs import make_real_wheel
from tests.ui.helpers import settle, shown

TEXT = (
    "Anna lives in Paris. "
    "The cat sat on the mat, and the cat slept. The cat woke up. "
    "Anna saw the cat again, and she gave the cat some milk because the cat was hungry."
)
READ = 60_000  # milliseconds the process may take to start and read on a busy machine


@pytest.fixture
def program(qtbot, make_program):
    program = make_program()
    shown(qtbot, program)
    program.workspace.show_page(Page.TOOLS)
    settle(program)
    return program


def analysed(qtbot, program, text=TEXT):
    page = program._tools_care._page._page
    page.source.setPlainText(text)
    page.analyse_button.click()
    dialog = page.findChild(AnalysisDialog)
    ended(qtbot, dialog)
    return dialog


def ended(qtbot, dialog):
    qtbot.waitUntil(lambda: not dialog.cancel_button.isVisible(), timeout=READ)


def test_a_text_is_read_as_soon_as_it_is_opened(qtbot, program):
    dialog = analysed(qtbot, program)
    assert dialog.language.currentData() == "en"
    assert "4 sentences" in dialog.overview.facts.text()
    assert "Flesch" in dialog.overview.formula.text()
    assert sum(bar.value for bar in dialog.overview.chart.bars) == 4
    assert dialog.words.table.rows()[1][:2] == ["cat", "6"]
    dialog.close()


def test_the_stop_words_are_counted_where_they_are_wanted(qtbot, program):
    dialog = analysed(qtbot, program)
    dialog.words.stop_words.click()
    ended(qtbot, dialog)
    assert dialog.words.table.rows()[1][0] == "the"
    dialog.close()


def test_a_double_click_on_a_word_shows_its_places(qtbot, program):
    dialog = analysed(qtbot, program)
    dialog.words.table.doubleClicked.emit(dialog.words.table.model().index(0, 0))
    qtbot.waitUntil(lambda: len(dialog.places.table.rows()) == 7, timeout=READ)
    assert dialog.tabs.currentWidget() is dialog.places
    assert {row[1].lower() for row in dialog.places.table.rows()[1:]} == {"cat"}
    dialog.close()


def test_without_a_pack_it_is_said_that_one_is_needed_and_with_it_names_are_there(
    qtbot, program, tmp_path, monkeypatch
):
    wheel = make_real_wheel(tmp_path)
    dialog = analysed(qtbot, program)
    dialog.tabs.setCurrentWidget(dialog.names)
    assert dialog.names._missing.isVisible()
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_, **__: (str(wheel), ""))
    dialog.pack_wanted.emit()
    qtbot.waitUntil(lambda: "entities" in dialog._analysis.parts, timeout=READ)
    assert dialog.names.table.rows()[1:] == [["Paris", "CITY", "1"]]
    assert "xx_tiny" in dialog._said.text()
    dialog.close()


def test_packs_are_listed_installed_and_removed(qtbot, program, tmp_path, monkeypatch):
    wheel = make_real_wheel(tmp_path)
    dialog = analysed(qtbot, program)
    dialog.packs_button.click()
    packs = dialog.findChild(PacksDialog)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_, **__: (str(wheel), ""))
    packs.install_button.click()
    qtbot.waitUntil(lambda: len(packs._shown) == 1, timeout=READ)
    assert "xx_tiny" in packs._said.text()
    packs.remove_wanted.emit("xx_tiny-1.0.0")
    qtbot.waitUntil(lambda: not packs._shown, timeout=READ)
    packs.close()
    ended(qtbot, dialog)
    assert "entities" not in dialog._analysis.parts
    dialog.close()


def test_a_table_is_kept_and_no_cell_of_it_is_a_formula(qtbot, program, tmp_path, monkeypatch):
    dialog = analysed(qtbot, program)
    target = tmp_path / "words.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(target), ""))
    dialog.export_wanted.emit("words", [["Word", "Count"], ["=1+1", "2"], ["\tx", "1"]])
    settle(program)
    rows = list(csv.reader(io.StringIO(target.read_text(encoding="utf-8-sig"))))
    assert "words.csv" in dialog._said.text()
    assert rows == [["Word", "Count"], ["'=1+1", "2"], ["'\tx", "1"]]
    dialog.close()


def test_escape_closes_it_and_what_runs_is_given_up(qtbot, program):
    page = program._tools_care._page._page
    page.source.setPlainText(TEXT * 50)
    program.workspace.commands[Command.ANALYSE].trigger()
    dialog = page.findChild(AnalysisDialog)
    with qtbot.waitSignal(dialog.finished):
        qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    settle(program)


def test_heads_count_within_their_sentence():
    text = "A b. C d"
    tokens = (Token(0, 1, head=1), Token(2, 3, head=1), Token(3, 4, head=1), Token(5, 6, head=4),
              Token(7, 8, head=4))  # fmt: skip
    analysis = Analysis("en", Unit.WORD, (), ("head",), (Span(0, 4), Span(5, 8)), tokens)
    assert [word.head for word in sentence_words(analysis, text, 1)] == [1, 1]
    assert sentence_lengths(analysis, text) == [2, 2]


def test_an_arc_lies_above_those_within_it():
    assert arc_levels([1, 1, 1, 1]) == {0: 1, 2: 1, 3: 2}
    assert arc_levels([0, 5, -1]) == {}


def test_the_longest_bar_has_the_greatest_value(qtbot):
    chart = BarChart()
    qtbot.addWidget(chart)
    chart.set_bars([Bar("a", 1, "1"), Bar("b", 4, "4")])
    chart.resize(300, chart.sizeHint().height())
    image = QImage(chart.size(), QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.white)
    chart.render(image)
    accent = chart.palette().accent().color().rgb()
    lengths = [sum(image.pixel(x, y) == accent for x in range(300)) for y in (12, 36)]
    assert lengths[1] == pytest.approx(4 * lengths[0], abs=6)
    assert chart.accessibleDescription() == "a: 1, b: 4"
