"""A tool's result and what can be done with it: the same small over a text and large on its page.

Knows no service: it shows what it is told and says what a person wants.
"""

from collections.abc import Callable, Mapping, Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from desktop_llm.core.engine import LoadProgress, PromptProgress, TextDelta
from desktop_llm.core.language import Identified
from desktop_llm.core.segments import Span
from desktop_llm.core.text_tools import Anew, Judged, PartDone, ToolEvent, ToolOutcome
from desktop_llm.core.tools import Output, Tool
from desktop_llm.rendering.differences import Piece, with_changes
from desktop_llm.ui.icons import ON_ACCENT, icon
from desktop_llm.ui.pages.tool_form import ToolForm, language_name
from desktop_llm.ui.widgets.announce import announce
from desktop_llm.ui.widgets.flow_layout import FlowLayout
from desktop_llm.ui.widgets.inline_fault import InlineFault
from desktop_llm.ui.widgets.plain_text import plain_label
from desktop_llm.ui.widgets.result_text import MOST_SHOWN, Marked, ResultText, Style
from desktop_llm.words import _, counted, current_language
from desktop_llm.words.labels import unsure_words
from desktop_llm.words.tools import flaw_words

STEPS = 1000  # of the progress bar
BAR = 20  # signs of a whole bar
NAMED = 5  # problems of a translation
QUOTED = 400  # characters of a source sentence that are shown


