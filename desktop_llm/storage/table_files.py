"""The file that the results of a table are written to: in the format the table had."""

import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from desktop_llm.core.tables import (
    CellResult,
    Row,
    TableFormat,
    neutralised,
    result_cells,
    result_columns,
    write_delimited,
)
from desktop_llm.storage.disk import chosen_faults, disk_faults, sync
from desktop_llm.storage.table_runs import TableAbout

XLSX_CELL = 32_767  # characters; Excel takes no more
EXACT = 1e15  # below it a spreadsheet keeps every digit of a whole number
Results = Iterable[tuple[int, Row, list[CellResult | None]]]


def free_target(source: Path, suffix: str) -> Path:
    """Beside the source; nothing is overwritten."""
    number, target = 1, source.with_name(f"{source.stem}.results{suffix}")
    while target.exists():
        number += 1
        target = source.with_name(f"{source.stem}.results-{number}{suffix}")
    return target


def write_results(
    target: Path, about: TableAbout, steps: Sequence[tuple[str, bool]], results: Results
) -> None:
    """The whole file, or none of it. `steps`: the tool, and whether it gives labels. Raises
    EnvironmentFault.
    """
    added = result_columns(about.columns, steps)
    with _replacing(target) as path:
        if about.form is TableFormat.JSONL:
            _write_json(path, steps, added, results)
        else:
            columns = [*about.columns, *(name for names in added for name in names)]
            rows = (_cells(row, steps, found) for _number, row, found in results)
            if about.form is TableFormat.XLSX:
                _write_xlsx(path, columns, rows)
            else:
                delimiter = "," if about.form is TableFormat.FOLDER else about.delimiter
                # The mark tells Excel that it is UTF-8.
                path.write_text(write_delimited(columns, rows, delimiter), "utf-8-sig", newline="")


def _cells(
    row: Row, steps: Sequence[tuple[str, bool]], found: Sequence[CellResult | None]
) -> list[str]:
    cells = list(row.cells)
    for (_tool, labels), result in zip(steps, found, strict=True):
        cells += result_cells(result, labels)
    return cells


def _write_json(
    path: Path,
    steps: Sequence[tuple[str, bool]],
    added: Sequence[Sequence[str]],
    results: Results,
) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for _number, row, found in results:
            values: dict[str, Any] = dict(row.values or {})
            if row.values is None:
                values["line"] = row.raw
            for (_tool, labels), names, result in zip(steps, added, found, strict=True):
                cells: list[Any] = list(result_cells(result, labels))
                if labels:
                    cells[1] = float(cells[1]) if cells[1] else None
                values |= dict(zip(names, cells, strict=True))
            file.write(json.dumps(values, ensure_ascii=False) + "\n")


def _write_xlsx(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    from openpyxl import Workbook
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    book = Workbook(write_only=True)
    sheet = book.create_sheet("results")

    def safe(cell: str) -> str | int | float:
        for number in (int, float):  # what is written as it was; "007" is a text
            with suppress(ValueError):
                if str(number(cell)) == cell and abs(float(cell)) < EXACT:
                    return number(cell)
        return str(ILLEGAL_CHARACTERS_RE.sub("", neutralised(cell)))[:XLSX_CELL]

    sheet.append([safe(name) for name in columns])
    for row in rows:
        sheet.append([safe(cell) for cell in row])
    book.save(path)


@contextmanager
def _replacing(target: Path) -> Iterator[Path]:
    """A file that takes the target's place once it is whole."""
    with chosen_faults(target), disk_faults(target.parent):
        descriptor, name = tempfile.mkstemp(
            prefix=f".{target.name}.", suffix=target.suffix, dir=target.parent
        )
        os.close(descriptor)
        path = Path(name)
        try:
            yield path
            sync(path)
            path.replace(target)
        finally:
            path.unlink(missing_ok=True)
