"""What works outside the window, imported when it is first needed: most people have neither an icon
in the tray nor a key for all programs.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from desktop_llm.core.settings import Settings
from desktop_llm.ui.main_window import MainWindow
from desktop_llm.ui.tools_care import ToolsCare
from desktop_llm.ui.workspace import Workspace

if TYPE_CHECKING:
    from desktop_llm.ui.outside_care import OutsideCare


class Outside:
    def __init__(
        self,
        window: MainWindow,
        workspace: Workspace,
        tools: ToolsCare,
        settings: Callable[[], Settings],
        quit_wanted: Callable[[], object],
    ) -> None:
        self._parts = (window, workspace, tools, settings, quit_wanted)
        self._settings = settings
        self._care: OutsideCare | None = None

    @property
    def care(self) -> "OutsideCare":
        from desktop_llm.ui.outside_care import OutsideCare

        if self._care is None:
            self._care = OutsideCare(*self._parts)
        return self._care

    def start(self) -> None:
        """As the settings have it; again after they changed."""
        settings = self._settings()
        if settings.tray_icon or settings.global_shortcut or self._care is not None:
            self.care.start()

    def close(self) -> None:
        if self._care is not None:
            self._care.close()

    @property
    def in_tray(self) -> bool:
        return self._care is not None and self._care.in_tray
