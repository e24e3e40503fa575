"""Tables whose rows text tools are applied to: read from text, and written without harm.

A cell that a spreadsheet would take for a formula is written with an apostrophe before it, and read
without (OWASP, "CSV Injection").
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath
from typing import Any

from desktop_llm.core.errors import EnvironmentFault, FaultCode

COLUMNS = 2000  # at most
NAMED_TEXT = ("text", "sentence", "review", "content", "comment", "body", "文本", "内容", "评论")
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)*(?:[eE][+-]?\d+)?%?$")
_DELIMITERS = ",;\t|"
_LOOKED_AT = 20  # lines that tell what separates the cells


class TableFormat(StrEnum):
    CSV = "csv"
    TSV = "tsv"
    XLSX = "xlsx"
    JSONL = "jsonl"
    FOLDER = "folder"  # of documents, a row each


SUFFIXES = {
    ".csv": TableFormat.CSV, ".tsv": TableFormat.TSV, ".tab": TableFormat.TSV,
    ".xlsx": TableFormat.XLSX, ".jsonl": TableFormat.JSONL, ".ndjson": TableFormat.JSONL,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """`flaw`: why it holds nothing that could be worked on; `raw` is then what stood there.
    `values`: of JSON, where the cells come from there.
    """

    cells: tuple[str, ...]
    flaw: str = ""
    raw: str = ""
    values: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """Every row has as many cells as there are columns. `ragged`: rows that had more or fewer."""

    form: TableFormat
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    ragged: int = 0
    delimiter: str = ","

    def column(self, name: str) -> int:
        """Where a column is: by name, or by number from 1. Raises EnvironmentFault."""
        if name in self.columns:
            return self.columns.index(name)
        if name.isdecimal() and 1 <= int(name) <= len(self.columns):
            return int(name) - 1
        known = ", ".join(self.columns[:30])
        raise EnvironmentFault(FaultCode.NO_SUCH_COLUMN, name=name, known=known)

    def text_column(self) -> str:
        """The one that looks like texts: by its name, else by the length of what is in it."""
        for wanted in NAMED_TEXT:
            for name in self.columns:
                if name.strip().lower() == wanted:
                    return name
        sample = self.rows[:100]
        lengths = [sum(len(row.cells[at]) for row in sample) for at in range(len(self.columns))]
        return self.columns[lengths.index(max(lengths))]


def format_of(path: PurePath) -> TableFormat:
    """By its name. Raises EnvironmentFault for another one."""
    form = SUFFIXES.get(path.suffix.lower())
    if form is None:
        raise EnvironmentFault(FaultCode.NO_TABLE, path=path.name)
    return form


def read_table(text: str, form: TableFormat, name: str) -> Table:
    """`text`: of the file; of an XLSX as CSV. Raises EnvironmentFault for what holds no rows."""
    if form is TableFormat.JSONL:
        return _from_json(text, name)
    delimiter = {TableFormat.TSV: "\t", TableFormat.XLSX: ","}.get(form) or _delimiter(text)
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))  # the process' own
    try:
        lines = [line for line in csv.reader(io.StringIO(text), delimiter=delimiter) if line]
    except csv.Error as error:
        raise EnvironmentFault(FaultCode.TABLE_BROKEN, path=name, reason=str(error)) from error
    if len(lines) < 2:
        raise EnvironmentFault(FaultCode.TABLE_EMPTY, path=name)
    width = max(map(len, lines))
    if width > COLUMNS:
        raise EnvironmentFault(FaultCode.TABLE_WIDE, path=name, columns=width, most=COLUMNS)
    head = lines[0] + [""] * (width - len(lines[0]))
    ragged = sum(len(line) != len(lines[0]) for line in lines[1:])
    rows = tuple(
        Row(tuple(restored(cell) for cell in line) + ("",) * (width - len(line)))
        for line in lines[1:]
    )
    return Table(form, _named([restored(each) for each in head]), rows, ragged, delimiter)


def write_delimited(
    columns: Sequence[str], rows: Iterable[Sequence[str]], delimiter: str = ","
) -> str:
    """As CSV (RFC 4180), or with another delimiter."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerow([neutralised(name) for name in columns])
    writer.writerows([neutralised(cell) for cell in row] for row in rows)
    return out.getvalue()


def neutralised(cell: str) -> str:
    """No spreadsheet takes it for a formula; numbers stay what they are."""
    return f"'{cell}" if _FORMULA.match(cell) and not _NUMBER.match(cell) else cell


