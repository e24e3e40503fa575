"""A conversation's content, without any identity: ids belong to the store."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


class MessageState(StrEnum):
    """How complete a stored message is."""

    COMPLETE = "complete"
    STREAMING = "streaming"  # found at start, it means the program died: it becomes INTERRUPTED
    STOPPED = "stopped"  # by the person
    INTERRUPTED = "interrupted"  # by a crash or a fault


THINKS, THOUGHT = "<think>", "</think>"  # as reasoning models write around what they think


def split_thought(text: str) -> tuple[str | None, bool, str]:
    """What a model thought aloud (None: nothing), whether that has ended, and the answer."""
    begun = text.lstrip()
    if not begun.startswith(THINKS):
        return None, False, text
    thought, end, answer = begun[len(THINKS) :].partition(THOUGHT)
    return thought, bool(end), answer.lstrip("\n")


class Made(StrEnum):
    """How a stored message came of another version of it."""

    ANEW = ""  # it did not
    EDITED = "edited"  # by the person
    CONTINUED = "continued"  # by the model, after the words of the other
    REPLAYED = "replayed"  # by the model, to see whether it says the same again


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation, as the model sees it."""

    role: Role
    text: str
