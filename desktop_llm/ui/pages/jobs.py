"""The page of jobs: what is being done in the background, what waits for it, and what has ended.

Knows no service: it shows what it is told and says what a person wants.
"""

import time
from collections.abc import Mapping, Sequence
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from desktop_llm.core.errors import DesktopLlmError
from desktop_llm.core.jobs import ENDED, Job, JobEvent, JobKind, JobPhase, JobState
from desktop_llm.ui.icons import Role, icon
from desktop_llm.ui.models.bin import relative_time
from desktop_llm.ui.widgets.empty_state import EmptyState
from desktop_llm.ui.widgets.inline_fault import InlineFault
from desktop_llm.ui.widgets.plain_text import plain_label
from desktop_llm.ui.widgets.progress_row import ProgressRow, RowAction, RowState
from desktop_llm.ui.widgets.scrolled import scrolled
from desktop_llm.words import _
from desktop_llm.words.faults import word_fault
from desktop_llm.words.jobs import event_words, progress_words, state_words

WIDTH = 680  # pixels of the column
MOST_ENDED = 50  # that are shown
PAUSE, RESUME, CANCEL, FORGET, EARLIER, LATER, LOG, RESULTS = (
    "pause", "resume", "cancel", "forget", "earlier", "later", "log", "results",
)  # fmt: skip


