"""Presets: one is chosen, another is saved, and the rest is behind “⋯”. A name is asked for in the
row itself.
"""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QLineEdit,
    QMenu,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from desktop_llm.core.presets import NAME_LENGTH, NOTHING_SET, Parameters, Preset
from desktop_llm.ui.icons import icon
from desktop_llm.ui.widgets.announce import announce
from desktop_llm.ui.widgets.inputs import Choice
from desktop_llm.ui.widgets.plain_text import plain_label, plain_tip
from desktop_llm.words import _


class PresetRow(QWidget):
    """Esc leaves the name."""

    chosen = Signal(object)  # a `Preset`, or None
    save_wanted = Signal(str, bool)  # name; whether the present model belongs to it
    rename_wanted = Signal(object, str)  # a `Preset`, its new name
    update_wanted = Signal(object)  # a `Preset`, with the present values
    delete_wanted = Signal(object)
    import_wanted = Signal()
    export_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._presets: tuple[Preset, ...] = ()
        self._current: Preset | None = None
        self._changed = False
        self._renames: Preset | None = None  # None: a new one is named
        self.choice = Choice(icon("caret-down"), self)
        self.choice.setAccessibleName(_("Preset"))
        self.choice.setSizeAdjustPolicy(
            Choice.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.choice.setMinimumContentsLength(6)
        self.choice.activated.connect(self._choose)
        self.save = QPushButton(_("Save"), self)
        self.save.setToolTip(_("Save these values as a new preset"))
        self.save.setAccessibleName(_("Save as a new preset"))
        self.save.clicked.connect(lambda: self._ask_name(None))
        self.more = QToolButton(self)
        self.more.setIcon(icon("dots-three"))
        self.more.setToolTip(_("More about presets"))
        self.more.setAccessibleName(_("More about presets"))
        self.more.clicked.connect(self._show_more)
        self._usual = QWidget(self)
        row = QHBoxLayout(self._usual)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.choice, 1)
        row.addWidget(self.save)
        row.addWidget(self.more)
        self._naming = self._make_naming()
        self._naming.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._usual)
        column.addWidget(self._naming)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def _make_naming(self) -> QWidget:
        naming = QWidget(self)
        self.name = QLineEdit(naming)
        self.name.setMaxLength(NAME_LENGTH)
        self.name.setPlaceholderText(_("Name of the preset"))
        self.name.setAccessibleName(_("Name of the preset"))
        self.name.textChanged.connect(self._named)
        self.name.returnPressed.connect(self._take_name)
        self.with_model = QCheckBox(_("With the present model"), naming)
        self.wrong = plain_label(parent=naming)
        self.wrong.setProperty("danger", True)
        self.wrong.setWordWrap(True)
        self.wrong.hide()
        self.take = QPushButton(naming)
        self.take.setProperty("primary", True)
        self.take.clicked.connect(self._take_name)
        self.cancel = QPushButton(_("Cancel"), naming)
        self.cancel.clicked.connect(self._end_naming)
        for button in (self.take, self.cancel):
            button.setAutoDefault(True)  # Enter presses it too
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addStretch(1)
        buttons.addWidget(self.cancel)
        buttons.addWidget(self.take)
        QWidget.setTabOrder(self.take, self.cancel)
        column = QVBoxLayout(naming)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        for widget in (self.name, self.wrong, self.with_model):
            column.addWidget(widget)
        column.addLayout(buttons)
        return naming

    # --- what is shown -------------------------------------------------------------------------

    def show_presets(
        self, presets: Sequence[Preset], current: Preset | None, parameters: Parameters
    ) -> None:
        """`current`: the one these parameters come of."""
        self._presets, self._current = tuple(presets), current
        self._changed = parameters != (current.parameters if current else NOTHING_SET)
        names = [_line(preset.name) for preset in presets]
        row = 0 if current is None else 1 + [each.id for each in presets].index(current.id)
        texts = [_("No preset"), *names]
        if current is not None and self._changed:
            texts[row] = _("{name} (changed)").format(name=texts[row])
        if texts != [self.choice.itemText(at) for at in range(self.choice.count())]:
            self.choice.clear()
            self.choice.addItems(texts)
        self.choice.setCurrentIndex(row)
        self.choice.setToolTip(plain_tip(texts[row]))

    def _choose(self, row: int) -> None:
        preset = self._presets[row - 1] if row else None
        if preset != self._current or self._changed:
            self.chosen.emit(preset)

    # --- a name --------------------------------------------------------------------------------

    def ask_name(self) -> None:
        """Of a new one."""
        self._ask_name(None)

    def _ask_name(self, renames: Preset | None) -> None:
        self._renames = renames
        self.name.setText(_line(renames.name) if renames else "")
        self.name.selectAll()
        self.with_model.setVisible(renames is None)
        self.with_model.setChecked(False)
        self.take.setText(_("Rename") if renames else _("Save"))
        self._named()
        self._usual.hide()
        self._naming.show()
        self.name.setFocus(Qt.FocusReason.OtherFocusReason)

    def _named(self) -> None:
        self.take.setEnabled(bool(self.name.text().strip()))
        self.wrong.hide()

    def _take_name(self) -> None:
        name, renames = self.name.text().strip(), self._renames
        if not name:
            return
        if any(name == preset.name and preset != renames for preset in self._presets):
            self.wrong.setText(_("There is a preset of this name already."))
            self.wrong.show()
            announce(self.name, self.wrong.text())
            return
        with_model = self.with_model.isChecked()
        self._end_naming()
        if renames is None:
            self.save_wanted.emit(name, with_model)
        elif name != renames.name:
            self.rename_wanted.emit(renames, name)

    def _end_naming(self) -> None:
        if self._naming.isHidden():
            return
        self._usual.show()
        focus = self.window().focusWidget()
        if focus is not None and self._naming.isAncestorOf(focus):
            self.choice.setFocus(Qt.FocusReason.OtherFocusReason)
        self._naming.hide()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and not self._naming.isHidden():
            self._end_naming()
        else:
            super().keyPressEvent(event)

    # --- more ----------------------------------------------------------------------------------

    def _show_more(self) -> None:
        menu = self.menu()
        place = self.more.mapToGlobal(self.more.rect().bottomRight())
        menu.popup(place - QPoint(menu.sizeHint().width(), 0))

    def menu(self) -> QMenu:
        menu, current = QMenu(self), self._current
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)

        def add(glyph: str, words: str, call: Callable[[], object], may: bool = True) -> None:
            action = menu.addAction(icon(glyph), words)
            action.triggered.connect(lambda _on=False: call())
            action.setEnabled(may)

        there = current is not None
        add("pencil-simple", _("Rename …"), lambda: self._ask_name(current), there)
        add(
            "floppy-disk",
            _("Update with these values"),
            lambda: self.update_wanted.emit(current),
            there and self._changed,
        )
        add("trash", _("Delete preset"), lambda: self.delete_wanted.emit(current), there)
        menu.addSeparator()
        add("download-simple", _("Import presets …"), self.import_wanted.emit)
        add("upload-simple", _("Export presets …"), self.export_wanted.emit, bool(self._presets))
        return menu


def _line(name: str) -> str:
    """A name that fits into a row."""
    return " ".join(name.split())
