"""Finding words in the conversation that is shown: which messages hold them, and the way through.

Messages are looked through as they are stored, without laying them out; within one that is seen the
words are marked where they stand.
"""

from PySide6.QtCore import QObject, QTimer

from desktop_llm.ui.conversation_care import ConversationCare
from desktop_llm.ui.widgets.find_bar import FindBar
from desktop_llm.ui.widgets.transcript import Transcript
from desktop_llm.words import _, counted

QUIET_MILLISECONDS = 120


class FindCare(QObject):
    def __init__(self, bar: FindBar, transcript: Transcript, shown: ConversationCare) -> None:
        super().__init__(bar)
        self._bar = bar
        self._transcript = transcript
        self._shown = shown
        self._holders: list[int] = []  # keys of the messages that hold the words
        self._at = -1  # which of them is looked at
        self._mark = 0  # and which mark in it
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(QUIET_MILLISECONDS)
        self._timer.timeout.connect(self._look)
        bar.changed.connect(lambda _text: self._timer.start())
        bar.step_wanted.connect(self.step)
        bar.closed.connect(self._close)
        shown.opened.connect(bar.close_bar)
        shown.branch_changed.connect(self._branch_changed)

    def open(self) -> None:
        selected = self._transcript.selected_text() if self._transcript.has_selection else ""
        self._bar.open(selected if "\n" not in selected else "")

    def step(self, by: int) -> None:
        """To the next mark, also in another message; round at the ends."""
        if self._timer.isActive():
            self._timer.stop()
            self._look()
            return
        if not self._holders:
            return
        marks = self._transcript.marks_in(self._holders[self._at])
        if 0 <= self._mark + by < marks:
            self._mark += by
        else:
            self._at = (self._at + by) % len(self._holders)
            there = self._transcript.marks_in(self._holders[self._at])
            self._mark = 0 if by > 0 else max(0, there - 1)
        self._show()

    def _look(self) -> None:
        word = self._bar.line.text()
        self._transcript.mark_words((word,) if word.strip() else ())
        wanted = word.casefold()
        self._holders = [
            message.id
            for message in self._shown.branch
            if word.strip() and wanted in message.text.casefold()
        ]
        self._at, self._mark = len(self._holders) - 1, 0
        if self._holders:
            marks = self._transcript.marks_in(self._holders[-1])
            self._mark = max(0, marks - 1)
        self._show()

    def _show(self) -> None:
        if not self._bar.line.text().strip():
            self._bar.show_count("", False)
        elif not self._holders:
            self._bar.show_count(_("Not found"), False)
        else:
            words = counted("{number} message", "{number} messages", len(self._holders))
            at = len(self._holders) - self._at
            self._bar.show_count(_("{at} of {messages}").format(at=f"{at:,}", messages=words), True)
            self._transcript.show_mark(self._holders[self._at], self._mark)

    def _branch_changed(self) -> None:
        if not self._bar.isHidden():
            self._timer.start()

    def _close(self) -> None:
        self._timer.stop()
        self._holders = []
        self._transcript.mark_words(())
