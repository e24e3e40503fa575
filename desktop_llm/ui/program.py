"""The running program as its window sees it: services opened and closed behind it, settings put
into effect, the window built anew for another language.

What the first picture of the window does not need is imported when it is first used.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QSettings, QTimer, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QApplication, QWidget

from desktop_llm.core.errors import DesktopLlmError, FaultCode
from desktop_llm.core.models import LoadedModel
from desktop_llm.core.settings import Language, Settings, Theme, valid
from desktop_llm.storage.paths import Folders
from desktop_llm.storage.settings import SettingsFile
from desktop_llm.ui import theme
from desktop_llm.ui.actions import Command
from desktop_llm.ui.bridge import Bridge
from desktop_llm.ui.data_care import STAY_CLOSED, DataCare
from desktop_llm.ui.leaving import Leaving
from desktop_llm.ui.main_window import MainWindow, Page
from desktop_llm.ui.model_menu import ModelMenu, Surveyed, model_words
from desktop_llm.ui.pages.conversation import example_questions
from desktop_llm.ui.replies import Replies
from desktop_llm.words import _, use_language

if TYPE_CHECKING:
    from desktop_llm.services.bundle import Services

ENGINE_MILLISECONDS = 3000  # between two looks at the engine's memory


@dataclass(frozen=True, slots=True)
class EngineState:
    model: LoadedModel | None
    resident_bytes: int


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
    ) -> None:
        super().__init__()
        self._application = application
        self._folders = folders
        self._settings = settings
        self._on_quit = on_quit
        self._on_restart = on_restart
        self._models: Surveyed | None = None
        self._failed = False  # the services could not be opened, and it is said
        self.services: Services | None = None
        self.bridge = Bridge()
        self.replies = Replies(self.bridge)
        self.window = self._build(self._settings.current)
        self._engine_timer = QTimer(self)
        self._engine_timer.setInterval(ENGINE_MILLISECONDS)
        self._engine_timer.timeout.connect(self._look_at_engine)
        for fault in (settings.fault, folders.fault):
            if fault is not None:
                self.window.chat.show_fault(fault, lasting=True)
        if not settings.current.first_run_done:
            self.window.show_page(Page.WELCOME)
        self.window.show()
        self.open_services(folders)

    def close(self) -> None:
        self._engine_timer.stop()
        self.window.chat.leave()
        self.window.keep_state()
        self.window.close_guard = lambda: True
        self.window.close()
        self._window_bridge.close()
        self.bridge.close()
        if self.services is not None:
            self.services.close()

    def listen_for_starts(self) -> None:
        """A second start raises this window. After it is shown: the network module costs 20 ms."""

        def listen() -> None:
            from desktop_llm.ui.single_instance import SingleInstance

            SingleInstance(self._folders.data, lambda: self.window.raise_(), self)

        QTimer.singleShot(0, self, listen)

    # --- services ------------------------------------------------------------------------------

    def open_services(self, folders: Folders) -> None:
        self._folders = folders

        def opened(services: "Services") -> None:
            self._opened(services)
            if self._failed:
                self._failed = False
                self.window.chat.show_fault(None)

        self.bridge.run(self._open, opened, self._open_failed)

    def with_services_closed(self, work: Callable[[], object], then: Callable[[], object]) -> None:
        """Close them, do `work` off the window's thread, and open them again, also where it
        failed, unless it gives `STAY_CLOSED`; `then` where it did not fail.
        """
        services, self.services = self.services, None
        conversation = self.window.chat.conversation
        self.window.chat.pause()
        bridge = self._window_bridge

        def job() -> tuple[DesktopLlmError | None, bool]:
            bridge.drain()  # what is on its way to the database
            if services is not None:
                services.close()
            fault, stay_closed = None, False
            try:
                stay_closed = work() is STAY_CLOSED
            except DesktopLlmError as error:
                fault = error
            finally:
                if not stay_closed:
                    self._open()
            return fault, stay_closed

        def opened(result: tuple[DesktopLlmError | None, bool]) -> None:
            fault, stay_closed = result
            if not stay_closed:
                assert self.services is not None
                self._opened(self.services, conversation)
            if fault is None:
                then()
            else:
                self.window.chat.show_fault(fault, lasting=True)

        self.bridge.run(job, opened, self._open_failed)

    def _open(self) -> "Services":
        """Kept at once: a window closed meanwhile still has to close them."""
        from desktop_llm.services.bundle import Services

        def changed() -> None:
            self.bridge.post(lambda: self.window.chat.refresh())

        self.services = Services.open(self._folders, self._settings, changed)
        return self.services

    def _opened(self, services: "Services", conversation: int | None = None) -> None:
        if conversation is None:
            kept = self._state().value("conversation")
            conversation = (
                int(kept) if isinstance(kept, int | str) and str(kept).isdigit() else None
            )
        self.window.start(services.chat, conversation)
        self._engine_timer.start()
        self._look_for_models()

    def _open_failed(self, fault: DesktopLlmError) -> None:
        self._failed = True
        self.window.show_page(Page.CHAT)
        actions = self._care.ways_out() if fault.code is FaultCode.DATABASE_DAMAGED else []
        retry = (_("Try again"), partial(self.open_services, self._folders))
        self.window.chat.show_fault(fault, actions=actions or [retry], lasting=True)

    # --- the window ----------------------------------------------------------------------------

    def _state(self) -> QSettings:
        return QSettings(str(self._folders.data / "window.ini"), QSettings.Format.IniFormat)

    def _build(self, settings: Settings) -> MainWindow:
        use_language(settings.language)
        tokens = theme.apply(self._application, settings.theme, settings.font_size)
        self._window_bridge = Bridge()
        window = MainWindow(
            self._window_bridge,
            self.replies,
            tokens,
            self._state(),
            {
                Page.SETTINGS: self._settings_page,
                Page.BACKUPS: self._backups_page,
                Page.WELCOME: self._welcome_page,
            },
        )
        window.font_step_wanted.connect(self._step_font)
        self._care = DataCare(
            window,
            self._window_bridge,
            lambda: self._folders,
            lambda: self._settings.current,
            lambda: self.services,
            self.with_services_closed,
            self._on_restart,
        )
        self._leaving = Leaving(
            window,
            window.windowIcon(),
            lambda: len(self.replies) > 0,
            lambda: self._settings.current.on_close,
            lambda choice: self.change("on_close", choice),
            self._on_quit,
        )
        self._model_menu = ModelMenu(window, self._open_models_folder)
        self._model_menu.chosen.connect(self._choose_model)
        window.chat.view.model_wanted.connect(self._open_model_menu)
        window.chat.answered.connect(lambda _reply: self._look_at_engine())
        window.chat.opened.connect(self._show_empty_state)
        window.page_shown.connect(self._page_shown)
        handle = window.commands.handle
        for command, name, value in (
            (Command.LIGHT, "theme", Theme.LIGHT),
            (Command.DARK, "theme", Theme.DARK),
            (Command.SYSTEM_THEME, "theme", Theme.SYSTEM),
            (Command.ENGLISH, "language", Language.ENGLISH),
            (Command.CHINESE, "language", Language.CHINESE),
        ):
            handle(command, partial(self.change, name, value))
        handle(Command.MODELS_FOLDER, self._open_models_folder)
        handle(Command.DIAGNOSTICS, self._care.save_diagnostics)
        handle(Command.QUIT, self._leaving.quit)
        return window

    def _build_again(self) -> None:
        """For another language: every word is made when a widget is."""
        old, bridge = self.window, self._window_bridge
        page, conversation = old.page, old.chat.conversation
        old.chat.leave()
        old.keep_state()
        bridge.retire()
        self.window = self._build(self._settings.current)
        self.window.show()
        old.hide()
        old.deleteLater()
        if self.services is not None:
            self.window.start(self.services.chat, conversation)
            self._show_models()
        self.window.show_page(page)

    def _page_shown(self, page: Page) -> None:
        if page is Page.BACKUPS:
            self._care.list_backups()

    def _settings_page(self) -> QWidget:
        from desktop_llm.ui.pages.settings import SettingsPage

        page = SettingsPage(
            self._settings.current, self._folders.data, may_move=not self._folders.fixed
        )
        page.changed.connect(self.change)
        page.folder_wanted.connect(lambda: _open_folder(self._folders.data))
        page.move_wanted.connect(self._care.choose_folder)
        page.diagnostics_wanted.connect(self._care.save_diagnostics)
        page.backups_wanted.connect(lambda: self.window.show_page(Page.BACKUPS))
        return page

    def _backups_page(self) -> QWidget:
        from desktop_llm.ui.pages.backups import BackupsPage

        page = BackupsPage()
        self._care.connect_backups(page)
        return page

    def _welcome_page(self) -> QWidget:
        from desktop_llm.ui.pages.welcome import WelcomePage

        page = WelcomePage(self._settings.current)
        page.changed.connect(self.change)
        page.started.connect(self._first_run_done)
        page.folder_wanted.connect(self._open_models_folder)
        if self._models is not None:
            page.show_models([model for model, fault in self._models if fault is None])
        return page

    def _first_run_done(self, question: str) -> None:
        self.change("first_run_done", True)
        self.window.show_page(Page.CHAT)
        if question:
            self.window.chat.send(question)

    # --- settings ------------------------------------------------------------------------------

    def change(self, name: str, value: object) -> None:
        """Put a setting into effect now, and write it off the window's thread."""
        if not valid(name, value):
            return
        before = self._settings.current
        kind = type(getattr(before, name))  # Qt gives an enumeration back as its text
        current = self._settings.set(**{name: kind(value)})
        self.bridge.run(self._settings.save, on_failure=self.window.chat.show_fault)
        if (page := self.window.made(Page.SETTINGS)) is not None:
            page.take(current)  # type: ignore[attr-defined]  # made by `_settings_page`
        if name in ("theme", "font_size") and current != before:
            tokens = theme.apply(self._application, current.theme, current.font_size)
            self.window.chat.restyle(tokens)
        elif name == "language" and current != before:
            QTimer.singleShot(0, self, self._build_again)  # not within a widget that goes

    def _step_font(self, step: int) -> None:
        """Scale the text by a pixel, or back to the default."""
        size = self._settings.current.font_size + step if step else Settings().font_size
        self.change("font_size", size)

    # --- models --------------------------------------------------------------------------------

    def _look_for_models(self, then: Callable[[], object] = lambda: None) -> None:
        services = self.services
        if services is None:
            return

        def show(models: Surveyed) -> None:
            self._models = models
            self._show_models()
            then()

        self.bridge.run(services.models.survey, show, self.window.chat.show_fault)

    def _show_models(self) -> None:
        usable = [model for model, fault in self._models or [] if fault is None]
        name = self._settings.current.model or (usable[0].name if usable else "")
        self.window.chat.show_default_model(name)
        self._show_empty_state()
        page = self.window.made(Page.WELCOME)
        if page is not None and self._models is not None:
            page.show_models(usable)  # type: ignore[attr-defined]  # made by `_welcome_page`

    def _show_empty_state(self) -> None:
        empty = self.window.chat.view.empty
        usable = [model for model, fault in self._models or [] if fault is None]
        if self._models is not None and not usable:
            words = _("Put a .gguf file into the models folder, then choose it above.")
            empty.set_words(_("There is no model on this computer yet"), words)
            empty.set_buttons([(_("Open the models folder"), self._open_models_folder)])
            return
        words = _("Ask below, or begin with one of these. Everything stays on this computer.")
        empty.set_words(_("What is on your mind?"), words)
        examples = [(text, partial(self.window.chat.send, text)) for text in example_questions()]
        empty.set_buttons(list(examples))

    def _open_model_menu(self) -> None:
        """What lies in the folder may have changed: look first."""
        view = self.window.chat.view

        def show() -> None:
            current = view.model_button.text()
            self._model_menu.open(view.model_button, self._models or [], current)

        self._look_for_models(then=show)

    def _choose_model(self, name: str) -> None:
        self.change("model", name)
        self.window.chat.choose_model(name)

    def _open_models_folder(self) -> None:
        _open_folder(self._folders.models)

    def _look_at_engine(self) -> None:
        services = self.services
        if services is None or not self.window.isVisible():
            return

        def look() -> EngineState:
            return EngineState(services.engine.model, services.engine.resident_bytes())

        self.bridge.run(look, self._show_engine)

    def _show_engine(self, state: EngineState) -> None:
        model = state.model
        if model is None:
            self.window.status.show_model("")
            return
        names = [known.name for known, _fault in self._models or [] if known.path == model.path]
        name = names[0] if names else model_words(model.path)
        self.window.status.show_model(name, model.context_length)
        self.window.status.show_memory(state.resident_bytes)


def _open_folder(path: Path) -> None:
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))
