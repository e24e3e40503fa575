"""What a person made better than the model did, or liked: material for training."""

import json
from dataclasses import dataclass
from enum import StrEnum

from desktop_llm.core.messages import Message


class Rating(StrEnum):
    NONE = ""
    GOOD = "good"
    POOR = "poor"


class CorrectionKind(StrEnum):
    EDIT = "edit"  # a reply in the person's words, after the model's
    CHOICE = "choice"  # one of two replies that were compared
    LIKED = "liked"  # a reply that was rated as good; there is no other to it
    CELL = "cell"  # a result in a table, in the person's words


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """`chosen` and `rejected`: messages; excerpts are of what is chosen and of its question. A cell
    has a number of its own as `chosen`, and no conversation.
    """

    kind: CorrectionKind
    chosen: int
    rejected: int | None
    conversation: int
    title: str
    excerpt: str
    created: float  # seconds since the epoch
    training: bool  # it is to be used for that


@dataclass(frozen=True, slots=True, kw_only=True)
class CellCorrection:
    """`key`, `step`, `row`: of the work on the table; `prompt`: as the model would be asked."""

    key: str
    step: int
    row: int
    title: str
    prompt: tuple[Message, ...]
    before: str
    after: str
    created: float = 0.0
    training: bool = False
    id: int = 0


class ExportForm(StrEnum):
    """Of a JSONL file. One JSON object a line.

    `CHAT`: `{"messages": [{"role", "content"}, …]}`, as most programs for fine-tuning take it;
    `PREFERENCE`: `{"prompt": […], "chosen": […], "rejected": […]}` of such messages, as TRL's
    "conversational" preference form (huggingface.co/docs/trl/dataset_formats).
    """

    CHAT = "chat"
    PREFERENCE = "preference"


def chat_line(prompt: tuple[Message, ...], chosen: str) -> str:
    return _line({"messages": [*_said(prompt), _reply(chosen)]})


def preference_line(prompt: tuple[Message, ...], chosen: str, rejected: str) -> str:
    return _line(
        {"prompt": _said(prompt), "chosen": [_reply(chosen)], "rejected": [_reply(rejected)]}
    )


def _said(messages: tuple[Message, ...]) -> list[dict[str, str]]:
    return [{"role": message.role.value, "content": message.text} for message in messages]


def _reply(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