class ToolView(QWidget):
    run_wanted = Signal(bool)  # anew, whatever was made before
    stop_wanted = Signal()
    replace_wanted = Signal(str)
    insert_wanted = Signal(str)
    chat_wanted = Signal(str)
    accepted = Signal()  # the person takes the result, wherever to
    sources_chosen = Signal(list)  # spans of the source text

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tool: Tool | None = None
        self._source = ""
        self._outcome: ToolOutcome | None = None
        self._pieces: list[Piece] = []  # of the difference
        self._taken: set[int] = set()
        self._running = False
        self._may_replace = self._may_insert = False
        self.form: ToolForm | None = None
        self._form_place = QVBoxLayout()
        self._bar = QProgressBar(self)
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName(_("Progress"))
        self._state = plain_label(parent=self)
        self._state.setProperty("small", True)
        self._state.setWordWrap(True)
        self.result = ResultText(_("Result"), self)
        self.result.chosen.connect(self._chosen)
        self.fault = InlineFault(icon("warning"), icon("x"), self)
        self.fault.set_words(_("Close"))
        self._evidence = plain_label(parent=self)
        self._evidence.setProperty("small", True)
        self._evidence.setWordWrap(True)
        self._evidence.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._show_changes = QToolButton(self)
        self._show_changes.setIcon(icon("git-diff"))
        self._show_changes.setCheckable(True)
        self._show_changes.setChecked(True)
        self._show_changes.setToolTip(_("Show the changes"))
        self._show_changes.setAccessibleName(_("Show the changes"))
        self._show_changes.toggled.connect(lambda _on: self._show_result())
        self.take_all = self._button(_("Take all"), "checks", lambda: self._take(every=True))
        self.take_none = self._button(_("Take none"), "x", lambda: self._take(every=False))
        self.run_button = self._button(_("Run"), "play", lambda: self.run_wanted.emit(False))
        self.replace_button = self._button(_("Replace"), "swap", self._replace)
        self.insert_button = self._button(
            _("Insert after"), "arrow-line-down", lambda: self.insert_wanted.emit(self.text())
        )
        self.copy_button = self._button(_("Copy"), "copy", self._copy)
        self.retry_button = self._button(
            _("Again"), "arrow-clockwise", lambda: self.run_wanted.emit(True)
        )
        self.chat_button = self._button(
            _("To the chat"), "chat-circle", lambda: self.chat_wanted.emit(self.text())
        )
        self.stop_button = self._button(_("Stop"), "stop", self.stop_wanted.emit)
        changes = QHBoxLayout()
        changes.setSpacing(4)
        changes.addWidget(self._state, 1)
        for widget in (self.take_all, self.take_none, self._show_changes):
            changes.addWidget(widget)
        foot = QWidget(self)
        flow = FlowLayout(8, foot)
        for button in (self.stop_button, self.replace_button, self.insert_button,
                       self.copy_button, self.retry_button, self.chat_button):  # fmt: skip
            flow.addWidget(button)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(8)
        run = QHBoxLayout()
        run.addLayout(self._form_place, 1)
        run.addWidget(self.run_button, 0, Qt.AlignmentFlag.AlignBottom)
        rows.addLayout(run)
        rows.addWidget(self._bar)
        rows.addWidget(self.fault)
        rows.addLayout(changes)
        rows.addWidget(self.result, 1)
        rows.addWidget(self._evidence)
        rows.addWidget(foot)
        self._update()

    def _button(self, words: str, name: str, call: Callable[[], object]) -> QPushButton:
        button = QPushButton(icon(name), words, self)
        button.setAutoDefault(True)  # Enter presses it too
        button.clicked.connect(lambda: call())
        return button

    # --- what is told ----------------------------------------------------------------------------

    def open(
        self,
        tool: Tool,
        source: str,
        values: Mapping[str, str],
        may_replace: bool = False,
        may_insert: bool = False,
    ) -> None:
        """Nothing is run yet."""
        self._tool, self._source = tool, source
        self._may_replace, self._may_insert = may_replace, may_insert
        if self.form is not None:
            self.form.hide()
            self.form.deleteLater()
            self.form = None
        if tool.variables:
            self.form = ToolForm(tool, values, self)
            self.form.confirmed.connect(lambda: self.run_wanted.emit(False))
            self._form_place.addWidget(self.form)
            self.form.show()
        self.clear()

    def clear(self) -> None:
        self._outcome = None
        self._running = False
        self._pieces, self._taken = [], set()
        self.result.show_text("")
        self._evidence.setText("")
        self._state.setText("")
        self.fault.hide()
        self._update()

    def values(self) -> dict[str, str]:
        return self.form.values() if self.form is not None else {}

    def began(self, source: str) -> None:
        self.clear()
        self._source = source
        self._running = True
        self.sources_chosen.emit([])
        self._bar.setRange(0, 0)
        self._state.setText(_("The model reads the text …"))
        self._update()

    def show_event(self, event: ToolEvent) -> None:
        if isinstance(event, TextDelta):
            self.result.append_text(event.text)
        elif isinstance(event, Anew):
            self.result.show_text(event.text)
        elif isinstance(event, PartDone):
            if event.of:
                self._bar.setRange(0, event.of)
                self._bar.setValue(event.done)
                words = _("Part {done} of {all}")
                self._state.setText(words.format(done=min(event.done + 1, event.of), all=event.of))
        elif isinstance(event, LoadProgress):
            self._bar.setRange(0, STEPS)
            self._bar.setValue(round(STEPS * event.fraction))
            self._state.setText(_("The model is being loaded …"))
        elif isinstance(event, PromptProgress) and self._bar.maximum() in (0, STEPS):
            self._bar.setRange(0, STEPS)
            self._bar.setValue(round(STEPS * event.done / max(1, event.total)))

    def show_outcome(self, outcome: ToolOutcome, pieces: Sequence[Piece]) -> None:
        """`pieces`: the difference to the source, for a text that was written anew."""
        self._running = False
        self._outcome = outcome
        self._pieces = list(pieces)
        self._taken = {at for at, piece in enumerate(pieces) if piece.is_change}
        self._show_result()
        self._update()
        announce(self.result, self._state.text() or _("Done."))

    def show_fault(
        self, what: str, next_step: str, actions: list[tuple[str, Callable[[], object]]]
    ) -> None:
        self._running = False
        self._update()
        self.fault.show_fault(what, next_step, actions)

    def ended_without(self) -> None:
        """It was stopped before anything came."""
        self._running = False
        self._state.setText(_("Stopped."))
        self._update()

    # --- the result ------------------------------------------------------------------------------

    def text(self) -> str:
        """With the changes that are taken."""
        if self._outcome is None:
            return self.result.toPlainText()
        if self._pieces:
            return with_changes(self._pieces, self._taken)
        return self._outcome.text

    @property
    def running(self) -> bool:
        return self._running

    def _show_result(self) -> None:
        outcome = self._outcome
        if outcome is None:
            return
        if self._pieces and self._show_changes.isChecked():
            self.result.show_marked(list(self._change_pieces()))
        elif outcome.said:
            self.result.show_marked(_sentence_pieces(outcome))
        elif outcome.judged is not None:
            self.result.show_marked(_label_pieces(outcome.judged, self._source))
        else:
            self.result.show_text(self.text())
        self._state.setText(" ".join(self._notes(outcome)))

    def _change_pieces(self) -> Sequence[Marked]:
        made: list[Marked] = []
        for at, piece in enumerate(self._pieces):
            if not piece.is_change:
                made.append((piece.old, Style.PLAIN, -1))
            elif at in self._taken:
                made += [(piece.old, Style.REMOVED, at), (piece.new, Style.ADDED, at)]
            else:
                made += [(piece.old, Style.PLAIN, at), (piece.new, Style.REFUSED, at)]
        return [each for each in made if each[0]]

    def _notes(self, outcome: ToolOutcome) -> list[str]:
        notes = []
        if not outcome.complete:
            notes.append(_("Stopped: this is what was done by then."))
        if self._pieces:
            changes = sum(piece.is_change for piece in self._pieces)
            if changes:
                of = _("{taken} of {all} changes taken.")
                notes.append(of.format(taken=len(self._taken), all=changes))
            else:
                notes.append(_("Nothing was changed."))
        elif self._tool is not None and self._tool.output is Output.EDIT:
            notes.append(_("It is too long to show the changes one by one."))
        if len(outcome.text) > MOST_SHOWN:
            words = _("The first {number} characters are shown. “Copy” takes all of them.")
            notes.append(words.format(number=f"{MOST_SHOWN:,}"))
        if outcome.said:
            missing = sum(not each.support.is_supported for each in outcome.said)
            words = counted(
                "{number} sentence has no source in the text.",
                "{number} sentences have no source in the text.", missing,
            )  # fmt: skip
            notes.append(words if missing else _("Every sentence has its source in the text."))
        if outcome.dropped:
            notes.append(
                counted(
                    "{number} name that is not in the text was left out.",
                    "{number} names that are not in the text were left out.",
                    outcome.dropped,
                )
            )
        if outcome.judged is not None and outcome.judged.language:
            notes.append(lexicon_words(outcome.judged))
        if outcome.judged is not None and (why := unsure_words(outcome.judged.judgement.unsure)):
            notes.append(why)
        if outcome.language is not None:
            notes.append(found_words(outcome.language))
        if outcome.remembered:
            notes.append(
                counted(
                    "{number} sentence from the memory.", "{number} sentences from the memory.",
                    outcome.remembered,
                )
            )  # fmt: skip
        if outcome.score is not None:
            words = _("Translated back, {percent} % of it comes out again.")
            notes.append(words.format(percent=round(100 * outcome.score)))
        if outcome.refused:
            notes.append(
                counted(
                    "{number} entry of the glossary could not be taken.",
                    "{number} entries of the glossary could not be taken.",
                    outcome.refused,
                )
            )
        if outcome.problems:
            notes.append(
                counted("{number} thing to look at.", "{number} things to look at.",
                        len(outcome.problems))
            )  # fmt: skip
        if outcome.shortened:
            notes.append(_("Only a part of the text was read."))
        if outcome.cut_off:
            notes.append(_("The model came to the limit of its reply."))
        return notes

    def _chosen(self, number: int) -> None:
        if self._pieces:
            self._taken ^= {number}
            self._show_result()
            self.result.mark_current(number)
            return
        outcome = self._outcome
        if outcome is not None and outcome.judged is not None:
            self.result.mark_current(number)
            self.sources_chosen.emit(_chosen_spans(outcome.judged, number))
            return
        if outcome is None or not 0 <= number < len(outcome.said):
            return
        self.result.mark_current(number)
        support = outcome.said[number].support
        spans = [outcome.sources[at] for at in support.sources]
        self._evidence.setText(self._evidence_words(number, spans))
        self.sources_chosen.emit(spans)

    def _evidence_words(self, number: int, spans: Sequence[Span]) -> str:
        assert self._outcome is not None
        support = self._outcome.said[number].support
        quoted = [" ".join(span.of(self._source).split())[:QUOTED] for span in spans]
        lines = [_("“{sentence}”").format(sentence=each) for each in quoted]
        if support.is_supported:
            return _("Rests on: {sentences}").format(sentences=" ".join(lines))
        if support.missing_numbers:
            words = _("Not in the text: {numbers}.")
            lines.insert(0, words.format(numbers=", ".join(support.missing_numbers)))
        elif lines:
            lines.insert(0, _("Nearest in the text:"))
        return " ".join(lines) or _("Nothing in the text says this.")

    def _take(self, every: bool) -> None:
        changes = {at for at, piece in enumerate(self._pieces) if piece.is_change}
        self._taken = changes if every else set()
        self._show_result()

    def _replace(self) -> None:
        self.accepted.emit()
        self.replace_wanted.emit(self.text())

    def _copy(self) -> None:
        self.accepted.emit()
        QGuiApplication.clipboard().setText(self.text())
        self._state.setText(_("Copied."))
        announce(self, _("Copied."))

    def _update(self) -> None:
        """Which buttons are there."""
        there = self._outcome is not None and bool(self._outcome.text)
        tool = self._tool
        changed = any(piece.is_change for piece in self._pieces)
        self._bar.setVisible(self._running)
        self.stop_button.setVisible(self._running)
        self.run_button.setVisible(not self._running and tool is not None and self._outcome is None)
        self.run_button.setEnabled(tool is not None)
        self.replace_button.setVisible(there and self._may_replace)
        self.insert_button.setVisible(there and self._may_insert)
        for button in (self.copy_button, self.chat_button):
            button.setVisible(there)
        self.retry_button.setVisible(not self._running and tool is not None and there)
        problems = self._outcome.problems if self._outcome is not None else ()
        if problems:
            self._evidence.setText("\n".join(flaw_words(each) for each in problems[:NAMED]))
        said = self._outcome is not None and bool(self._outcome.said)
        self._evidence.setVisible(said or bool(problems))
        for widget in (self.take_all, self.take_none, self._show_changes):
            widget.setVisible(changed)
        main = self._main_button(tool)
        for button, name in ((self.replace_button, "swap"),
                             (self.insert_button, "arrow-line-down"),
                             (self.copy_button, "copy"), (self.run_button, "play")):  # fmt: skip
            _set_primary(button, button is main, name)

    def _main_button(self, tool: Tool | None) -> QPushButton:
        if self._outcome is None:
            return self.run_button
        if tool is not None and tool.output is Output.CONTINUATION and self._may_insert:
            return self.insert_button
        anew = tool is not None and tool.output in (Output.EDIT, Output.TRANSLATION)
        return self.replace_button if anew and self._may_replace else self.copy_button

    def sizeHint(self) -> QSize:
        return QSize(520, 360)


