"""What a person corrected in a table, as examples that a model can be trained on."""

from pathlib import Path

from desktop_llm.core.corrections import chat_line
from desktop_llm.core.errors import EnvironmentFault
from desktop_llm.core.messages import Message, Role
from desktop_llm.core.presets import filled_in, variables_of
from desktop_llm.core.tables import Row, Step, TableFormat, TableWork
from desktop_llm.core.tools import (
    TEXT,
    Output,
    Tool,
    instruction_for,
    instruction_language,
    prompt_of,
)
from desktop_llm.ingest.reader import read_document
from desktop_llm.services.labelling import labels_of
from desktop_llm.services.tools import ToolService
from desktop_llm.storage.disk import write_chosen
from desktop_llm.storage.table_runs import TableAbout, TableRun


def export_corrections(path: Path, work: TableWork, run: TableRun, shelf: ToolService) -> int:
    """One line a correction. Returns how many; a document that is gone is left out. Blocks.
    Raises EnvironmentFault.
    """
    about = run.about()
    lines = []
    for at, step in enumerate(work.steps):
        tool = shelf.find(step.tool)
        for _number, row, _value, corrected in run.corrections(at) if about else ():
            text = _text(work, about, row)
            if text.strip():
                lines.append(_line(tool, step, text, corrected))
    write_chosen(path, "".join(f"{line}\n" for line in lines))
    return len(lines)


def _line(tool: Tool, step: Step, text: str, corrected: str) -> str:
    """Asked as the tool asks, so that what is learned is of use to it."""
    language = instruction_language(text)
    instruction = instruction_for(tool, step.values, language)
    if tool.output is not Output.LABELS:
        return chat_line(prompt_of(instruction, text), corrected)
    words = {label.value: label.word for label in labels_of(tool, step.values)}
    word = words[corrected].within(language) if corrected in words else corrected
    if TEXT in variables_of(instruction):
        asked = filled_in(instruction, {TEXT: text})
    else:
        asked = f"{instruction}\n\n{text}"
    return chat_line((Message(Role.USER, asked),), word)


def _text(work: TableWork, about: TableAbout | None, row: Row) -> str:
    if about is None:
        return ""
    if about.form is not TableFormat.FOLDER:
        return row.cells[about.columns.index(work.column)]
    try:
        return read_document(Path(work.source) / row.cells[0]).text
    except EnvironmentFault:
        return ""
