"""Whole conversations as they leave the program and come into it: all branches, without any number
of the database. Messages are numbered from 1 in the order they were made; a parent comes before
those below it.

`to_values` and `from_values` are the two sides of our own JSON, documented in
`docs/chat-format.md`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any, TypeVar

from desktop_llm.core.attachments import Take
from desktop_llm.core.context import Care, Policy
from desktop_llm.core.conversations import Titled, tag_of
from desktop_llm.core.corrections import Rating
from desktop_llm.core.details import ReplyDetails, details_from_values
from desktop_llm.core.documents import TEXT_CHARACTERS, DocumentKind
from desktop_llm.core.generation import GenerationStats
from desktop_llm.core.messages import Made, MessageState, Role
from desktop_llm.core.presets import NOTHING_SET, Parameters, set_values
from desktop_llm.core.presets import from_values as parameters_from
from desktop_llm.core.scores import TokenScore, scores_from_lists, scores_to_lists
from desktop_llm.core.text import clean_text

FORMAT = "desktop-llm conversations"
VERSION = 1
MOST_MESSAGES = 1_000_000  # of a file
MESSAGE_CHARACTERS = TEXT_CHARACTERS  # of one text; longer ones are cut, and it is said
NAME_CHARACTERS = 500  # of a title, a name, a model
LATEST = 32_503_680_000.0  # the year 3000: later times are nonsense

E = TypeVar("E", bound=StrEnum)


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeAttachment:
    """See `storage.attachments`."""

    name: str
    kind: DocumentKind
    text: str
    size_bytes: int = 0
    sha256: str = ""
    encoding: str = ""
    pages: int | None = None
    left_out: bool = False
    take: Take = Take.WHOLE
    sent: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeMessage:
    """`parent`, `child` and `origin` are numbers of messages. `file_sha256`: of the model file."""

    role: Role
    text: str
    parent: int | None = None
    state: MessageState = MessageState.COMPLETE
    created: float = 0.0
    model: str = ""
    reason: str = ""
    finish: str = ""
    stats: GenerationStats | None = None
    origin: int | None = None
    made: Made = Made.ANEW
    child: int | None = None
    draft: str | None = None
    care: Care = Care.USUAL
    unseen: int = 0
    rating: Rating = Rating.NONE
    training: bool = False
    attachments: tuple[WholeAttachment, ...] = ()
    details: ReplyDetails | None = None  # its file has a name and no folder
    file_sha256: str = ""
    scores: tuple[TokenScore, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeConversation:
    """`leaf`: the message that ends the branch which is shown. `summaries`: message, text, model,
    time. `choices`: chosen, rejected, time. `attachments`: of the draft.
    """

    title: str
    messages: tuple[WholeMessage, ...]
    titled: Titled = Titled.PERSON
    model: str = ""
    created: float = 0.0
    changed: float = 0.0
    leaf: int | None = None
    draft: str = ""
    folder: str = ""  # its name; empty: in none
    pinned: bool = False
    tags: tuple[str, ...] = ()
    policy: Policy = Policy.ASK
    parameters: Parameters = NOTHING_SET
    summaries: tuple[tuple[int, str, str, float], ...] = ()
    choices: tuple[tuple[int, int, float], ...] = ()
    attachments: tuple[WholeAttachment, ...] = ()


class ProblemKind(StrEnum):
    """What could not be taken of a file that was imported."""

    NOT_A_CONVERSATION = "not-a-conversation"  # an entry of the list that is none
    EMPTY = "empty"  # a conversation without messages
    BROKEN_TREE = "broken-tree"  # messages that hang on nothing, or on each other
    PART_SKIPPED = "part-skipped"  # messages of tools, pictures, what has no text
    TEXT_CUT = "text-cut"
    VALUE_IGNORED = "value-ignored"  # a value of another type or out of range
    FILE_CUT = "file-cut"  # the file ends too early, or is damaged from here on
    TOO_MANY = "too-many"  # the limit of a file is reached


@dataclass(frozen=True, slots=True)
class Problem:
    """`number`: of the conversation in the file, from 1; `count`: how often there."""

    kind: ProblemKind
    number: int
    title: str = ""
    count: int = 1


# --- to values ------------------------------------------------------------------------------------


def to_values(whole: WholeConversation) -> dict[str, Any]:
    """What is as by default is left out, so that a file can be read."""
    return {
        "title": whole.title,
        **_given(
            titled=whole.titled.value,
            model=whole.model,
            folder=whole.folder,
            pinned=whole.pinned,
            tags=list(whole.tags),
            policy=whole.policy.value,
            parameters=set_values(whole.parameters),
            draft=whole.draft,
            attachments=[_attachment_values(each) for each in whole.attachments],
        ),
        "created": whole.created,
        "changed": whole.changed,
        "shown": whole.leaf,
        **_given(
            summaries=[
                {"before": message, "text": text, "model": model, "created": created}
                for message, text, model, created in whole.summaries
            ],
            choices=[
                {"chosen": chosen, "rejected": rejected, "created": created}
                for chosen, rejected, created in whole.choices
            ],
        ),
        "messages": [_message_values(each) for each in whole.messages],
    }


def _message_values(message: WholeMessage) -> dict[str, Any]:
    return {
        "role": message.role.value,
        "parent": message.parent,
        "text": message.text,
        "created": message.created,
        **_given(
            state="" if message.state is MessageState.COMPLETE else message.state.value,
            model=message.model,
            reason=message.reason,
            finish=message.finish,
            stats=None if message.stats is None else asdict(message.stats),
            origin=message.origin,
            made=message.made.value,
            child=message.child,
            care=message.care.value,
            unseen=message.unseen,
            rating=message.rating.value,
            training=message.training,
            attachments=[_attachment_values(each) for each in message.attachments],
            details=None if message.details is None else _details_values(message),
            scores=scores_to_lists(message.scores) if message.scores else None,
        ),
        **({} if message.draft is None else {"edit": message.draft}),
    }


def _details_values(message: WholeMessage) -> dict[str, Any]:
    assert message.details is not None
    values = asdict(message.details) | {"parameters": set_values(message.details.parameters)}
    file = values.pop("file")
    named = {"name": file["path"], "size_bytes": file["size_bytes"], "modified": file["modified"]}
    return {"file": named | _given(sha256=message.file_sha256), **_given(**values)}


def _attachment_values(attachment: WholeAttachment) -> dict[str, Any]:
    return {
        "name": attachment.name,
        "kind": attachment.kind.value,
        "text": attachment.text,
        **_given(
            size_bytes=attachment.size_bytes,
            sha256=attachment.sha256,
            encoding=attachment.encoding,
            pages=attachment.pages,
            left_out=attachment.left_out,
            take="" if attachment.take is Take.WHOLE else attachment.take.value,
        ),
        **({} if attachment.sent is None else {"sent": attachment.sent}),
    }


def _given(**values: Any) -> dict[str, Any]:
    return {
        name: value for name, value in values.items() if value not in (None, "", 0, False, [], {})
    }


# --- from values ----------------------------------------------------------------------------------


@dataclass(slots=True)
class Reader:
    """Takes values that a stranger wrote, and counts what it had to change or leave out."""

    counts: dict[ProblemKind, int] = field(default_factory=dict)

    def note(self, kind: ProblemKind) -> None:
        self.counts[kind] = self.counts.get(kind, 0) + 1

    def text(self, value: object, most: int = MESSAGE_CHARACTERS) -> str:
        if not isinstance(value, str):
            if value is not None:
                self.note(ProblemKind.VALUE_IGNORED)
            return ""
        if len(value) > most:
            self.note(ProblemKind.TEXT_CUT)
            value = value[:most]
        return clean_text(value)

    def name(self, value: object) -> str:
        return self.text(value, NAME_CHARACTERS).replace("\n", " ")

    def time(self, value: object, otherwise: float) -> float:
        """Seconds since the epoch."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            try:
                found = float(value)
            except OverflowError:
                found = math.inf
            if 0 <= found <= LATEST:
                return found
        if value is not None:
            self.note(ProblemKind.VALUE_IGNORED)
        return otherwise

    def whole(self, value: object, high: int, otherwise: int = 0) -> int:
        """A number from 0 to `high`."""
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= high:
            return value
        if value is not None:
            self.note(ProblemKind.VALUE_IGNORED)
        return otherwise

    def number(self, value: object, most: int) -> int | None:
        """Of a message, from 1 to `most`."""
        found = self.whole(value, most)
        return found or None

    def one_of(self, kind: type[E], value: object, otherwise: E) -> E:
        if value is None:
            return otherwise
        try:
            return kind(value)  # type: ignore[arg-type]  # raises ValueError for any other
        except ValueError:
            self.note(ProblemKind.VALUE_IGNORED)
            return otherwise

    def flag(self, value: object) -> bool:
        if value not in (None, True, False):
            self.note(ProblemKind.VALUE_IGNORED)
        return value is True

    def listed(self, value: object) -> Sequence[Any]:
        if isinstance(value, list):
            return value
        if value is not None:
            self.note(ProblemKind.VALUE_IGNORED)
        return ()


