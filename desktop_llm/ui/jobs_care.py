"""Jobs in the window: listed, steered, and told of when they end."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from desktop_llm.core.errors import DesktopLlmError
from desktop_llm.core.jobs import ENDED, Job, JobEvent, JobKind, JobState
from desktop_llm.ui.bridge import Bridge
from desktop_llm.ui.workspace import Page, Workspace
from desktop_llm.words import _
from desktop_llm.words.faults import word_fault

if TYPE_CHECKING:
    from desktop_llm.services.bundle import Services
    from desktop_llm.services.jobs import JobService
    from desktop_llm.ui.pages.jobs import JobsPage

LOOK_MILLISECONDS = 2000  # whether the command line has begun the first job there ever was


class JobsCare(QObject):
    done = Signal(object)  # a `Job` that has ended well while the window was open
    results_wanted = Signal(int)  # of a table's job

    def __init__(
        self, workspace: Workspace, bridge: Bridge, services: "Callable[[], Services | None]"
    ) -> None:
        super().__init__(workspace)
        self._workspace = workspace
        self._bridge = bridge
        self._services = services
        self._page: JobsPage | None = None
        self._asked = 0
        self._states: dict[int, JobState] | None = None  # as they were shown last
        self._watched: Services | None = None  # whose jobs are looked at
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MILLISECONDS)
        self._timer.timeout.connect(self._watch)
        workspace.status.jobs_wanted.connect(lambda: workspace.show_page(Page.JOBS))

    def start(self) -> None:
        """The services are open."""
        self._timer.start()
        self._watch()

    def connect_page(self, page: "JobsPage") -> None:
        from desktop_llm.ui.pages import jobs as words

        self._page = page
        calls: dict[str, Callable[[JobService, int], object]] = {
            words.PAUSE: lambda jobs, job: jobs.pause(job),
            words.RESUME: lambda jobs, job: jobs.resume(job),
            words.CANCEL: lambda jobs, job: jobs.cancel(job),
            words.FORGET: lambda jobs, job: jobs.forget(job),
            words.EARLIER: lambda jobs, job: jobs.move(job, -1),
            words.LATER: lambda jobs, job: jobs.move(job, 1),
        }
        page.wanted.connect(lambda job, key: self._do(lambda jobs: calls[key](jobs, job)))
        page.clear_wanted.connect(lambda: self._do(lambda jobs: jobs.forget()))
        page.log_wanted.connect(self._show_log)
        page.results_wanted.connect(self.results_wanted)

    def refresh(self) -> None:
        jobs = self._jobs()
        if jobs is None:
            return
        self._asked += 1
        nth = self._asked

        def show(found: list[Job]) -> None:
            if nth == self._asked:
                self._show(found)

        def fail(fault: DesktopLlmError) -> None:
            if jobs is self._jobs():  # they may be closed by now
                self._fail(fault)

        self._bridge.run(jobs.all, show, fail)

    def look(self) -> None:
        """A job was begun: there is a database of them now."""
        self._watch()
        self.refresh()

    def _watch(self) -> None:
        """As soon as there is a database of jobs."""
        services = self._services()
        if services is None or services is self._watched:
            return

        def begin() -> bool:
            if not services.may_have_jobs():
                return False
            services.jobs.watch(lambda: self._bridge.post(self.refresh))
            services.jobs.ensure_runner()  # the computer may have been off since
            return True

        def begun(watching: bool) -> None:
            if not watching:
                self._states = {}  # whatever comes from now on is news
            elif self._watched is not services:
                self._watched = services
                self.refresh()

        self._bridge.run(begin, begun, lambda _fault: None)

    def _jobs(self) -> "JobService | None":
        services = self._services()
        return None if services is None else services.jobs

    def _do(self, call: "Callable[[JobService], object]") -> None:
        if (jobs := self._jobs()) is not None:
            self._bridge.write(lambda: call(jobs), lambda _result: self.refresh(), self._fail)

    def _show(self, found: list[Job]) -> None:
        self._tell_ends(found)
        going = [job for job in found if job.state in (JobState.QUEUED, JobState.RUNNING)]
        first = going[0].progress.fraction if going else None
        self._workspace.status.show_jobs(len(going), first)
        page = self._page
        if page is not None and self._workspace.page is Page.JOBS:
            page.show_jobs(found)
            for job in page.open_logs():
                self._show_log(job)

    def _show_log(self, job: int) -> None:
        jobs, page = self._jobs(), self._page
        if jobs is None or page is None:
            return

        def show(events: Sequence[JobEvent]) -> None:
            page.show_log(job, events)

        self._bridge.run(lambda: jobs.events(job), show, lambda _fault: None)

    def _tell_ends(self, found: list[Job]) -> None:
        """Not of what had ended before the window looked first."""
        before, self._states = self._states, {job.id: job.state for job in found}
        if before is None:
            return
        for job in found:
            was = before.get(job.id)
            if was is job.state or was in ENDED:
                continue
            if job.state is JobState.DONE:
                words = {
                    JobKind.CHECK.value: _("“{title}” is sound."),
                    JobKind.BENCH.value: _("“{title}” is measured."),
                    JobKind.OPTIMISE.value: _("“{title}” was tried in other formats."),
                    JobKind.TABLE.value: _("The table “{title}” is done."),
                }.get(job.kind, _("“{title}” is here."))
                self._say(words.format(title=job.title), job)
                self.done.emit(job)
            elif job.fault is not None and job.state in (JobState.FAILED, JobState.PAUSED):
                self._say(word_fault(job.fault).what)

    def _say(self, words: str, job: Job | None = None) -> None:
        if job is not None and job.kind == JobKind.TABLE:
            number = job.id
            look = (_("Results …"), lambda: self.results_wanted.emit(number))
            self._workspace.toasts.show(words, *look)
        elif self._workspace.page is Page.JOBS:
            self._workspace.toasts.show(words)
        else:
            look = (_("Show"), lambda: self._workspace.show_page(Page.JOBS))
            self._workspace.toasts.show(words, *look)

    def _fail(self, fault: DesktopLlmError) -> None:
        if self._page is not None and self._workspace.page is Page.JOBS:
            self._page.show_fault(fault)
        else:
            self._workspace.chat.show_fault(fault)