def _set_primary(button: QPushButton, primary: bool, name: str) -> None:
    if bool(button.property("primary")) != primary:
        button.setProperty("primary", primary)
        button.setIcon(icon(name, ON_ACCENT) if primary else icon(name))
        button.style().unpolish(button)
        button.style().polish(button)


def _sentence_pieces(outcome: ToolOutcome) -> list[Marked]:
    made: list[Marked] = []
    at = 0
    for number, each in enumerate(outcome.said):
        made.append((outcome.text[at : each.span.start], Style.PLAIN, -1))
        style = Style.SUPPORTED if each.support.is_supported else Style.UNSUPPORTED
        made.append((each.span.of(outcome.text), style, number))
        at = each.span.end
    made.append((outcome.text[at:], Style.PLAIN, -1))
    return [each for each in made if each[0]]


def _label_pieces(judged: Judged, source: str) -> list[Marked]:
    """The labels, the likeliest first, then the sentences with theirs."""
    language = current_language().value
    titles = [label.title.within(language) for label in judged.labels]
    shares = judged.judgement.probabilities
    order = sorted(range(len(shares)), key=lambda at: -shares[at])
    width = max(len(title) for title in titles)
    made: list[Marked] = []
    for at in order:
        bar = "█" * round(BAR * shares[at])
        made.append((f"{titles[at]:{width}}  {100 * shares[at]:3.0f} %  {bar}\n", Style.PLAIN, -1))
    made += _aspect_pieces(judged, source, titles)
    if judged.sentences:
        made.append(("\n" + _("Sentence by sentence") + "\n", Style.PLAIN, -1))
    for number, each in enumerate(judged.sentences):
        doubt = " ?" if each.unsure else ""
        words = " ".join(each.span.of(source).split())[:QUOTED]
        head = f"{titles[each.label]} {100 * each.probability:.0f} %{doubt}"
        style = Style.UNSUPPORTED if each.unsure else Style.SUPPORTED
        made += [
            (f"{head}  ", Style.PLAIN, number),
            (words, style, number),
            ("\n", Style.PLAIN, -1),
        ]
    return made


