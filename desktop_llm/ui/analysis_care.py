"""The analysis of a text at work: questions to the language process, packs, tables kept."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QFileDialog, QWidget
from shiboken6 import isValid

from desktop_llm.core.errors import DesktopLlmError
from desktop_llm.core.language import OFFERED, AnalysedPortion, Part
from desktop_llm.core.language_packs import LanguagePack
from desktop_llm.core.tables import write_delimited
from desktop_llm.core.tasks import Task
from desktop_llm.core.text import clean_text
from desktop_llm.storage.disk import write_chosen
from desktop_llm.ui.bridge import Bridge
from desktop_llm.ui.pages.analysis import AnalysisDialog
from desktop_llm.words import _
from desktop_llm.words.faults import word_fault

if TYPE_CHECKING:
    from desktop_llm.services.bundle import ToolsOnDemand
    from desktop_llm.services.language import LanguageTools
    from desktop_llm.ui.pages.language_packs import PacksDialog

MOST = 200_000  # characters; every word of them is kept
LOOKED_AT = 20_000  # characters that tell the language
WORDS, PAIRS = 500, 100


class AnalysisCare(QObject):
    """Of one dialog, as long as it is open."""

    def __init__(
        self, text: str, tools: "ToolsOnDemand", bridge: Bridge,
        parent: QWidget,
    ) -> None:  # fmt: skip
        text = clean_text(text)
        self.dialog = AnalysisDialog(text[:MOST], len(text) > MOST, parent)
        super().__init__(self.dialog)
        self._tools = tools
        self._bridge = bridge
        self._language = ""
        self._running: list[Task[Any, Any]] = []
        self._left = 0  # answers that are still to come
        self._packs: PacksDialog | None = None
        self._turn = 0  # what was asked for before it was cancelled is of an earlier one
        dialog = self.dialog
        dialog.language_chosen.connect(self._analyse)
        dialog.cancel_wanted.connect(self._cancel)
        dialog.finished.connect(lambda _code: self._cancel())
        dialog.word_wanted.connect(self._find)
        dialog.stop_words_wanted.connect(lambda _on: self._count())
        dialog.export_wanted.connect(self._export)
        dialog.pack_wanted.connect(lambda: self._install(self.dialog, self._again))
        dialog.packs_wanted.connect(self._manage)

    def open(self) -> None:
        self.dialog.show()
        self._ask(
            lambda language: language.identify(self.dialog.text[:LOOKED_AT]),
            lambda found: self._identified(found[0].code, found[0].sure),
        )

    # --- asking --------------------------------------------------------------------------------

    def _ask(
        self,
        begin: "Callable[[LanguageTools], Task[Any, Any]]",
        show: Callable[[Any], object],
        on_event: Callable[[Any], object] = lambda _event: None,
    ) -> None:
        """A task that was cancelled shows nothing."""
        self._left += 1
        self.dialog.show_working(True)
        turn = self._turn

        def begun(task: "Task[Any, Any] | None") -> None:
            if not isValid(self.dialog):
                if task is not None:
                    task.cancel()
                return
            if task is None:  # the program closes
                self._ended()
                return
            if turn != self._turn:
                task.cancel()
            self._running.append(task)
            self._bridge.follow(task, on_event, done, fail)

        def done(result: Any) -> None:
            if isValid(self.dialog):
                self._ended()
                if result is not None and turn == self._turn:
                    show(result)

        def fail(fault: DesktopLlmError) -> None:
            if isValid(self.dialog):
                self._ended()
                self.dialog.show_fault(str(word_fault(fault)))

        def work() -> "Task[Any, Any] | None":
            language = self._tools.language()
            return None if language is None else begin(language)

        self._bridge.run(work, begun, fail)

    def _ended(self) -> None:
        self._left -= 1
        self._running = [task for task in self._running if not task.done]
        if self._left <= 0:
            self._left = 0
            self.dialog.show_working(False)

    def _cancel(self) -> None:
        self._turn += 1
        for task in self._running:
            task.cancel()

    def _identified(self, code: str, sure: bool) -> None:
        known = code in OFFERED
        self._analyse(code if known else "en", sure and known)

    def _again(self) -> None:
        self._analyse(self._language or self.dialog.language.currentData())

    def _analyse(self, language: str, sure: bool = True) -> None:
        self._cancel()
        self._language = language
        dialog, text = self.dialog, self.dialog.text
        dialog.show_language(language, sure)

        def heard(portion: AnalysedPortion) -> None:
            if isValid(dialog):
                dialog.show_working(True, portion.done / max(1, len(text)))

        self._ask(lambda tools: tools.readability(text, language), dialog.overview.show_readable)
        self._count()
        self._ask(lambda tools: tools.collocations(text, language, PAIRS), dialog.words.show_pairs)
        every = (Part.SENTENCES, Part.TOKENS, Part.ENTITIES)
        self._ask(lambda tools: tools.analyse(text, language, every), dialog.show_analysis, heard)

    def _count(self) -> None:
        dialog, language = self.dialog, self._language
        stop_words = dialog.words.stop_words.isChecked()
        self._ask(
            lambda tools: tools.frequencies(dialog.text, language, WORDS, stop_words),
            dialog.words.show_words,
        )

    def _find(self, word: str) -> None:
        if word.strip():
            self._ask(
                lambda tools: tools.concordance(self.dialog.text, word),
                lambda found: self.dialog.show_places(word, found),
            )

    # --- files ---------------------------------------------------------------------------------

    def _export(self, name: str, rows: list[list[str]]) -> None:
        kinds = {_("CSV (*.csv)"): ",", _("TSV (*.tsv)"): "\t"}
        chosen, kind = QFileDialog.getSaveFileName(
            self.dialog, _("Export"), f"{name}.csv", ";;".join(kinds)
        )
        if not chosen:
            return
        delimiter = "\t" if chosen.lower().endswith(".tsv") else kinds.get(kind, ",")
        target = Path(chosen)
        self._bridge.write(
            lambda: write_chosen(target, "\ufeff" + write_delimited(rows[0], rows[1:], delimiter)),
            lambda _done: self._said(_("“{name}” is written.").format(name=target.name)),
            self._fail,
        )

    def _install(self, parent: QWidget, then: Callable[[], object]) -> None:
        """From a file that a person chooses; nothing of it is run."""
        chosen, _kind = QFileDialog.getOpenFileName(
            parent, _("Install a language pack"), "", _("Language packs (*.whl)")
        )
        if chosen:
            self.install(Path(chosen), then)

    def install(self, wheel: Path, then: Callable[[], object]) -> None:
        dialog = self.dialog

        def installed(pack: LanguagePack) -> None:
            words = _("The language pack “{name}” is installed.").format(name=pack.name)
            if not pack.known_hash:
                note = _("No hash of it was known. This one is noted: {sha256}.")
                words = f"{words}\n{note.format(sha256=pack.sha256[:16] + ' …')}"
            if isValid(dialog):
                dialog.show_working(False)
                then()
                self._said(words)

        dialog.show_working(True)
        self._bridge.detached(
            lambda: self._tools.packs.install(wheel, origin=wheel.name).result(), installed,
            self._fail,
        )  # fmt: skip

    def _manage(self) -> None:
        from desktop_llm.ui.pages.language_packs import PacksDialog

        packs = self._packs = PacksDialog(self.dialog)

        def show() -> None:
            self._bridge.run(lambda: self._tools.packs.installed(), shown, self._fail)

        def shown(found: tuple[LanguagePack, ...]) -> None:
            if isValid(packs):
                packs.show_packs(found)

        def changed() -> None:
            show()
            self._again()

        packs.install_wanted.connect(lambda: self._install(packs, changed))
        packs.remove_wanted.connect(lambda name: self._remove(packs, name, changed))
        show()
        packs.open()

    def _remove(self, packs: "PacksDialog", name: str, then: Callable[[], object]) -> None:
        def removed(_nothing: object) -> None:
            if isValid(packs):
                then()

        self._bridge.detached(lambda: self._tools.packs.remove(name).result(), removed, self._fail)

    def _said(self, words: str) -> None:
        """Where the person looks."""
        for place in (self._packs, self.dialog):
            if place is not None and isValid(place):
                place.say(words)
                return

    def _fail(self, fault: DesktopLlmError) -> None:
        if isValid(self.dialog):
            self.dialog.show_working(False)
            self._said(str(word_fault(fault)))
