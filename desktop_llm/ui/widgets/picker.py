"""A searchable list that pops up: type, arrow keys, Enter; Esc closes it."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QIcon, QKeyEvent
from PySide6.QtWidgets import (
    QFrame,
    QLineEdit,
    QListView,
    QVBoxLayout,
    QWidget,
)

from desktop_llm.ui.widgets.list_rows import DETAIL_ROLE, ROW, DetailDelegate
from desktop_llm.ui.widgets.plain_text import plain_label, plain_tip

_NOWHERE = QModelIndex()
EMPTY = 80  # pixels for the word that nothing was found


@dataclass(frozen=True, slots=True)
class Pick:
    """`detail` stands at the right; `terms` are found too, e.g. the words in another language."""

    key: object
    text: str
    detail: str = ""
    icon: QIcon | None = None
    terms: str = ""
    hint: str = ""
    enabled: bool = True


class Picker(QFrame):
    chosen = Signal(object)  # the key

    def __init__(self, placeholder: str, nothing: str, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("picker")
        self.setAttribute(Qt.WidgetAttribute.WA_TranslucentBackground, False)
        self._model = Picks(self)
        self._all: Sequence[Pick] = ()
        self._place = QRect()
        self._line = QLineEdit(self)
        self._line.setPlaceholderText(placeholder)
        self._line.setAccessibleName(placeholder)
        self._line.setClearButtonEnabled(True)
        self._list = QListView(self)
        self._list.setModel(self._model)
        self._list.setItemDelegate(DetailDelegate(self._list))
        self._list.setAccessibleName(placeholder)
        self._list.setIconSize(QSize(16, 16))
        self._list.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # the line edit drives it
        self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._nothing = plain_label(nothing, self)
        self._nothing.setProperty("muted", True)
        self._nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(8)
        layout.addWidget(self._line)
        layout.addWidget(self._list, 1)
        layout.addWidget(self._nothing, 1)
        self._line.textChanged.connect(self._filter)
        self._line.installEventFilter(self)
        self._list.clicked.connect(lambda _index: self._take())
        self._list.setMouseTracking(True)
        self._list.entered.connect(self._list.setCurrentIndex)

    def open(self, picks: Sequence[Pick], place: QRect, current: object = None) -> None:
        """Show at a place (global); `current` is marked first."""
        self._all = picks
        self._line.clear()
        self._filter("")
        for row, pick in enumerate(picks):
            if pick.key == current and current is not None:
                self._list.setCurrentIndex(self._model.index(row))
        self._place = place
        self._fit()
        self.show()
        self._line.setFocus()

    def listed(self) -> list[object]:
        """Of what is listed now."""
        return [pick.key for pick in self._model.rows]

    def search(self, text: str) -> None:
        self._line.setText(text)

    def _filter(self, text: str) -> None:
        words = text.casefold().split()
        self._model.show_rows(
            [
                pick
                for pick in self._all
                if all(word in f"{pick.text} {pick.detail} {pick.terms}".casefold()
                       for word in words)
            ]
        )  # fmt: skip
        self._list.setVisible(bool(self._model.rows))
        self._nothing.setVisible(not self._model.rows)
        self._fit()
        self._move(0, 1)

    def _fit(self) -> None:
        """No higher than its rows, nor than its place."""
        rows = sum(self._list.sizeHintForRow(row) for row in range(len(self._model.rows)))
        around = self._line.sizeHint().height() + 3 * 8 + 2 * self._list.frameWidth() + 4
        height = min(self._place.height(), around + max(rows, EMPTY))
        self.setGeometry(QRect(self._place.topLeft(), QSize(self._place.width(), height)))

    def _move(self, row: int, by: int) -> None:
        """To the next row that can be chosen, from `row` on."""
        rows = self._model.rows
        while 0 <= row < len(rows):
            if rows[row].enabled:
                self._list.setCurrentIndex(self._model.index(row))
                return
            row += by

    def _take(self) -> None:
        index = self._list.currentIndex()
        if index.isValid() and self._model.rows[index.row()].enabled:
            key = self._model.rows[index.row()].key
            self.close()
            self.chosen.emit(key)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        pressed = watched is self._line and event.type() == QEvent.Type.KeyPress
        if pressed and isinstance(event, QKeyEvent) and self._key(event.key()):
            return True
        return super().eventFilter(watched, event)

    def _key(self, key: int) -> bool:
        at = self._list.currentIndex().row()
        page = max(1, self._list.height() // ROW - 1)
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._take()
        elif key == Qt.Key.Key_Down:
            self._move(at + 1, 1)
        elif key == Qt.Key.Key_Up:
            self._move(at - 1, -1)
        elif key == Qt.Key.Key_PageDown:
            self._move(min(at + page, len(self._model.rows) - 1), 1)
        elif key == Qt.Key.Key_PageUp:
            self._move(max(at - page, 0), -1)
        elif key == Qt.Key.Key_Escape:
            self.close()
        else:
            return False
        return True


class Picks(QAbstractListModel):
    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.rows: list[Pick] = []

    def show_rows(self, rows: list[Pick]) -> None:
        self.beginResetModel()
        self.rows = rows
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(self.rows)

    def data(
        self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        if not index.isValid():
            return None
        pick = self.rows[index.row()]
        roles = Qt.ItemDataRole
        values = {
            roles.DisplayRole: pick.text,
            roles.DecorationRole: pick.icon,
            roles.ToolTipRole: plain_tip(pick.hint) or None,
            roles.AccessibleTextRole: " ".join(part for part in (pick.text, pick.detail) if part),
            DETAIL_ROLE: pick.detail,
        }
        return values.get(Qt.ItemDataRole(role))

    def flags(self, index: QModelIndex | QPersistentModelIndex) -> Qt.ItemFlag:
        flags = Qt.ItemFlag
        if not index.isValid() or not self.rows[index.row()].enabled:
            return flags.NoItemFlags
        return flags.ItemIsEnabled | flags.ItemIsSelectable


def below(widget: QWidget, width: int, height: int) -> QRect:
    """A place under a widget, within its window."""
    window = widget.window()
    corner = widget.mapTo(window, QPoint(widget.width() - width, widget.height() + 4))
    left = min(max(8, corner.x()), max(8, window.width() - width - 8))
    height = min(height, window.height() - corner.y() - 8)
    return QRect(window.mapToGlobal(QPoint(left, corner.y())), QSize(width, height))


def over(window: QWidget, width: int, height: int) -> QRect:
    """A place in the upper middle of a window."""
    width, height = min(width, window.width() - 32), min(height, window.height() - 96)
    corner = QPoint((window.width() - width) // 2, 64)
    return QRect(window.mapToGlobal(corner), QSize(width, height))
