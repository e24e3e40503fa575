"""The running program as its window sees it: services opened and closed behind it, settings put
into effect, the window built anew for another language.

What the first picture of the window does not need is imported when it is first used.
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QSettings, QTimer, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QApplication, QWidget

from desktop_llm.core.errors import DesktopLlmError, FaultCode, ProgramFault
from desktop_llm.core.settings import Language, Settings, Theme, valid
from desktop_llm.rendering.formulas import FormulaRenderer
from desktop_llm.storage.paths import Folders
from desktop_llm.storage.settings import SettingsFile
from desktop_llm.ui import theme
from desktop_llm.ui.actions import Command
from desktop_llm.ui.bin_care import BinCare
from desktop_llm.ui.bridge import Bridge
from desktop_llm.ui.collector import Collector
from desktop_llm.ui.corrections_care import CorrectionsCare
from desktop_llm.ui.data_care import STAY_CLOSED, DataCare
from desktop_llm.ui.drafts import Drafts
from desktop_llm.ui.formula_pictures import FormulaPictures
from desktop_llm.ui.jobs_care import JobsCare
from desktop_llm.ui.leaving import Leaving
from desktop_llm.ui.main_window import MainWindow
from desktop_llm.ui.model_care import ModelCare
from desktop_llm.ui.network_care import NetworkCare
from desktop_llm.ui.notifier import Notifier
from desktop_llm.ui.outside import Outside
from desktop_llm.ui.pages.conversation import FaultAction
from desktop_llm.ui.private_care import PrivateCare
from desktop_llm.ui.replies import Replies
from desktop_llm.ui.table_care import TableCare
from desktop_llm.ui.tools_care import ToolsCare
from desktop_llm.ui.workspace import Page, Workspace
from desktop_llm.words import _, use_language
from desktop_llm.words.faults import word_fault

if TYPE_CHECKING:
    from desktop_llm.services.bundle import Services
    from desktop_llm.ui.discover_care import DiscoverCare
    from desktop_llm.ui.exchange_care import ExchangeCare
    from desktop_llm.ui.library_care import LibraryCare


logger = logging.getLogger(__name__)


class Program(QObject):
    """`close` ends all of it; `on_quit` is called when the person wants that, `on_restart` when it
    is to begin anew with the folders that are found then.
    """

    def __init__(
        self,
        application: QApplication,
        folders: Folders,
        settings: SettingsFile,
        on_quit: Callable[[], object] = lambda: None,
        on_restart: Callable[[], object] = lambda: None,
        window: MainWindow | None = None,
    ) -> None:
        """`window`: one that is shown already."""
        super().__init__()
        self._collector = Collector(self)
        self._application = application
        self._folders = folders
        self._settings = settings
        self._on_quit = on_quit
        self._on_restart = on_restart
        self._failed = False  # the services could not be opened, and it is said
        self._working = False  # the services are being opened or closed, or the window made anew
        self._language_waits = False  # for the end of that
        self._clipboard_waits = False  # until the services are open
        self._wanted: int | None = None  # the conversation to show first
        self._held: Services | None = None  # that are open
        self.services: Services | None = None  # that may be used
        self.bridge = Bridge()
        self._formulas = FormulaRenderer()
        self.replies = Replies(self.bridge)
        self.drafts = Drafts(self.bridge)
        self.window = window or MainWindow(self._state())
        self.workspace = self._furnish()
        for fault in (settings.fault, folders.fault):
            if fault is not None:
                self.workspace.chat.show_fault(fault, lasting=True)
        if not settings.current.first_run_done:
            self.workspace.show_page(Page.WELCOME)
        self.window.show()
        self.open_services(folders)

    def close(self) -> None:
        if (page := self.workspace.made(Page.SETTINGS)) is not None:
            page.flush()  # type: ignore[attr-defined]  # made by `_settings_page`
        self.workspace.chat.shown.leave()
        self.workspace.keep_state()
        self.window.close_guard = lambda: True
        self.window.close()
        self._outside.close()
        self._data_care.cancel()
        if self._exchange is not None:
            self._exchange.cancel()
        if self.services is not None:
            self.services.stop()  # also what the work below waits for
        self._formulas.close()  # the work below may wait for one of them
        self._work_bridge.close()
        self.bridge.close()
        if (services := self._held) is not None:
            services.stop()
            self.replies.drain()
            with suppress(DesktopLlmError):  # was said when it failed first
                self.drafts.write()
            services.database.close()
        self.window.deleteLater()
        self._collector.close()

    def work_on_clipboard(self) -> None:
        """As soon as the services are open."""
        if self.services is None:
            self._clipboard_waits = True
        else:
            self._outside.care.work_on_clipboard()

    # --- services ------------------------------------------------------------------------------

    def open_services(self, folders: Folders) -> None:
        if self._working:
            return
        self._working = True
        self._folders = folders
        self.bridge.run(self._open, self._opened, self._open_failed)

    def with_services_closed(
        self,
        work: Callable[[], object],
        then: Callable[[], object],
        at_end: Callable[[], object] = lambda: None,
    ) -> bool:
        """Close them, do `work` off the window's thread, and open them again, also where it
        failed, unless it gives `STAY_CLOSED`. At the end of it, however it was, `at_end`; then
        `then` where it did not fail. False: not now, something else is at it.
        """
        if self._working:
            return False
        self._working = True
        services, self.services = self.services, None
        page, bridge = self.workspace.chat, self._work_bridge
        conversation = self._shown_conversation()
        page.pause()

        def stop() -> None:
            if services is not None:
                services.stop()
            bridge.drain()  # what is on its way to the database

        def stopped(_nothing: None) -> None:
            self.replies.drain()
            self.bridge.run(job, done, failed)

        def job() -> tuple[DesktopLlmError | None, bool]:
            fault: DesktopLlmError | None = None
            stay_closed = False
            try:
                self.drafts.write()  # or nothing is done: they would not be in the next database
                self._close_database()
                self.drafts.forget()
                stay_closed = work() is STAY_CLOSED
            except DesktopLlmError as error:
                fault = error
            except Exception as error:
                logger.exception("work with the services closed failed")
                fault = ProgramFault(FaultCode.BUG, detail=f"{type(error).__name__}: {error}")
            finally:
                self._close_database()
                if not stay_closed:
                    self._open()
            return fault, stay_closed

        def done(result: tuple[DesktopLlmError | None, bool]) -> None:
            fault, stay_closed = result
            at_end()
            if not stay_closed:
                assert self._held is not None
                self._opened(self._held, conversation)
            if fault is None:
                then()
            else:
                self.workspace.chat.show_fault(fault, lasting=True)

        def failed(fault: DesktopLlmError) -> None:
            at_end()
            self._open_failed(fault)

        self.bridge.run(stop, stopped, failed)
        return True

    def _open(self) -> "Services":
        """Held at once: a window closed meanwhile still has to close them."""
        from desktop_llm.services.bundle import Services

        def changed() -> None:
            self.bridge.post(lambda: self.workspace.chat.list.refresh())

        if self._held is not None:
            self._held.close()
            self._held = None
        self._held = Services.open(self._folders, self._settings, changed)
        return self._held

    def _close_database(self) -> None:
        self.drafts.pause()
        if self._held is not None:
            self._held.database.close()
            self._held = None

    def _opened(self, services: "Services", conversation: int | None = None) -> None:
        self.services = services
        self.drafts.start(services.chat)
        if conversation is None:
            kept = str(self._state().value("conversation"))
            conversation = int(kept) if kept.isdigit() else None
        if self._failed:
            self._failed = False
            self.workspace.chat.show_fault(None)
        self._wanted = conversation
        self.workspace.start(services.chat, conversation)
        self._model_care.start()
        self._jobs_care.start()
        self._tools_care.start()
        self._outside.start()
        if self._clipboard_waits:
            self._clipboard_waits = False
            self.work_on_clipboard()
        self._end_work()

    def _shown_conversation(self) -> int | None:
        """0: a new one; None: the newest."""
        page = self.workspace.chat
        return (page.conversation or 0) if page.ready else self._wanted

    def _open_failed(self, fault: DesktopLlmError) -> None:
        self._failed = True
        self._end_work()
        self.workspace.show_page(Page.CHAT)
        actions = self._data_care.ways_out() if fault.code is FaultCode.DATABASE_DAMAGED else []
        retry = (_("Try again"), partial(self.open_services, self._folders))
        self.workspace.chat.show_fault(fault, actions=actions or [retry], lasting=True)

    def _end_work(self) -> None:
        self._working = False
        if self._language_waits:
            self._language_waits = False
            QTimer.singleShot(0, self, self._furnish_again)

    # --- the window ----------------------------------------------------------------------------

    def _state(self) -> QSettings:
        return QSettings(str(self._folders.data / "window.ini"), QSettings.Format.IniFormat)

    def _furnish(self) -> Workspace:
        """Make what stands in the window, in the language and the look that are set."""
        settings = self._settings.current
        use_language(settings.language)
        tokens = theme.apply(self._application, settings.theme, settings.font_size)
        self._work_bridge = bridge = Bridge()
        workspace = Workspace(
            self.window,
            bridge,
            self.replies,
            self.drafts,
            tokens,
            self._state(),
            {
                Page.SETTINGS: self._settings_page,
                Page.BACKUPS: self._backups_page,
                Page.BIN: self._bin_page,
                Page.CORRECTIONS: self._corrections_page,
                Page.JOBS: self._jobs_page,
                Page.CONNECTIONS: self._connections_page,
                Page.MODELS: self._models_page,
                Page.DISCOVER: self._discover_page,
                Page.TOOLS: lambda: self._tools_care.make_page(),
                Page.WELCOME: self._welcome_page,
            },
        )
        pictures = FormulaPictures(bridge, self._formulas)
        view = workspace.chat.view
        view.transcript.draw_formulas_with(pictures)
        view.comparison_made.connect(lambda made: made.draw_formulas_with(pictures))
        workspace.font_step_wanted.connect(self._step_font)
        workspace.page_shown.connect(self._page_shown)
        workspace.chat.shown.number_changed.connect(self._keep_conversation)
        self._data_care = DataCare(
            workspace,
            bridge,
            lambda: self._folders,
            lambda: self._settings.current,
            lambda: self.services,
            self.with_services_closed,
            self._on_restart,
        )
        self._bin_care = BinCare(
            workspace, bridge, lambda: None if self.services is None else self.services.chat
        )
        self._exchange: ExchangeCare | None = None  # made when it is first used
        workspace.chat.export_wanted.connect(lambda numbers: self._exchange_care.export(numbers))
        self._corrections_care = CorrectionsCare(
            workspace, bridge, lambda: None if self.services is None else self.services.chat
        )
        self._model_care = ModelCare(
            workspace,
            bridge,
            lambda: self.services,
            lambda: self._settings.current.model,
            self._open_models_folder,
            self._choose_model,
        )
        self._jobs_care = JobsCare(workspace, bridge, lambda: self.services)
        self._library_care: LibraryCare | None = None  # made with its page
        self._discover_care: DiscoverCare | None = None
        self._jobs_care.done.connect(lambda _job: self._models_came())
        self._network_care = NetworkCare(
            workspace,
            bridge,
            lambda: self._folders,
            lambda: self._settings.current,
            self.change,
            lambda: self.services,
        )
        self._tools_care = ToolsCare(
            workspace, bridge, lambda: self.services, workspace.chat.show_fault, self._state
        )
        self._table_care = TableCare(
            workspace, bridge, lambda: self.services, workspace.chat.show_fault
        )
        self._table_care.job_begun.connect(self._jobs_care.look)
        self._tools_care.table_wanted.connect(self._table_care.open)
        self._jobs_care.results_wanted.connect(self._table_care.show_results)
        self._corrections_care.table_wanted.connect(self._table_care.show_results_of)
        self._private_care = PrivateCare(workspace, bridge, self.drafts, lambda: self.services)
        Notifier(self.window, self.replies, lambda: self._settings.current.notify, workspace)
        self._outside = Outside(
            self.window,
            workspace,
            self._tools_care,
            lambda: self._settings.current,
            lambda: self._leaving.quit(),
        )
        self._leaving = Leaving(
            self.window,
            lambda: len(self.replies) > 0,
            lambda: self._settings.current.on_close,
            lambda choice: self.change("on_close", choice),
            self._on_quit,
            workspace,
        )
        self._leaving.in_tray = lambda: self._outside.in_tray
        workspace.chat.ways_out = self._ways_out
        self._declare(workspace)
        self.window.setCentralWidget(workspace)
        self._collector.window_made()
        return workspace

    def _declare(self, workspace: Workspace) -> None:
        handle = workspace.commands.handle
        for command, name, value in (
            (Command.LIGHT, "theme", Theme.LIGHT),
            (Command.DARK, "theme", Theme.DARK),
            (Command.SYSTEM_THEME, "theme", Theme.SYSTEM),
            (Command.ENGLISH, "language", Language.ENGLISH),
            (Command.CHINESE, "language", Language.CHINESE),
        ):
            handle(command, partial(self.change, name, value))
        handle(Command.EXPORT, lambda: self._exchange_care.export())
        handle(Command.IMPORT, lambda: self._exchange_care.choose_files())
        handle(Command.PRIVATE, self._private_care.begin)
        handle(Command.MODELS_FOLDER, self._open_models_folder)
        handle(Command.CLIPBOARD, self.work_on_clipboard)
        handle(Command.OFFLINE, self._network_care.toggle_offline)
        handle(Command.DIAGNOSTICS, self._data_care.save_diagnostics)
        handle(Command.QUIT, self._leaving.quit)

    def _furnish_again(self) -> None:
        """For another language: every word is made when a widget is."""
        if self._working:
            self._language_waits = True
            return
        old, bridge = self.workspace, self._work_bridge
        if (page := old.made(Page.SETTINGS)) is not None:
            page.flush()  # type: ignore[attr-defined]  # made by `_settings_page`
        shown, conversation = old.page, self._shown_conversation()
        waiting = old.chat.retire()
        self._wanted = conversation
        old.keep_state()
        self._outside.close()
        bridge.retire()
        self.workspace = self._furnish()  # the old one goes with its place in the window
        self.workspace.show_page(shown)
        if (services := self.services) is None:
            self.open_services(self._folders)  # to say again why that fails
            return
        self._working = True

        private = services.private.chat if old.chat.private else None

        def start(_nothing: None) -> None:
            self.workspace.start(private or services.chat, conversation, waiting)
            self._model_care.start()
            self._jobs_care.start()
            self._tools_care.start()
            self._outside.start()
            self._end_work()

        self.bridge.run(bridge.drain_writes, start)  # what was on its way is read then

    def _keep_conversation(self, number: int) -> None:
        """For the next start, also after a crash. What is private leaves no trace."""
        if self.workspace.chat.private:
            return

        def keep() -> None:
            state = self._state()
            state.setValue("conversation", number)
            state.sync()

        self.bridge.write(keep)

    def _page_shown(self, page: Page) -> None:
        if page is Page.BACKUPS:
            self._data_care.list_backups()
        elif page is Page.BIN:
            self._bin_care.refresh()
        elif page is Page.CORRECTIONS:
            self._corrections_care.refresh()
        elif page is Page.MODELS and self._library_care is not None:
            self._library_care.refresh()
        elif page is Page.DISCOVER and self._discover_care is not None:
            self._discover_care.refresh()
        elif page is Page.JOBS:
            self._jobs_care.refresh()
        elif page is Page.CONNECTIONS:
            self._network_care.refresh()

    def _settings_page(self) -> QWidget:
        from desktop_llm.ui.pages.settings import SettingsPage

        page = SettingsPage(
            self._settings.current, self._folders.data, may_move=not self._folders.fixed
        )
        page.changed.connect(self.change)
        page.folder_wanted.connect(lambda: _open_folder(self._folders.data))
        page.move_wanted.connect(self._data_care.choose_folder)
        page.diagnostics_wanted.connect(self._data_care.save_diagnostics)
        page.backups_wanted.connect(lambda: self.workspace.show_page(Page.BACKUPS))
        page.export_wanted.connect(lambda: self._exchange_care.export())
        page.import_wanted.connect(lambda: self._exchange_care.choose_files())
        page.bin_wanted.connect(lambda: self.workspace.show_page(Page.BIN))
        page.connections_wanted.connect(lambda: self.workspace.show_page(Page.CONNECTIONS))
        page.certificates_wanted.connect(self._network_care.choose_certificates)
        self._network_care.connect_token(page.token)
        return page

    def _backups_page(self) -> QWidget:
        from desktop_llm.ui.pages.backups import BackupsPage

        page = BackupsPage()
        self._data_care.connect_backups(page)
        return page

    def _bin_page(self) -> QWidget:
        from desktop_llm.services.maintenance import BIN_DAYS
        from desktop_llm.ui.pages.bin import BinPage

        page = BinPage(BIN_DAYS)
        self._bin_care.connect_page(page)
        return page

    @property
    def _exchange_care(self) -> "ExchangeCare":
        from desktop_llm.ui.exchange_care import ExchangeCare

        if self._exchange is None:
            self._exchange = ExchangeCare(self.workspace, self.bridge)
        return self._exchange

    def _corrections_page(self) -> QWidget:
        from desktop_llm.ui.pages.corrections import CorrectionsPage

        page = CorrectionsPage()
        self._corrections_care.connect_page(page)
        return page

    def _models_came(self) -> None:
        self._model_care.look()
        if self._library_care is not None:
            self._library_care.refresh()
        if self._discover_care is not None:
            self._discover_care.refresh()

    def _models_page(self) -> QWidget:
        from desktop_llm.ui.library_care import LibraryCare
        from desktop_llm.ui.pages.models import ModelsPage

        page, workspace = ModelsPage(), self.workspace
        care = LibraryCare(
            workspace, self._work_bridge, lambda: self.services, self._choose_model,
            lambda: self._settings.current,
        )  # fmt: skip
        care.changed.connect(self._model_care.look)
        care.job_begun.connect(self._jobs_care.look)
        care.connect_page(page)
        self._library_care = care
        return page

    def _discover_page(self) -> QWidget:
        from desktop_llm.ui.discover_care import DiscoverCare
        from desktop_llm.ui.pages.discover import DiscoverPage

        page, workspace = DiscoverPage(), self.workspace
        care = DiscoverCare(
            workspace,
            self._work_bridge,
            lambda: self.services,
            lambda: self._settings.current,
            lambda: self.change("offline", False),
        )
        care.job_begun.connect(self._jobs_care.look)
        care.connect_page(page)
        self._discover_care = care
        return page

    def _jobs_page(self) -> QWidget:
        from desktop_llm.ui.pages.jobs import JobsPage

        page = JobsPage()
        self._jobs_care.connect_page(page)
        return page

    def _connections_page(self) -> QWidget:
        from desktop_llm.ui.pages.connections import ConnectionsPage

        page = ConnectionsPage()
        self._network_care.connect_page(page)
        return page

    def _welcome_page(self) -> QWidget:
        from desktop_llm.ui.pages.welcome import WelcomePage

        page = WelcomePage(self._settings.current)
        page.changed.connect(self.change)
        page.started.connect(self._first_run_done)
        page.find_wanted.connect(self._find_first)
        self._model_care.connect_welcome(page)
        return page

    def _find_first(self) -> None:
        self.change("first_run_done", True)
        self.workspace.show_page(Page.DISCOVER)

    def _first_run_done(self, question: str) -> None:
        self.change("first_run_done", True)
        self.workspace.show_page(Page.CHAT)
        if question:
            self.workspace.chat.ask_first(question)

    # --- settings ------------------------------------------------------------------------------

    def change(self, name: str, value: object) -> None:
        """Put a setting into effect now, and write it off the window's thread."""
        if not valid(name, value):
            return
        before = self._settings.current
        kind = type(getattr(before, name))  # Qt gives an enumeration back as its text
        current = self._settings.set(**{name: kind(value)})
        online = before.offline and not current.offline

        def saved(_nothing: None) -> None:
            if online:
                self._network_care.go_on_online()

        def failed(fault: DesktopLlmError) -> None:
            if name == "offline":  # the file is what every process goes by
                self._settings.set(offline=before.offline)
                self._network_care.show_offline(before.offline)
                self.workspace.toasts.show(str(word_fault(fault)))
            self.workspace.chat.show_fault(fault)

        self.bridge.run(self._settings.save, saved, failed)
        if (page := self.workspace.made(Page.SETTINGS)) is not None:
            page.take(current)  # type: ignore[attr-defined]  # made by `_settings_page`
        if name in ("theme", "font_size") and current != before:
            tokens = theme.apply(self._application, current.theme, current.font_size)
            self.workspace.chat.restyle(tokens)
        elif name == "language" and current != before:
            QTimer.singleShot(0, self, self._furnish_again)  # not within a widget that goes
        elif name == "offline":
            self._network_care.show_offline(current.offline)
        elif name in ("tray_icon", "global_shortcut") and current != before:
            self._outside.start()

    def _step_font(self, step: int) -> None:
        """Scale the text by a pixel, or back to the default."""
        size = self._settings.current.font_size + step if step else Settings().font_size
        self.change("font_size", size)

    def _ways_out(self, fault: DesktopLlmError) -> list[FaultAction]:
        """What a button can do about a fault of a reply."""
        fits = fault.data.get("fits")
        if fault.code is not FaultCode.MODEL_TOO_LARGE or not isinstance(fits, int) or not fits:
            return []

        def take() -> None:
            self.change("context_length", fits)
            self.workspace.chat.retry()

        words = _("Use a context of {tokens} tokens").format(tokens=f"{fits:,}")
        return [(words, take)] if valid("context_length", fits) else []

    def _choose_model(self, name: str) -> None:
        self.change("model", name)
        self.workspace.chat.choose_model(name)

    def _open_models_folder(self) -> None:
        _open_folder(self._folders.models)


def _open_folder(path: Path) -> None:
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))
