"""Models to be had, and the files of one, as list models."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from desktop_llm.core.catalogue import CatalogueModel, Fit, Recommendation, fit_of
from desktop_llm.core.hub import FoundModel, Quantization
from desktop_llm.ui.icons import Role, icon
from desktop_llm.ui.models.bin import relative_time
from desktop_llm.ui.widgets.list_rows import BELOW_ROLE, DETAIL_BELOW_ROLE, DETAIL_ROLE
from desktop_llm.words import _, counted
from desktop_llm.words.amounts import size_words
from desktop_llm.words.discover import brief, fit_words, reason_words

_NOWHERE = QModelIndex()
Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A model of the catalogue, or one that a search found."""

    known: CatalogueModel | None = None
    found: FoundModel | None = None
    recommended: Recommendation | None = None
    free: int | None = None  # bytes of memory
    rate: float | None = None  # tokens a second that it would write

    @property
    def repo(self) -> str:
        if self.known is not None:
            return self.known.repo
        return "" if self.found is None else self.found.repo

    @property
    def title(self) -> str:
        return self.known.name if self.known is not None else self.repo

    @property
    def fit(self) -> Fit:
        return (
            Fit.UNKNOWN
            if self.known is None
            else fit_of(self.known.rough_memory, self.free, self.rate)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOffer:
    """A quantization. `needed`: bytes of memory, where the header was read; `here`: on the disk."""

    quantization: Quantization
    needed: int | None = None
    free: int | None = None
    rate: float | None = None  # tokens a second
    here: bool = False
    usual: bool = False  # the one to take where there is no other wish

    @property
    def fit(self) -> Fit:
        return fit_of(self.needed, self.free, self.rate)


class OffersModel(QAbstractListModel):
    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: Sequence[Offer] = ()
        self._known = icon("cube", Role.PlaceholderText)
        self._star = icon("star", Role.Accent)
        self._found = icon("globe", Role.PlaceholderText)

    def show(self, offers: Sequence[Offer]) -> None:
        self.beginResetModel()
        self._rows = offers
        self.endResetModel()

    def at(self, index: Index) -> Offer | None:
        return self._rows[index.row()] if index.isValid() else None

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        offer = self.at(index)
        if offer is None:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return offer.title
        if role == Qt.ItemDataRole.DecorationRole:
            if offer.recommended is not None:
                return self._star
            return self._known if offer.known is not None else self._found
        if role == BELOW_ROLE:
            return self._below(offer)
        if role == DETAIL_ROLE:
            if offer.known is not None:
                return size_words(offer.known.size)
            return relative_time(offer.found.changed) if offer.found and offer.found.changed else ""
        if role == DETAIL_BELOW_ROLE:
            return fit_words(offer.fit) if offer.known is not None else _popular(offer)
        if role == Qt.ItemDataRole.ToolTipRole:
            return offer.repo
        if role == Qt.ItemDataRole.AccessibleTextRole:
            parts = (offer.title, self._below(offer), fit_words(offer.fit))
            return ", ".join(part for part in parts if part)
        return None

    def _below(self, offer: Offer) -> str:
        if offer.recommended is not None:
            return reason_words(offer.recommended)
        if offer.known is not None:
            return brief(offer.known)
        assert offer.found is not None
        parts = [offer.found.licence, _("asks for its licence") if offer.found.gated else ""]
        return "  ·  ".join(part for part in parts if part)


class FilesModel(QAbstractListModel):
    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: Sequence[FileOffer] = ()
        self._marks = {
            Fit.WELL: icon("check", Role.Accent),
            Fit.SLOW: icon("hourglass", Role.PlaceholderText),
            Fit.TIGHT: icon("warning", Role.PlaceholderText),
            Fit.TOO_LARGE: icon("x", Role.BrightText),
            Fit.UNKNOWN: icon("file", Role.PlaceholderText),
        }

    def show(self, files: Sequence[FileOffer]) -> None:
        self.beginResetModel()
        self._rows = files
        self.endResetModel()

    def at(self, index: Index) -> FileOffer | None:
        return self._rows[index.row()] if index.isValid() else None

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def usual(self) -> int:
        """The row to begin with: the usual one where it fits, else the largest that does."""
        fitting = [row for row, each in enumerate(self._rows) if each.fit is not Fit.TOO_LARGE]
        usual = [row for row, each in enumerate(self._rows) if each.usual]
        if usual and usual[0] in fitting:
            return usual[0]
        return fitting[-1] if fitting else 0

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        offer = self.at(index)
        if offer is None:
            return None
        size = offer.quantization.size
        if role == Qt.ItemDataRole.DisplayRole:
            return offer.quantization.name
        if role == Qt.ItemDataRole.DecorationRole:
            return self._marks[offer.fit]
        if role == DETAIL_ROLE:
            return "" if size is None else size_words(size)
        if role == BELOW_ROLE:
            return self._below(offer)
        if role == DETAIL_BELOW_ROLE:
            return _("on this computer") if offer.here else ""
        if role == Qt.ItemDataRole.ToolTipRole:
            return "\n".join(file.name for file in offer.quantization.files)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            parts = (offer.quantization.name, "" if size is None else size_words(size),
                     self._below(offer), _("on this computer") if offer.here else "")  # fmt: skip
            return ", ".join(part for part in parts if part)
        return None

    def _below(self, offer: FileOffer) -> str:
        parts = [fit_words(offer.fit)]
        if offer.needed is not None:
            parts.append(_("takes {size} of memory").format(size=size_words(offer.needed)))
        count = len(offer.quantization.files)
        if count > 1:
            parts.append(counted("{number} file", "{number} files", count))
        return "  ·  ".join(part for part in parts if part)


def _popular(offer: Offer) -> str:
    if offer.found is None:
        return ""
    return counted("{number} download", "{number} downloads", offer.found.downloads)
