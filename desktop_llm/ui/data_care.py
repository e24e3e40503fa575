"""Backups, restoring, diagnostics: what a person does with the program's files."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QUrl
from PySide6.QtGui import QDesktopServices

from desktop_llm.core.conversations import Backup
from desktop_llm.core.errors import DesktopLlmError, EnvironmentFault, FaultCode
from desktop_llm.storage.paths import Folders
from desktop_llm.ui.bridge import Bridge
from desktop_llm.ui.pages.conversation import FaultAction
from desktop_llm.ui.widgets.busy import Busy
from desktop_llm.ui.workspace import Page, Workspace
from desktop_llm.words import _, counted

if TYPE_CHECKING:
    from desktop_llm.core.settings import Settings
    from desktop_llm.services.bundle import Services
    from desktop_llm.storage.backups import Backups
    from desktop_llm.ui.pages.backups import BackupsPage

# Closes the services, does the first, opens them again unless it gives `STAY_CLOSED`; then the
# second where that worked, and the third before it in any case.
# False: something else is at it.
WithServicesClosed = Callable[
    [Callable[[], object], Callable[[], object], Callable[[], object]], bool
]
PATIENCE = 400  # milliseconds before a word about what takes long
STAY_CLOSED = object()


class DataCare(QObject):
    def __init__(
        self,
        workspace: Workspace,
        bridge: Bridge,
        folders: Callable[[], Folders],
        settings: "Callable[[], Settings]",
        services: "Callable[[], Services | None]",
        with_services_closed: WithServicesClosed,
        restart: Callable[[], object],
    ) -> None:
        super().__init__(workspace)
        self._backups_page: BackupsPage | None = None
        self._stop = threading.Event()  # of a move
        self._restart = restart
        self._settings = settings
        self._services = services
        self._workspace = workspace
        self._bridge = bridge
        self._folders = folders
        self._with_services_closed = with_services_closed

    def connect_backups(self, page: "BackupsPage") -> None:
        self._backups_page = page
        page.create_wanted.connect(self._back_up)
        page.restore_wanted.connect(self._restore)

    def list_backups(self) -> None:
        if self._backups_page is not None:
            page = self._backups_page
            self._bridge.run(lambda: self._backups().all(), page.show_backups, self._show_fault)

    def ways_out(self) -> list[FaultAction]:
        """Of a damaged database."""
        return [
            (_("Restore the newest backup"), self._restore_newest),
            (_("Save what can be read"), self._salvage),
        ]

    def _backups(self) -> "Backups":
        from desktop_llm.storage.backups import Backups

        folders = self._folders()
        return Backups(folders.backups, folders.database)

    def _back_up(self) -> None:
        def made(_backup: Backup) -> None:
            self._workspace.toasts.show(_("The backup is made."))
            self.list_backups()

        self._bridge.run(lambda: self._backups().create("manual"), made, self._show_fault)

    def _restore(self, backup: Backup) -> None:
        def restored() -> None:
            self._workspace.toasts.show(_("The backup is restored."))
            self.list_backups()

        self._alone(lambda: self._backups().restore(backup), restored)

    def _restore_newest(self) -> None:
        def restore() -> None:
            sound = [backup for backup in self._backups().all() if backup.cause != "damaged"]
            if not sound:
                path = str(self._folders().database)
                raise EnvironmentFault(FaultCode.NO_BACKUP, path=path)
            self._backups().restore(sound[0], "damaged")

        self._alone(restore, lambda: self._workspace.toasts.show(_("The backup is restored.")))

    def _salvage(self) -> None:
        saved = 0

        def save() -> None:
            nonlocal saved
            saved = self._backups().salvage()

        def tell() -> None:
            words = counted("{number} message is saved.", "{number} messages are saved.", saved)
            self._workspace.toasts.show(words)

        self._alone(save, tell)

    def _alone(self, work: Callable[[], object], then: Callable[[], object]) -> None:
        """With the services closed, and a word about it where it takes long."""
        busy = Busy(self._workspace, _("Your conversations are being read …"), after=PATIENCE)

        if not self._with_services_closed(work, then, busy.end):
            busy.end()
            self._say_not_now()

    def _say_not_now(self) -> None:
        self._workspace.toasts.show(_("Not now: something else is still being done."))

    def choose_folder(self) -> None:
        """Where the data folder is to be moved."""
        from PySide6.QtWidgets import QFileDialog

        dialog = QFileDialog(self._workspace, _("An empty folder for your data"))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.fileSelected.connect(lambda name: self.move_folder(Path(name)))
        dialog.open()

    def move_folder(self, target: Path) -> None:
        """Everything is copied and checked; then the program starts again in the new folder."""
        from desktop_llm.services.jobs import JobService
        from desktop_llm.storage.relocation import Relocation

        relocation, stop = Relocation(self._folders()), self._stop
        stop.clear()

        def move(_checked: None) -> None:
            busy = Busy(self._workspace, _("Your data is being moved …"), _("Cancel"))
            busy.cancelled.connect(stop.set)

            def progress(done: int, total: int) -> bool:
                self._bridge.post(lambda: busy.show_part(done / max(1, total)))
                return not stop.is_set()

            def work() -> object:
                with JobService(self._folders()).held():
                    return STAY_CLOSED if relocation.run(target, progress) else None

            def moved() -> None:
                if stop.is_set():
                    self._workspace.toasts.show(_("Nothing was moved."))
                else:
                    self._restart()

            if not self._with_services_closed(work, moved, busy.end):
                busy.end()
                self._say_not_now()

        self._bridge.run(lambda: relocation.check(target), move, self._show_fault)

    def cancel(self) -> None:
        """End a move early: the program is being closed."""
        self._stop.set()

    def save_diagnostics(self) -> None:
        """Where the person says; also where the services cannot be opened."""
        from PySide6.QtWidgets import QFileDialog

        dialog = QFileDialog(self._workspace, _("Save diagnostics"))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilter(_("Text (*.txt)"))
        dialog.selectFile("desktop-llm-diagnostics.txt")
        dialog.fileSelected.connect(lambda name: self.write_diagnostics(Path(name)))
        dialog.open()

    def write_diagnostics(self, path: Path) -> None:
        folders, settings, services = self._folders(), self._settings, self._services()

        def write() -> None:
            from desktop_llm.engine.client import EngineClient
            from desktop_llm.services.diagnostics import Diagnostics

            engine = EngineClient() if services is None else services.engine
            try:
                Diagnostics(folders, engine, settings).save(path)
            finally:
                if services is None:
                    engine.close()

        def written(_nothing: None) -> None:
            words = _("“{name}” is saved.").format(name=path.name)
            folder = QUrl.fromLocalFile(str(path.parent))
            self._workspace.toasts.show(
                words, _("Open the folder"), lambda: QDesktopServices.openUrl(folder)
            )

        self._bridge.run(write, written, self._show_fault)

    def _show_fault(self, fault: DesktopLlmError) -> None:
        self._workspace.show_page(Page.CHAT)
        self._workspace.chat.show_fault(fault)
