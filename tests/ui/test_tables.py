"""Tables in the window, with a real runner and the starter model."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtWidgets import QPlainTextEdit

from desktop_llm.core.corrections import CorrectionKind
from desktop_llm.core.jobs import JobKind, JobState
from desktop_llm.core.tables import CellResult, Step, TableFormat, read_table
from desktop_llm.services.jobs import runner_lock
from desktop_llm.storage.jobs import open_jobs
from desktop_llm.storage.table_runs import open_table_run
from desktop_llm.ui.actions import Command
from desktop_llm.ui.models.table_rows import PAGE, ShownRow, ShownStep, TableRows
from desktop_llm.ui.pages.jobs import RESULTS
from desktop_llm.ui.pages.table_grid import TableGrid
from desktop_llm.ui.pages.table_results import TableResults
from desktop_llm.ui.pages.table_setup import TableSetup
from desktop_llm.ui.table_results_care import ResultsCare
from desktop_llm.ui.widgets.inputs import Choice
from desktop_llm.ui.workspace import Page
from tests.ui.helpers import settle, shown

WAIT = 120_000
TEXTS = [
    "I love this film.", "A dreadful, boring evening.", "It was fine, I suppose.", "",
    "Great acting and a great story!", "=SUM(A1)", "Never again.", "The best book in years.",
    "Awful service, cold food.", "It arrived on Tuesday.", "What a wonderful day!", "I hate it.",
]  # fmt: skip
STEP = ShownStep("Sentiment", {"positive": "Positive", "negative": "Negative"})


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "reviews.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "review"])
        writer.writerows([number, text] for number, text in enumerate(TEXTS))
    return path


@pytest.fixture
def program(qtbot, make_program, monkeypatch):
    monkeypatch.setattr("desktop_llm.storage.library.known_places", lambda: [])
    program = make_program()
    shown(qtbot, program)
    folders = program.services.folders
    yield program
    for kind in (TableResults, TableSetup):
        for dialog in program.workspace.findChildren(kind):
            dialog.close()
    settle(program)
    qtbot.waitUntil(runner_lock(folders).is_free, timeout=WAIT)


def opened(qtbot, program, kind):
    qtbot.waitUntil(lambda: bool(program.workspace.findChildren(kind)), timeout=WAIT)
    return program.workspace.findChildren(kind)[-1]


def set_up(qtbot, program, path):
    program._table_care.open(str(path))
    dialog = opened(qtbot, program, TableSetup)
    qtbot.waitUntil(lambda: dialog.start_button.isEnabled(), timeout=WAIT)
    return dialog


def cell(dialog, row, column):
    return dialog.rows.data(dialog.rows.index(row, column), Qt.ItemDataRole.DisplayRole)


def made_job(program, table, results):
    """A job that is done already, with these results of each row."""
    services = program.services
    work = services.tables.plan(table, [Step("sentiment", {})])
    store = open_jobs(services.folders.jobs_database)
    number = store.add(JobKind.TABLE.value, table.name, work.to_values()).id
    store.claim([JobKind.TABLE.value])
    store.done(number, {"rows": len(results), "errors": 0})
    store.close()
    run = open_table_run(services.folders.tables, work.key)
    run.take(read_table(table.read_text(encoding="utf-8"), TableFormat.CSV, table.name))
    run.add(0, dict(enumerate(results)))
    run.close()
    return number, work


def test_a_table_is_previewed_started_and_its_results_are_seen(qtbot, program, table):
    program.workspace.show_page(Page.TOOLS)
    page = program.workspace.made(Page.TOOLS)
    page.files_given.emit([str(table)])
    dialog = opened(qtbot, program, TableSetup)
    qtbot.waitUntil(lambda: dialog.start_button.isEnabled(), timeout=WAIT)
    assert dialog.column.currentText() == "review"
    assert "12 rows" in dialog.about.text()
    assert dialog.target.placeholderText().endswith("reviews.results.csv")
    dialog.preview_button.click()
    assert dialog.stop_button.isVisibleTo(dialog)
    qtbot.waitUntil(lambda: dialog.rows.rowCount() == 10, timeout=WAIT)
    assert "12 rows, will take" in dialog.estimate.text()
    titles = [column.title for column in dialog.rows.columns]
    assert titles == ["Row", "Text", "Sentiment", "Confidence", "Doubt", "Error"]
    assert cell(dialog, 0, 2) == "Positive"
    assert "%" in cell(dialog, 0, 3)
    assert "no text" in cell(dialog, 3, 5)
    dialog.start_button.click()
    results = opened(qtbot, program, TableResults)
    qtbot.waitUntil(lambda: "done" in results.about.text(), timeout=WAIT)
    assert results.tally.text().startswith("12 rows · 1 failed")
    qtbot.waitUntil(lambda: cell(results, 0, 2) == "Positive", timeout=WAIT)
    assert results.retry_button.isVisibleTo(results)
    with (table.parent / "reviews.results.csv").open(encoding="utf-8-sig", newline="") as file:
        assert next(csv.DictReader(file))["review"] == TEXTS[0]
    qtbot.waitUntil(lambda: "is done" in program.workspace.toasts.text(), timeout=WAIT)
    results.close()
    program.workspace.toasts.act()
    again = opened(qtbot, program, TableResults)
    qtbot.waitUntil(lambda: again.rows.rowCount() == 12, timeout=WAIT)


def test_a_preview_is_stopped(qtbot, program, table):
    dialog = set_up(qtbot, program, table)
    dialog.preview_button.click()
    dialog.stop_button.click()
    assert dialog.stop_button.isHidden()
    assert dialog.preview_button.isEnabled()
    settle(program)
    assert dialog.rows.rowCount() == 0


def test_corrections_are_kept_written_and_exported(qtbot, program, table, tmp_path):
    results = [CellResult("positive", 0.9 - at / 100, "close" if at > 9 else "")
               for at in range(12)]  # fmt: skip
    results[3] = CellResult("", error="There is no text.")
    number, work = made_job(program, table, results)
    program.workspace.commands[Command.JOBS].trigger()
    page = program.workspace.made(Page.JOBS)
    qtbot.waitUntil(lambda: page.row(number) is not None, timeout=WAIT)
    page.row(number).button(RESULTS).click()
    dialog = opened(qtbot, program, TableResults)
    qtbot.waitUntil(lambda: cell(dialog, 0, 2) == "Positive", timeout=WAIT)
    assert dialog.tally.text() == "12 rows · 1 failed · 2 in doubt"
    assert not dialog.write_button.isEnabled()
    dialog.doubted.click()
    qtbot.waitUntil(lambda: cell(dialog, 0, 5) == "There is no text.", timeout=WAIT)
    assert cell(dialog, 1, 0) == "12"
    dialog.rows.setData(dialog.rows.index(1, 2), "negative", Qt.ItemDataRole.EditRole)
    assert cell(dialog, 1, 2) == "Negative ✓"
    qtbot.waitUntil(lambda: "1 corrected" in dialog.tally.text(), timeout=WAIT)
    dialog.write_button.click()
    qtbot.waitUntil(lambda: "Saved" in dialog.toasts.text(), timeout=WAIT)
    with Path(work.target).open(encoding="utf-8-sig", newline="") as file:
        lines = list(csv.DictReader(file))
    assert (lines[11]["sentiment"], lines[10]["sentiment"]) == ("negative", "positive")
    path = tmp_path / "corrections.jsonl"
    dialog.findChild(ResultsCare).export(str(path))
    qtbot.waitUntil(path.exists, timeout=WAIT)
    settle(program)
    said = json.loads(path.read_text(encoding="utf-8"))["messages"]
    assert [each["role"] for each in said] == ["user", "assistant"]
    assert "I hate it." in said[0]["content"]
    assert said[1]["content"].lower() == "negative"
    review_cell(qtbot, program, dialog)


def review_cell(qtbot, program, dialog):
    """It stands among the corrections, can be used, leads back to its table, and be deleted."""
    program.workspace.show_page(Page.CORRECTIONS)
    review = program.workspace.made(Page.CORRECTIONS)
    qtbot.waitUntil(lambda: review._model.rowCount() == 1, timeout=WAIT)
    assert review._model.all()[0].kind is CorrectionKind.CELL
    qtbot.waitUntil(lambda: review.before.toPlainText() == "positive", timeout=WAIT)
    assert review.after.toPlainText() == "negative"
    assert review.open_button.text() == "Open the table"
    review.use_button.click()
    qtbot.waitUntil(lambda: len(review.for_training) == 1, timeout=WAIT)
    dialog.reject()
    settle(program)
    review.open_button.click()
    again = opened(qtbot, program, TableResults)
    qtbot.waitUntil(lambda: "1 corrected" in again.tally.text(), timeout=WAIT)
    review.delete_button.click()
    qtbot.waitUntil(lambda: review._model.rowCount() == 0, timeout=WAIT)
    qtbot.waitUntil(lambda: "deleted" in program.workspace.toasts.text(), timeout=WAIT)
    program.workspace.toasts.act()
    qtbot.waitUntil(lambda: len(review.for_training) == 1, timeout=WAIT)
    again.reject()


def test_a_label_is_chosen_with_the_keyboard(qtbot, program, table):
    number, _work = made_job(program, table, [CellResult("positive", 0.9)] * 12)
    program._table_care.show_results(number)
    dialog = opened(qtbot, program, TableResults)
    qtbot.waitUntil(lambda: cell(dialog, 0, 2) == "Positive", timeout=WAIT)
    index = dialog.rows.index(0, 2)
    dialog.grid.setCurrentIndex(index)
    dialog.grid.edit(index)
    box = dialog.grid.findChild(Choice)
    dialog.rows.refresh()  # as when more rows are done
    box.setCurrentIndex(box.findText("Negative"))
    dialog.rows.refresh()
    assert box.currentText() == "Negative"
    box.activated.emit(box.currentIndex())
    assert cell(dialog, 0, 2) == "Negative ✓"
    qtbot.waitUntil(lambda: dialog.write_button.isEnabled(), timeout=WAIT)
    qtbot.keyClick(dialog.grid, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not program.workspace.findChildren(TableResults), timeout=WAIT)


def test_what_a_tool_wrote_is_written_anew(qtbot, paged):
    paged.show_table([ShownStep("Summarise", {})], 400)
    grid = TableGrid("Results")
    qtbot.addWidget(grid)
    grid.setModel(paged)
    grid.fit(paged)
    words(paged, 0, 2)
    rows = [ShownRow(at, "text", (CellResult("Two\nlines"),)) for at in range(PAGE)]
    paged.show_page(paged.reading, 0, rows)
    assert words(paged, 0, 2) == "Two lines"
    index = paged.index(0, 2)
    grid.edit(index)
    field = grid.findChild(QPlainTextEdit)
    assert field.toPlainText() == "Two\nlines"
    field.setPlainText("Two\nother lines")
    with qtbot.waitSignal(paged.corrected) as said:
        grid.itemDelegate().commitData.emit(field)
    assert said.args == [0, 0, "Two\nother lines"]


def test_failed_rows_are_retried(qtbot, program, table):
    results = [CellResult("positive", 0.9)] * 11 + [CellResult("", error="It broke.")]
    number, _work = made_job(program, table, results)
    program._table_care.show_results(number)
    dialog = opened(qtbot, program, TableResults)
    qtbot.waitUntil(lambda: dialog.retry_button.isVisibleTo(dialog), timeout=WAIT)
    dialog.retry_button.click()

    def judged():
        shown = [each for each in program.workspace.findChildren(TableResults)
                 if "failed" not in each.tally.text() and "done" in each.about.text()]  # fmt: skip
        return bool(shown)

    qtbot.waitUntil(judged, timeout=WAIT)
    jobs = program.services.jobs.all()
    assert all(job.state is JobState.DONE for job in jobs)


def test_what_cannot_be_worked_on_is_said(qtbot, program, tmp_path, table):
    program.workspace.commands[Command.TABLE].trigger()
    dialog = opened(qtbot, program, TableSetup)
    assert not dialog.start_button.isEnabled()
    empty = tmp_path / "empty.csv"
    empty.write_text("a,b\n")
    dialog.source_given.emit(str(empty))
    qtbot.waitUntil(lambda: "holds no rows" in dialog.fault.text(), timeout=WAIT)
    dialog.source_given.emit(str(table))
    qtbot.waitUntil(lambda: dialog.start_button.isEnabled(), timeout=WAIT)
    assert dialog.fault.isHidden()
    dialog.target.setText(str(table))
    dialog.start_button.click()
    qtbot.waitUntil(lambda: "is there already" in dialog.fault.text(), timeout=WAIT)
    dialog.add_button.click()
    assert len(dialog.steps()) == 2
    dialog._steps[1].remove_button.click()
    assert [step.tool for step in dialog.steps()] == ["sentiment"]
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not program.workspace.findChildren(TableSetup), timeout=WAIT)


@pytest.fixture
def paged():
    """Ten thousand rows that are read when they are looked at; `rows.asked`: which pages were."""
    rows = TableRows(True)
    rows.asked = []
    rows.page_wanted.connect(lambda _reading, page: rows.asked.append(page))
    rows.show_table([STEP], 10_000)
    return rows


def page_of(number):
    return [ShownRow(at, f"text {at}", (CellResult("positive", 0.5, "close"),))
            for at in range(number * PAGE, (number + 1) * PAGE)]  # fmt: skip


def words(rows, row, column):
    return rows.data(rows.index(row, column), Qt.ItemDataRole.DisplayRole)


def test_pages_are_read_as_they_are_looked_at(paged, qtmodeltester):
    assert words(paged, 0, 1) is None
    for row in (1000, 2000, 3000, 4000, 9999):
        words(paged, row, 1)
    assert paged.asked == [0]  # one at a time
    paged.show_page(paged.reading, 0, page_of(0))
    assert words(paged, 199, 1) == "text 199"
    assert paged.asked == [0, 49]  # what was looked at last comes first
    paged.show_page(paged.reading, 49, page_of(49))
    assert words(paged, 9999, 0) == "10,000"
    paged.show_page(paged.reading - 1, 20, page_of(20))
    assert paged.row_at(4000) is None
    qtmodeltester.check(paged)


def test_what_is_old_stays_until_what_is_new_has_come(paged):
    words(paged, 0, 2)
    paged.show_page(paged.reading, 0, page_of(0))
    paged.refresh()
    assert words(paged, 0, 2) == "Positive"
    assert paged.asked == [0, 0]
    newer = [replace(row, results=(CellResult("negative", 0.9),)) for row in page_of(0)]
    paged.show_page(paged.reading, 0, newer)
    assert (words(paged, 0, 2), words(paged, 0, 4)) == ("Negative", "")


def test_a_correction_is_taken_back(qtbot, paged):
    words(paged, 0, 2)
    paged.show_page(paged.reading, 0, page_of(0))
    index = paged.index(5, 2)
    with qtbot.waitSignal(paged.corrected) as said:
        assert paged.setData(index, "negative", Qt.ItemDataRole.EditRole)
    assert said.args == [0, 5, "negative"]
    with qtbot.waitSignal(paged.corrected) as said:
        assert paged.setData(index, "positive", Qt.ItemDataRole.EditRole)
    assert said.args == [0, 5, ""]
    assert not paged.setData(index, "positive", Qt.ItemDataRole.EditRole)
    assert not paged.flags(paged.index(5, 1)) & Qt.ItemFlag.ItemIsEditable
    assert paged.rowCount(paged.index(0, 0)) == 0
    assert not paged.flags(QModelIndex()) & Qt.ItemFlag.ItemIsEditable
