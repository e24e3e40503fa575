"""The settings page: each one with a plain explanation, kept as soon as it is changed."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from desktop_llm.core.settings import Language, OnClose, Settings, Theme, valid
from desktop_llm.ui.icons import icon
from desktop_llm.ui.widgets.field import Field
from desktop_llm.ui.widgets.inputs import Choice, Number
from desktop_llm.ui.widgets.plain_text import plain_label
from desktop_llm.ui.widgets.token_row import TokenRow
from desktop_llm.words import _

WIDTH = 680  # pixels of the column
QUIET_MILLISECONDS = 500  # before a longer text is kept
CONTEXTS = (1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072)


class SettingsPage(QScrollArea):
    changed = Signal(str, object)  # name of the setting, its value
    folder_wanted = Signal()  # open the data folder
    move_wanted = Signal()
    backups_wanted = Signal()
    bin_wanted = Signal()
    export_wanted = Signal()
    import_wanted = Signal()
    diagnostics_wanted = Signal()
    connections_wanted = Signal()
    certificates_wanted = Signal()  # to be chosen among the files

    def __init__(
        self, settings: Settings, data: Path, may_move: bool, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self._settings = settings
        self._fields: dict[str, Field] = {}
        self._timers: dict[str, QTimer] = {}  # of the texts
        self._plain: list[Field] = []  # that are no settings
        inside = QFrame()
        inside.setObjectName("page")
        self._column = QVBoxLayout()
        self._column.setSpacing(0)
        column = QWidget(inside)
        column.setMaximumWidth(WIDTH)
        column.setLayout(self._column)
        row = QHBoxLayout(inside)
        row.setContentsMargins(24, 16, 24, 32)
        row.addStretch(1)
        row.addWidget(column, 1000, Qt.AlignmentFlag.AlignTop)
        row.addStretch(1)
        self.setWidget(inside)
        title = plain_label(_("Settings"), column)
        title.setProperty("heading", True)
        self._column.addWidget(title)
        self._appearance()
        self._replies()
        self._window()
        self._network()
        self._data(data, may_move)
        self._align()
        self.take(settings)

    def take(self, settings: Settings) -> None:
        """Show other values, e.g. after a key changed the size of the text."""
        before, self._settings, waiting = self._settings, settings, self._waiting()
        for name, field in self._fields.items():
            value, control = getattr(settings, name), field.control
            control.blockSignals(True)
            if isinstance(control, QComboBox):
                control.setCurrentIndex(control.findData(value))
            elif isinstance(control, QSpinBox):
                control.setValue(value)
            elif isinstance(control, QLineEdit):
                if value != getattr(before, name) or not control.isModified():
                    control.setText(value)
                    field.complain("")
            elif isinstance(control, QPlainTextEdit) and name not in waiting:
                _set_text(control, value)
            control.blockSignals(False)
            assert field.reset is not None
            field.reset.setVisible(value != getattr(Settings(), name))

    def flush(self) -> None:
        """Keep now what would be kept after a moment of quiet."""
        for name, field in self._fields.items():
            if isinstance(field.control, QLineEdit):
                self._take_line(name)
        for name in self._waiting():
            self._timers[name].stop()
            control = self._fields[name].control
            assert isinstance(control, QPlainTextEdit)
            self._set(name, control.toPlainText())

    def _waiting(self) -> list[str]:
        """The texts that have been changed a moment ago."""
        return [name for name, timer in self._timers.items() if timer.isActive()]

    def hideEvent(self, event: QHideEvent) -> None:
        self.flush()
        super().hideEvent(event)

    # --- sections ------------------------------------------------------------------------------

    def _appearance(self) -> None:
        self._section(_("Appearance"))
        themes = [(_("As the system"), Theme.SYSTEM), (_("Light"), Theme.LIGHT),
                  (_("Dark"), Theme.DARK)]  # fmt: skip
        self._choice("theme", _("Theme"), "", themes)
        languages = [(_("As the system"), Language.SYSTEM), ("English", Language.ENGLISH),
                     ("简体中文", Language.CHINESE)]  # fmt: skip
        self._choice("language", _("Language"), "", languages)
        self._number("font_size", _("Size of the text"), _("Ctrl + and Ctrl − change it too."),
                     (9, 32), suffix=_(" px"))  # fmt: skip

    def _replies(self) -> None:
        self._section(_("Replies"))
        about = _("Stands before every conversation, for example: “Answer briefly, in British "
                  "English.”")  # fmt: skip
        self._text("system_prompt", _("Instructions to the model"), about)
        contexts = [(f"{length:,}", length) for length in CONTEXTS]
        if self._settings.context_length not in CONTEXTS:
            length = self._settings.context_length
            contexts.append((f"{length:,}", length))
        about = _("Tokens of a conversation that the model can look at. More need more memory; a "
                  "model takes at most what it was trained for.")  # fmt: skip
        self._choice("context_length", _("Context"), about, contexts)
        about = _("Automatic: as many as pay off at the moment, fewer while other programs are "
                  "busy.")  # fmt: skip
        self._number("threads", _("Processor threads"), about, (0, 512), zero=_("Automatic"))
        about = _("Gives the model's memory back after this time without a question.")
        self._number("idle_unload_minutes", _("Unload when idle"), about, (0, 1440),
                     suffix=_(" min"), zero=_("Never"))  # fmt: skip
        about = _("What the model has read of a conversation is kept on this disk, so that it goes "
                  "on at once when you come back, also after a restart. It goes with its "
                  "conversation.")  # fmt: skip
        self._number("state_cache_megabytes", _("Keep what was read"), about, (0, 1_048_576),
                     suffix=_(" MB"), zero=_("Nothing"))  # fmt: skip
        about = _("The model gives new conversations a title while it is idle.")
        self._switch("write_titles", _("Write titles"), about)
        about = _("How likely the model found each word of a reply is kept with it, and shown in "
                  "“About this reply”.")  # fmt: skip
        self._switch("note_confidence", _("Note how sure it is"), about)

    def _window(self) -> None:
        self._section(_("Window"))
        choices = [
            (_("Ask while something runs"), OnClose.ASK),
            (_("Keep running in the tray"), OnClose.TRAY),
            (_("Quit"), OnClose.QUIT),
        ]
        self._choice("on_close", _("Closing the window"), "", choices)
        about = _("A menu of the program that is always there: work on the clipboard, show the "
                  "window.")  # fmt: skip
        self._switch("tray_icon", _("Icon in the tray"), about)
        about = _("Pressed in any program, it opens the text tools with what is selected there, "
                  "or with the clipboard. Where the system allows none, set a key there for "
                  "“desktop-llm clipboard”.")  # fmt: skip
        self._line("global_shortcut", _("Key for all programs"), about, "Ctrl+Alt+Space")
        about = _("When a reply that took long has ended while you look at something else. Nothing "
                  "of its text is shown.")  # fmt: skip
        self._switch("notify", _("Tell on the desktop"), about)

    def _network(self) -> None:
        self._section(_("Network"))
        about = _("Nothing connects while it is on; downloads wait.")
        self._switch("offline", _("Offline"), about)
        connections = QPushButton(_("Show …"))
        connections.setAccessibleName(_("Show every connection that was made"))
        connections.clicked.connect(self.connections_wanted)
        about = _("When, to whom, why and how much: every one this program has made.")
        self._add_plain(Field(_("Connections"), about, connections))
        about = _("Kilobytes a second that downloads may take together.")
        self._number("download_limit_kilobytes", _("Limit downloads"), about, (0, 10_000_000),
                     suffix=_(" kB/s"), zero=_("No limit"))  # fmt: skip
        self.token = TokenRow()
        about = _("For models that ask for one: make it on the Hub under Settings, Access Tokens; "
                  "reading is enough. It is sent to the Hub alone.")  # fmt: skip
        self._add_plain(Field(_("Access token of the Hub"), about, self.token, wide=True))
        about = _("Asked in place of the Hub, where that cannot be reached.")
        self._line("hub_mirror", _("Mirror of the Hub"), about, "https://…")
        about = _("Empty: as the system says. One that asks for a password is set in the system.")
        self._line("proxy", _("Proxy"), about, "http://…:8080")
        about = _("A PEM file with the certificates of your company or university; empty: the "
                  "usual ones.")  # fmt: skip
        line = self._line("certificates", _("Certificates"), about, "….pem")
        choose = line.addAction(icon("folder-open"), QLineEdit.ActionPosition.TrailingPosition)
        choose.setToolTip(_("Choose a file"))
        choose.triggered.connect(self.certificates_wanted)

    def _data(self, data: Path, may_move: bool) -> None:
        self._section(_("Your data"))
        buttons = QWidget()
        row = QHBoxLayout(buttons)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        show = QPushButton(icon("folder-open"), _("Open"), buttons)
        show.clicked.connect(self.folder_wanted)
        show.setAccessibleName(_("Open the data folder"))
        move = QPushButton(_("Move …"), buttons)
        move.clicked.connect(self.move_wanted)
        move.setAccessibleName(_("Move the data folder"))
        move.setEnabled(may_move)
        if not may_move:
            move.setToolTip(_("The folder was given when the program was started."))
        row.addWidget(show)
        row.addWidget(move)
        self._add_plain(Field(_("Data folder"), str(data), buttons))
        exchange = QWidget()
        row = QHBoxLayout(exchange)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        for words, name, signal in (
            (_("Import …"), _("Import conversations"), self.import_wanted),
            (_("Export …"), _("Export conversations"), self.export_wanted),
        ):
            button = QPushButton(words, exchange)
            button.setAccessibleName(name)
            button.clicked.connect(signal)
            row.addWidget(button)
        about = _("As JSON that loses nothing, Markdown, HTML or PDF. Exports of ChatGPT and "
                  "Claude are read too, and ShareGPT.")  # fmt: skip
        self._add_plain(Field(_("Conversations in files"), about, exchange))
        backups = QPushButton(_("Backups …"))
        backups.clicked.connect(self.backups_wanted)
        about = _("A copy of all conversations is made every day; seven are kept.")
        self._add_plain(Field(_("Backups"), about, backups))
        deleted = QPushButton(_("Deleted …"))
        deleted.clicked.connect(self.bin_wanted)
        about = _("Conversations and messages that can be restored until they are erased.")
        self._add_plain(Field(_("Deleted"), about, deleted))
        diagnostics = QPushButton(_("Save …"))
        diagnostics.setAccessibleName(_("Save diagnostics"))
        diagnostics.clicked.connect(self.diagnostics_wanted)
        about = _("One text file for a report of a fault: versions, the computer, the logs. Not a "
                  "word of any conversation.")  # fmt: skip
        self._add_plain(Field(_("Diagnostics"), about, diagnostics))

    def _align(self) -> None:
        """One width for what is chosen from, one right edge for all."""
        inputs = [field.control for field in self._fields.values()
                  if isinstance(field.control, QComboBox | QSpinBox)]  # fmt: skip
        width = max(control.sizeHint().width() for control in inputs)
        for control in inputs:
            control.setMinimumWidth(width)
        resets = [field.reset for field in self._fields.values() if field.reset is not None]
        for field in self._plain:
            field.keep_room(resets[0].sizeHint().width())

    # --- controls ------------------------------------------------------------------------------

    def _section(self, words: str) -> None:
        label = plain_label(words)
        label.setProperty("section", True)
        label.setContentsMargins(0, 24, 0, 4)
        self._column.addWidget(label)

    def _choice(
        self, name: str, words: str, explanation: str, choices: Sequence[tuple[str, object]]
    ) -> None:
        control = Choice(icon("caret-down"))
        for text, value in choices:
            control.addItem(text, value)
        control.setMinimumWidth(180)
        control.currentIndexChanged.connect(lambda at: self._set(name, control.itemData(at)))
        self._setting(name, Field(words, explanation, control))

    def _number(
        self,
        name: str,
        words: str,
        explanation: str,
        limits: tuple[int, int],
        suffix: str = "",
        zero: str = "",
    ) -> None:
        control = Number(icon("caret-up"), icon("caret-down"))
        control.setRange(*limits)
        control.setSuffix(suffix)
        control.setSpecialValueText(zero)
        control.setMinimumWidth(180)
        control.valueChanged.connect(lambda value: self._set(name, value))
        self._setting(name, Field(words, explanation, control))

    def _switch(self, name: str, words: str, explanation: str) -> None:
        self._choice(name, words, explanation, [(_("On"), True), (_("Off"), False)])

    def _text(self, name: str, words: str, explanation: str) -> None:
        control = QPlainTextEdit()
        control.setTabChangesFocus(True)
        control.setFixedHeight(4 * control.fontMetrics().lineSpacing() + 16)
        timer = QTimer(control)
        timer.setSingleShot(True)
        timer.setInterval(QUIET_MILLISECONDS)
        timer.timeout.connect(lambda: self._set(name, control.toPlainText()))
        control.textChanged.connect(timer.start)
        self._timers[name] = timer
        self._setting(name, Field(words, explanation, control, wide=True))

    def _line(self, name: str, words: str, explanation: str, example: str) -> QLineEdit:
        control = QLineEdit()
        control.setPlaceholderText(example)
        control.setClearButtonEnabled(True)
        control.editingFinished.connect(lambda: self._take_line(name))
        self._setting(name, Field(words, explanation, control, wide=True))
        return control

    def _take_line(self, name: str) -> None:
        field = self._fields[name]
        assert isinstance(field.control, QLineEdit)
        text = field.control.text().strip()
        wrong = ""
        if not valid(name, text):
            wrong = _("This is no address like https://example.org, without name and password.")
        field.complain(wrong)
        if not wrong:
            self._set(name, text)

    def _setting(self, name: str, field: Field) -> None:
        field.offer_reset(
            icon("arrow-counter-clockwise"),
            _("Back to the default"),
            lambda: self._set(name, getattr(Settings(), name)),
        )
        self._fields[name] = field
        self._add(field)

    def _add_plain(self, field: Field) -> None:
        self._plain.append(field)
        self._add(field)

    def _add(self, field: Field) -> None:
        self._column.addWidget(field)

    def _set(self, name: str, value: object) -> None:
        if value != getattr(self._settings, name):
            self.changed.emit(name, value)


def _set_text(control: QPlainTextEdit, text: str) -> None:
    if control.toPlainText() != text:  # else the cursor stays where it is
        control.setPlainText(text)
