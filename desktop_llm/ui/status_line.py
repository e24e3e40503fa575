"""The line at the foot: which model, how fast, how much of its context and of the memory."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QStatusBar, QToolButton, QWidget

from desktop_llm.core.conversations import StoredMessage
from desktop_llm.ui.icons import icon
from desktop_llm.ui.models.messages import speed_of
from desktop_llm.ui.widgets.plain_text import plain_label
from desktop_llm.words import _, counted

MEGABYTE = 1_000_000


class StatusLine(QStatusBar):
    jobs_wanted = Signal()  # the page of them
    connections_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizeGripEnabled(False)
        self.setContentsMargins(12, 0, 12, 0)
        self._engine = plain_label(parent=self)
        self._engine.setAccessibleName(_("Model, speed, context and memory"))
        self._place = QToolButton(self)
        self._place.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._place.clicked.connect(self.connections_wanted)
        self.show_offline(False)
        self._jobs: QToolButton | None = None  # made for the first
        self.addWidget(self._engine, 1)
        self.addPermanentWidget(self._place)
        self._model = ""
        self._speed = ""
        self._context = ""
        self._memory = ""
        self._context_length = 0
        self._show()

    def show_model(self, name: str, context_length: int = 0) -> None:
        """What is loaded; empty where nothing is."""
        if name != self._model:
            self._speed = self._context = ""
        self._model = name
        self._context_length = context_length
        if not name:
            self._memory = ""
        self._show()

    def begin_reply(self) -> None:
        """What is known of the one before says nothing of this one."""
        self._speed = ""
        self._show()

    def show_reply(self, reply: StoredMessage) -> None:
        self._speed = speed_of(reply)
        if reply.stats is not None and self._context_length:
            part = reply.stats.context_used / self._context_length
            self._context = _("context {percent} %").format(percent=f"{100 * part:.0f}")
        self._show()

    def show_memory(self, resident_bytes: int) -> None:
        """Of the engine's process."""
        self._memory = _("{megabytes} MB").format(megabytes=f"{resident_bytes / MEGABYTE:,.0f}")
        self._show()

    def show_jobs(self, count: int, fraction: float | None) -> None:
        """What is being done or waits in the background, and how far the first of it is."""
        if self._jobs is None:
            if not count:
                return
            self._jobs = QToolButton(self)
            self._jobs.setIcon(icon("queue"))
            self._jobs.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            self._jobs.clicked.connect(self.jobs_wanted)
            self.insertPermanentWidget(1, self._jobs)  # after the engine
        words = counted("{number} job", "{number} jobs", count)
        if fraction is not None:
            words += f"  ·  {100 * fraction:.0f} %"
        self._jobs.setText(words)
        self._jobs.setAccessibleName(words)
        self._jobs.setToolTip(_("What is done in the background"))
        self._jobs.setVisible(count > 0)

    def show_offline(self, offline: bool) -> None:
        words, tip = (
            (_("Offline"), _("Nothing connects: the offline switch is on."))
            if offline
            else (
                _("Everything stays on this computer"),
                _("Nothing you write leaves it. The program connects only to find and download "
                  "models, when you ask for it."),
            )
        )  # fmt: skip
        self._place.setIcon(icon("wifi-slash") if offline else QIcon())
        self._place.setText(words)
        self._place.setAccessibleName(words)
        self._place.setToolTip(tip + "\n" + _("Show every connection that was made"))

    def text(self) -> str:
        return self._engine.text()

    def _show(self) -> None:
        if not self._model:
            self._engine.setText(_("○ no model loaded"))
            return
        parts = (f"● {self._model}", self._speed, self._context, self._memory)
        self._engine.setText("  ·  ".join(part for part in parts if part))
