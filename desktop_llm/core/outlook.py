"""What the next prompt of a conversation will hold, item by item, before it is sent."""

from dataclasses import dataclass
from enum import StrEnum

from desktop_llm.core.context import Care, Fate, Policy
from desktop_llm.core.messages import Role

EXCERPT_LENGTH = 300  # characters


class Kind(StrEnum):
    SYSTEM = "system"
    SUMMARY = "summary"
    MESSAGE = "message"
    DRAFT = "draft"  # what stands in the composer


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlookItem:
    kind: Kind
    role: Role
    excerpt: str
    tokens: int  # its share of the chat template too
    fate: Fate
    message: int | None = None  # None: it is no message of the conversation
    care: Care = Care.USUAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    items: tuple[OutlookItem, ...]  # in the order they are sent
    tokens: int  # of the prompt that will be sent
    reply_room: int  # tokens that are kept for the reply
    context_length: int
    policy: Policy
    overflows: bool  # it cannot be sent as it is
    unseen: int  # messages that the model will not see
    # What each policy would do: messages that the model would not see; None: it would not fit.
    choices: tuple[tuple[Policy, int | None], ...] = ()
    attached: tuple[tuple[int, int], ...] = ()  # to the draft: the attachment's number, its tokens
