"""What a person corrects in a table: kept among the corrections, to be reviewed and trained on."""

from pathlib import Path

from desktop_llm.core.corrections import CellCorrection, chat_line
from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.messages import Message, Role
from desktop_llm.core.presets import filled_in, variables_of
from desktop_llm.core.tables import Step, TableWork
from desktop_llm.core.tools import (
    TEXT,
    Output,
    Tool,
    instruction_for,
    instruction_language,
    prompt_of,
)
from desktop_llm.services.labelling import labels_of
from desktop_llm.services.row_work import RowTexts
from desktop_llm.services.tools import ToolService
from desktop_llm.storage.corrections import Corrections
from desktop_llm.storage.disk import write_chosen
from desktop_llm.storage.table_runs import TableRun


def correct(
    corrections: Corrections, run: TableRun, work: TableWork, shelf: ToolService, step: int,
    row: int, value: str,
) -> None:  # fmt: skip
    """`value`: what a person says it is; empty: as the tool said. Blocks. Raises
    EnvironmentFault.
    """
    run.correct(step, row, value)
    if not value:
        corrections.forget_cell(work.key, step, row)
        return
    tool, about = shelf.find(work.steps[step].tool), run.about()
    found = run.result(step, row)
    if about is None or found is None:
        raise EnvironmentFault(FaultCode.NO_SUCH_ROW, number=row + 1)
    line, result = found
    place = about.columns.index(work.column) if work.column else 0
    try:
        text = RowTexts(Path(work.source), about.form, place).of(line)
    except EnvironmentFault:  # a document that is gone, a broken row: nothing to learn from
        return
    prompt, words = _asked(tool, work.steps[step], text)
    corrections.keep_cells([
        CellCorrection(
            key=work.key, step=step, row=row, title=Path(work.source).name, prompt=prompt,
            before=words.get(result.value, result.value), after=words.get(value, value),
        )
    ])  # fmt: skip


def export_corrections(path: Path, corrections: Corrections, key: str) -> int:
    """Of one table, a line each, in the chat form. Returns how many. Blocks. Raises
    EnvironmentFault.
    """
    lines = [chat_line(cell.prompt, cell.after) for cell in corrections.cells_of(key)]
    write_chosen(path, "".join(f"{line}\n" for line in lines))
    return len(lines)


def _asked(tool: Tool, step: Step, text: str) -> tuple[tuple[Message, ...], dict[str, str]]:
    """As the tool asks, so that what is learned is of use to it; and the words of its labels."""
    language = instruction_language(text)
    instruction = instruction_for(tool, step.values, language)
    if tool.output is not Output.LABELS:
        return prompt_of(instruction, text), {}
    words = {label.value: label.word.within(language) for label in labels_of(tool, step.values)}
    if TEXT in variables_of(instruction):
        asked = filled_in(instruction, {TEXT: text})
    else:
        asked = f"{instruction}\n\n{text}"
    return (Message(Role.USER, asked),), words
