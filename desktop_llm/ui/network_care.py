"""The network in the window: the offline switch, the token, and what was connected to."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QFileDialog

from desktop_llm.core.errors import DesktopLlmError, FaultCode
from desktop_llm.core.jobs import JobState
from desktop_llm.core.settings import Settings
from desktop_llm.storage.ledger import Entry, Ledger
from desktop_llm.storage.paths import Folders
from desktop_llm.storage.secrets import secrets
from desktop_llm.ui.bridge import Bridge
from desktop_llm.ui.workspace import Page, Workspace
from desktop_llm.words import _
from desktop_llm.words.faults import word_fault

if TYPE_CHECKING:
    from desktop_llm.services.bundle import Services
    from desktop_llm.ui.pages.connections import ConnectionsPage
    from desktop_llm.ui.widgets.token_row import TokenRow


class NetworkCare(QObject):
    def __init__(
        self,
        workspace: Workspace,
        bridge: Bridge,
        folders: Callable[[], Folders],
        settings: Callable[[], Settings],
        change: Callable[[str, object], object],
        services: "Callable[[], Services | None]",
    ) -> None:
        super().__init__(workspace)
        self._workspace = workspace
        self._bridge = bridge
        self._folders = folders
        self._settings = settings
        self._change = change
        self._services = services
        self._page: ConnectionsPage | None = None
        self._row: TokenRow | None = None
        workspace.status.connections_wanted.connect(lambda: workspace.show_page(Page.CONNECTIONS))
        workspace.status.show_offline(settings().offline)

    def connect_page(self, page: "ConnectionsPage") -> None:
        self._page = page
        page.clear_wanted.connect(self._clear)
        page.refresh_wanted.connect(self.refresh)
        page.offline_wanted.connect(lambda offline: self._change("offline", offline))
        page.show_offline(self._settings().offline)

    def connect_token(self, row: "TokenRow") -> None:
        self._row = row
        row.given.connect(self._keep_token)
        row.taken_back.connect(self._forget_token)
        self._show_token()

    def choose_certificates(self) -> None:
        dialog = QFileDialog(self._workspace, _("Certificates"))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilters([_("Certificates (*.pem *.crt *.cer)"), _("All files (*)")])
        dialog.fileSelected.connect(lambda name: self._change("certificates", name))
        dialog.open()

    # --- the switch ------------------------------------------------------------------------------

    def toggle_offline(self) -> None:
        offline = not self._settings().offline
        self._change("offline", offline)
        said = _("Offline: nothing connects any more.") if offline else _("Online again.")
        self._workspace.toasts.show(said)

    def show_offline(self, offline: bool) -> None:
        self._workspace.status.show_offline(offline)
        if self._page is not None:
            self._page.show_offline(offline)

    def go_on_online(self) -> None:
        """What waited for the switch goes on. It is in the settings file by now."""
        services = self._services()
        if services is None:
            return

        def resume() -> None:
            if not services.may_have_jobs():
                return
            for job in services.jobs.all():
                fault = job.fault
                waits = fault is not None and fault.code is FaultCode.OFFLINE
                if job.state is JobState.PAUSED and waits:
                    services.jobs.resume(job.id)

        self._bridge.run(resume, on_failure=self._say)

    # --- the ledger ------------------------------------------------------------------------------

    def refresh(self) -> None:
        page = self._page
        if page is None or self._workspace.page is not Page.CONNECTIONS:
            return
        folder = self._folders().logs

        def show(entries: list[Entry]) -> None:
            page.show_entries(entries)

        self._bridge.run(lambda: Ledger(folder).entries(), show, page.show_fault)

    def _clear(self) -> None:
        page, folder = self._page, self._folders().logs
        assert page is not None
        self._bridge.write(
            lambda: Ledger(folder).clear(), lambda _done: self.refresh(), page.show_fault
        )

    # --- the token -------------------------------------------------------------------------------

    def _keep_token(self, token: str, lasting: bool) -> None:
        def keep() -> bool:
            if lasting:
                return secrets.keep(token)
            secrets.keep_for_session(token)
            return False

        def kept(in_keyring: bool) -> None:
            self._change("token_in_keyring", in_keyring or self._settings().token_in_keyring)
            if lasting and not in_keyring:
                said = _("This computer has no keyring: the token is kept until the program ends.")
                self._workspace.toasts.show(said)
            self._token_changed()

        self._bridge.detached(keep, kept, self._say)

    def _forget_token(self) -> None:
        in_keyring = self._settings().token_in_keyring

        def forgotten(_nothing: None) -> None:
            self._change("token_in_keyring", False)
            self._token_changed()

        self._bridge.detached(lambda: secrets.forget(in_keyring), forgotten, self._say)

    def _token_changed(self) -> None:
        """A runner that lives has the one before."""
        self._show_token()
        services = self._services()
        if services is not None:

            def tell() -> None:
                if services.may_have_jobs():
                    services.jobs.restart_runner()

            self._bridge.run(tell, on_failure=self._say)

    def _show_token(self) -> None:
        if self._row is None:
            return
        if secrets.session:
            self._row.show_state(_("One is known until this program ends."), held=True)
        elif self._settings().token_in_keyring:
            self._row.show_state(_("One is kept in the keyring of this computer."), held=True)
        else:
            self._row.show_state("", held=False)

    def _say(self, fault: DesktopLlmError) -> None:
        self._workspace.toasts.show(str(word_fault(fault)))
