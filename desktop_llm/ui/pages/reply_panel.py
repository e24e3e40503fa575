"""One reply: what it was made with, making it again, and how sure the model was of it."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFocusEvent, QGuiApplication, QShowEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from desktop_llm.ui.icons import Role, icon
from desktop_llm.ui.widgets.empty_state import EmptyState
from desktop_llm.ui.widgets.facts_grid import FactsGrid
from desktop_llm.ui.widgets.plain_text import plain_label
from desktop_llm.ui.widgets.scored_text import ScoredPiece, ScoredText
from desktop_llm.words import _

MARGIN = 16  # pixels at both sides
TALLEST = 260  # pixels of the text


class ReplyPanel(QWidget):
    """What is in it is made when it is first shown; only then is there something to show."""

    replay_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._made = False
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)

    def showEvent(self, event: QShowEvent) -> None:
        if not self._made:
            self._made = True
            self._make()
        super().showEvent(event)

    def _make(self) -> None:
        self.empty = EmptyState(icon("info", Role.PlaceholderText), self)
        self.empty.set_words(_("No reply yet"), _("What a reply was made with is shown here."))
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(MARGIN, 4, MARGIN, MARGIN)
        column.setSpacing(12)
        column.addLayout(self._buttons(inside))
        self.verdict = plain_label(parent=inside)
        self.verdict.setWordWrap(True)
        self.verdict.setProperty("strong", True)
        column.addWidget(self.verdict)
        self._confidence(inside, column)
        self._facts = FactsGrid(inside)
        column.addWidget(self._facts)
        column.addStretch()
        self.area = QScrollArea(self)
        self.area.setWidgetResizable(True)
        self.area.setFrameShape(QFrame.Shape.NoFrame)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.setWidget(inside)
        self.area.setAccessibleName(_("About this reply"))
        self._stack = QStackedWidget(self)
        self._stack.addWidget(self.empty)
        self._stack.addWidget(self.area)
        self._layout.addWidget(self._stack)
        self._stack.show()  # at once: within a show event that waits for the loop

    def focusInEvent(self, event: QFocusEvent) -> None:
        """On to the first button, where there is one: the panel itself hears Esc."""
        super().focusInEvent(event)
        if self._made and event.reason() is not Qt.FocusReason.MouseFocusReason:
            self.copy_button.setFocus(event.reason())

    def _buttons(self, inside: QWidget) -> QHBoxLayout:
        self.replay_button = QPushButton(icon("arrow-clockwise"), _("Make it again"), inside)
        self.replay_button.setToolTip(
            _("With the same seed and values, in reproducible mode: slower, as another version.")
        )
        self.replay_button.clicked.connect(self.replay_wanted)
        self.copy_button = QPushButton(icon("copy"), _("Copy all"), inside)
        self.copy_button.setToolTip(_("What is listed here, as text"))
        self.copy_button.clicked.connect(self._copy)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.replay_button)
        row.addWidget(self.copy_button)
        row.addStretch()
        return row

    def _confidence(self, inside: QWidget, column: QVBoxLayout) -> None:
        self._scored = QWidget(inside)
        inner = QVBoxLayout(self._scored)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(6)
        title = plain_label(_("How sure the model was"), self._scored)
        title.setProperty("section", True)
        self.perplexity = plain_label(parent=self._scored)
        self.perplexity.setWordWrap(True)
        legend = plain_label(
            _(
                "Dashes: less than 50 % for that word. A line: less than 20 %. Point at a word, or "
                "move the cursor to it, to see what else could have stood there."
            ),
            self._scored,
        )
        legend.setProperty("small", True)
        legend.setWordWrap(True)
        self.text = ScoredText(self._scored)
        self.text.setAccessibleName(_("How sure the model was"))
        self.note = plain_label(parent=self._scored)
        self.note.setWordWrap(True)
        self.note.setProperty("small", True)
        self.note.setMinimumHeight(5 * self.fontMetrics().height())  # or the list below would jump
        self.note.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.text.noted.connect(self.note.setText)
        for widget in (title, self.perplexity, legend, self.text, self.note):
            inner.addWidget(widget)
        column.addWidget(self._scored)

    def show_nothing(self) -> None:
        self._stack.setCurrentWidget(self.empty)

    def show_reply(
        self,
        facts: Sequence[tuple[str, str]],
        verdict: str,
        may_replay: bool,
        why_not: str,
    ) -> None:
        """`verdict`: of a replay. `why_not`: why it cannot be made again, for a tooltip."""
        self._stack.setCurrentWidget(self.area)
        self.replay_button.setEnabled(may_replay)
        tip = _("With the same seed and values, in reproducible mode: slower, as another version.")
        self.replay_button.setToolTip(tip if may_replay else why_not)
        self.verdict.setText(verdict)
        self.verdict.setVisible(bool(verdict))
        self._facts.show_facts(facts)

    def show_scores(self, pieces: Sequence[ScoredPiece], perplexity: float | None) -> None:
        """None: they were not noted."""
        self._scored.setVisible(perplexity is not None)
        if perplexity is not None:
            words = _("Perplexity {number}: as if it had chosen among about so many equal words.")
            self.perplexity.setText(words.format(number=f"{perplexity:,.1f}"))
            self.text.show_pieces(pieces)
            lines = self.text.document().size().height() + 1  # of a plain text: that many
            height = round(lines * self.text.fontMetrics().lineSpacing()) + 16
            self.text.setFixedHeight(min(TALLEST, height))

    def _copy(self) -> None:
        lines = [self._facts.text()]
        if not self.verdict.isHidden():
            lines.append(self.verdict.text())
        QGuiApplication.clipboard().setText("\n".join(lines))
