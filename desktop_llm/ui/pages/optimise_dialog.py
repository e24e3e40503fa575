"""Making a model faster for this computer: what was measured, other formats, taking one of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from desktop_llm.core.jobs import ENDED, Job, JobState
from desktop_llm.core.measurement import Candidate, Measurement
from desktop_llm.core.models import InstalledModel
from desktop_llm.ui.icons import icon
from desktop_llm.ui.widgets.plain_text import plain_label
from desktop_llm.ui.widgets.scrolled import scrolled
from desktop_llm.words import _
from desktop_llm.words.amounts import size_words
from desktop_llm.words.faults import word_fault
from desktop_llm.words.jobs import progress_words, state_words
from desktop_llm.words.measurement import (
    left_out_words,
    measured_words,
    outcome_words,
    verdict_words,
    when_words,
)

LOOK_MILLISECONDS = 1000  # between two looks at how far it is
WIDTH, HEIGHT = 640, 600  # pixels that it asks for
SHOWN = 8  # measurements of the past


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimised:
    """What is known of a model: the job that is or was at it, what that found and what of it is
    still there to be taken, and what was measured before.
    """

    job: Job | None = None
    candidates: Sequence[Candidate] = ()
    waiting: Sequence[Candidate] = ()
    left_out: Sequence[str] = ()  # formats that were not tried
    history: Sequence[Measurement] = field(default_factory=tuple)


class OptimiseDialog(QDialog):
    look_wanted = Signal()  # to be answered by `show_state`
    measure_wanted = Signal()
    start_wanted = Signal()
    cancel_wanted = Signal(int)  # a job
    adopt_wanted = Signal(object)  # a `Candidate`
    discard_wanted = Signal(object)

    def __init__(self, model: InstalledModel, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(_("Make “{name}” faster").format(name=model.name))
        self._state: Optimised | None = None
        about = plain_label(
            _("Measures how fast the model reads and writes here, makes it in formats that "
              "processors are good at, and measures those on the same text. Nothing takes its "
              "place until you say so."), self
        )  # fmt: skip
        about.setProperty("muted", True)
        about.setWordWrap(True)
        self.state = plain_label(parent=self)
        self.state.setWordWrap(True)
        self.bar = QProgressBar(self)
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(_("How far it is"))
        inside = QWidget()
        self._found = QVBoxLayout(inside)
        self._found.setContentsMargins(0, 0, 8, 0)
        self._found.setSpacing(8)
        self._area = area = scrolled(inside, _("What was measured"), self)
        self.start_button = QPushButton(icon("lightning"), _("Try other formats"), self)
        self.start_button.clicked.connect(self.start_wanted)
        self.measure_button = QPushButton(icon("gauge"), _("Measure only"), self)
        self.measure_button.clicked.connect(self.measure_wanted)
        self.cancel_button = QPushButton(_("Cancel the work"), self)
        self.cancel_button.clicked.connect(self._cancel)
        close = QPushButton(_("Close"), self)
        close.clicked.connect(self.accept)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        for button in (self.start_button, self.measure_button, self.cancel_button):
            buttons.addWidget(button)
        buttons.addStretch()
        buttons.addWidget(close)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(24, 16, 24, 16)
        rows.setSpacing(10)
        for widget in (about, self.state, self.bar):
            rows.addWidget(widget)
        rows.addWidget(area, 1)
        rows.addLayout(buttons)
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MILLISECONDS)
        self._timer.timeout.connect(self.look_wanted)
        self._timer.start()
        room = parent.window().size()
        self.resize(min(WIDTH, room.width() - 40), min(HEIGHT, room.height() - 40))
        self._show_progress(None)

    def show_state(self, state: Optimised) -> None:
        self._show_progress(state.job)
        before, self._state = self._state, state
        if before is None or _content(before) != _content(state):
            self._show_found(state)

    def _show_progress(self, job: Job | None) -> None:
        busy = job is not None and job.state not in ENDED
        self.bar.setVisible(busy)
        self.cancel_button.setVisible(busy)
        self.start_button.setEnabled(not busy)
        self.measure_button.setEnabled(not busy)
        words = ""
        if job is not None and busy:
            fraction = job.progress.fraction
            self.bar.setValue(round(1000 * (fraction or 0)))
            parts = (state_words(job), progress_words(job))
            words = "  ·  ".join(part for part in parts if part)
        if job is not None and job.fault is not None and job.state is not JobState.CANCELLED:
            words = str(word_fault(job.fault))
        self.state.setText(words)
        self.state.setVisible(bool(words))

    def _show_found(self, state: Optimised) -> None:
        while (item := self._found.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        if state.candidates:
            self._add(outcome_words(state.candidates), "strong")
            if state.left_out:
                self._add(left_out_words(state.left_out), "muted")
            self._add_card(state.candidates[0].before, _("as it is"), ())
            for one in state.candidates:
                offered = (one,) if one in state.waiting else ()
                self._add_card(one.after, verdict_words(one), offered)
        if state.history:
            self._add(_("Measured before"), "section")
            for measured in state.history[:SHOWN]:
                parts = (when_words(measured), measured.quantization, measured_words(measured),
                         measured.program)  # fmt: skip
                self._add("  ·  ".join(part for part in parts if part), "small")
        if not state.candidates and not state.history:
            self._add(_("Nothing was measured yet."), "muted")
        self._found.addStretch()

    def _add(self, words: str, look: str) -> QLabel:
        label = plain_label(words)
        label.setProperty(look, True)
        label.setWordWrap(True)
        self._found.addWidget(label)
        return label

    def _add_card(self, measured: Measurement, about: str, offered: Sequence[Candidate]) -> None:
        card = QFrame()
        card.setObjectName("card")
        rows = QVBoxLayout(card)
        rows.setContentsMargins(16, 12, 16, 12)
        rows.setSpacing(4)
        title = plain_label(f"{measured.quantization}  ·  {size_words(measured.size_bytes)}", card)
        title.setProperty("strong", True)
        rows.addWidget(title)
        for words in (measured_words(measured), about):
            label = plain_label(words, card)
            label.setWordWrap(True)
            rows.addWidget(label)
        for one in offered:
            row = QHBoxLayout()
            row.setSpacing(8)
            take = QPushButton(icon("check"), _("Take it"), card)
            take.setAccessibleName(_("Take {form}").format(form=measured.quantization))
            take.clicked.connect(lambda _on=False, one=one: self.adopt_wanted.emit(one))
            drop = QPushButton(icon("trash"), _("Delete it"), card)
            drop.setAccessibleName(_("Delete {form}").format(form=measured.quantization))
            drop.clicked.connect(lambda _on=False, one=one: self.discard_wanted.emit(one))
            row.addWidget(take)
            row.addWidget(drop)
            row.addStretch()
            rows.addLayout(row)
        self._found.addWidget(card)

    def _cancel(self) -> None:
        if self._state is not None and self._state.job is not None:
            self.cancel_wanted.emit(self._state.job.id)


def _content(state: Optimised) -> tuple[object, ...]:
    return tuple(state.candidates), tuple(state.waiting), tuple(state.history)
