"""What becomes of a question: the events of a reply while it is written, and its end."""

from dataclasses import dataclass

from desktop_llm.core.conversations import StoredMessage
from desktop_llm.core.engine import LoadProgress, PromptProgress, TextDelta
from desktop_llm.core.errors import DesktopLlmError
from desktop_llm.core.tasks import Task


@dataclass(frozen=True, slots=True)
class Asked:
    """The question is on disk; the reply's empty message too."""

    question: StoredMessage
    reply: StoredMessage


@dataclass(frozen=True, slots=True)
class Answered:
    """The reply. `fault`: what ended it early; `notice`: what made it worse; both with the data for
    their sentences. `unstored`: why it is not on disk; it is tried again with the next question,
    `store_again` and `close`.
    """

    reply: StoredMessage
    fault: DesktopLlmError | None = None
    notice: DesktopLlmError | None = None
    unstored: DesktopLlmError | None = None


@dataclass(frozen=True, slots=True)
class Summarising:
    """A summary of so many earlier messages is made first; or of a document, in `of` steps."""

    messages: int = 0
    document: str = ""  # its name
    step: int = 0
    of: int = 0


ChatEvent = Asked | LoadProgress | Summarising | PromptProgress | TextDelta
ReplyTask = Task[ChatEvent, Answered]