def restored(cell: str) -> str:
    """What was neutralised."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell[1:]) else cell


def _delimiter(text: str) -> str:
    """What makes most lines equally wide, in more than one cell."""
    sample = text[: 1 << 16]
    best, found = (0, 0), ","
    for delimiter in _DELIMITERS:
        try:
            lines = [
                len(line) for line in csv.reader(io.StringIO(sample), delimiter=delimiter) if line
            ][:_LOOKED_AT]
        except csv.Error:
            continue
        if lines and lines[0] > 1:
            score = (lines.count(lines[0]), lines[0])
            if score > best:
                best, found = score, delimiter
    return found


def _from_json(text: str, name: str) -> Table:
    found: list[dict[str, Any] | tuple[str, str]] = []
    columns: dict[str, None] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            reason = error.msg if isinstance(error, json.JSONDecodeError) else type(error).__name__
            found.append((f"{number}: {reason}", line))
            continue
        if isinstance(value, dict):
            found.append(value)
            columns |= dict.fromkeys(value)
        else:
            found.append((f"{number}: no object", line))
        if len(columns) > COLUMNS:
            raise EnvironmentFault(
                FaultCode.TABLE_WIDE, path=name, columns=len(columns), most=COLUMNS
            )
    if not columns:
        raise EnvironmentFault(FaultCode.TABLE_EMPTY, path=name)
    keys = tuple(columns)
    rows, ragged = [], 0
    for each in found:
        if isinstance(each, dict):
            ragged += len(each) != len(keys)
            rows.append(Row(tuple(_cell(each.get(key)) for key in keys), values=each))
        else:
            rows.append(Row(("",) * len(keys), flaw=each[0], raw=each[1]))
    return Table(TableFormat.JSONL, keys, tuple(rows), ragged)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _named(head: Sequence[str]) -> tuple[str, ...]:
    """No column without a name, and no two with the same."""
    names: list[str] = []
    taken = set(head)
    for at, given in enumerate(head, 1):
        name, number = given.strip() or f"column {at}", 2
        while name in names or (name != given and name in taken):
            name, number = f"{given.strip() or f'column {at}'} {number}", number + 1
        names.append(name)
    return tuple(names)


# --- work on tables -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Step:
    """A tool that every row goes through."""

    tool: str
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableWork:
    """What is wanted of a table. `key` names the work: the same file, tools and model go on where
    they were left.
    """

    source: str
    target: str
    column: str  # whose cells are the texts; empty for a folder
    steps: tuple[Step, ...]
    model: str = ""
    key: str = ""

    def to_values(self) -> dict[str, Any]:
        steps = [{"tool": step.tool, "values": dict(step.values)} for step in self.steps]
        return {"source": self.source, "target": self.target, "column": self.column,
                "steps": steps, "model": self.model, "key": self.key}  # fmt: skip

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> "TableWork":
        """Raises EnvironmentFault for what a job of another version holds."""
        try:
            steps = tuple(
                Step(str(each["tool"]), {str(k): str(v) for k, v in each["values"].items()})
                for each in values["steps"]
            )
            key = str(values["key"])
            if not re.fullmatch("[0-9a-f]{16,64}", key):
                raise ValueError(key)
            return cls(
                source=str(values["source"]), target=str(values["target"]), steps=steps, key=key,
                column=str(values["column"]), model=str(values.get("model", "")),
            )  # fmt: skip
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise EnvironmentFault(FaultCode.JOB_CRASHED) from error


@dataclass(frozen=True, slots=True)
class CellResult:
    """What a tool made of a row. `confidence`: of a label, 0 … 1. `error`: what went wrong, in a
    sentence; `corrected`: what a person says it is.
    """

    value: str
    confidence: float | None = None
    unsure: str = ""
    error: str = ""
    corrected: str = ""

    @property
    def shown(self) -> str:
        return self.corrected or self.value


def result_columns(taken: Sequence[str], steps: Sequence[tuple[str, bool]]) -> list[list[str]]:
    """Names of the columns that each step adds; `steps`: tool and whether it gives labels. None
    is there already.
    """
    names = list(taken)

    def free(name: str) -> str:
        found, number = name, 2
        while found in names:
            found, number = f"{name}_{number}", number + 1
        names.append(found)
        return found

    added = []
    for tool, labels in steps:
        ends = ("", "_confidence", "_unsure", "_error") if labels else ("", "_error")
        added.append([free(f"{tool}{end}") for end in ends])
    return added


def result_cells(result: CellResult | None, labels: bool) -> list[str]:
    """What stands in those columns."""
    if result is None:
        return [""] * (4 if labels else 2)
    if not labels:
        return [result.shown, result.error]
    sure = "" if result.confidence is None or result.corrected else f"{result.confidence:.4f}"
    return [result.shown, sure, "" if result.corrected else result.unsure, result.error]
