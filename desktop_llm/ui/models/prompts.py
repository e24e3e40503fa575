"""The library of prompts as a list model: a name, and how the text begins."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, Qt

from desktop_llm.core.presets import NAME_LENGTH, Prompt, variables_of
from desktop_llm.ui.models.keyed_rows import KeyedRows
from desktop_llm.ui.widgets.list_rows import EXCERPT_ROLE, ID_ROLE
from desktop_llm.ui.widgets.plain_text import plain_tip
from desktop_llm.words import _

LINE = 200  # characters of a text that are shown in a row
TIP = 600  # and in its tooltip
SCANNED = 20_000  # of a text, for the variables that stand beside a name
Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class PromptRow:
    prompt: Prompt
    line: str  # how the text begins
    searched: str  # name and text, as they are compared
    variables: tuple[str, ...]


def row_of(prompt: Prompt) -> PromptRow:
    """Takes a while for long texts: not on the window's thread."""
    line = " ".join(prompt.text[: 2 * LINE].split())[:LINE]
    searched = f"{prompt.name}\n{prompt.text}".casefold()
    return PromptRow(prompt, line, searched, variables_of(prompt.text[:SCANNED]))


def name_for(name: str, text: str) -> str:
    """The name, or else how the text begins."""
    return (name.strip() or " ".join(text[: 4 * NAME_LENGTH].split())[:40])[:NAME_LENGTH]


@dataclass(slots=True)
class FormValues:
    """Of one prompt's variables."""

    typed: dict[str, str] = field(default_factory=dict)  # where the form was left
    last: dict[str, str] = field(default_factory=dict)  # when it was used


@dataclass(slots=True)
class UnsavedPrompts:
    """What was typed about prompts and is stored nowhere: for as long as the program runs."""

    values: dict[int, FormValues] = field(default_factory=dict)  # by the prompt's number
    # Stored and typed, as they stood when the window changed its language.
    edited: tuple[Prompt, Prompt] | None = None

    def values_of(self, prompt: int) -> FormValues:
        return self.values.setdefault(prompt, FormValues())

    def clear(self) -> None:
        self.values.clear()
        self.edited = None


class PromptsModel(KeyedRows):
    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._all: Sequence[PromptRow] = ()
        self._words: list[str] = []

    def show_rows(self, rows: Sequence[PromptRow]) -> None:
        self._all = rows
        self._filter()

    def search(self, text: str) -> None:
        """Show only those in which every word stands."""
        self._words = text.casefold().split()
        self._filter()

    def _filter(self) -> None:
        words = self._words
        found = [row for row in self._all if all(word in row.searched for word in words)]
        self._show(found, [row.prompt.id for row in found])

    @property
    def total(self) -> int:
        """Whether they are found or not."""
        return len(self._all)

    def prompt(self, index: Index) -> Prompt | None:
        row: PromptRow | None = self._rows[index.row()] if index.isValid() else None
        return None if row is None else row.prompt

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid():
            return None
        row: PromptRow = self._rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return row.prompt.name
        if role == EXCERPT_ROLE:
            return (row.line, *self._mark(row.line))
        if role == Qt.ItemDataRole.ToolTipRole:
            more = "…" if len(row.prompt.text) > TIP else ""
            return plain_tip(f"{row.prompt.name}\n{row.prompt.text[:TIP]}{more}")
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return _("{name}: {text}").format(name=row.prompt.name, text=row.line)
        return row.prompt.id if role == ID_ROLE else None

    def _mark(self, line: str) -> tuple[int, int]:
        """Where the first of the words stands in it."""
        lower = line.casefold()
        if len(lower) == len(line):  # else the places would be others
            for word in self._words:
                if (at := lower.find(word)) >= 0:
                    return at, at + len(word)
        return 0, 0


def variables_line(names: Sequence[str], most: int) -> str:
    """They, as they stand in a text, cut where they would be too long for one line."""
    words = " ".join(f"{{{{{name}}}}}" for name in names)
    return words if len(words) <= most else words[: most - 1] + "…"
