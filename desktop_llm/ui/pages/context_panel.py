"""What the next prompt will hold: what is sent and what is not, and what a person wants of it."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QPalette, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from desktop_llm.core.context import Policy
from desktop_llm.core.engine import RenderedPrompt
from desktop_llm.core.outlook import Outlook
from desktop_llm.ui.icons import Role, icon
from desktop_llm.ui.pages.context_list import ContextList
from desktop_llm.ui.pages.exact_text import ExactText
from desktop_llm.ui.pages.policy_choice import PolicyChoice
from desktop_llm.ui.widgets.announce import announce
from desktop_llm.ui.widgets.eliding import ElidingLabel
from desktop_llm.ui.widgets.empty_state import EmptyState
from desktop_llm.ui.widgets.gauge import Gauge
from desktop_llm.ui.widgets.plain_text import plain_label
from desktop_llm.words import _, counted

MARGIN = 16  # pixels at both sides


class ContextPanel(QWidget):
    """Esc leaves the exact text, where that is shown; else it is the panel's.

    What is in it is made when it is first shown: few people open it, and it takes memory.
    """

    policy_wanted = Signal(object)  # a `Policy`
    care_wanted = Signal(int, object)  # a message, `Care`
    message_chosen = Signal(int)
    rendered_wanted = Signal()  # to be answered by `show_rendered`

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._outlook: Outlook | None = None
        self._rendered_of: Outlook | None = None  # what the exact text was made of
        self._made = False
        self._last: tuple[Outlook | None, bool] = (None, False)  # to be shown when it is made
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)

    def showEvent(self, event: QShowEvent) -> None:
        if not self._made:
            self._made = True
            self._make()
            self.show_outlook(*self._last)
        super().showEvent(event)

    def _make(self) -> None:
        parts = (self._summary(), self._policies())  # first: Tab goes as widgets are made
        self.list = ContextList(self)
        self.list.care_wanted.connect(self.care_wanted)
        self.list.message_chosen.connect(self.message_chosen)
        self.rendered_button = QPushButton(icon("file-text"), "", self)
        self.rendered_button.clicked.connect(self._want_rendered)
        self.empty = EmptyState(icon("list-bullets", Role.PlaceholderText), self)
        self.exact = ExactText(self)
        self.exact.left.connect(self.show_list)
        self.exact.anew_wanted.connect(self.rendered_wanted)
        self._content = QWidget(self)
        column = QVBoxLayout(self._content)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for part in parts:
            column.addLayout(part)
        column.addWidget(_line(self._content))
        column.addWidget(self.list, 1)
        column.addWidget(_line(self._content))
        foot = QHBoxLayout()
        foot.setContentsMargins(MARGIN, 12, MARGIN, MARGIN)
        foot.addWidget(self.rendered_button)
        column.addLayout(foot)
        self._stack = QStackedWidget(self)
        for widget in (self.empty, self._content, self.exact):
            self._stack.addWidget(widget)
        self._layout.addWidget(self._stack)
        self._stack.show()  # at once: within a show event that waits for the loop

    def _summary(self) -> QVBoxLayout:
        """How much is sent, in words and as a bar, and what is not."""
        self._tokens = plain_label(parent=self)
        self._tokens.setProperty("strong", True)
        self._counting = ElidingLabel(self)
        self._counting.setText(_("Counting …"))
        self._counting.setProperty("small", True)
        self._counting.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        kept_room = self._counting.sizePolicy()
        kept_room.setRetainSizeWhenHidden(True)
        self._counting.setSizePolicy(kept_room)
        self.gauge = Gauge(self)
        self._kept, self._unseen, self._over = (plain_label(parent=self) for _at in range(3))
        self._over.setProperty("danger", True)
        for label in (self._kept, self._unseen):
            label.setProperty("small", True)
        for label in (self._tokens, self._kept, self._unseen, self._over):
            label.setWordWrap(True)
        last = QHBoxLayout()
        last.setSpacing(8)
        last.addWidget(self._kept, 1)
        last.addWidget(self._counting)
        column = QVBoxLayout()
        column.setContentsMargins(MARGIN, 4, MARGIN, 0)
        column.setSpacing(4)
        for widget in (self._tokens, self.gauge, self._over, self._unseen):
            column.addWidget(widget)
        column.addLayout(last)
        return column

    def _policies(self) -> QVBoxLayout:
        label = plain_label(_("When the conversation is too long"), self)
        label.setProperty("small", True)
        label.setWordWrap(True)
        self.policy = PolicyChoice(self)
        self.policy.setAccessibleName(label.text())
        self.policy.wanted.connect(self.policy_wanted)
        label.setBuddy(self.policy)
        column = QVBoxLayout()
        column.setContentsMargins(MARGIN, 12, MARGIN, 12)
        column.setSpacing(4)
        column.addWidget(label)
        column.addWidget(self.policy)
        return column

    # --- what is shown -------------------------------------------------------------------------

    def show_outlook(self, outlook: Outlook | None, busy: bool = False) -> None:
        """`busy`: it is being counted anew; None: there is none, or none yet."""
        if not self._made:
            self._last = (outlook, busy)
            return
        self._offer_rendered()
        if outlook is None:
            self._show_empty(busy)
            return
        was_over = self._outlook is not None and self._outlook.overflows
        self._outlook = outlook
        self._counting.setVisible(busy)
        self._show_summary(outlook)
        self.policy.show_policy(outlook.policy, dict(outlook.choices))
        self.list.show_items(outlook.items)
        if outlook.overflows and not was_over and self.isVisible():
            announce(self, self._over.text())
        if self._stack.currentWidget() is not self.exact:
            self._show(self._content)
        elif self._rendered_of is not None and self._rendered_of.items != outlook.items:
            self.exact.mark_changed()

    def _show_empty(self, busy: bool) -> None:
        if busy:
            self.empty.set_words(_("Counting …"), "")
            if self._stack.currentWidget() is self.exact:
                return
        else:
            self._outlook = None
            self.list.show_items(())
            self.exact.forget()
            self.empty.set_words(
                _("Nothing to show yet"),
                _("Type a message, and what the model will get is shown here."),
            )
        self._show(self.empty)

    def _show_summary(self, outlook: Outlook) -> None:
        used = _("{used} of {room} tokens").format(
            used=f"{outlook.tokens:,}", room=f"{outlook.context_length:,}"
        )
        kept = counted(
            "{number} is kept for the reply", "{number} are kept for the reply", outlook.reply_room
        )
        over = _("Too long: nothing can be sent as it is.") if outlook.overflows else ""
        unseen = "" if outlook.overflows else _unseen(outlook)
        self._tokens.setText(used)
        for label, words in ((self._kept, kept), (self._unseen, unseen), (self._over, over)):
            label.setText(words)
            label.setVisible(bool(words))
        words = _(", ").join((used, kept))
        self.gauge.set_parts(outlook.tokens, outlook.reply_room, outlook.context_length, words)

    def _show(self, widget: QWidget) -> None:
        """The focus goes along."""
        focus = self.window().focusWidget()
        had_focus = focus is not None and (focus is self or self.isAncestorOf(focus))
        changed = self._stack.currentWidget() is not widget
        self._stack.setCurrentWidget(widget)
        if changed and had_focus:
            (self._taker() or self).setFocus(Qt.FocusReason.OtherFocusReason)

    def _taker(self) -> QWidget | None:
        """Of the focus, in what is shown."""
        if not self._made:
            return None
        shown = self._stack.currentWidget()
        if shown is self._content:
            return self.list
        return self.exact.view if shown is self.exact else None

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Passed on to what is shown; where that is nothing this keeps it, so that Esc is heard.
        No focus proxy: Tab would go to it before it comes to what stands above it.
        """
        super().focusInEvent(event)
        if (taker := self._taker()) is not None:
            taker.setFocus(event.reason())

    # --- the exact text ------------------------------------------------------------------------

    def show_rendered(self, rendered: RenderedPrompt | None) -> None:
        """None: it could not be made."""
        if not self._made:
            return
        self._offer_rendered()
        if rendered is None:
            return
        self._rendered_of = self._outlook
        self.exact.show_prompt(rendered)
        self._show(self.exact)

    def show_list(self) -> None:
        """Leave the exact text."""
        if self._stack.currentWidget() is not self.exact:
            return
        self._show(self.empty if self._outlook is None else self._content)
        self.exact.forget()
        if self.list.hasFocus():
            self.rendered_button.setFocus(Qt.FocusReason.OtherFocusReason)

    def _want_rendered(self) -> None:
        self.rendered_button.setText(_("One moment …"))
        self.rendered_wanted.emit()

    def _offer_rendered(self) -> None:
        self.rendered_button.setText(_("Show the exact text"))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self._stack.currentWidget() is self.exact:
            self.show_list()
        else:
            super().keyPressEvent(event)


def _line(parent: QWidget) -> QWidget:
    """Where the list ends and what stands around it begins."""
    line = QWidget(parent)
    line.setFixedHeight(1)
    line.setAutoFillBackground(True)
    line.setBackgroundRole(QPalette.ColorRole.Mid)
    return line


def _unseen(outlook: Outlook) -> str:
    if not outlook.unseen:
        return ""
    if outlook.policy is Policy.SUMMARY:
        return counted(
            "{number} earlier message is sent as a summary.",
            "{number} earlier messages are sent as a summary.",
            outlook.unseen,
        )
    return counted(
        "{number} earlier message is not sent.",
        "{number} earlier messages are not sent.",
        outlook.unseen,
    )
