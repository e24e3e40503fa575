"""Which models there are, which one is in use, and what the engine's process holds."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer

from desktop_llm.core.models import InstalledModel, LoadedModel
from desktop_llm.ui.bridge import Bridge
from desktop_llm.ui.model_menu import ModelMenu, Surveyed, model_words
from desktop_llm.ui.pages.conversation import example_questions
from desktop_llm.ui.workspace import Workspace
from desktop_llm.words import _

if TYPE_CHECKING:
    from desktop_llm.services.bundle import Services
    from desktop_llm.ui.pages.welcome import WelcomePage

ENGINE_MILLISECONDS = 3000  # between two looks at the engine's memory


@dataclass(frozen=True, slots=True)
class EngineState:
    model: LoadedModel | None
    resident_bytes: int


class ModelCare(QObject):
    def __init__(
        self,
        workspace: Workspace,
        bridge: Bridge,
        services: "Callable[[], Services | None]",
        preferred: Callable[[], str],
        open_folder: Callable[[], object],
        choose: Callable[[str], object],
    ) -> None:
        """`preferred`: the model for new conversations; empty: the first there is."""
        super().__init__(workspace)
        self._workspace = workspace
        self._bridge = bridge
        self._services = services
        self._preferred = preferred
        self._open_folder = open_folder
        self._models: Surveyed | None = None  # None: not looked for yet
        self._looks = 0
        self._welcome: WelcomePage | None = None
        self.menu = ModelMenu(workspace, open_folder)
        self.menu.chosen.connect(choose)
        workspace.chat.view.model_wanted.connect(self.open_menu)
        workspace.chat.shown.opened.connect(self._show_empty_state)
        workspace.chat.shown.answered.connect(lambda _reply: self._look_at_engine())
        workspace.chat.shown.began.connect(self._reply_began)
        self._timer = QTimer(self)
        self._timer.setInterval(ENGINE_MILLISECONDS)
        self._timer.timeout.connect(self._look_at_engine)

    def start(self) -> None:
        """The services are open."""
        self._timer.start()
        self.look(then=self._look_at_engine)

    def connect_welcome(self, page: "WelcomePage") -> None:
        self._welcome = page
        page.folder_wanted.connect(self._open_folder)
        if self._models is not None:
            page.show_models(self._usable())

    def look(self, then: Callable[[], object] = lambda: None) -> None:
        """See what lies in the folder now."""
        if (services := self._services()) is None:
            return

        self._looks += 1
        nth = self._looks

        def show(models: Surveyed) -> None:
            if nth != self._looks:
                return  # another look is on its way
            self._models = models
            self._show()
            then()

        self._bridge.run(services.models.survey, show, self._workspace.chat.show_fault)

    def open_menu(self) -> None:
        """What lies in the folder may have changed: look first."""
        view = self._workspace.chat.view

        def show() -> None:
            self.menu.open(view.model_button, self._models or [], view.model_name)

        self.look(then=show)

    def _usable(self) -> list[InstalledModel]:
        return [model for model, fault in self._models or [] if fault is None]

    def _show(self) -> None:
        usable = self._usable()
        name = self._preferred() or (usable[0].name if usable else "")
        self._workspace.chat.show_models(name, [model.name for model in usable])
        self._show_empty_state()
        if self._welcome is not None:
            self._welcome.show_models(usable)

    def _show_empty_state(self) -> None:
        empty = self._workspace.chat.view.empty
        if self._models is not None and all(fault for _model, fault in self._models):
            words = _("Put a .gguf file into the models folder, then choose it above.")
            empty.set_words(_("There is no model on this computer yet"), words)
            empty.set_buttons([(_("Open the models folder"), self._open_folder)])
            return
        words = _("Ask below, or begin with one of these. Everything stays on this computer.")
        empty.set_words(_("What is on your mind?"), words)
        send = self._workspace.chat.send
        empty.set_buttons([(text, partial(send, text)) for text in example_questions()])

    def _reply_began(self) -> None:
        self._workspace.status.begin_reply()
        self._look_at_engine()

    def _look_at_engine(self) -> None:
        services = self._services()
        if services is None or not self._workspace.isVisible():
            return

        def look() -> EngineState:
            return EngineState(services.engine.model, services.engine.resident_bytes())

        self._bridge.run(look, self._show_engine)

    def _show_engine(self, state: EngineState) -> None:
        status, model = self._workspace.status, state.model
        if model is None:
            status.show_model("")
            return
        names = [known.name for known, _fault in self._models or [] if known.path == model.path]
        status.show_model(names[0] if names else model_words(model.path), model.context_length)
        status.show_memory(state.resident_bytes)
