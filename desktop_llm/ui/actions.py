"""Every action of the window, declared once: words, keys, icon. Menus, the command palette, the
list of shortcuts and the tooltips read them here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from PySide6.QtCore import QEvent, QObject
from PySide6.QtGui import QAction, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QWidget

from desktop_llm.ui.icons import icon
from desktop_llm.words import _, noted


class Group(Enum):
    CHAT = noted("Conversations")
    VIEW = noted("View")
    PROGRAM = noted("Program")


@dataclass(frozen=True, slots=True)
class Declared:
    words: str  # in English: the key of the catalogue
    group: Group
    icon: str
    keys: tuple[str, ...] = ()


class Command(Enum):
    NEW = Declared(noted("New conversation"), Group.CHAT, "plus", ("Ctrl+N",))
    PRIVATE = Declared(noted("New private conversation"), Group.CHAT, "eye-slash", ("Ctrl+Alt+N",))
    SEARCH = Declared(noted("Search conversations"), Group.CHAT, "magnifying-glass", ("Ctrl+F",))
    FIND = Declared(
        noted("Find in this conversation"), Group.CHAT, "file-search", ("Ctrl+Shift+F",)
    )
    RENAME = Declared(noted("Rename conversation"), Group.CHAT, "pencil-simple", ("F2",))
    PIN = Declared(noted("Pin or unpin"), Group.CHAT, "push-pin", ("Ctrl+Shift+P",))
    MOVE_TO_FOLDER = Declared(noted("Move to a folder"), Group.CHAT, "folder", ("Ctrl+Shift+M",))
    TAGS = Declared(noted("Tags of the conversation"), Group.CHAT, "tag", ("Ctrl+T",))
    NEW_FOLDER = Declared(noted("New folder"), Group.CHAT, "folder-plus", ("Ctrl+Shift+N",))
    DELETE = Declared(noted("Delete conversation"), Group.CHAT, "trash")
    EXPORT = Declared(noted("Export conversations"), Group.CHAT, "export", ("Ctrl+Shift+X",))
    IMPORT = Declared(noted("Import conversations"), Group.CHAT, "download-simple")
    RESTORE = Declared(
        noted("Restore what was deleted last"), Group.CHAT, "arrow-counter-clockwise",
        ("Ctrl+Shift+T",),
    )  # fmt: skip
    PREVIOUS = Declared(noted("Previous conversation"), Group.CHAT, "caret-up", ("Alt+Up",))
    NEXT = Declared(noted("Next conversation"), Group.CHAT, "caret-down", ("Alt+Down",))
    STOP = Declared(noted("Stop the reply"), Group.CHAT, "stop", ("Ctrl+Shift+S",))
    RETRY = Declared(noted("Another reply"), Group.CHAT, "arrow-clockwise", ("Ctrl+Shift+R",))
    GO_ON = Declared(noted("Continue the reply"), Group.CHAT, "arrow-line-right", ("Ctrl+Shift+G",))
    EDIT = Declared(noted("Edit a message"), Group.CHAT, "pencil-simple", ("Ctrl+E",))
    EARLIER_VERSION = Declared(noted("Previous version"), Group.CHAT, "caret-left", ("Alt+Left",))
    LATER_VERSION = Declared(noted("Next version"), Group.CHAT, "caret-right", ("Alt+Right",))
    ATTACH = Declared(noted("Attach files"), Group.CHAT, "paperclip", ("Ctrl+Shift+A",))
    COMPARE = Declared(noted("Compare two replies"), Group.CHAT, "columns", ("Ctrl+Shift+E",))
    FORK = Declared(noted("Fork into a new conversation"), Group.CHAT, "git-fork")
    COPY_REPLY = Declared(noted("Copy the last reply"), Group.CHAT, "copy", ("Ctrl+Shift+C",))
    NEWEST = Declared(noted("Go to the newest message"), Group.CHAT, "arrow-down", ("Ctrl+End",))
    MODEL = Declared(noted("Choose a model"), Group.CHAT, "cube", ("Ctrl+M",))
    CHAT = Declared(noted("Chat"), Group.VIEW, "chat-circle", ("Ctrl+1",))
    MODELS = Declared(noted("Models"), Group.VIEW, "cube", ("Ctrl+3",))
    TOOLS = Declared(noted("Text tools"), Group.VIEW, "magic-wand", ("Ctrl+2",))
    DISCOVER = Declared(noted("Find models"), Group.VIEW, "magnifying-glass", ("Ctrl+Alt+M",))
    SETTINGS = Declared(noted("Settings"), Group.VIEW, "gear", ("Ctrl+,", "Ctrl+9"))
    BACKUPS = Declared(noted("Backups"), Group.VIEW, "clock-counter-clockwise")
    CORRECTIONS = Declared(noted("Corrections"), Group.VIEW, "graduation-cap", ("Ctrl+7",))
    JOBS = Declared(noted("Jobs"), Group.VIEW, "queue", ("Ctrl+8",))
    CONNECTIONS = Declared(noted("Connections"), Group.VIEW, "globe")
    BIN = Declared(noted("Deleted"), Group.VIEW, "trash")
    LIST = Declared(noted("Conversation list"), Group.VIEW, "list", ("Ctrl+B",))
    BRANCHES = Declared(noted("Versions and branches"), Group.VIEW, "git-branch", ("Ctrl+Shift+B",))
    CONTEXT = Declared(noted("What is sent"), Group.VIEW, "eye", ("Ctrl+I",))
    PROMPTS = Declared(noted("Prompts"), Group.VIEW, "notebook", ("Ctrl+P",))
    REPLY = Declared(noted("About this reply"), Group.VIEW, "info", ("Ctrl+Shift+D",))
    PARAMETERS = Declared(
        noted("Parameters and presets"), Group.VIEW, "sliders-horizontal", ("Ctrl+Shift+I",)
    )
    LARGER = Declared(
        noted("Larger text"), Group.VIEW, "magnifying-glass-plus", ("Ctrl++", "Ctrl+=")
    )
    SMALLER = Declared(noted("Smaller text"), Group.VIEW, "magnifying-glass-minus", ("Ctrl+-",))
    NORMAL = Declared(noted("Normal text size"), Group.VIEW, "text-aa", ("Ctrl+0",))
    LIGHT = Declared(noted("Light theme"), Group.VIEW, "sun")
    DARK = Declared(noted("Dark theme"), Group.VIEW, "moon")
    SYSTEM_THEME = Declared(noted("Theme of the system"), Group.VIEW, "circle-half")
    ENGLISH = Declared(noted("English"), Group.VIEW, "translate")
    CHINESE = Declared(noted("Simplified Chinese"), Group.VIEW, "translate")
    FULL_SCREEN = Declared(noted("Full screen"), Group.VIEW, "corners-out", ("F11",))
    PALETTE = Declared(noted("All commands"), Group.PROGRAM, "command", ("Ctrl+K",))
    SHORTCUTS = Declared(noted("Keyboard shortcuts"), Group.PROGRAM, "keyboard", ("F1",))
    USE_TOOL = Declared(noted("Use a tool on this text"), Group.PROGRAM, "magic-wand", ("Ctrl+J",))
    TABLE = Declared(noted("Work on a table or a folder"), Group.PROGRAM, "table")
    CLIPBOARD = Declared(noted("Work on the clipboard"), Group.PROGRAM, "clipboard-text")
    ANALYSE = Declared(noted("Analyse the text"), Group.PROGRAM, "chart-bar")
    MANAGE_TOOLS = Declared(noted("Manage text tools"), Group.PROGRAM, "sliders-horizontal")
    MODELS_FOLDER = Declared(noted("Open the models folder"), Group.PROGRAM, "folder-open")
    OFFLINE = Declared(noted("Go offline, or online again"), Group.PROGRAM, "wifi-slash")
    DIAGNOSTICS = Declared(noted("Save diagnostics"), Group.PROGRAM, "first-aid-kit")
    ABOUT = Declared(noted("About desktop-llm"), Group.PROGRAM, "info")
    QUIT = Declared(noted("Quit"), Group.PROGRAM, "power", ("Ctrl+Q",))


class Actions:
    """The `QAction` of each command; those without a handler are not there."""

    def __init__(self, owner: QWidget) -> None:
        self._owner = owner
        self._made: dict[Command, QAction] = {}

    def handle(self, command: Command, handler: Callable[[], object]) -> QAction:
        declared = command.value
        action = QAction(icon(declared.icon), _(declared.words), self._owner)
        action.setShortcuts([QKeySequence(keys) for keys in declared.keys])
        action.triggered.connect(lambda _on=False: handler())
        action.setToolTip(self.hint(command))
        self._owner.addAction(action)
        self._made[command] = action
        return action

    def __getitem__(self, command: Command) -> QAction:
        return self._made[command]

    def all(self) -> list[tuple[Command, QAction]]:
        """In the order they are declared."""
        return [(command, self._made[command]) for command in Command if command in self._made]

    @staticmethod
    def hint(command: Command) -> str:
        """Words and first key, for a tooltip."""
        keys = shortcut_text(command)
        return _(command.value.words) + (f"  {keys[0]}" if keys else "")


class BeforeText(QObject):
    """Filters a text field: the palette's key reaches it, though X11 deletes to the line's end
    with it.
    """

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            keys = QKeySequence(event.keyCombination())
            if keys in [QKeySequence(each) for each in Command.PALETTE.value.keys]:
                event.ignore()
                return True
        return super().eventFilter(watched, event)


def shortcut_text(command: Command) -> list[str]:
    """Keys as this system writes them."""
    native = QKeySequence.SequenceFormat.NativeText
    return [QKeySequence(keys).toString(native) for keys in command.value.keys]