def from_values(values: object, reader: Reader, now: float) -> WholeConversation | None:
    """One conversation of our own format, as far as it is sound; None where there is nothing of
    one. `now`: for times that are missing.
    """
    if not isinstance(values, Mapping) or not isinstance(values.get("messages"), list):
        reader.note(ProblemKind.NOT_A_CONVERSATION)
        return None
    read = [_message(each, reader, now) for each in values["messages"][:MOST_MESSAGES]]
    messages, places = sound_tree(read, reader)
    count = len(messages)

    def place(value: object) -> int | None:
        number = reader.number(value, len(read))
        return None if number is None else places.get(number)

    created = reader.time(values.get("created"), now)
    parameters = NOTHING_SET
    refused: list[str] = []
    if isinstance(values.get("parameters"), Mapping):
        parameters, refused = parameters_from(values["parameters"])
    for _name in refused:
        reader.note(ProblemKind.VALUE_IGNORED)
    summaries = []
    for each in reader.listed(values.get("summaries")):
        if isinstance(each, Mapping) and (before := place(each.get("before"))) is not None:
            text, model = reader.text(each.get("text")), reader.name(each.get("model"))
            summaries.append((before, text, model, reader.time(each.get("created"), now)))
    choices = []
    for each in reader.listed(values.get("choices")):
        if isinstance(each, Mapping):
            chosen, rejected = place(each.get("chosen")), place(each.get("rejected"))
            if chosen is not None and rejected is not None and chosen != rejected:
                choices.append((chosen, rejected, reader.time(each.get("created"), now)))
    tags = [tag_of(reader.name(tag)) for tag in reader.listed(values.get("tags"))[:100]]
    return WholeConversation(
        title=reader.name(values.get("title")),
        messages=messages,
        titled=reader.one_of(Titled, values.get("titled"), Titled.FIRST_LINE),
        model=reader.name(values.get("model")),
        created=created,
        changed=reader.time(values.get("changed"), created),
        leaf=place(values.get("shown")) or (count or None),
        draft=reader.text(values.get("draft")),
        folder=reader.name(values.get("folder")),
        pinned=reader.flag(values.get("pinned")),
        tags=tuple(sorted({tag for tag in tags if tag})),
        policy=reader.one_of(Policy, values.get("policy"), Policy.ASK),
        parameters=parameters,
        summaries=tuple({each[0]: each for each in summaries}.values()),
        choices=tuple({each[:2]: each for each in choices}.values()),
        attachments=_attachments(values.get("attachments"), reader),
    )


