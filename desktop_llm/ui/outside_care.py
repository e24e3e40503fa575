"""The program outside its window: an icon in the tray, a key that is heard everywhere, and work on
the clipboard.

The clipboard is read when a person asks for it, never else. What a result takes the place of is
kept with all its formats, and can be put back.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QMimeData, QObject
from PySide6.QtGui import QClipboard, QGuiApplication
from PySide6.QtWidgets import QMenu, QSystemTrayIcon

from desktop_llm.core.settings import Settings
from desktop_llm.ui.main_window import MainWindow
from desktop_llm.ui.tools_care import ToolsCare
from desktop_llm.ui.workspace import Workspace
from desktop_llm.words import _

if TYPE_CHECKING:
    from desktop_llm.ui.global_shortcut import GlobalShortcut
    from desktop_llm.ui.tool_runner import TextTarget
    from desktop_llm.ui.widgets.picker import Picker

PICKER = (420, 400)  # pixels


class OutsideCare(QObject):
    def __init__(
        self,
        window: MainWindow,
        workspace: Workspace,
        tools: ToolsCare,
        settings: Callable[[], Settings],
        quit_wanted: Callable[[], object],
    ) -> None:
        super().__init__(workspace)
        self._window = window
        self._workspace = workspace
        self._tools = tools
        self._settings = settings
        self._quit = quit_wanted
        self._tray: QSystemTrayIcon | None = None
        self._menu: QMenu | None = None
        self._shortcut: GlobalShortcut | None = None
        self.picker: Picker | None = None

    def start(self) -> None:
        """As the settings have it; again after they changed."""
        settings = self._settings()
        self._show_tray(settings.tray_icon)
        self._listen(settings.global_shortcut)

    def close(self) -> None:
        if self._shortcut is not None:
            self._shortcut.stop()
        if self._tray is not None:
            self._tray.hide()

    @property
    def in_tray(self) -> bool:
        return self._tray is not None and self._tray.isVisible()

    def _show_tray(self, wanted: bool) -> None:
        if not wanted or not QSystemTrayIcon.isSystemTrayAvailable():
            if self._tray is not None:
                self._tray.hide()
            return
        if self._tray is None:
            self._tray = QSystemTrayIcon(self._window.windowIcon(), self)
            self._tray.setToolTip("desktop-llm")
            self._menu = QMenu(self._workspace)
            self._menu.addAction(_("Work on the clipboard"), self.work_on_clipboard)
            self._menu.addAction(_("Show the window"), self._window.raise_)
            self._menu.addSeparator()
            self._menu.addAction(_("Quit"), self._quit)
            self._tray.setContextMenu(self._menu)
            self._tray.activated.connect(self._activated)
        self._tray.show()

    def _activated(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        if reason is not QSystemTrayIcon.ActivationReason.Context:
            self._window.raise_()

    def _listen(self, keys: str) -> None:
        if not keys and self._shortcut is None:
            return
        from desktop_llm.ui.global_shortcut import GlobalShortcut

        if self._shortcut is None:
            self._shortcut = GlobalShortcut(self)
            self._shortcut.pressed.connect(lambda: self.work_on_clipboard(selected_first=True))
        if keys != self._shortcut.keys and not self._shortcut.listen(keys):
            words = _("{keys} cannot be heard everywhere: another program has it, or the system"
                      " gives it to none.")  # fmt: skip
            self._workspace.toasts.show(words.format(keys=keys))

    # --- the clipboard ---------------------------------------------------------------------------

    def work_on_clipboard(self, selected_first: bool = False) -> None:
        """On its text; where the key was pressed in another program, on what is selected there."""
        clipboard = QGuiApplication.clipboard()
        text = ""
        if selected_first and clipboard.supportsSelection():
            text = clipboard.text(QClipboard.Mode.Selection)
        text = text if text.strip() else clipboard.text()
        self._window.raise_()
        if not text.strip():
            self._workspace.toasts.show(_("There is no text on the clipboard."))
            return
        if not self._tools.tools:
            self._tools.read(lambda _shelf: self._choose(text))
        else:
            self._choose(text)

    def _choose(self, text: str) -> None:
        from desktop_llm.ui.icons import icon
        from desktop_llm.ui.pages.tool_popup import tool_icon
        from desktop_llm.ui.pages.tool_view import tool_title
        from desktop_llm.ui.tools_care import menu_choices
        from desktop_llm.ui.widgets.picker import Pick, Picker, over

        if self.picker is None:
            words = _("What is to be done with the clipboard?")
            self.picker = Picker(words, _("No such tool"), self._workspace)
        picker, picks = self.picker, []
        known = {}
        for tool in self._tools.tools:
            sign, title = icon(tool_icon(tool)), tool_title(tool)
            for words, values in menu_choices(tool) or [("", {})]:
                key = f"{tool.id} {words}"
                known[key] = (tool, values)
                shown = f"{title}: {words}" if words else title
                picks.append(Pick(key, shown, "", sign, f"{tool.name.en} {tool.name.zh_CN}"))

        def use(key: object) -> None:
            picker.chosen.disconnect(use)
            tool, values = known[str(key)]
            self._tools.use(tool, lambda: self._target(text), values)

        picker.chosen.connect(use)
        picker.open(picks, over(self._window, *PICKER))

    def _target(self, text: str) -> "TextTarget":
        from desktop_llm.ui.tool_runner import TextTarget

        return TextTarget(text, replace=self.put, title=_("Clipboard"), owner=self._workspace)

    def put(self, text: str) -> None:
        """A result on the clipboard; what was there can be put back, with all its formats."""
        before = snapshot(QGuiApplication.clipboard().mimeData())
        QGuiApplication.clipboard().setText(text)
        self._workspace.toasts.show(
            _("The result is on the clipboard."), _("Put back what was there"),
            lambda: QGuiApplication.clipboard().setMimeData(snapshot(before)),
        )  # fmt: skip


def snapshot(data: QMimeData) -> QMimeData:
    """A copy of all formats: what belongs to another program goes with it."""
    copy = QMimeData()
    for form in data.formats():
        copy.setData(form, data.data(form))
    if data.hasImage():
        copy.setImageData(data.imageData())
    return copy
