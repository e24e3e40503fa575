"""Parameters of the conversation that is shown: a page of the panel at the side.

Knows nothing of services: it shows what it is told, and says what a person set after a moment of
quiet, or at once when the field is left.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent, QShowEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from desktop_llm.core.presets import (
    NOTHING_SET,
    SAMPLER,
    SYSTEM_LENGTH,
    Parameters,
    Preset,
)
from desktop_llm.core.text import clean_text
from desktop_llm.ui.icons import icon
from desktop_llm.ui.pages.parameter_words import (
    LARGEST_SEED,
    MOST_TOKENS,
    number_words,
    scale_of,
    seed_from,
    stop_from_lines,
    stop_to_lines,
)
from desktop_llm.ui.pages.preset_row import PresetRow
from desktop_llm.ui.widgets.foldable import Foldable
from desktop_llm.ui.widgets.inputs import Choice
from desktop_llm.ui.widgets.plain_text import plain_label, plain_tip
from desktop_llm.ui.widgets.slider_field import Scale, SliderField
from desktop_llm.ui.widgets.text_fields import TextField
from desktop_llm.words import _

QUIET_MILLISECONDS = 400  # before what was set is told
MARGIN = 16  # pixels at both sides
BETWEEN = 20  # two parameters
TEXTS = ("system_prompt", "seed", "stop")


class ParametersPanel(QWidget):
    """What is in it is made when it is first shown: it would take 20 ms of the window's start."""

    parameters_changed = Signal(object)  # `Parameters`
    preset_chosen = Signal(object)  # a `Preset`; None: everything is to be as by default
    made = Signal()  # `presets` and the fields are there

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._parameters = NOTHING_SET
        self._edited: dict[str, None] = {}  # names of what is not told yet
        self._last_seed: int | None = None
        self._numbers: dict[str, SliderField] = {}
        self._texts: dict[str, TextField] = {}
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(QUIET_MILLISECONDS)
        self._timer.timeout.connect(self.flush)
        self._shown: tuple[Sequence[Preset], Preset | None] = ((), None)
        self._made = False
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)

    def showEvent(self, event: QShowEvent) -> None:
        if not self._made:
            self._made = True
            self._make()
            self.made.emit()
            self._show()
        super().showEvent(event)

    def _make(self) -> None:
        inside = QWidget(self)
        self._column = QVBoxLayout(inside)
        self._column.setContentsMargins(MARGIN, 4, MARGIN, MARGIN)
        self._column.setSpacing(BETWEEN)
        self.presets = PresetRow(inside)
        self.presets.chosen.connect(self.preset_chosen)
        self._column.addWidget(self.presets)
        self._make_main(inside)
        self._make_more(inside)
        self.reset_all = QPushButton(_("Reset all"), inside)
        self.reset_all.setIcon(icon("arrow-counter-clockwise"))
        self.reset_all.setToolTip(_("Every value as it is by default"))
        self.reset_all.clicked.connect(lambda: self.preset_chosen.emit(None))
        self._column.addWidget(self.reset_all, 0, Qt.AlignmentFlag.AlignLeft)
        self._column.addStretch(1)
        self._area = QScrollArea(self)
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._area.setWidget(inside)
        self._area.viewport().setAutoFillBackground(False)
        inside.setAutoFillBackground(False)
        area = self.layout()
        assert area is not None
        area.addWidget(self._area)

    # --- the fields ----------------------------------------------------------------------------

    def _make_main(self, inside: QWidget) -> None:
        self._text(
            "system_prompt",
            TextField(
                _("Instructions to the model"),
                "",
                5,
                _("Empty: those of the settings are used."),
                _("Technical name: {name}").format(name=_("system prompt")),
                inside,
            ),
        )
        self._number("temperature", self._column, inside)
        longest = Scale(low=0, high=MOST_TOKENS, default=0, step=16, lowest=_("Off"), slider=False)
        about = _("In tokens, each about three quarters of a word. Off: until the model ends it.")
        self._add_number("max_tokens", _("Longest reply"), about, longest, "--n-predict",
                         self._column, inside)  # fmt: skip
        about = _("The number that chance begins with: the same one leads to a similar reply.")
        seed = TextField(_("Seed"), about, 1, _("A new one for each reply"),
                         _technical("--seed"), inside)  # fmt: skip
        self._text("seed", seed)
        self._make_last_seed(seed)
        about = _("The reply ends where one of these would come. One a line; \\n stands for the "
                  "end of a line.")  # fmt: skip
        stop = TextField(_("Stop strings"), about, 3, _("None"), _technical("--reverse-prompt"),
                         inside)  # fmt: skip
        self._text("stop", stop)
        self._column.addWidget(self._make_reproducible(inside))

    def _make_last_seed(self, seed: TextField) -> None:
        self.last_seed = plain_label(parent=seed)
        self.last_seed.setProperty("small", True)
        self.last_seed.setWordWrap(True)
        self.keep_seed = QPushButton(_("Keep this seed"), seed)
        self.keep_seed.clicked.connect(self._keep_seed)
        self.free_seed = QPushButton(_("Release the seed"), seed)
        self.free_seed.clicked.connect(self._free_seed)
        self._seed_row = QWidget(seed)
        row = QHBoxLayout(self._seed_row)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.last_seed, 1)
        row.addWidget(self.keep_seed)
        row.addWidget(self.free_seed)
        seed.column.insertWidget(2, self._seed_row)

    def _make_reproducible(self, inside: QWidget) -> QWidget:
        field = QWidget(inside)
        name = _("Same text every time")
        label = plain_label(name, field)
        label.setWordWrap(True)
        hover = _("A fixed number of threads, and the whole conversation is read anew.")
        label.setToolTip(plain_tip(hover))
        about = _("Slower. With a seed that is kept, the same conversation gives the same reply "
                  "again on this computer.")  # fmt: skip
        words = plain_label(about, field)
        words.setProperty("small", True)
        words.setWordWrap(True)
        self.reproducible = Choice(icon("caret-down"), field)
        self.reproducible.addItem(_("Off"), False)
        self.reproducible.addItem(_("On"), True)
        self.reproducible.setAccessibleName(name)
        self.reproducible.setAccessibleDescription(about)
        self.reproducible.activated.connect(lambda: self._note("reproducible"))
        label.setBuddy(self.reproducible)
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(label, 1)
        head.addWidget(self.reproducible)
        column = QVBoxLayout(field)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(head)
        column.addWidget(words)
        return field

    def _make_more(self, inside: QWidget) -> None:
        self.more = Foldable(_("More"), icon("caret-right"), icon("caret-down"), inside)
        self.more.rows.setSpacing(BETWEEN)
        for name in number_words():
            if name != "temperature":
                self._number(name, self.more.rows, self.more.inside)
        self._column.addWidget(self.more)

    def _number(self, name: str, column: QVBoxLayout, inside: QWidget) -> None:
        words = number_words()[name]()
        scale = scale_of(name, words.lowest)
        self._add_number(name, words.name, words.about, scale, words.technical, column, inside)

    def _add_number(
        self,
        name: str,
        label: str,
        about: str,
        scale: Scale,
        technical: str,
        column: QVBoxLayout,
        inside: QWidget,
    ) -> None:
        about = _("{about} Default: {value}.").format(about=about, value=scale.text(scale.default))
        field = SliderField(label, about, scale, _technical(technical), inside)
        back = _("Back to the default: {name}").format(name=label)
        field.offer_reset(icon("arrow-counter-clockwise"), back)
        field.edited.connect(lambda: self._note(name))
        self._numbers[name] = field
        field.number.installEventFilter(self)
        column.addWidget(field)

    def _text(self, name: str, field: TextField) -> None:
        back = _("Back to the default: {name}").format(name=field.label.text())
        field.offer_reset(icon("arrow-counter-clockwise"), back)
        field.edited.connect(lambda: self._note(name))
        field.field.installEventFilter(self)
        self._texts[name] = field
        self._column.addWidget(field)

    # --- what is shown -------------------------------------------------------------------------

    def show_parameters(
        self,
        parameters: Parameters,
        presets: Sequence[Preset],
        last_seed: int | None,
        preset: Preset | None = None,
    ) -> None:
        """`last_seed`: of the newest reply. `preset`: which of them the parameters come of. A field
        that is being edited keeps what stands there.
        """
        self._parameters, self._last_seed = parameters, last_seed
        self._shown = (presets, preset)
        if self._made:
            self._show()

    def _show(self) -> None:
        self._show_values()
        self.presets.show_presets(*self._shown, self._now())
        self._show_seed()

    def _show_values(self) -> None:
        for name, field in self._numbers.items():
            if name not in self._edited and not field.being_typed:
                value = getattr(self._parameters, name)
                field.show_value(field.default if value is None else value)
        for name, text in self._texts.items():
            if name not in self._edited:
                value = getattr(self._parameters, name)
                if self._read(name)[0] != value:
                    text.show_text(_as_text(name, value))
                self._check(name)
        if "reproducible" not in self._edited:
            self.reproducible.setCurrentIndex(int(bool(self._parameters.reproducible)))
        self.reset_all.setEnabled(self._parameters != NOTHING_SET)

    def _show_seed(self) -> None:
        seed, last = self._now().seed, self._last_seed
        self.last_seed.setText("" if last is None else _("Last reply: {seed}").format(seed=last))
        focus = self.window().focusWidget()
        self.free_seed.setVisible(seed is not None)
        self.keep_seed.setVisible(seed is None and last is not None)
        self._seed_row.setVisible(seed is not None or last is not None)
        if focus is self.keep_seed and self.keep_seed.isHidden():
            self.free_seed.setFocus(Qt.FocusReason.OtherFocusReason)
        elif focus is self.free_seed and self.free_seed.isHidden():
            other = self._texts["seed"].field if self.keep_seed.isHidden() else self.keep_seed
            other.setFocus(Qt.FocusReason.OtherFocusReason)

    # --- what a person does --------------------------------------------------------------------

    def _keep_seed(self) -> None:
        if self._last_seed is not None:
            self._set_seed(str(self._last_seed))

    def _free_seed(self) -> None:
        self._set_seed("")

    def _set_seed(self, text: str) -> None:
        self._texts["seed"].show_text(text)
        self._note("seed")
        self.flush()

    def _note(self, name: str) -> None:
        """Edited: told in a moment."""
        self._edited[name] = None
        if name in self._texts:
            self._check(name)
        if name == "seed":
            self._show_seed()
        self._timer.start()

    def flush(self) -> None:
        """Tell now what would be told after a moment of quiet."""
        if not self._made:
            return
        for field in self._numbers.values():
            field.settle()
        self._timer.stop()
        now = self._now()
        self._edited.clear()
        if now != self._parameters:
            self._parameters = now
            self.reset_all.setEnabled(now != NOTHING_SET)
            self.parameters_changed.emit(now)

    def _now(self) -> Parameters:
        """With what is edited."""
        return replace(self._parameters, **{name: self._read(name)[0] for name in self._edited})

    def _read(self, name: str) -> tuple[Any, bool]:
        """What a field says, None for the default; and whether that is all of it."""
        if name in self._numbers:
            value = self._numbers[name].value
            if value == self._numbers[name].default:
                return None, True
            whole = name == "max_tokens" or isinstance(SAMPLER[name][0], int)
            return (int(value) if whole else value), True
        if name == "reproducible":
            return (True if self.reproducible.currentData() else None), True
        text = clean_text(self._texts[name].text())
        if name == "seed":
            return seed_from(text)
        if name == "stop":
            stop, whole = stop_from_lines(text)
            return stop or None, whole
        return text[:SYSTEM_LENGTH] or None, len(text) <= SYSTEM_LENGTH

    def _check(self, name: str) -> None:
        value, whole = self._read(name)
        words = ""
        if not whole and name == "seed":
            words = _("A whole number from 0 to {most}. Taken as {seed}.").format(
                most=LARGEST_SEED, seed=_("none") if value is None else value
            )
        elif not whole and name == "stop":
            words = _("At most 16, each of at most 256 characters. The others are not used.")
        elif not whole:
            words = _("At most {most} characters. The rest is not used.").format(
                most=f"{SYSTEM_LENGTH:,}"
            )
        self._texts[name].show_wrong(words)

    # --- focus ---------------------------------------------------------------------------------

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.FocusOut:
            self.flush()
        elif event.type() == QEvent.Type.FocusIn and isinstance(watched, QWidget):
            self._area.ensureWidgetVisible(watched, 0, 32)
        return super().eventFilter(watched, event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Passed on to the first thing that can be set. No focus proxy: a click beside the fields
        would go there too.
        """
        super().focusInEvent(event)
        if self._made and event.reason() is not Qt.FocusReason.MouseFocusReason:
            self.presets.choice.setFocus(event.reason())


def _as_text(name: str, value: Any) -> str:
    if value is None:
        return ""
    return stop_to_lines(value) if name == "stop" else str(value)


def _technical(name: str) -> str:
    return _("In llama.cpp: {name}").format(name=name)
