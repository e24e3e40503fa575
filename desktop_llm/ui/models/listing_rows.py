"""How conversations stand in their list: the pinned ones, then folders, then the rest by day."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from desktop_llm.core.conversations import Folder, Listed, Listing
from desktop_llm.ui.models.keyed_rows import Key
from desktop_llm.words import _, noted

PINNED = noted("Pinned")
# Days since something was said, at most; the words for it.
_AGES = (
    (0, noted("Today")),
    (1, noted("Yesterday")),
    (7, noted("Previous 7 days")),
    (30, noted("Previous 30 days")),
)
_OLDER = noted("Earlier")
NEW_FOLDER = "new folder"  # the key of a row that is being named


@dataclass(frozen=True, slots=True)
class Heading:
    words: str


@dataclass(frozen=True, slots=True)
class FolderRow:
    """The heading of a folder; None: of one that is not made yet, but being named."""

    folder: Folder | None
    count: int = 0  # of conversations that stand in it


Row = Listed | Heading | FolderRow


@dataclass(slots=True)
class Rows:
    rows: list[Row] = field(default_factory=list)
    keys: list[Key] = field(default_factory=list)
    sections: list[int] = field(default_factory=list)  # row that each begins with

    def section_of(self, row: int) -> tuple[int, int]:
        """First and last row of what belongs together: the pinned, a folder, all the days."""
        at = bisect_right(self.sections, row)
        end = self.sections[at] if at < len(self.sections) else len(self.rows)
        return self.sections[at - 1], end - 1

    def _begin(self, row: Row, key: Key, new_section: bool = True) -> None:
        if new_section:
            self.sections.append(len(self.rows))
        self.rows.append(row)
        self.keys.append(key)

    def _add(self, conversations: list[Listed]) -> None:
        self.rows += conversations
        self.keys += [conversation.id for conversation in conversations]


def folder_key(folder: int) -> Key:
    """Conversations have their own number as key."""
    return f"folder {folder}"


def day_limits(now: float) -> list[float]:
    """The earliest time of each age, in seconds since the epoch; days begin at midnight here."""
    today = datetime.fromtimestamp(now).replace(hour=0, minute=0, second=0, microsecond=0)
    return [(today - timedelta(days=days)).timestamp() for days, _words in _AGES]


def rows_of(listing: Listing, limits: list[float], new_folder: bool = False) -> Rows:
    """`limits`: of `day_limits`; `new_folder`: one is being named, after the others."""
    pinned: list[Listed] = []
    inside: dict[int, list[Listed]] = {folder.id: [] for folder in listing.folders}
    rest: list[Listed] = []
    for row in listing.conversations:
        if row.pinned:
            pinned.append(row)
        elif row.folder is None or row.folder not in inside:
            rest.append(row)
        else:
            inside[row.folder].append(row)
    made = Rows()
    if pinned:
        made._begin(Heading(_(PINNED)), PINNED)
        made._add(pinned)
    for folder in listing.folders:
        made._begin(FolderRow(folder, len(inside[folder.id])), folder_key(folder.id))
        if folder.open:
            made._add(inside[folder.id])
    if new_folder:
        made._begin(FolderRow(None), NEW_FOLDER)
    for at, (words, group) in enumerate(_by_day(rest, limits)):
        made._begin(Heading(_(words)), words, new_section=at == 0)
        made._add(group)
    return made


def _by_day(
    conversations: Iterable[Listed], limits: list[float]
) -> Iterable[tuple[str, list[Listed]]]:
    """The order is that of changes: where a clock jumped, an older group does not end again."""
    words = [*(words for _days, words in _AGES), _OLDER]
    group: list[Listed] = []
    age = 0
    for conversation in conversations:
        own = age
        while own < len(limits) and conversation.changed < limits[own]:
            own += 1
        if own != age and group:
            yield words[age], group
            group = []
        age = own
        group.append(conversation)
    if group:
        yield words[age], group
