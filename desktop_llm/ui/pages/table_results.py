"""What tools made of a table: looked at, put right by hand, written again.

Knows no service: it shows what it is told and says what a person wants.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QSplitter,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from desktop_llm.core.jobs import ENDED, Job, JobState
from desktop_llm.ui.icons import Role, icon
from desktop_llm.ui.models.table_rows import ShownStep, TableRows
from desktop_llm.ui.pages.table_grid import TableGrid
from desktop_llm.ui.widgets.bar_chart import Bar, BarChart
from desktop_llm.ui.widgets.eliding import ElidingLabel
from desktop_llm.ui.widgets.inline_fault import InlineFault
from desktop_llm.ui.widgets.inputs import Choice
from desktop_llm.ui.widgets.plain_text import plain_label
from desktop_llm.ui.widgets.scrolled import scrolled
from desktop_llm.ui.widgets.toasts import Toasts
from desktop_llm.words import _, counted
from desktop_llm.words.faults import word_fault
from desktop_llm.words.jobs import progress_words, state_words

LOOK_MILLISECONDS = 1000  # between two looks at how far it is
WIDTH, HEIGHT = 1080, 700  # pixels that it asks for
NARROW = 860  # below that the chart is under the table
CHART = 280
BARS = 12  # the rest is one


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """How it stands. `rows`: of the table; `doubted`: that the step which is sorted by has come to.
    `tallies`: of each step, what failed, is in doubt, was corrected. `counts`: of labels.
    """

    job: Job
    steps: Sequence[ShownStep]
    rows: int
    sorted_rows: int
    tallies: Sequence[tuple[int, int, int]]
    counts: Sequence[Mapping[str, int]]


class TableResults(QDialog):
    look_wanted = Signal()  # to be answered by `show_state`
    write_wanted = Signal()
    folder_wanted = Signal()
    retry_wanted = Signal()
    export_wanted = Signal()

    def __init__(self, title: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowFlag(Qt.WindowType.WindowMaximizeButtonHint)
        self.setWindowTitle(_("Results: {title}").format(title=title))
        self._state: Looked | None = None
        self._unsaved = False
        self.name = ElidingLabel(self)
        self.name.setProperty("section", True)
        self.name.setText(title)
        self.about = plain_label(parent=self)
        self.about.setProperty("muted", True)
        self.bar = QProgressBar(self)
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(_("How far it is"))
        self.tally = plain_label(parent=self)
        self.tally.setWordWrap(True)
        self.step = Choice(icon("caret-down"), self)
        self.step.setAccessibleName(_("Tool"))
        self.step.setSizeAdjustPolicy(Choice.SizeAdjustPolicy.AdjustToContents)
        self.step.currentIndexChanged.connect(lambda _at: self._step_chosen())
        self.doubted = QToolButton(self)
        self.doubted.setText(_("Least sure first"))
        self.doubted.setIcon(icon("sort-ascending"))
        self.doubted.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.doubted.setCheckable(True)
        self.doubted.toggled.connect(lambda _on: self._sort())
        self.rows = TableRows(True, self)
        self.rows.corrected.connect(lambda *_what: self._corrected())
        self.grid = TableGrid(_("Results"), self)
        self.grid.setModel(self.rows)
        self.fault = InlineFault(icon("warning", Role.BrightText), icon("x"), self)
        self.fault.set_words(_("Dismiss"))
        self.fault.after = self.grid
        self.write_button = self._button(_("Save the results again"), "floppy-disk")
        self.write_button.clicked.connect(self.write_wanted)
        self.retry_button = self._button(_("Retry failed rows"), "arrow-clockwise")
        self.retry_button.clicked.connect(self.retry_wanted)
        self.export_button = self._button(_("Export corrections …"), "export")
        self.export_button.clicked.connect(self.export_wanted)
        self.folder_button = self._button(_("Open folder"), "folder-open")
        self.folder_button.clicked.connect(self.folder_wanted)
        self.toasts = Toasts(self, icon("x"), _("Dismiss"))
        self._lay_out()
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MILLISECONDS)
        self._timer.timeout.connect(self.look_wanted)
        room = parent.window().size()
        self.resize(min(WIDTH, room.width() - 24), min(HEIGHT, room.height() - 24))
        self._enable()

    def _lay_out(self) -> None:
        self._chart_side = QWidget(self)
        self._side = side = QVBoxLayout(self._chart_side)
        side.setSpacing(8)
        self._chart_title = plain_label(_("Labels"), self)
        self._chart_title.setProperty("strong", True)
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 8, 0)
        self.chart = BarChart(inside)
        self.chart.setAccessibleName(_("Labels"))
        column.addWidget(self.chart)
        column.addStretch()
        area = scrolled(inside, _("Labels"), self)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        side.addWidget(self._chart_title)
        side.addWidget(area, 1)
        self.split = QSplitter(Qt.Orientation.Horizontal, self)
        self.split.setChildrenCollapsible(False)
        self.split.setHandleWidth(1)
        self.split.addWidget(self.grid)
        self.split.addWidget(self._chart_side)
        self.split.setStretchFactor(0, 1)
        self._chart_side.hide()
        head = QHBoxLayout()
        head.setSpacing(12)
        head.addWidget(self.tally, 1)
        head.addWidget(self.step)
        head.addWidget(self.doubted)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        close = self._button(_("Close"), "x")
        close.clicked.connect(self.reject)
        for button in (self.write_button, self.export_button, self.retry_button):
            buttons.addWidget(button)
        buttons.addStretch()
        buttons.addWidget(self.folder_button)
        buttons.addWidget(close)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(24, 16, 24, 16)
        rows.setSpacing(10)
        title = QVBoxLayout()
        title.setSpacing(2)
        title.addWidget(self.name)
        title.addWidget(self.about)
        rows.addLayout(title)
        rows.addWidget(self.bar)
        rows.addLayout(head)
        rows.addWidget(self.fault)
        rows.addWidget(self.split, 1)
        rows.addLayout(buttons)

    def _button(self, words: str, name: str) -> QPushButton:
        button = QPushButton(icon(name), words, self)
        button.setAutoDefault(False)
        return button

    # --- what is shown ---------------------------------------------------------------------------

    @property
    def sorted_by(self) -> int | None:
        """The step whose least sure rows come first; None: the order of the table."""
        return max(0, self.step.currentIndex()) if self.doubted.isChecked() else None

    def show_state(self, state: Looked) -> None:
        before, self._state = self._state, state
        busy = state.job.state not in ENDED
        if busy:
            self._timer.start()
        else:
            self._timer.stop()
        count = state.rows if self.sorted_by is None else state.sorted_rows
        if before is None or before.steps != state.steps:
            self._show_steps(state.steps)
            self.rows.show_table(state.steps, count)
            self.grid.fit(self.rows)
        else:
            self.rows.show_count(count)
            if _content(before) != _content(state):
                self.rows.refresh()
        self._show_progress(state.job)
        self._show_tally(state)
        self._show_chart()
        self._enable()

    def show_written(self) -> None:
        self._unsaved = False
        self._enable()

    def show_fault(self, what: str, next_step: str) -> None:
        self.fault.show_fault(what, next_step)

    def stop_looking(self) -> None:
        self._timer.stop()

    def _show_steps(self, steps: Sequence[ShownStep]) -> None:
        self.step.blockSignals(True)
        self.step.clear()
        self.step.addItems([step.title for step in steps])
        self.step.blockSignals(False)
        self.step.setVisible(len(steps) > 1)

    def _show_progress(self, job: Job) -> None:
        busy = job.state not in ENDED
        self.bar.setVisible(busy)
        fraction = job.progress.fraction
        unknown = job.state is JobState.RUNNING and fraction is None
        self.bar.setRange(0, 0 if unknown else 1000)
        if not unknown:
            self.bar.setValue(round(1000 * (fraction or 0)))
        parts = [state_words(job), progress_words(job) if busy else ""]
        if job.fault is not None and job.state is not JobState.CANCELLED:
            parts = [str(word_fault(job.fault))]
        self.about.setText("  ·  ".join(part for part in parts if part))

    def _show_tally(self, state: Looked) -> None:
        failed, doubted, corrected = (sum(each) for each in zip(*state.tallies, strict=True))
        parts = [counted("{number} row", "{number} rows", state.rows)]
        if failed:
            parts.append(counted("{number} failed", "{number} failed", failed))
        if doubted or any(step.labels for step in state.steps):
            parts.append(counted("{number} in doubt", "{number} in doubt", doubted))
        if corrected:
            parts.append(counted("{number} corrected", "{number} corrected", corrected))
        self.tally.setText(_(" · ").join(parts))

    def _show_chart(self) -> None:
        state, at = self._state, max(0, self.step.currentIndex())
        if state is None or at >= len(state.steps):
            return
        step = state.steps[at]
        counts = state.counts[at] if step.labels else {}
        if bool(counts) is self._chart_side.isHidden():
            self._chart_side.setVisible(bool(counts))
            self._share()
        if not counts:
            return
        total = sum(counts.values())
        found = sorted(counts.items(), key=lambda pair: -pair[1])
        pairs = [(step.titled(value), number) for value, number in found[:BARS]]
        if rest := sum(number for _value, number in found[BARS:]):
            pairs.append((_("Others"), rest))
        self.chart.set_bars([
            Bar(title, number, f"{number:,} · {number / total:.0%}") for title, number in pairs
        ])  # fmt: skip

    def _enable(self) -> None:
        state = self._state
        tallies = state.tallies if state is not None else ()
        failed = any(each[0] for each in tallies)
        corrected = any(each[2] for each in tallies)
        ended = state is not None and state.job.state in ENDED
        writes = state is None or state.job.state in (JobState.QUEUED, JobState.RUNNING)
        self.write_button.setEnabled(not writes and (self._unsaved or corrected))
        self.write_button.setProperty("primary", self._unsaved)
        self.write_button.setIcon(
            icon("floppy-disk", Role.LinkVisited if self._unsaved else Role.ButtonText)
        )
        self.write_button.style().polish(self.write_button)
        self.export_button.setEnabled(corrected)
        self.retry_button.setVisible(failed and ended)
        self.folder_button.setEnabled(state is not None)

    def _step_chosen(self) -> None:
        self._show_chart()
        if self.doubted.isChecked():
            self._sort()

    def _sort(self) -> None:
        state = self._state
        if state is not None:
            self.rows.show_table(
                state.steps, state.rows if self.sorted_by is None else state.sorted_rows
            )
            self.grid.scrollToTop()
        self.look_wanted.emit()

    def _corrected(self) -> None:
        self._unsaved = True
        self._enable()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._share()

    def _share(self) -> None:
        """The chart stands beside the table where there is room, else below it."""
        narrow = self.width() < NARROW
        self.split.setOrientation(Qt.Orientation.Vertical if narrow else Qt.Orientation.Horizontal)
        self._side.setContentsMargins(0 if narrow else 12, 8, 0, 0)
        room = self.split.height() if narrow else self.split.width()
        part = min(CHART, room // 3)
        self.split.setSizes([room - part, part])


def _content(state: Looked) -> tuple[object, ...]:
    progress = (state.job.progress.done, state.job.state)
    return progress, tuple(state.tallies), state.rows, state.sorted_rows