def sound_tree(
    read: Sequence[WholeMessage | None], reader: Reader
) -> tuple[tuple[WholeMessage, ...], dict[int, int]]:
    """Messages of which each hangs on one before it, numbered anew, and the new number of each old
    one. What hangs on nothing that is there goes with all below it.
    """
    places: dict[int, int] = {}
    kept: list[tuple[int, WholeMessage]] = []
    for number, message in enumerate(read, 1):
        if message is None:
            reader.note(ProblemKind.PART_SKIPPED)
            continue
        if message.parent is not None and message.parent not in places:
            reader.note(ProblemKind.BROKEN_TREE)
            continue
        places[number] = len(kept) + 1
        kept.append((number, message))

    def moved(message: WholeMessage) -> WholeMessage:
        details = message.details
        if details is not None and details.replays is not None:
            details = _replaced(details, replays=places.get(details.replays))
        moved: WholeMessage = _replaced(
            message,
            parent=None if message.parent is None else places[message.parent],
            origin=None if message.origin is None else places.get(message.origin),
            child=None if message.child is None else places.get(message.child),
            details=details,
        )
        return moved

    messages = [moved(message) for _number, message in kept]
    for at, message in enumerate(messages):  # only what hangs below it can have been shown there
        if message.child is not None and messages[message.child - 1].parent != at + 1:
            messages[at] = _replaced(message, child=None)
    return tuple(messages), places


def _replaced(value: Any, **changes: Any) -> Any:
    if all(getattr(value, name) == change for name, change in changes.items()):
        return value
    return replace(value, **changes)