def _aspect_pieces(judged: Judged, source: str, titles: Sequence[str]) -> list[Marked]:
    """An aspect a line, then what the text says of it. Numbered after the sentences, an aspect
    before its evidence.
    """
    if not judged.aspects:
        return []
    made: list[Marked] = [("\n" + _("Aspects") + "\n", Style.PLAIN, -1)]
    number, missing = len(judged.sentences), _("not mentioned")
    for each in judged.aspects:
        judgement = each.judgement
        if judgement is None:
            made.append((f"{each.name}  {missing}\n", Style.PLAIN, -1))
            continue
        doubt = " ?" if judgement.unsure else ""
        share = f"{titles[judgement.label]} {100 * judgement.probability:.0f} %{doubt}"
        made += [(f"{each.name}  {share}", Style.PLAIN, number), ("\n", Style.PLAIN, -1)]
        number += 1
        for clause in each.evidence:
            words = " ".join(clause.span.of(source).split())
            quoted = _("“{sentence}”").format(sentence=words)
            style = Style.UNSUPPORTED if clause.unsure else Style.SUPPORTED
            made += [("    ", Style.PLAIN, -1), (quoted, style, number), ("\n", Style.PLAIN, -1)]
            number += 1
    return made


def _chosen_spans(judged: Judged, number: int) -> list[Span]:
    """In the source, of what `_label_pieces` numbered so."""
    if number < len(judged.sentences):
        return [judged.sentences[number].span]
    at = len(judged.sentences)
    for each in judged.aspects:
        if each.judgement is None:
            continue
        if number == at:
            return [clause.span for clause in each.evidence]
        if number <= at + len(each.evidence):
            return [each.evidence[number - at - 1].span]
        at += 1 + len(each.evidence)
    return []


def found_words(found: Identified) -> str:
    if not found.sure:
        return _("Its language is unsure.")
    return _("From: {language}.").format(language=language_name(found.code))


def lexicon_words(judged: Judged) -> str:
    if judged.lexicon is None:
        return _("The lexicon VADER knows English only.")
    words = _("By the lexicon VADER: {score} of −1 to 1.")
    return words.format(score=f"{judged.lexicon:+.2f}".replace("-", "−"))


def tool_title(tool: Tool) -> str:
    return tool.name.within(current_language().value)
