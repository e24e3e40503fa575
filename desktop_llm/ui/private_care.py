"""The private space: conversations that are in memory alone. The chat page shows them, or the
others, never both.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from desktop_llm.core.errors import DesktopLlmError
from desktop_llm.ui.bridge import Bridge
from desktop_llm.ui.drafts import Drafts
from desktop_llm.ui.widgets.choice_card import Answer
from desktop_llm.ui.workspace import Page, Workspace
from desktop_llm.words import _

if TYPE_CHECKING:
    from desktop_llm.services.bundle import Services
    from desktop_llm.services.chat import ChatService


class PrivateCare(QObject):
    def __init__(
        self,
        workspace: Workspace,
        bridge: Bridge,
        drafts: Drafts,
        services: "Callable[[], Services | None]",
    ) -> None:
        """`services`: None while they are closed."""
        super().__init__(workspace)
        self._workspace = workspace
        self._page = workspace.chat
        self._bridge = bridge
        self._drafts = drafts
        self._services = services
        self._last: int | None = None  # the conversation that is returned to
        self._page.view.private_left.connect(self.leave)

    def begin(self) -> None:
        """A new private conversation."""
        services, page = self._services(), self._page
        if services is None or not page.ready:
            return
        self._workspace.show_page(Page.CHAT)
        if page.private:
            page.new_conversation()
            return
        if page.shown.live is not None and page.shown.number is None:
            return  # a question is just being kept: what becomes of it belongs here
        self._last = page.conversation or 0

        def show(chat: "ChatService") -> None:
            if self._services() is services:
                page.pause()
                page.start(chat, 0)

        self._bridge.run(services.private.open, show, self._fail)

    def leave(self) -> None:
        """Ask first where something would be lost."""
        page = self._page
        written = bool(page.shown.branch) or page.sidebar.model.rowCount() > 0
        if not (written or page.composer.has_text() or len(page.composer.attachments)):
            self._leave()
            return
        page.view.choices.ask(
            _("Leave the private conversations?"),
            _("Nothing of them is stored: they cannot be brought back."),
            [
                Answer(_("Stay here"), "", lambda: None),
                Answer(_("Forget them and leave"), "", self._leave),
            ],
        )

    def _leave(self) -> None:
        services, page = self._services(), self._page
        if services is None:
            return
        page.pause()

        def show(_nothing: None) -> None:
            self._drafts.forget_private()
            if self._services() is services:
                page.start(services.chat, self._last)

        self._bridge.run(services.private.close, show, self._fail)

    def _fail(self, fault: DesktopLlmError) -> None:
        self._page.show_fault(fault)