def _message(values: object, reader: Reader, now: float) -> WholeMessage | None:
    if not isinstance(values, Mapping):
        return None
    role = values.get("role")
    if not isinstance(role, str) or role not in {each.value for each in Role}:
        return None
    state = reader.one_of(MessageState, values.get("state"), MessageState.COMPLETE)
    details, file_sha256 = _details(values.get("details"), reader)
    edit = values.get("edit")
    return WholeMessage(
        role=Role(role),
        text=reader.text(values.get("text")),
        parent=reader.number(values.get("parent"), MOST_MESSAGES),
        state=MessageState.INTERRUPTED if state is MessageState.STREAMING else state,
        created=reader.time(values.get("created"), now),
        model=reader.name(values.get("model")),
        reason=reader.name(values.get("reason")),
        finish=reader.name(values.get("finish")),
        stats=_stats(values.get("stats"), reader),
        origin=reader.number(values.get("origin"), MOST_MESSAGES),
        made=reader.one_of(Made, values.get("made"), Made.ANEW),
        child=reader.number(values.get("child"), MOST_MESSAGES),
        draft=reader.text(edit) if isinstance(edit, str) else None,
        care=reader.one_of(Care, values.get("care"), Care.USUAL),
        unseen=reader.whole(values.get("unseen"), MOST_MESSAGES),
        rating=reader.one_of(Rating, values.get("rating"), Rating.NONE),
        training=reader.flag(values.get("training")),
        attachments=_attachments(values.get("attachments"), reader),
        details=details,
        file_sha256=file_sha256,
        scores=_scores(values.get("scores"), reader),
    )


def _stats(values: object, reader: Reader) -> GenerationStats | None:
    if values is None:
        return None
    try:
        stats = GenerationStats(**values)  # type: ignore[arg-type]  # raises for other names
        for name, value in asdict(stats).items():
            whole = name.endswith("_tokens") or name in ("seed", "threads", "context_used")
            kind = int if whole else int | float
            if isinstance(value, bool) or not isinstance(value, kind) or not 0 <= value < 2**53:
                raise ValueError(name)
    except (TypeError, ValueError):
        reader.note(ProblemKind.VALUE_IGNORED)
        return None
    return stats


def _details(values: object, reader: Reader) -> tuple[ReplyDetails | None, str]:
    if values is None:
        return None, ""
    try:
        if not isinstance(values, Mapping) or not isinstance(values.get("file"), Mapping):
            raise ValueError(values)
        file = values["file"]
        sha256 = reader.name(file.get("sha256"))
        named = {
            "path": reader.name(file.get("name")).replace("\\", "/").rsplit("/", 1)[-1],
            "size_bytes": reader.whole(file.get("size_bytes"), 2**60),
            "modified": reader.whole(file.get("modified"), 2**62),
        }
        details = details_from_values({**values, "file": named})
        for each in ("template_sha256", "adapter", "prompt_sha256", "program", "runtime"):
            details = _replaced(details, **{each: reader.name(getattr(details, each))})
    except ValueError:
        reader.note(ProblemKind.VALUE_IGNORED)
        return None, ""
    if not 0 <= details.context_length < 2**31:
        details = _replaced(details, context_length=0)
    return details, sha256


def _scores(values: object, reader: Reader) -> tuple[TokenScore, ...]:
    if values is None:
        return ()
    try:
        return scores_from_lists(values)
    except ValueError:
        reader.note(ProblemKind.VALUE_IGNORED)
        return ()


def _attachments(values: object, reader: Reader) -> tuple[WholeAttachment, ...]:
    found = []
    for each in reader.listed(values)[:1000]:
        if not isinstance(each, Mapping) or not isinstance(each.get("text"), str):
            reader.note(ProblemKind.VALUE_IGNORED)
            continue
        sent, pages = each.get("sent"), each.get("pages")
        found.append(
            WholeAttachment(
                name=reader.name(each.get("name")),
                kind=reader.one_of(DocumentKind, each.get("kind"), DocumentKind.TEXT),
                text=reader.text(each["text"]),
                size_bytes=reader.whole(each.get("size_bytes"), 2**60),
                sha256=reader.name(each.get("sha256")),
                encoding=reader.name(each.get("encoding")),
                pages=None if pages is None else reader.whole(pages, 2**31),
                left_out=reader.flag(each.get("left_out")),
                take=reader.one_of(Take, each.get("take"), Take.WHOLE),
                sent=reader.text(sent) if isinstance(sent, str) else None,
            )
        )
    return tuple(found)
