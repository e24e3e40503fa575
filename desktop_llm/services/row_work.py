"""Text tools on rows: of a table, or documents of a folder, one result each whatever is wrong."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from desktop_llm.core.documents import TABLE_CHARACTERS
from desktop_llm.core.errors import DesktopLlmError, EnvironmentFault, FaultCode
from desktop_llm.core.settings import Settings
from desktop_llm.core.tables import (
    CellResult,
    Row,
    Table,
    TableFormat,
    format_of,
    read_table,
)
from desktop_llm.core.text import clean_text
from desktop_llm.core.text_tools import ToolRequest
from desktop_llm.core.tools import Output, Tool, instruction_language
from desktop_llm.engine.client import CancelledError, EngineClient
from desktop_llm.ingest.reader import read_document
from desktop_llm.services.engine_work import EngineWork
from desktop_llm.services.labelling import Labeller
from desktop_llm.services.models import ModelService, load_options
from desktop_llm.services.text_tools import ASPECTS, FIND_ASPECTS, TextTools

BATCH = 64  # rows that are judged together
WRITTEN_BATCH = 1  # rows of a tool that writes: each may take seconds
LONG = 1200  # characters; a longer row is judged by its parts
DOCUMENTS = (".txt", ".md", ".pdf", ".docx", ".srt", ".html", ".htm")
# What is wrong with a row, not with the work. A row that ends the worker is left out as well; one
# that dies whatever it is given ends the work by its limit of starts.
OF_A_ROW = frozenset({
    FaultCode.WORKER_CRASHED,
    FaultCode.ROW_EMPTY, FaultCode.TEXT_TOO_LONG, FaultCode.PROMPT_TOO_LONG,
    FaultCode.FILE_UNREADABLE, FaultCode.FILE_TOO_LARGE, FaultCode.DOCUMENT_DAMAGED,
    FaultCode.DOCUMENT_IS_IMAGE, FaultCode.DOCUMENT_LOCKED, FaultCode.DOCUMENT_NOT_TEXT,
    FaultCode.DOCUMENT_WITHOUT_TEXT, FaultCode.DOCUMENT_TOO_MUCH,
})  # fmt: skip


def read_source(path: Path) -> Table:
    """A table's file, or a folder of documents. Blocks. Raises EnvironmentFault."""
    if path.is_dir():
        try:
            names = sorted(
                each.name for each in path.iterdir()
                if each.suffix.lower() in DOCUMENTS and each.is_file() and each.name[0] != "."
            )  # fmt: skip
        except OSError as error:
            raise EnvironmentFault(
                FaultCode.FILE_UNREADABLE, path=str(path), reason=error.strerror or ""
            ) from error
        if not names:
            raise EnvironmentFault(FaultCode.TABLE_EMPTY, path=path.name)
        return Table(TableFormat.FOLDER, ("file",), tuple(Row((name,)) for name in names))
    form = format_of(path)
    document = read_document(path, most=TABLE_CHARACTERS)
    if document.left_out:
        raise EnvironmentFault(FaultCode.TABLE_LONG, path=path.name, most=TABLE_CHARACTERS)
    return read_table(document.text, form, path.name)


@dataclass(frozen=True, slots=True)
class RowTexts:
    """What the tools read of rows. `place`: of the column with the texts."""

    source: Path
    form: TableFormat
    place: int

    def of(self, row: Row) -> str:
        """Blocks where it is a document. Raises EnvironmentFault for what cannot be read."""
        if row.flaw:
            raise EnvironmentFault(FaultCode.ROW_BROKEN, reason=row.flaw)
        if self.form is TableFormat.FOLDER:
            return read_document(self.source / row.cells[0]).text
        return clean_text(row.cells[self.place])


def for_rows(tool: Tool) -> Tool:
    """As it works on a row: a label for all of it, not for what it speaks of."""
    kept = tuple(each for each in tool.variables if each.name not in (ASPECTS, FIND_ASPECTS))
    return replace(tool, variables=kept)


def batch_of(tool: Tool) -> int:
    """How many rows are worked on before any of their results is kept."""
    return BATCH if tool.output is Output.LABELS else WRITTEN_BATCH


