"""Tables: read whatever is wrong with them, worked on once a row, written without harm."""

import csv
import io
import json
import os

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.jobs import Job, JobState
from desktop_llm.core.tables import (
    CellResult,
    Step,
    TableFormat,
    TableWork,
    neutralised,
    read_table,
    restored,
    result_columns,
    write_delimited,
)
from desktop_llm.services.row_work import read_source
from desktop_llm.services.table_job import TableJob
from desktop_llm.services.tables import state_of
from desktop_llm.storage.paths import Folders
from desktop_llm.storage.table_files import free_target, write_results
from desktop_llm.storage.table_runs import open_table_run, remove_table_run, table_run_keys


def read(text, form=TableFormat.CSV):
    return read_table(text, form, "t")


def fault(call, *arguments):
    with pytest.raises(EnvironmentFault) as caught:
        call(*arguments)
    return caught.value.code


# --- cells ----------------------------------------------------------------------------------------


@given(st.text(alphabet="'=+-@\ta1. ", max_size=8))
def test_what_is_neutralised_can_be_restored(cell):
    safe = neutralised(cell)
    assert restored(safe) == cell or safe == cell
    assert not safe.startswith(("=", "@", "\t"))
    assert restored(neutralised(restored(cell))) == restored(cell)


@pytest.mark.parametrize("cell", ["-3", "+4.5", "-1,200.50", "1e-9", "-12%", "text", "", "a=b"])
def test_numbers_and_texts_stay_what_they_are(cell):
    assert neutralised(cell) == cell


@pytest.mark.parametrize("cell", ["=1+1", "+cmd|'/c calc'!A0", "-2+3", "@SUM(A1)", "\tx", "'=1"])
def test_formulas_are_neutralised(cell):
    assert neutralised(cell) == f"'{cell}"
    assert restored(neutralised(cell)) == cell


# --- reading --------------------------------------------------------------------------------------


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_what_separates_cells_is_found_out(delimiter):
    lines = [["id", "text"], ["1", "a, b; c"], ["2", "d"], ["3", 'says "no"\nand more']]
    text = write_delimited(lines[0], lines[1:], delimiter)
    table = read(text)
    assert table.columns == ("id", "text")
    assert [list(row.cells) for row in table.rows] == lines[1:]
    assert table.text_column() == "text"
    assert table.ragged == 0


def test_ragged_rows_are_kept_and_counted():
    table = read("a,b\n1\n1,2\n1,2,3,4\n\n")
    assert table.columns == ("a", "b", "column 3", "column 4")
    assert [row.cells for row in table.rows] == [
        ("1", "", "", ""), ("1", "2", "", ""), ("1", "2", "3", "4"),
    ]  # fmt: skip
    assert table.ragged == 2


def test_reading_leaves_no_other_limit_to_others():
    before = csv.field_size_limit()
    read("a,b\n1,2\n")
    assert csv.field_size_limit() >= before
    assert len(read(f"a\n{'x' * 200_000}\n").rows[0].cells[0]) == 200_000


def test_a_row_of_empty_cells_is_a_row():
    table = read("id,text\n1,a\n,\n3,c\n")
    assert [row.cells for row in table.rows] == [("1", "a"), ("", ""), ("3", "c")]
    assert table.ragged == 0


def test_columns_are_named_and_differ():
    table = read("a,a,,a 2\n1,2,3,4\n")
    assert len(set(table.columns)) == 4
    assert table.columns[0] == "a"
    assert all(table.columns)


def test_five_hundred_columns():
    names = [f"c{at}" for at in range(500)]
    table = read(write_delimited(names, [[str(at) for at in range(500)]]))
    assert table.columns == tuple(names)
    assert table.column("c499") == 499
    assert table.column("500") == 499
    assert fault(table.column, "501") is FaultCode.NO_SUCH_COLUMN
    wide = write_delimited([f"c{at}" for at in range(2001)], [["1"] * 2001])
    assert fault(read, wide) is FaultCode.TABLE_WIDE


@pytest.mark.parametrize("text", ["", "\n\n", "only,a,head\n"])
def test_a_table_without_rows_is_said(text):
    assert fault(read, text) is FaultCode.TABLE_EMPTY


def test_broken_lines_of_json_are_rows_with_their_number():
    lines = ['{"text": "one", "n": 1}', "{broken", "[1]", '{"text": "two", "more": {"a": [1]}}']
    table = read("\n".join(lines), TableFormat.JSONL)
    assert table.columns == ("text", "n", "more")
    assert [row.cells[0] for row in table.rows] == ["one", "", "", "two"]
    assert table.rows[1].flaw.startswith("2:")
    assert table.rows[1].raw == "{broken"
    assert table.rows[2].flaw.startswith("3:")
    assert table.rows[3].cells == ("two", "", '{"a": [1]}')


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "gb18030"])
def test_encodings_are_found_out(tmp_path, encoding):
    path = tmp_path / "t.csv"
    rows = [
        ["1", "这家酒店的服务很好，房间也很干净，我们会再来的。"],
        ["2", "早餐太差了，不推荐。"],
    ]
    path.write_bytes(write_delimited(["id", "text"], rows).encode(encoding))
    assert [list(row.cells) for row in read_source(path).rows] == rows


