"""Conversations as they are stored: the content of `core.messages` with identities and times.

Messages form a tree: each names its parent, so that editing or regenerating makes a branch and
loses nothing. A conversation remembers the leaf of the branch that is shown.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from desktop_llm.core.attachments import Attachment, with_documents
from desktop_llm.core.context import Care, Policy
from desktop_llm.core.corrections import Rating
from desktop_llm.core.generation import GenerationStats
from desktop_llm.core.messages import Made, Message, MessageState, Role, split_thought
from desktop_llm.core.presets import NOTHING_SET, Parameters


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    id: int
    title: str  # empty until the first message names it
    model: str  # name in the library; empty: the default
    leaf: int | None  # last message of the branch that is shown
    draft: str  # what stands in the composer
    created: float  # seconds since the epoch
    changed: float
    policy: Policy = Policy.ASK  # for when it has become too long for the model
    parameters: Parameters = NOTHING_SET


class Titled(StrEnum):
    """Who gave a conversation its title."""

    FIRST_LINE = ""  # nobody: it is the first line of the first question
    MODEL = "model"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Listed:
    """A conversation as the list shows it."""

    id: int
    title: str
    changed: float
    folder: int | None = None
    pinned: bool = False
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Folder:
    id: int
    name: str
    open: bool = True  # what is in it is listed


@dataclass(frozen=True, slots=True)
class Listing:
    folders: tuple[Folder, ...]  # in the person's order
    conversations: tuple[Listed, ...]  # the last changed first


# Numbers from here on belong to what is never stored; Qt carries numbers of 31 bits.
FIRST_PRIVATE = 1 << 30


def is_private(number: int | None) -> bool:
    """Of a conversation or a message."""
    return number is not None and number >= FIRST_PRIVATE


def state_name(conversation: int) -> str:
    """Of its KV state, for the engine; a private one leaves none."""
    return "" if is_private(conversation) else f"conversation-{conversation}"


TAG_LENGTH = 40  # characters


def tag_of(text: str) -> str:
    """A tag as it is stored: one word in small letters, without the sign; empty for none."""
    words = [word for word in re.split(r"[\s#＃,，]+", text.lower()) if word]
    return "-".join(words)[:TAG_LENGTH]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMessage:
    id: int
    conversation: int
    parent: int | None
    role: Role
    text: str
    state: MessageState
    created: float
    model: str = ""  # that made a reply
    reason: str = ""  # why a reply is not complete: a `FaultCode`, or empty
    finish: str = ""  # a `FinishReason`, or empty
    stats: GenerationStats | None = None
    versions: tuple[int, ...] = ()  # all below the same parent, itself too, the oldest first
    origin: int | None = None  # the version that this one came of
    made: Made = Made.ANEW  # how it came of it
    draft: str | None = None  # an edit of it that is not ended
    care: Care = Care.USUAL
    unseen: int = 0  # messages before a reply that it was made without
    attachments: tuple[Attachment, ...] = ()
    rating: Rating = Rating.NONE
    training: bool = False  # it is to be used for that

    @property
    def message(self) -> Message:
        """As the model sees it: a question with what is attached to it; of a reply not what it
        thought aloud before, only the answer.
        """
        if self.role is Role.ASSISTANT:
            return Message(self.role, split_thought(self.text)[2])
        return Message(self.role, with_documents(self.text, self.attachments))


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeNode:
    """A message as the map of a conversation shows it."""

    id: int
    parent: int | None
    role: Role
    excerpt: str
    model: str
    created: float
    shown: bool  # it stands in the branch that is shown


@dataclass(frozen=True, slots=True, kw_only=True)
class BinEntry:
    """What was deleted together, and can be restored: a conversation, or a message and all that
    followed it.
    """

    conversation: int
    message: int | None  # None: the whole conversation
    title: str  # of the conversation
    excerpt: str  # of the message
    messages: int  # how many
    deleted: float  # seconds since the epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchHit:
    """`excerpt`: a few words around the first match; `start` and `end` mark the match in it."""

    conversation: int
    title: str
    message: int | None  # None: the title matched
    excerpt: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    path: str
    created: float
    size_bytes: int
    cause: str  # "daily", "migration", "manual", "damaged" (what a restore put aside)