class JobsPage(QFrame):
    wanted = Signal(int, str)  # a job, and one of the words above
    clear_wanted = Signal()
    results_wanted = Signal(int)  # of a table's
    log_wanted = Signal(int)  # to be answered by `show_log`

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("page")
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self._jobs: Sequence[Job] = ()
        self._rows: dict[int, ProgressRow] = {}
        self._logs: dict[int, Sequence[JobEvent]] = {}  # of those whose log is open
        title = plain_label(_("Jobs"), self)
        title.setProperty("heading", True)
        about = plain_label(
            _("What is done in the background. It goes on when the window is closed."), self
        )
        about.setProperty("muted", True)
        about.setWordWrap(True)
        self.empty = EmptyState(icon("queue", Role.PlaceholderText), self)
        self.empty.set_words(_("Nothing is being done"), _("Downloads are listed here."))
        self._ended_title = plain_label(_("Ended"), self)
        self._ended_title.setProperty("section", True)
        self.clear_button = QPushButton(icon("x"), _("Clear the list"), self)
        self.clear_button.setToolTip(_("What was downloaded stays."))
        self.clear_button.clicked.connect(self.clear_wanted)
        self.fault = InlineFault(icon("warning", Role.BrightText), icon("x"), self)
        self.fault.set_words(_("Dismiss"))
        self.fault.after = self
        self._arrange(title, about)

    def _arrange(self, title: QWidget, about: QWidget) -> None:
        inside = QWidget()
        inside.setMaximumWidth(WIDTH)
        self._now, self._over = QVBoxLayout(), QVBoxLayout()
        for each in (self._now, self._over):
            each.setSpacing(8)
        ended = QHBoxLayout()
        ended.addWidget(self._ended_title, 1)
        ended.addWidget(self.clear_button)
        rows = QVBoxLayout(inside)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(12)
        rows.addLayout(self._now)
        rows.addLayout(ended)
        rows.addLayout(self._over)
        rows.addStretch()
        holder = QWidget()
        centre = QHBoxLayout(holder)
        centre.setContentsMargins(0, 0, 0, 0)
        centre.addStretch(1)
        centre.addWidget(inside, 1000)
        centre.addStretch(1)
        self._area = scrolled(holder, _("Jobs"), self)
        self._stack = QStackedWidget(self)
        self._stack.addWidget(self.empty)
        self._stack.addWidget(self._area)
        head = QWidget(self)
        head.setMaximumWidth(WIDTH)
        words = QVBoxLayout(head)
        words.setContentsMargins(0, 0, 0, 0)
        words.setSpacing(12)
        for widget in (title, about, self.fault):
            words.addWidget(widget)
        top = QHBoxLayout()
        top.addStretch(1)
        top.addWidget(head, 1000)
        top.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(24, 16, 24, 24)
        outer.setSpacing(16)
        outer.addLayout(top)
        outer.addWidget(self._stack, 1)

    # --- what is shown ---------------------------------------------------------------------------

    def show_jobs(self, jobs: Sequence[Job]) -> None:
        """In their order: first those that have not ended."""
        now = [job for job in jobs if job.state not in ENDED]
        over = [job for job in jobs if job.state in ENDED][:MOST_ENDED]
        self._jobs = [*now, *over]
        shown = {job.id for job in self._jobs}
        self._logs = {job: log for job, log in self._logs.items() if job in shown}
        for gone in [number for number in self._rows if number not in shown]:
            self._drop(self._rows.pop(gone))
        for layout, some in ((self._now, now), (self._over, over)):
            for at, job in enumerate(some):
                row = self._rows.get(job.id)
                if row is None:
                    row = self._rows[job.id] = ProgressRow(self)
                    row.wanted.connect(partial(self._want, job.id))
                if layout.indexOf(row) != at:
                    layout.insertWidget(at, row)
                row.show_state(self._state(job, at, len(now)))
        for widget in (self._ended_title, self.clear_button):
            widget.setVisible(bool(over))
        self._stack.setCurrentWidget(self._area if self._jobs else self.empty)

    def row(self, job: int) -> ProgressRow | None:
        return self._rows.get(job)

    def show_log(self, job: int, events: Sequence[JobEvent]) -> None:
        if job in self._logs:
            self._logs[job] = events
            self.show_jobs(self._jobs)

    def open_logs(self) -> Mapping[int, Sequence[JobEvent]]:
        """Of which jobs it is open."""
        return self._logs

    def show_fault(self, fault: DesktopLlmError) -> None:
        words = word_fault(fault)
        self.fault.show_fault(words.what, words.next_step)

    def _drop(self, row: ProgressRow) -> None:
        focus = self.window().focusWidget()
        if focus is not None and row.isAncestorOf(focus):
            self.setFocus(Qt.FocusReason.OtherFocusReason)
        row.hide()
        row.deleteLater()

    def _state(self, job: Job, at: int, waiting: int) -> RowState:
        ended = job.state in ENDED
        parts = [state_words(job), progress_words(job)]
        if ended and job.ended is not None:
            parts.append(relative_time(job.ended))
        fraction = None if ended else job.progress.fraction
        if job.state is JobState.RUNNING and (
            fraction is None or job.progress.phase is JobPhase.CONNECTING
        ):
            fraction = -1.0
        elif not ended and fraction is None:
            fraction = 0.0
        return RowState(
            title=job.title,
            detail="  ·  ".join(part for part in parts if part),
            fraction=fraction,
            fault="" if job.fault is None else str(word_fault(job.fault)),
            actions=self._actions(job, at, waiting),
            lines=[_line(event) for event in self._logs.get(job.id, ())],
        )

    def _actions(self, job: Job, at: int, waiting: int) -> list[RowAction]:
        actions = []
        if job.kind == JobKind.TABLE and job.state is not JobState.CANCELLED:
            actions.append(RowAction(RESULTS, icon("table"), _("Results …")))
        if job.may_resume or job.may_retry:
            if job.may_resume and job.fault is None:
                actions.append(RowAction(RESUME, icon("play"), _("Go on")))
            else:
                actions.append(RowAction(RESUME, icon("arrow-clockwise"), _("Try again")))
        elif job.may_pause:
            actions.append(RowAction(PAUSE, icon("pause"), _("Pause")))
        if job.state not in ENDED and at > 0:
            actions.append(RowAction(EARLIER, icon("caret-up"), _("Earlier")))
        if job.state not in ENDED and at < waiting - 1:
            actions.append(RowAction(LATER, icon("caret-down"), _("Later")))
        actions.append(
            RowAction(LOG, icon("list-dashes"), _("What happened"), checked=job.id in self._logs)
        )
        if job.state not in ENDED or job.state is JobState.FAILED:
            actions.append(RowAction(CANCEL, icon("x"), _("Cancel and delete what arrived")))
        else:
            actions.append(RowAction(FORGET, icon("x"), _("Remove from the list")))
        return actions

    def _want(self, job: int, key: str) -> None:
        if key == RESULTS:
            self.results_wanted.emit(job)
        elif key != LOG:
            self.wanted.emit(job, key)
        elif job in self._logs:
            del self._logs[job]
            self.show_jobs(self._jobs)
        else:
            self._logs[job] = ()
            self.log_wanted.emit(job)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Esc leaves a fault before it leaves the page."""
        if event.key() == Qt.Key.Key_Escape and not self.fault.isHidden():
            self.fault.dismiss()
        else:
            super().keyPressEvent(event)


def _line(event: JobEvent) -> str:
    return f"{time.strftime('%H:%M:%S', time.localtime(event.time))}  {event_words(event)}"