def test_a_long_table_is_read_whole_and_a_longer_one_refused(tmp_path, monkeypatch):
    path = tmp_path / "t.csv"
    row = "a text of some length, " * 4
    path.write_text("id,text\n" + "".join(f'{at},"{row}"\n' for at in range(100_000)))
    table = read_source(path)
    assert len(table.rows) == 100_000
    assert table.rows[-1].cells == ("99999", row)
    monkeypatch.setattr("desktop_llm.services.row_work.TABLE_CHARACTERS", 1_000_000)
    assert fault(read_source, path) is FaultCode.TABLE_LONG


def test_a_binary_file_is_no_table(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(bytes(range(256)) * 40)
    assert fault(read_source, path) is FaultCode.DOCUMENT_NOT_TEXT
    other = tmp_path / "t.parquet"
    other.write_bytes(b"x")
    assert fault(read_source, other) is FaultCode.NO_TABLE
    assert fault(read_source, tmp_path / "none.csv") is FaultCode.FILE_UNREADABLE


def test_a_workbook_is_read_and_a_false_one_refused(tmp_path):
    from openpyxl import Workbook

    book = Workbook()
    book.active.append(["id", "text"])
    book.active.append([1, "good, “really”"])
    book.active.append([2.5, None])
    path = tmp_path / "t.xlsx"
    book.save(path)
    table = read_source(path)
    assert [row.cells for row in table.rows] == [("1", "good, “really”"), ("2.5", "")]
    path.write_bytes(b"PK\x03\x04" + b"0" * 100)
    assert fault(read_source, path) is FaultCode.DOCUMENT_DAMAGED


def test_a_folder_is_a_row_for_each_document(tmp_path):
    for name in ("b.txt", "a.md", ".hidden.txt", "picture.png"):
        (tmp_path / name).write_text("text")
    assert [row.cells for row in read_source(tmp_path).rows] == [("a.md",), ("b.txt",)]
    assert fault(read_source, tmp_path / "none") is not None


def test_a_document_that_is_another_makes_other_work(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("one")
    os.utime(path, (1, 1))
    before = state_of(tmp_path, read_source(tmp_path))
    path.write_text("two")
    assert state_of(tmp_path, read_source(tmp_path)) != before


# --- the run --------------------------------------------------------------------------------------

TEXT = "id,text\n1,good\n2,=bad\n3,fair\n4,\n"


@pytest.fixture
def run(tmp_path):
    run = open_table_run(tmp_path / "tables", "0" * 16)
    run.take(read(TEXT))
    yield run
    run.close()


def result(value, confidence, **fields):
    return CellResult(value, confidence, **fields)


def test_a_row_is_worked_on_once(run):
    assert [number for number, _row in run.pending(0, -1, 10)] == [0, 1, 2, 3]
    run.add(0, {0: result("positive", 0.9), 1: result("negative", 0.6, unsure="close")})
    assert [number for number, _row in run.pending(0, -1, 10)] == [2, 3]
    assert [number for number, _row in run.pending(1, -1, 10)] == [0, 1, 2, 3]
    with pytest.raises((EnvironmentFault, apsw.ConstraintError)):
        run.add(0, {2: result("positive", 0.9), 1: result("positive", 0.9)})
    assert run.done(0) == 2, "a batch is there as a whole or not at all"


def test_doubt_comes_first_and_corrections_count(run):
    run.add(0, {
        0: result("positive", 0.9), 1: result("negative", 0.6, unsure="close"),
        2: result("positive", 0.7), 3: CellResult("", error="empty"),
    })  # fmt: skip
    assert [number for number, *_rest in run.rows(1, doubted=0)] == [3, 1, 2, 0]
    assert run.counts(0) == {"positive": 2, "negative": 1}
    assert run.tally(0) == (1, 1, 0)
    run.correct(0, 1, "positive")
    assert run.counts(0) == {"positive": 3}
    assert run.tally(0) == (1, 0, 1)
    row, found = run.result(0, 1)
    assert (row.cells[1], found.value, found.corrected) == ("=bad", "negative", "positive")
    assert run.result(1, 1) is None
    assert fault(run.correct, 1, 0, "x") is FaultCode.NO_SUCH_ROW
    assert run.forget_errors() == 1
    assert [number for number, _row in run.pending(0, -1, 10)] == [3]


def test_results_are_written_in_the_format_of_the_table(run, tmp_path):
    run.add(0, {0: result("positive", 0.9), 1: result("negative", 0.6, unsure="close")})
    target = tmp_path / "out.csv"
    write_results(target, run.about(), [("sentiment", True)], run.pages(1))
    rows = list(csv.reader(io.StringIO(target.read_text("utf-8-sig"))))
    assert rows[0] == [
        "id", "text", "sentiment", "sentiment_confidence", "sentiment_unsure", "sentiment_error",
    ]  # fmt: skip
    assert rows[1] == ["1", "good", "positive", "0.9000", "", ""]
    assert rows[2] == ["2", "'=bad", "negative", "0.6000", "close", ""]
    again = read_source(target)
    assert again.rows[1].cells[1] == "=bad"
    assert list(tmp_path.glob(".out*")) == []


def test_json_keeps_its_values_and_broken_lines(tmp_path):
    run = open_table_run(tmp_path / "tables", "1" * 16)
    run.take(read('{"text": "one", "n": 1}\n{broken\n', TableFormat.JSONL))
    run.add(0, {0: result("good", 0.75), 1: CellResult("", error="the row is broken")})
    target = tmp_path / "out.jsonl"
    write_results(target, run.about(), [("classify", True)], run.pages(1))
    first, second = map(json.loads, target.read_text("utf-8").splitlines())
    assert first["n"] == 1
    assert (first["classify"], first["classify_confidence"]) == ("good", 0.75)
    assert second["line"] == "{broken"
    assert second["classify_error"] == "the row is broken"
    run.close()


def test_a_workbook_is_written_without_formulas(tmp_path):
    from openpyxl import load_workbook

    run = open_table_run(tmp_path / "tables", "2" * 16)
    run.take(read("text,n\n=1+1,-2.5\n007,3\nnan,123456789012345678\n", TableFormat.XLSX))
    run.add(0, {0: CellResult("=HYPERLINK(1)")})
    target = tmp_path / "out.xlsx"
    write_results(target, run.about(), [("title", False)], run.pages(1))
    sheet = load_workbook(target).active
    assert [cell.value for cell in sheet[2]] == ["'=1+1", -2.5, "'=HYPERLINK(1)", None]
    assert [cell.value for cell in sheet[3]][:2] == ["007", 3]
    assert [cell.value for cell in sheet[4]][:2] == ["nan", "123456789012345678"]
    assert {cell.data_type for cell in sheet[2]} <= {"inlineStr", "s", "n"}
    run.close()


def test_names_of_results_are_new(tmp_path):
    assert result_columns(["text", "sentiment"], [("sentiment", True), ("title", False)]) == [
        ["sentiment_2", "sentiment_confidence", "sentiment_unsure", "sentiment_error"],
        ["title", "title_error"],
    ]
    source = tmp_path / "a.csv"
    first = free_target(source, ".csv")
    first.touch()
    assert free_target(source, ".csv") != first


def test_what_a_job_holds_is_read_again_or_refused():
    work = TableWork(
        source="/a.csv", target="/b.csv", column="text", steps=(Step("title", {"a": "b"}),),
        key="ab" * 16,
    )  # fmt: skip
    assert TableWork.from_values(work.to_values()) == work
    assert fault(TableWork.from_values, {**work.to_values(), "key": "../../etc"}) is not None
    assert fault(TableWork.from_values, {}) is not None


def test_a_run_leaves_nothing_when_it_is_removed(tmp_path):
    run = open_table_run(tmp_path, "3" * 16)
    run.take(read(TEXT))
    run.close()
    assert table_run_keys(tmp_path) == ["3" * 16]
    remove_table_run(tmp_path, "3" * 16)
    assert list(tmp_path.iterdir()) == []


def test_results_go_with_the_last_job_that_has_them(tmp_path):
    folders = Folders(tmp_path / "data", tmp_path / "cache")
    key = "4" * 16
    spec = TableWork(
        source="/a.csv", target="/b.csv", column="text", steps=(Step("title", {}),), key=key
    ).to_values()
    first = Job(id=1, kind="table", title="a", spec=spec, state=JobState.DONE)
    second = Job(id=2, kind="table", title="a", spec=spec, state=JobState.RUNNING)
    open_table_run(folders.tables, key).close()
    listed = [first, second]
    kind = TableJob(folders, str, lambda: listed)
    kind.discard(second)
    kind.tidy()
    assert table_run_keys(folders.tables) == [key]
    listed.remove(first)
    kind.discard(second)
    assert table_run_keys(folders.tables) == []
    open_table_run(folders.tables, key).close()
    listed.clear()
    kind.tidy()
    assert table_run_keys(folders.tables) == []
