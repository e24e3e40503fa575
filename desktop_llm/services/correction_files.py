"""Corrections as files to train with."""

from collections.abc import Callable, Sequence
from pathlib import Path

from desktop_llm.core.conversations import StoredMessage
from desktop_llm.core.corrections import (
    CellCorrection,
    Correction,
    CorrectionKind,
    ExportForm,
    chat_line,
    preference_line,
)
from desktop_llm.core.messages import Message
from desktop_llm.services.prompts import Prompts
from desktop_llm.storage.conversations import Conversations
from desktop_llm.storage.corrections import Corrections
from desktop_llm.storage.disk import write_chosen
from desktop_llm.storage.tree import Tree


class CorrectionFiles:
    """Blocks on the database and the disk."""

    def __init__(
        self, store: Conversations, tree: Tree, prompts: Prompts, corrections: Corrections
    ) -> None:
        self._store = store
        self._tree = tree
        self._prompts = prompts
        self._corrections = corrections

    def sides(self, correction: Correction) -> tuple[str, str, str]:
        """The question, what stood before (empty: nothing), and what is chosen. Raises KeyError."""
        if correction.kind is CorrectionKind.CELL:
            cell = self._cell(correction)
            return cell.prompt[-1].text if cell.prompt else "", cell.before, cell.after
        chosen = self._store.message(correction.chosen)
        before = (
            "" if correction.rejected is None else self._store.message(correction.rejected).text
        )
        question = "" if chosen.parent is None else self._store.message(chosen.parent).text
        return question, before, chosen.text

    def export(
        self,
        path: Path,
        corrections: Sequence[Correction],
        form: ExportForm,
        go_on: Callable[[], bool] = lambda: True,
    ) -> int:
        """The old file or the new one, for this person alone; returns how many lines it has. What
        was chosen over nothing has no place in the preference form. Raises EnvironmentFault.
        """
        lines = []
        for correction in corrections:
            if not go_on():
                return 0
            try:
                line = self._line(correction, form)
            except KeyError:  # erased meanwhile
                continue
            if line:
                lines.append(line + "\n")
        write_chosen(path, "".join(lines))
        return len(lines)

    def _line(self, correction: Correction, form: ExportForm) -> str:
        if correction.kind is CorrectionKind.CELL:
            cell = self._cell(correction)
            if form is ExportForm.CHAT:
                return chat_line(cell.prompt, cell.after)
            return preference_line(cell.prompt, cell.after, cell.before)
        *before, chosen = self._tree.path(correction.chosen)
        prompt = self._prompt(chosen.conversation, before)
        said = chosen.message.text
        if form is ExportForm.CHAT:
            return chat_line(prompt, said)
        if correction.rejected is None:
            return ""
        rejected = self._store.message(correction.rejected).message.text
        return "" if rejected == said else preference_line(prompt, said, rejected)

    def _cell(self, correction: Correction) -> CellCorrection:
        """Raises KeyError."""
        cell = self._corrections.cell(correction.chosen)
        if cell is None:
            raise KeyError(correction.chosen)
        return cell

    def _prompt(self, conversation: int, before: Sequence[StoredMessage]) -> tuple[Message, ...]:
        """As the model would get it."""
        return self._prompts.messages(self._store.get(conversation).parameters, before)
