"""What the model gets of attached documents: all, an excerpt for the question, or a summary."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace

from desktop_llm.core.attachments import Attachment, Take
from desktop_llm.core.context import reply_room
from desktop_llm.core.conversations import StoredMessage
from desktop_llm.core.engine import TokenCount
from desktop_llm.core.excerpts import Excerpts
from desktop_llm.core.messages import Message, Role
from desktop_llm.services.summaries import SUMMARY_TOKENS
from desktop_llm.storage.attachments import Attachments

SHARE = 1 / 3  # of the room for a prompt that all excerpts of a question may take
LEAST_TOKENS = 64  # of one excerpt
SAMPLE = 8000  # characters that tell how long the tokens of a text are
KEPT = 8  # texts whose passages are known
NOT_MADE = "[A summary of this document, which is made when the question is sent.]"

Count = Callable[[tuple[Message, ...]], TokenCount]


class Digests:
    """Used from any thread. `count` is the engine's, which must have the model loaded."""

    def __init__(self, attachments: Attachments) -> None:
        self._attachments = attachments
        self._lock = threading.Lock()
        self._known: OrderedDict[int, Excerpts] = OrderedDict()  # by attachment, whose text stays

    def excerpt(self, attachment: Attachment, question: str, tokens: int, count: Count) -> str:
        """Of about so many tokens."""
        with self._lock:
            known = self._known.get(attachment.id)
            if known is None:
                known = Excerpts(self._attachments.whole(attachment.id))
                self._known[attachment.id] = known
                while len(self._known) > KEPT:
                    self._known.popitem(last=False)
        room = tokens * bytes_per_token("".join(known.passages[:20]), count)
        return known.best(question, int(room))

    def preview(
        self,
        attachments: Sequence[Attachment],
        question: str,
        context_length: int,
        count: Count,
        exact: bool = False,
    ) -> tuple[Attachment, ...]:
        """With what sending them now would send. A summary is not made for that: in its place a
        text of its length, or, `exact`, the words that there will be one.
        """
        tokens = excerpt_tokens(attachments, context_length)
        shown = []
        for attachment in attachments:
            said = attachment.said
            if said is None and attachment.take is Take.EXCERPT:
                said = self.excerpt(attachment, question, tokens, count)
            elif said is None:
                whole = self._attachments.whole(attachment.id)
                said = NOT_MADE if exact else whole[: 4 * SUMMARY_TOKENS]
            shown.append(replace(attachment, said=said))
        return tuple(shown)

    def previewed(
        self, message: StoredMessage, context_length: int, count: Count, exact: bool = False
    ) -> StoredMessage:
        """A message of which something is still to be made."""
        if all(attachment.said is not None for attachment in message.attachments):
            return message
        shown = self.preview(message.attachments, message.text, context_length, count, exact)
        return replace(message, attachments=shown)


def excerpt_tokens(attachments: Sequence[Attachment], context_length: int) -> int:
    """For each excerpt among them."""
    excerpts = sum(attachment.take is Take.EXCERPT for attachment in attachments)
    room = SHARE * (context_length - reply_room(context_length))
    return max(LEAST_TOKENS, int(room / max(1, excerpts)))


def bytes_per_token(text: str, count: Count) -> float:
    """Of UTF-8, in the middle of it; at least 1."""
    start = max(0, (len(text) - SAMPLE) // 2)
    sample = text[start : start + SAMPLE]
    (tokens,) = count((Message(Role.USER, sample),)).parts
    return max(1.0, len(sample.encode()) / max(1, tokens))
