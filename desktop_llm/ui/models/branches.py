"""The tree of a conversation as a list model: its messages, long runs of them folded."""

from collections.abc import Sequence
from functools import lru_cache

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, Qt

from desktop_llm.core.conversations import TreeNode
from desktop_llm.core.messages import Role
from desktop_llm.rendering.branches import Row, lay_out
from desktop_llm.rendering.markdown import parse
from desktop_llm.rendering.plain_text import plain_text
from desktop_llm.ui.models.conversations import exact_time
from desktop_llm.ui.widgets.branch_map import (
    ID_ROLE,
    MARK_ROLE,
    RING_ROLE,
    ROW_ROLE,
    MapModel,
    MapWords,
)
from desktop_llm.ui.widgets.list_rows import DETAIL_ROLE
from desktop_llm.ui.widgets.plain_text import plain_tip
from desktop_llm.words import _, counted

_NOWHERE = QModelIndex()
Index = QModelIndex | QPersistentModelIndex


def map_words() -> MapWords:
    return MapWords(
        name=_("Branches"),
        empty=_("No messages yet"),
        hint=_("Edit a message or ask for another reply, and the versions will be seen here."),
    )


class BranchesModel(MapModel):
    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._all: list[TreeNode] = []
        self._nodes: dict[int, TreeNode] = {}
        self._rows: list[Row] = []
        self._places: dict[int, int] = {}  # rows of the messages
        self._unfolded: set[int] = set()  # messages that a person wanted to see
        self._marked: int | None = None

    # --- content -------------------------------------------------------------------------------

    def show_nodes(self, nodes: Sequence[TreeNode]) -> None:
        if self._all == (wanted := list(nodes)):
            return
        self.beginResetModel()
        self._all = wanted
        self._nodes = {node.id: node for node in wanted}
        self._unfolded &= self._nodes.keys()
        self._take(lay_out(wanted, self._unfolded))
        self.endResetModel()

    def mark(self, message: int | None) -> None:
        before, self._marked = self._marked, message
        for row in {self.row_of(before), self.row_of(message)} - {None}:
            assert row is not None
            self.dataChanged.emit(self.index(row), self.index(row), [MARK_ROLE])

    def unfold(self, row: int) -> None:
        hidden = self._rows[row].folded
        if not hidden:
            return
        self._unfolded.update(hidden)
        unfolded = lay_out(self._all, self._unfolded)
        # Added before the fold goes: so no row above or below them moves out of sight meanwhile.
        self.beginInsertRows(_NOWHERE, row + 1, row + len(hidden))
        self._rows[row + 1 : row + 1] = unfolded[row : row + len(hidden)]
        self.endInsertRows()
        self.beginRemoveRows(_NOWHERE, row, row)
        self._take(unfolded)
        self.endRemoveRows()

    def _take(self, rows: list[Row]) -> None:
        self._rows = rows
        self._places = {}
        for at, row in enumerate(rows):
            for message in row.folded or (row.message,):
                self._places[message] = at

    def row_of(self, message: int | None) -> int | None:
        return None if message is None else self._places.get(message)

    def home(self) -> int | None:
        if (marked := self.row_of(self._marked)) is not None:
            return marked
        return max((at for at, row in enumerate(self._rows) if row.shown), default=None)

    def forked(self) -> bool:
        return any(row.of > 1 for row in self._rows)

    # --- what the view asks --------------------------------------------------------------------

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid():
            return None
        row = self._rows[index.row()]
        if role == ROW_ROLE:
            return row
        if role == MARK_ROLE:
            return self._is_marked(row)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return self._spoken(row)
        if row.folded:
            return _folded(row) if role == Qt.ItemDataRole.DisplayRole else None
        node = self._nodes[row.message]
        if role == Qt.ItemDataRole.DisplayRole:
            return _one_line(node)
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain_tip(_details(node, row))
        if role == DETAIL_ROLE:
            return f"{row.at:,}/{row.of:,}" if row.of > 1 else None
        if role == RING_ROLE:
            return node.role is Role.USER
        return row.message if role == ID_ROLE else None

    def _is_marked(self, row: Row) -> bool:
        return self._marked in (row.folded or (row.message,))

    def _spoken(self, row: Row) -> str:
        """What is otherwise seen by the dot, its place and its colour."""
        if row.folded:
            parts = [_folded(row)]
        else:
            node = self._nodes[row.message]
            words = _("You: {text}") if node.role is Role.USER else _("The model: {text}")
            parts = [words.format(text=_one_line(node))]
        if row.of > 1:
            parts.append(_version(row))
        if row.shown:
            parts.append(_("shown"))
        if self._is_marked(row):
            parts.append(_("current"))
        return _(", ").join(parts)


def _folded(row: Row) -> str:
    return counted("… {number} more message", "… {number} more messages", len(row.folded))


def _version(row: Row) -> str:
    return _("version {at} of {of}").format(at=f"{row.at:,}", of=f"{row.of:,}")


def _details(node: TreeNode, row: Row) -> str:
    speaker = _("You") if node.role is Role.USER else node.model or _("The model")
    about = [speaker, exact_time(node.created)]
    if row.of > 1:
        about.append(_version(row))
    return f"{' · '.join(about)}\n{_one_line(node)}"


def _one_line(node: TreeNode) -> str:
    return _flat(node.excerpt, node.role is not Role.USER) or "…"


@lru_cache(2000)
def _flat(text: str, markdown: bool) -> str:
    """A reply without the marks of its Markdown: there is one line, and it is short."""
    return " ".join((plain_text(parse(text)) if markdown else text).split())
