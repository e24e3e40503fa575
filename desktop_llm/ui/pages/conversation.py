"""One conversation: its title and model, its messages, what is happening, and the composer.

Knows nothing of services: it shows what it is told and says what a person wants.
"""

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QMenu,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from desktop_llm.core.engine import LoadProgress, PromptProgress
from desktop_llm.core.errors import DesktopLlmError
from desktop_llm.core.presets import filled_in
from desktop_llm.core.replies import Summarising
from desktop_llm.ui.actions import Actions, Command
from desktop_llm.ui.icons import Role, icon
from desktop_llm.ui.pages.compare_setup import CompareSetup
from desktop_llm.ui.pages.compare_view import CompareView
from desktop_llm.ui.pages.private_notice import PrivateNotice
from desktop_llm.ui.theme import Tokens
from desktop_llm.ui.widgets.choice_card import ChoiceCard
from desktop_llm.ui.widgets.composer import Composer
from desktop_llm.ui.widgets.eliding import ElidingLabel
from desktop_llm.ui.widgets.empty_state import EmptyState
from desktop_llm.ui.widgets.find_bar import FindBar
from desktop_llm.ui.widgets.inline_fault import InlineFault
from desktop_llm.ui.widgets.message_column import WIDEST, ColourCode, Work
from desktop_llm.ui.widgets.plain_text import plain_caption, plain_label
from desktop_llm.ui.widgets.text_editor import files_of
from desktop_llm.ui.widgets.transcript import Transcript
from desktop_llm.ui.widgets.variable_form import FormWords, VariableForm
from desktop_llm.words import _, counted
from desktop_llm.words.faults import word_fault

FaultAction = tuple[str, Callable[[], object]]
COMPOSER_WIDTH = WIDEST + 24  # the card's frame stands out of the column of text


