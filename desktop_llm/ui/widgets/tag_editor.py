"""The tags of one thing or of several: a small window with a chip for each, and a line for more.

What is added or taken away is told at once, so that closing it loses nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, QRect, QSize, Qt, Signal
from PySide6.QtGui import QIcon, QKeyEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QListView,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from desktop_llm.ui.widgets.eliding import ElidingLabel
from desktop_llm.ui.widgets.flow_layout import FlowLayout
from desktop_llm.ui.widgets.list_rows import DetailDelegate
from desktop_llm.ui.widgets.message_bar import MessageAction, SmallButton
from desktop_llm.ui.widgets.picker import Pick, Picks
from desktop_llm.ui.widgets.plain_text import plain_caption, plain_label, plain_tip

WIDTH = 300  # pixels
MOST = 6  # tags that are offered at a time
SEPARATORS = (",", "，")  # that end a tag while one writes


@dataclass(frozen=True, slots=True)
class TagWords:
    """`show`, `take`: with `{tag}`; `some`: of a tag that not all have, with `{count}`, `{all}`."""

    line: str
    hint: str
    show: str
    take: str
    some: str


@dataclass(frozen=True, slots=True)
class Tagged:
    tag: str
    count: int  # of the things that have it


class TagEditor(QFrame):
    """Esc closes it; Enter adds what is written, and closes it where nothing is."""

    add_wanted = Signal(str)
    remove_wanted = Signal(str)
    show_wanted = Signal(str)  # all that has this tag

    def __init__(
        self, words: TagWords, remove_icon: QIcon, tag_of: Callable[[str], str], parent: QWidget
    ) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("picker")
        self._words = words
        self._icon = remove_icon
        self._tag_of = tag_of
        self._known: Sequence[tuple[str, int]] = ()
        self._present: Sequence[Tagged] = ()
        self._shown_chips: list[QWidget] = []
        self._of = 1
        self._place = QRect()
        self._title = ElidingLabel(self)
        self._title.setProperty("strong", True)
        self._chips = QWidget(self)
        self._flow = FlowLayout(4, self._chips)
        self.line = QLineEdit(self)
        self.line.setPlaceholderText(words.line)
        self.line.setAccessibleName(words.line)
        self.line.setClearButtonEnabled(True)
        self._model = Picks(self)
        self._offered = QListView(self)
        self._offered.setModel(self._model)
        self._offered.setItemDelegate(DetailDelegate(self._offered))
        self._offered.setAccessibleName(words.line)
        self._offered.setIconSize(QSize(0, 0))
        self._offered.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # the line drives it
        self._offered.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._hint = plain_label(words.hint, self)
        self._hint.setProperty("small", True)
        self._hint.setWordWrap(True)
        self._column = column = QVBoxLayout(self)
        column.setContentsMargins(12, 12, 12, 12)
        column.setSpacing(8)
        for widget in (self._title, self._chips, self.line, self._offered, self._hint):
            column.addWidget(widget)
        QWidget.setTabOrder(self.line, self._chips)
        self.line.textChanged.connect(self._written)
        self.line.installEventFilter(self)
        self._offered.clicked.connect(lambda _index: self._add_offered())

    def open(self, title: str, present: Sequence[Tagged], of: int, place: QRect) -> None:
        """`of`: how many things they are of; `place` on the screen, for its corner and height."""
        self._title.setText(title)
        self._place = place
        self.line.clear()
        self.show_tags(present, of)
        self.show()
        self._fit()
        self.line.setFocus()

    def set_known(self, tags: Sequence[tuple[str, int]]) -> None:
        """All there are, each with how often it is used."""
        self._known = tags
        self._offer()

    def show_tags(self, present: Sequence[Tagged], of: int) -> None:
        self._present, self._of = present, of
        focus = self.focusWidget()
        returns = focus is not None and self._chips.isAncestorOf(focus)
        for chip in self._shown_chips:
            self._flow.removeWidget(chip)
            chip.hide()
            chip.deleteLater()
        self._shown_chips = [self._chip(tagged) for tagged in present]
        for chip in self._shown_chips:
            self._flow.addWidget(chip)
        self._chips.setVisible(bool(present))
        if returns:
            self.line.setFocus()
        self._offer()

    def tags(self) -> list[str]:
        return [tagged.tag for tagged in self._present]

    def offered(self) -> list[str]:
        return [str(pick.key) for pick in self._model.rows]

    def _chip(self, tagged: Tagged) -> QWidget:
        chip = QFrame(self._chips)
        chip.setObjectName("tag")
        text = f"#{tagged.tag}"
        if tagged.count < self._of:
            chip.setProperty("some", True)
            text = f"{text}  {tagged.count}/{self._of}"
        name = QPushButton(plain_caption(text), chip)
        name.setObjectName("tagName")
        show = self._words.show.format(tag=tagged.tag)
        some = self._words.some.format(count=tagged.count, all=self._of)
        name.setToolTip(plain_tip(show if tagged.count == self._of else f"{some}\n{show}"))
        name.setAccessibleName(text)
        name.setAccessibleDescription(show)
        name.clicked.connect(lambda: self._show(tagged.tag))
        take = SmallButton(chip)
        words = self._words.take.format(tag=tagged.tag)
        take.take(MessageAction(self._icon, words, lambda: self.remove_wanted.emit(tagged.tag)))
        take.setToolTip(plain_tip(words))
        take.setIconSize(QSize(12, 12))
        row = QHBoxLayout(chip)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(name)
        row.addWidget(take)
        return chip

    def _show(self, tag: str) -> None:
        self.close()
        self.show_wanted.emit(tag)

    def _written(self, text: str) -> None:
        if text.endswith(SEPARATORS):
            self._add(text)
        else:
            self._offer()

    def _add(self, text: str) -> None:
        self.line.clear()
        if tag := self._tag_of(text):
            self.add_wanted.emit(tag)

    def _add_offered(self) -> None:
        index = self._offered.currentIndex()
        if index.isValid():
            self._add(str(self._model.rows[index.row()].key))

    def _offer(self) -> None:
        """The tags that match what is written and are not there yet."""
        part = self._tag_of(self.line.text())
        whole = {tagged.tag for tagged in self._present if tagged.count == self._of}
        found = [(tag, count) for tag, count in self._known if part in tag and tag not in whole]
        found.sort(key=lambda known: not known[0].startswith(part))  # else the most used first
        picks = [Pick(tag, f"#{tag}", f"{count:,}") for tag, count in found[:MOST]]
        if picks != self._model.rows:
            self._model.show_rows(picks)
        self._offered.setVisible(bool(picks))
        self._fit()

    def _fit(self) -> None:
        """As high as what is in it, within its place."""
        rows = sum(self._offered.sizeHintForRow(row) for row in range(len(self._model.rows)))
        self._offered.setFixedHeight(max(1, rows + 2 * self._offered.frameWidth()))
        if self.isVisible():
            self._column.invalidate()
            self._column.activate()
            height = min(self._place.height(), self._column.totalHeightForWidth(WIDTH))
            self.setGeometry(QRect(self._place.topLeft(), QSize(WIDTH, height)))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        pressed = watched is self.line and event.type() == QEvent.Type.KeyPress
        if pressed and isinstance(event, QKeyEvent) and self._key(event.key()):
            return True
        return super().eventFilter(watched, event)

    def _key(self, key: int) -> bool:
        at = self._offered.currentIndex().row()
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if at >= 0:
                self._add_offered()
            elif self.line.text().strip():
                self._add(self.line.text())
            else:
                self.close()
        elif key in (Qt.Key.Key_Down, Qt.Key.Key_Up):
            row = min(at + 1, len(self._model.rows) - 1) if key == Qt.Key.Key_Down else at - 1
            self._offered.setCurrentIndex(self._model.index(row))  # -1: back to what is written
        else:
            return False
        return True

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close()
        else:
            super().keyPressEvent(event)