class RowWorker:
    """Tools on rows, with an engine and tools that are lent. Raises EnvironmentFault and
    CancelledError.
    """

    def __init__(
        self,
        engine: EngineClient,
        models: ModelService,
        settings: Callable[[], Settings],
        text_tools: TextTools,
        model: str,
        say: Callable[[DesktopLlmError], str],
    ) -> None:
        """`say`: a fault in a sentence."""
        self._work = EngineWork(engine, models)
        self._models = models
        self._settings = settings
        self._tools = text_tools
        self._model = model
        self._say = say
        self._labellers: dict[tuple[str, str], Labeller] = {}

    def cancel(self) -> None:
        self._work.cancel()

    def prepare(self, tool: Tool) -> None:
        """Loads the model."""
        model = self._models.find(self._model or tool.model or self._settings().model)
        options = model.settings.applied_to(load_options(self._settings()))
        self._work.load(model, options)

    def work(
        self, tool: Tool, values: Mapping[str, str], texts: RowTexts, rows: Sequence[Row]
    ) -> list[CellResult]:
        """One result a row, whatever is wrong with it."""
        results: list[CellResult | None] = [None] * len(rows)
        read: dict[int, str] = {}
        for at, row in enumerate(rows):
            try:
                read[at] = texts.of(row)
            except EnvironmentFault as fault:
                results[at] = self._flawed(fault)
        made = self._apply(tool, values, list(read.values()))
        for at, result in zip(read, made, strict=True):
            results[at] = result
        return [result for result in results if result is not None]

    def _apply(
        self, tool: Tool, values: Mapping[str, str], texts: Sequence[str]
    ) -> list[CellResult]:
        """One result a text, whatever is wrong with it."""
        if tool.adapter:
            raise EnvironmentFault(FaultCode.NO_ADAPTER, name=tool.adapter)
        if tool.output is not Output.LABELS:
            return [self._written(tool, values, text) for text in texts]
        results: list[CellResult | None] = [None] * len(texts)
        groups: dict[str, list[int]] = {}
        for at, text in enumerate(texts):
            if not text.strip():
                results[at] = self._flawed(EnvironmentFault(FaultCode.ROW_EMPTY))
            elif len(text) > LONG:
                results[at] = self._judged_long(tool, values, text)
            else:
                groups.setdefault(instruction_language(text), []).append(at)
        for language, places in groups.items():
            found = self._judged(tool, values, language, [texts[at] for at in places])
            for at, result in zip(places, found, strict=True):
                results[at] = result
        return [result for result in results if result is not None]

    def _judged(
        self, tool: Tool, values: Mapping[str, str], language: str, texts: Sequence[str]
    ) -> list[CellResult]:
        labeller = self._labeller(tool, values, language)
        try:
            unique = list(dict.fromkeys(texts))  # the same words get the same label
            known = dict(zip(unique, labeller.judge(unique), strict=True))
        except EnvironmentFault as fault:
            self._raise_of_work(fault)
            if len(texts) == 1:
                return [self._flawed(fault)]
            return [self._judged(tool, values, language, [text])[0] for text in texts]
        return [
            CellResult(labeller.labels[each.label].value, each.probability, each.unsure.value)
            for each in (known[text] for text in texts)
        ]

    def _judged_long(self, tool: Tool, values: Mapping[str, str], text: str) -> CellResult:
        labeller = self._labeller(tool, values, instruction_language(text))
        try:
            judged, _parts, _shortened = labeller.judge_text(text)
        except EnvironmentFault as fault:
            self._raise_of_work(fault)
            return self._flawed(fault)
        whole = judged.judgement
        return CellResult(judged.labels[whole.label].value, whole.probability, whole.unsure.value)

    def _written(self, tool: Tool, values: Mapping[str, str], text: str) -> CellResult:
        self._work.check()
        if not text.strip():
            return self._flawed(EnvironmentFault(FaultCode.ROW_EMPTY))
        request = ToolRequest(
            tool=tool, text=text, values=dict(values), model=self._model, traceless=True
        )
        try:
            outcome = self._work.watch(self._tools.run(request)).result()
        except EnvironmentFault as fault:
            self._raise_of_work(fault)
            return self._flawed(fault)
        self._work.check()
        if not outcome.complete:
            raise CancelledError
        return CellResult(outcome.text)

    def _labeller(self, tool: Tool, values: Mapping[str, str], language: str) -> Labeller:
        """The prompt of a step in a language is calibrated once."""
        self.prepare(tool)
        key = (json.dumps([tool.id, dict(values)], sort_keys=True), language)
        if key not in self._labellers:
            self._labellers[key] = Labeller(self._work, tool, values, language)
        return self._labellers[key]

    def _raise_of_work(self, fault: EnvironmentFault) -> None:
        """Raises it where the row is not what is wrong."""
        self._work.check()  # the engine may have been ended because this is to stop
        if fault.code not in OF_A_ROW:
            raise fault

    def _flawed(self, fault: EnvironmentFault) -> CellResult:
        return CellResult("", error=self._say(fault))
