"""What a reply was made with, as far as it takes to make it again."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from desktop_llm.core.messages import Message
from desktop_llm.core.presets import NOTHING_SET, Parameters, from_values, set_values


@dataclass(frozen=True, slots=True, kw_only=True)
class FileState:
    """A model file as it was: by its place, length and time of change."""

    path: str
    size_bytes: int
    modified: int  # nanoseconds since the epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyDetails:
    """`parameters`: all that is not as by default, the system prompt too; its seed is that of the
    reply, whether it was set or drawn.
    """

    file: FileState
    template_sha256: str = ""  # of the chat template; empty: the program's own was used
    adapter: str = ""  # empty: none
    parameters: Parameters = NOTHING_SET
    prompt_sha256: str = ""  # of the messages that were sent
    context_length: int = 0  # tokens
    program: str = ""  # versions of it, and of the inference library
    runtime: str = ""
    replays: int | None = None  # the reply that this one was to be the same as

    @property
    def reproducible(self) -> bool:
        return bool(self.parameters.reproducible)


def sha256_of(messages: Sequence[Message]) -> str:
    """Of what is said to a model, whoever says it."""
    import hashlib  # with a library of 3 MB, which the window does without until it is needed

    said = json.dumps([[message.role.value, message.text] for message in messages])
    return hashlib.sha256(said.encode()).hexdigest()


def details_to_json(details: ReplyDetails) -> str:
    values = asdict(details) | {"parameters": set_values(details.parameters)}
    return json.dumps(values, ensure_ascii=False)


def details_from_json(text: str) -> ReplyDetails:
    """What `details_to_json` wrote; what is not known of it is left out. Raises ValueError."""
    return details_from_values(json.loads(text))


def details_from_values(values: Any) -> ReplyDetails:
    """Raises ValueError."""
    try:
        file = FileState(
            path=str(values["file"]["path"]),
            size_bytes=int(values["file"]["size_bytes"]),
            modified=int(values["file"]["modified"]),
        )

        def text(name: str) -> str:
            value = values.get(name)
            return value if isinstance(value, str) else ""

        length, replays = values.get("context_length"), values.get("replays")
        read = values.get("parameters")
        parameters = from_values(read)[0] if isinstance(read, dict) else NOTHING_SET
        return ReplyDetails(
            file=file,
            template_sha256=text("template_sha256"),
            adapter=text("adapter"),
            parameters=parameters,
            prompt_sha256=text("prompt_sha256"),
            context_length=length if isinstance(length, int) else 0,
            program=text("program"),
            runtime=text("runtime"),
            replays=replays if isinstance(replays, int) else None,
        )
    except (KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError("no details of a reply") from error


@dataclass(frozen=True, slots=True)
class Comparison:
    """Of a replay with the reply that it is of. `at`: the first character that differs, None where
    none does. `approximate`: that reply was not made reproducibly, so that a difference proves
    nothing. `changed`: what was not as it was then, by the names of the fields.
    """

    at: int | None
    approximate: bool
    changed: tuple[str, ...] = ()


def compare(
    before: ReplyDetails, text_before: str, after: ReplyDetails, text_after: str
) -> Comparison:
    at = None
    if text_before != text_after:
        pairs = enumerate(zip(text_before, text_after, strict=False))
        shorter = min(len(text_before), len(text_after))
        at = next((at for at, (one, other) in pairs if one != other), shorter)
    names = ("file", "template_sha256", "adapter", "prompt_sha256", "context_length", "runtime")
    changed = tuple(name for name in names if getattr(before, name) != getattr(after, name))
    return Comparison(at, not before.reproducible, changed)
