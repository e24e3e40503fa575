"""What the next prompt will hold, as a list model: an item a row, in the order they are sent."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QIcon

from desktop_llm.core.context import Care, Fate
from desktop_llm.core.messages import Role
from desktop_llm.core.outlook import Kind, OutlookItem
from desktop_llm.ui.icons import Role as Ink
from desktop_llm.ui.icons import icon
from desktop_llm.ui.models.keyed_rows import Key, KeyedRows
from desktop_llm.ui.widgets.list_rows import BELOW_ROLE, DETAIL_BELOW_ROLE, ID_ROLE
from desktop_llm.ui.widgets.plain_text import plain_tip
from desktop_llm.ui.widgets.weight_rows import MARK_ROLE, QUIET_ROLE, SHARE_ROLE
from desktop_llm.words import _, counted

LEAST_SCALE = 256  # tokens of the longest bar: short conversations are no row of long bars
Index = QModelIndex | QPersistentModelIndex


class OutlookModel(KeyedRows):
    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._scale = LEAST_SCALE

    def show_items(self, items: Sequence[OutlookItem]) -> None:
        rows = list(items)
        scale = max((item.tokens for item in rows), default=0)
        rescaled, self._scale = self._scale, max(scale, LEAST_SCALE)
        self._show(rows, _keys(rows))
        if rows and rescaled != self._scale:
            last = self.index(len(rows) - 1)
            self.dataChanged.emit(self.index(0), last, [SHARE_ROLE])

    def item(self, row: int) -> OutlookItem | None:
        return self._rows[row] if 0 <= row < len(self._rows) else None

    def key_at(self, row: int) -> Key | None:
        return self._keys[row] if 0 <= row < len(self._keys) else None

    def messages(self) -> set[int]:
        return {key for key in self._keys if isinstance(key, int)}

    def take_care(self, message: int, care: Care) -> None:
        """Shown at once; what becomes of the others is known when it has been counted."""
        row = self.row_with(message)
        if row is not None:
            self._rows[row] = replace(self._rows[row], care=care)
            self.dataChanged.emit(self.index(row), self.index(row))

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid():
            return None
        item: OutlookItem = self._rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return _line(item)
        if role == Qt.ItemDataRole.DecorationRole:
            return _picture(item)
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain_tip(_tip(item))
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return _spoken(item)
        if role == BELOW_ROLE:
            return " · ".join(part for part in (_speaker(item), state_of(item)) if part)
        if role == DETAIL_BELOW_ROLE:
            return f"{item.tokens:,}"
        if role == SHARE_ROLE:
            return item.tokens / self._scale
        if role == QUIET_ROLE:
            return not is_sent(item)
        if role == MARK_ROLE:
            return icon("push-pin", Ink.Accent) if item.care is Care.PINNED else None
        return item.message if role == ID_ROLE else None


def is_sent(item: OutlookItem) -> bool:
    return item.care is not Care.EXCLUDED and item.fate not in (Fate.DROPPED, Fate.SUMMARISED)


def state_of(item: OutlookItem) -> str:
    """Why it is not sent, or why it surely is."""
    if item.care is Care.EXCLUDED:
        return _("kept from the model")
    if item.care is Care.PINNED:
        return _("pinned")
    if item.fate is Fate.DROPPED:
        return _("does not fit")
    return _("in the summary") if item.fate is Fate.SUMMARISED else ""


def why_fixed(item: OutlookItem) -> str:
    """Why nothing can be done with it here; empty where something can."""
    if item.kind is Kind.SYSTEM:
        return _("Always sent. It is set in Settings, “Instructions to the model”.")
    if item.kind is Kind.SUMMARY:
        return _("Stands for the messages that do not fit. The model writes it, and goes on with "
                 "it as more of them do not.")  # fmt: skip
    if item.kind is Kind.DRAFT:
        return _("What you are typing. It is always sent.")
    return ""


def _keys(rows: Sequence[OutlookItem]) -> list[Key]:
    """Messages have their number; of the others there is usually one."""
    keys: list[Key] = []
    for at, item in enumerate(rows):
        if item.message is not None:
            keys.append(item.message)
        else:
            again = at and rows[at - 1].kind is item.kind
            keys.append(f"{item.kind} {at}" if again else item.kind.value)
    return keys


def _picture(item: OutlookItem) -> QIcon:
    if item.kind is Kind.MESSAGE:
        name = {Role.USER: "user", Role.ASSISTANT: "sparkle", Role.SYSTEM: "sliders-horizontal"}[
            item.role
        ]
    else:
        name = {Kind.SYSTEM: "sliders-horizontal", Kind.SUMMARY: "article",
                Kind.DRAFT: "pencil-simple"}[item.kind]  # fmt: skip
    return icon(name, Ink.ButtonText if is_sent(item) else Ink.PlaceholderText)


def _speaker(item: OutlookItem) -> str:
    if item.kind is Kind.DRAFT:
        return _("Draft")
    if item.kind is Kind.SUMMARY:
        return _("Summary")
    if item.kind is Kind.SYSTEM or item.role is Role.SYSTEM:
        return _("Instructions to the model")
    return _("You") if item.role is Role.USER else _("The model")


def _line(item: OutlookItem) -> str:
    if line := _flat(item.excerpt):
        return line
    if item.kind is Kind.DRAFT:
        return _("Nothing typed yet")
    return _("Written when you send") if item.kind is Kind.SUMMARY else "…"


def _tip(item: OutlookItem) -> str:
    about = [_speaker(item), state_of(item), _tokens(item)]
    lines = [" · ".join(part for part in about if part), item.excerpt.strip(), why_fixed(item)]
    return "\n".join(line for line in lines if line)


def _spoken(item: OutlookItem) -> str:
    said = _("{who}: {text}").format(who=_speaker(item), text=_line(item))
    return _(", ").join(part for part in (said, _tokens(item), state_of(item)) if part)


def _tokens(item: OutlookItem) -> str:
    return counted("{number} token", "{number} tokens", item.tokens)


@lru_cache(2000)
def _flat(text: str) -> str:
    return " ".join(text.split())
