"""Models measured and made faster, from the window: the work itself is a job."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from shiboken6 import isValid

from desktop_llm.core.errors import DesktopLlmError
from desktop_llm.core.jobs import ENDED, JobKind
from desktop_llm.core.measurement import Candidate
from desktop_llm.core.models import InstalledModel
from desktop_llm.ui.bridge import Bridge
from desktop_llm.ui.workspace import Workspace
from desktop_llm.words import _

if TYPE_CHECKING:
    from desktop_llm.services.bundle import Services
    from desktop_llm.ui.pages.optimise_dialog import Optimised, OptimiseDialog


class OptimiseCare(QObject):
    job_begun = Signal()
    changed = Signal()  # a model was added

    def __init__(
        self,
        workspace: Workspace,
        bridge: Bridge,
        services: "Callable[[], Services | None]",
        fail: Callable[[DesktopLlmError], object],
    ) -> None:
        super().__init__(workspace)
        self._workspace = workspace
        self._bridge = bridge
        self._services = services
        self._fail = fail

    def open(self, model: InstalledModel) -> None:
        from desktop_llm.ui.pages.optimise_dialog import OptimiseDialog

        dialog = OptimiseDialog(model, self._workspace)
        dialog.look_wanted.connect(lambda: self._look(dialog, model))
        dialog.start_wanted.connect(lambda: self._begin(dialog, model, JobKind.OPTIMISE))
        dialog.measure_wanted.connect(lambda: self._begin(dialog, model, JobKind.BENCH))
        dialog.cancel_wanted.connect(lambda job: self._cancel(dialog, model, job))
        dialog.adopt_wanted.connect(lambda one: self._adopt(dialog, model, one))
        dialog.discard_wanted.connect(lambda one: self._discard(dialog, model, one))
        self._look(dialog, model)
        dialog.open()

    def _look(self, dialog: "OptimiseDialog", model: InstalledModel) -> None:
        services = self._services()
        if services is None:
            return

        def look() -> "Optimised":
            from desktop_llm.services.optimisation import candidates, is_there, left_out
            from desktop_llm.storage.speed_history import SpeedHistory
            from desktop_llm.ui.pages.optimise_dialog import Optimised

            jobs = services.jobs.all() if services.may_have_jobs() else []
            own = [job for job in jobs if job.spec.get("path") == model.path
                   and job.kind in (JobKind.OPTIMISE, JobKind.BENCH)]  # fmt: skip
            own.sort(key=lambda job: (job.state in ENDED, -job.id))
            found = [(candidates(job), left_out(job)) for job in own
                     if job.kind == JobKind.OPTIMISE]  # fmt: skip
            newest, missed = next((each for each in found if each[0]), ([], []))
            return Optimised(
                job=own[0] if own else None,
                candidates=newest,
                left_out=missed,
                waiting=[one for one in newest if is_there(one)],
                history=SpeedHistory(services.folders.models).all(model.path),
            )

        def show(state: "Optimised") -> None:
            if isValid(dialog):
                dialog.show_state(state)

        self._bridge.run(look, show, self._fail)

    def _begin(self, dialog: "OptimiseDialog", model: InstalledModel, kind: JobKind) -> None:
        services = self._services()
        if services is None:
            return

        def begun(_job: object) -> None:
            self.job_begun.emit()
            self._look(dialog, model)

        self._bridge.write(
            lambda: services.jobs.add(kind, model.name, {"path": model.path}), begun, self._fail
        )

    def _cancel(self, dialog: "OptimiseDialog", model: InstalledModel, job: int) -> None:
        services = self._services()
        if services is not None:
            self._bridge.write(
                lambda: services.jobs.cancel(job),
                lambda _job: self._look(dialog, model),
                self._fail,
            )

    def _adopt(self, dialog: "OptimiseDialog", model: InstalledModel, one: Candidate) -> None:
        services = self._services()
        if services is None:
            return

        def take() -> str:
            from desktop_llm.services.optimisation import adopt

            return adopt(services.models.library, services.folders.models, one).stem

        def taken(name: str) -> None:
            words = _("“{name}” is among your models now; the other one stays.")
            self._workspace.toasts.show(words.format(name=name))
            self.changed.emit()
            self._look(dialog, model)

        self._bridge.write(take, taken, self._fail)

    def _discard(self, dialog: "OptimiseDialog", model: InstalledModel, one: Candidate) -> None:
        services = self._services()
        if services is None:
            return

        def drop() -> None:
            from desktop_llm.services.optimisation import discard

            discard(services.folders.models, one)

        self._bridge.write(drop, lambda _done: self._look(dialog, model), self._fail)