class ConversationView(QFrame):
    list_wanted = Signal()
    files_dropped = Signal(list)  # their paths
    model_wanted = Signal()
    private_left = Signal()
    comparison_made = Signal(object)  # a `CompareView`

    def __init__(
        self,
        tokens: Tokens,
        actions: Actions,
        colour_code: ColourCode,
        work: Work,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("page")
        self.setAcceptDrops(True)
        self._actions = actions
        self._tokens, self._colour_code, self._work = tokens, colour_code, work
        self.list_button = self._tool("list", actions.hint(Command.LIST))
        self.list_button.clicked.connect(self.list_wanted)
        self.title = ElidingLabel(self)
        self.title.setProperty("heading", True)
        self.model_name = ""
        self.model_button = QPushButton(self)
        self.model_button.setObjectName("model")
        self.model_button.setIcon(icon("cube"))
        self.model_button.setToolTip(actions.hint(Command.MODEL))
        self.model_button.clicked.connect(self.model_wanted)
        self.more_button = self._tool("dots-three", _("More"))
        self.more_button.clicked.connect(self._show_more)
        self.transcript = Transcript(tokens, colour_code, work, self)
        self.transcript.setAccessibleName(_("Messages"))
        self.transcript.following_changed.connect(lambda _following: self._place_newest())
        self.empty = EmptyState(icon("chat-circle", Role.PlaceholderText), self)
        self._private: PrivateNotice | None = None
        self._setup: CompareSetup | None = None
        self._comparison: CompareView | None = None
        self._stack = QStackedWidget(self)
        self._is_empty = True
        self._blank = QWidget(self)
        self._stack.addWidget(self.empty)
        self._stack.addWidget(self._blank)
        self._stack.addWidget(self.transcript)
        self._dress(self.transcript)
        self._compares = False
        self.newest = QPushButton(icon("arrow-down"), _("Newest"), self.transcript)
        self.newest.setObjectName("chip")
        self.newest.setToolTip(actions.hint(Command.NEWEST))
        self.newest.clicked.connect(self.transcript.scroll_to_end)
        self.newest.hide()
        self.transcript.installEventFilter(self)
        self._progress = _ProgressLine(self)
        self.fault = InlineFault(icon("warning", Role.BrightText), icon("x"), self)
        self.fault.set_words(_("Dismiss"))
        self.composer = Composer(self)
        self.choices = ChoiceCard(self)
        self.finder = FindBar(self)
        self.finder.after = self.transcript
        self.finder.set_words(
            _("Find in this conversation"),
            (icon("caret-up"), _("Previous match")),
            (icon("caret-down"), _("Next match")),
            (icon("x"), _("Close")),
        )
        self.form = VariableForm(filled_in, _form_words(), self)
        self.form.toggled.connect(self._show_content)
        for card in (self.fault, self.choices):
            card.after = self.composer
        self.composer.set_words(_("Ask anything …"), _("Your message"), _("Send"), _("Stop"))
        self.composer.attachments.set_words(icon("file-text"), icon("x"), _("Remove “{name}”"))
        self._arrange()

    # --- what is made when it is first wanted: few people want it, and it takes memory -----------

    def show_private(self, private: bool) -> None:
        """Whether nothing of what is shown is stored."""
        if self._private is None:
            if not private:
                return
            self._private = PrivateNotice(self)
            self._private.left.connect(self.private_left)
            self._private_place.addLayout(_centred(self._private))
        self._private.setVisible(private)

    @property
    def setup(self) -> CompareSetup:
        """Which two are to answer."""
        if self._setup is None:
            self._setup = CompareSetup(self)
            self._setup.after = self.composer
            self._setup.toggled.connect(self._show_content)
            self._setup_place.addLayout(_centred(self._setup))
        return self._setup

    @property
    def asks_two(self) -> bool:
        return self._setup is not None and not self._setup.isHidden()

    @property
    def comparison(self) -> CompareView:
        """Two replies; `comparison_made` tells of it."""
        if self._comparison is None:
            self._comparison = CompareView(self._tokens, self._colour_code, self._work, self)
            for side in self._comparison.sides:
                self._dress(side.transcript)
            self._stack.addWidget(self._comparison)
            self.comparison_made.emit(self._comparison)
        return self._comparison

    def _dress(self, transcript: Transcript) -> None:
        transcript.set_thought_words(thought_words)
        transcript.set_more_words(_("This message is long: show more of it"))
        transcript.set_copy_code(icon("copy"), _("Copy code"))

    def restyle(self, tokens: Tokens) -> None:
        """Another theme or font size."""
        self._tokens = tokens
        self.transcript.restyle(tokens)
        if self._comparison is not None:
            self._comparison.restyle(tokens)

    # --- what is shown ---------------------------------------------------------------------------

    def set_ready(self, ready: bool) -> None:
        """All but a fault, whose buttons may be the way out."""
        for widget in (self.list_button, self.model_button, self.more_button, self._stack,
                       self.composer):  # fmt: skip
            widget.setEnabled(ready)

    def show_empty(self, empty: bool) -> None:
        self._is_empty = empty
        self._show_content()

    def show_comparison(self, compares: bool) -> None:
        """Two replies, in the place of the conversation."""
        self._compares = compares
        self._show_content()

    def _show_content(self) -> None:
        """Examples make room for a form: there is a question already."""
        asks = not self.form.isHidden()
        shown: QWidget = self.transcript
        if self._compares:
            shown = self.comparison
        elif self._is_empty:
            shown = self._blank if asks else self.empty
        self._stack.setCurrentWidget(shown)
        policy = QSizePolicy.Policy  # a stack is as high as its highest page, seen or not
        self._stack.setSizePolicy(policy.Preferred, policy.Ignored if asks else policy.Preferred)

    def show_model(self, name: str) -> None:
        self.model_name = name
        self.model_button.setText(plain_caption(name) or _("No model"))
        self.model_button.setAccessibleName(_("Model: {name}").format(name=name or _("none")))

    def show_progress(
        self, progress: LoadProgress | Summarising | PromptProgress | None, waits: bool = False
    ) -> None:
        """What the reply waits for; `waits`: for another one to end."""
        if waits and progress is None:
            self._progress.show_part(_("Another reply is written first …"), None)
        elif isinstance(progress, LoadProgress):
            self._progress.show_part(_("Loading the model …"), progress.fraction)
        elif isinstance(progress, Summarising) and progress.document:
            words = _("Summarising “{name}”: part {step} of {all} …")
            name = plain_caption(progress.document)
            step, of = progress.step, progress.of
            words = words.format(name=name, step=step, all=of)
            self._progress.show_part(words, (step - 1) / of if of > 1 else None)
        elif isinstance(progress, Summarising):
            self._progress.show_part(
                counted(
                    "Summarising {number} earlier message …",
                    "Summarising {number} earlier messages …",
                    progress.messages,
                ),
                None,
            )
        elif isinstance(progress, PromptProgress):
            words = _("Reading the conversation: {done} of {total} tokens")
            done, total = f"{progress.done:,}", f"{progress.total:,}"
            fraction = progress.done / max(1, progress.total)
            self._progress.show_part(words.format(done=done, total=total), fraction)
        else:
            self._progress.hide()

    def show_fault(
        self, fault: DesktopLlmError | None, actions: list[FaultAction] | None = None
    ) -> None:
        if fault is None:
            self.fault.dismiss()
            return
        words = word_fault(fault)
        self.fault.show_fault(words.what, words.next_step, actions)

    def _show_more(self) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        groups = (
            (Command.RENAME, Command.FORK),
            (Command.BRANCHES, Command.CONTEXT, Command.PARAMETERS, Command.REPLY),
            (Command.COPY_REPLY, Command.RETRY, Command.GO_ON),
            (Command.EXPORT,),
            (Command.DELETE,),
        )
        for group in groups:
            for command in group:
                menu.addAction(self._actions[command])
            menu.addSeparator()
        corner = self.more_button.rect().bottomRight()
        place = self.more_button.mapToGlobal(corner)
        place.setX(place.x() - menu.sizeHint().width())
        menu.popup(place)

    def _tool(self, name: str, words: str) -> QToolButton:
        button = QToolButton(self)
        button.setIcon(icon(name))
        button.setToolTip(words)
        button.setAccessibleName(words)
        return button

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if files_of(event.mimeData()) and self.composer.isEnabled():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Anywhere on the page."""
        event.acceptProposedAction()
        self.files_dropped.emit(files_of(event.mimeData()))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.transcript and event.type() == QEvent.Type.Resize:
            self._place_newest()
        return super().eventFilter(watched, event)

    def _place_newest(self) -> None:
        self.newest.setVisible(not self.transcript.following)
        size, room = self.newest.sizeHint(), self.transcript.size()
        self.newest.setGeometry(
            (room.width() - size.width()) // 2,
            room.height() - size.height() - 8,
            size.width(),
            size.height(),
        )

    def _arrange(self) -> None:
        head = QHBoxLayout()
        head.setContentsMargins(24, 8, 16, 8)
        head.setSpacing(8)
        head.addWidget(self.list_button)
        head.addWidget(self.title, 1)
        head.addWidget(self.model_button)
        head.addWidget(self.more_button)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 16)
        rows.setSpacing(8)
        rows.addLayout(head)
        self._private_place = QVBoxLayout()
        rows.addLayout(self._private_place)
        rows.addLayout(_centred(self.finder))
        rows.addWidget(self._stack, 1)
        for widget in (self._progress, self.fault, self.choices):
            rows.addLayout(_centred(widget))
        self._setup_place = QVBoxLayout()
        rows.addLayout(self._setup_place)
        rows.addLayout(_centred(self.form))
        rows.addLayout(_centred(self.composer))


def _centred(widget: QWidget) -> QHBoxLayout:
    """As wide as the column of messages."""
    widget.setMaximumWidth(COMPOSER_WIDTH)
    row = QHBoxLayout()
    row.setContentsMargins(12, 0, 12, 0)
    row.addStretch(1)
    row.addWidget(widget, 1000)
    row.addStretch(1)
    return row


def thought_words(ended: bool, seconds: float) -> str:
    if not ended:
        return _("Thinking …")
    if not seconds:
        return _("What the model thought")
    return _("Thought for {seconds} s").format(seconds=f"{seconds:,.0f}")


def example_questions() -> tuple[str, str, str]:
    """What the smallest model can answer."""
    return (
        _("Explain in two sentences why the sky is blue."),
        _("Write a friendly e-mail that moves a meeting to Friday."),
        _("Give me three ideas for a rainy weekend."),
    )


def _form_words() -> FormWords:
    return FormWords(
        confirm=_("Insert"),
        cancel=_("Cancel"),
        preview=_("Preview"),
        hint=_("Ctrl+Enter goes on"),
        last_time=_("Last time: {value}"),
    )


class _ProgressLine(QWidget):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._words = plain_label(parent=self)
        self._words.setProperty("muted", True)
        self._bar = QProgressBar(self)
        self._bar.setRange(0, 1000)
        self._bar.setTextVisible(False)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(16, 0, 16, 0)
        layout.setSpacing(12)
        layout.addWidget(self._words)
        layout.addWidget(self._bar, 1)
        self.hide()

    def show_part(self, words: str, fraction: float | None) -> None:
        """None: nobody knows how far it is."""
        self._words.setText(words)
        self._bar.setAccessibleName(words)
        self._bar.setRange(0, 0 if fraction is None else 1000)
        self._bar.setValue(round(1000 * (fraction or 0)))
        self.show()
