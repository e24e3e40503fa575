"""Conversations of other programs, as ours."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeGuard

from desktop_llm.core.conversations import Titled
from desktop_llm.core.documents import DocumentKind
from desktop_llm.core.exchange import (
    LATEST,
    MOST_MESSAGES,
    ProblemKind,
    Reader,
    WholeAttachment,
    WholeConversation,
    WholeMessage,
    sound_tree,
)
from desktop_llm.core.messages import Role

_SHAREGPT_ROLES = {
    "human": Role.USER, "user": Role.USER, "gpt": Role.ASSISTANT, "assistant": Role.ASSISTANT,
    "chatgpt": Role.ASSISTANT, "bing": Role.ASSISTANT, "bard": Role.ASSISTANT,
    "model": Role.ASSISTANT, "system": Role.SYSTEM,
}  # fmt: skip
_CHATGPT_ROLES = {"user": Role.USER, "assistant": Role.ASSISTANT, "system": Role.SYSTEM}
_CLAUDE_ROOT = "00000000-0000-4000-8000-000000000000"  # the parent of those that begin one
_CHATGPT_TEXTS = ("text", "multimodal_text", "code")


def titled(whole: WholeConversation, title: str, by: Titled) -> WholeConversation:
    return replace(whole, title=title, titled=by)


# --- ChatGPT: nodes that name their parent; `current_node` is shown -------------------------------


def from_chatgpt(values: Mapping[str, Any], reader: Reader, now: float) -> WholeConversation:
    nodes = {str(key): node for key, node in values["mapping"].items() if isinstance(node, Mapping)}
    read: list[WholeMessage | None] = []
    places: dict[str, int | None] = {}  # by node: its message, or the one above it
    for key, parent in _downwards(nodes):
        above = None if parent is None else places[parent]
        message = _chatgpt_message(nodes[key].get("message"), above, reader, now)
        if message is None or len(read) >= MOST_MESSAGES:
            places[key] = above
            continue
        read.append(message)
        places[key] = len(read)
    for _lost in range(len(nodes) - len(places)):
        reader.note(ProblemKind.BROKEN_TREE)
    messages, _moved = sound_tree(read, reader)
    created = reader.time(values.get("create_time"), now)
    leaf = places.get(str(values.get("current_node")))
    title = reader.name(values.get("title"))
    return WholeConversation(
        title=title,
        titled=Titled.PERSON if title else Titled.FIRST_LINE,
        messages=messages,
        created=created,
        changed=reader.time(values.get("update_time"), created),
        leaf=leaf or (len(messages) or None),
    )


def _downwards(nodes: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str | None]]:
    """Each node that hangs on a root, after the one it hangs on; with that. Children in the order
    their parent names them.
    """
    below: dict[str | None, list[str]] = {}
    for key, node in nodes.items():
        parent = node.get("parent")
        above = str(parent) if isinstance(parent, str) and parent in nodes else None
        below.setdefault(above, []).append(key)
    for above, keys in below.items():
        if above is not None:
            named = nodes[above].get("children")
            order = {str(key): at for at, key in enumerate(named)} if _is_list(named) else {}
            keys.sort(key=lambda key, order=order: order.get(key, len(order)))  # type: ignore[misc]
    waiting: list[tuple[str, str | None]] = [(key, None) for key in reversed(below.get(None, []))]
    while waiting:
        key, above = waiting.pop()
        yield key, above
        waiting += [(child, key) for child in reversed(below.pop(key, []))]


def _chatgpt_message(
    values: object, parent: int | None, reader: Reader, now: float
) -> WholeMessage | None:
    """None for what says nothing: the root, settings, hidden instructions, tools."""
    if not isinstance(values, Mapping):
        return None
    author, content = values.get("author"), values.get("content")
    role = _CHATGPT_ROLES.get(str(author.get("role"))) if isinstance(author, Mapping) else None
    meta = values.get("metadata")
    meta = meta if isinstance(meta, Mapping) else {}
    if not isinstance(content, Mapping) or meta.get("is_visually_hidden_from_conversation") is True:
        return None
    text, left_out = _chatgpt_text(content)
    if role is None or content.get("content_type") not in _CHATGPT_TEXTS:
        if text.strip():
            reader.note(ProblemKind.PART_SKIPPED)
        return None
    if left_out:
        reader.note(ProblemKind.PART_SKIPPED)
    if not text.strip():
        return None
    return WholeMessage(
        role=role,
        text=reader.text(text),
        parent=parent,
        created=reader.time(values.get("create_time"), now),
        model=reader.name(meta.get("model_slug")) if role is Role.ASSISTANT else "",
    )


def _chatgpt_text(content: Mapping[str, Any]) -> tuple[str, bool]:
    """And whether something of it is no text."""
    parts = content.get("parts")
    if not _is_list(parts):
        text = content.get("text")
        return (text, False) if isinstance(text, str) else ("", False)
    texts = [part for part in parts if isinstance(part, str)]
    return "\n\n".join(text for text in texts if text), len(texts) < len(parts)


# --- Claude: messages in order, newer exports with the message they hang on -----------------------


def from_claude(values: Mapping[str, Any], reader: Reader, now: float) -> WholeConversation:
    read: list[WholeMessage | None] = []
    places: dict[str, int | None] = {_CLAUDE_ROOT: None}
    for each in values["chat_messages"][:MOST_MESSAGES]:
        message = _claude_message(each, reader, now)
        if not isinstance(each, Mapping):
            reader.note(ProblemKind.PART_SKIPPED)
            continue
        parent = places.get(str(each.get("parent_message_uuid")), len(read) or None)
        if message is None:
            reader.note(ProblemKind.PART_SKIPPED)
        else:
            read.append(replace(message, parent=parent))
        if isinstance(each.get("uuid"), str):  # what follows something skipped hangs above it
            places[each["uuid"]] = parent if message is None else len(read)
    messages, _moved = sound_tree(read, reader)
    title = reader.name(values.get("name"))
    created = _time(values.get("created_at"), now)
    shown = places.get(str(values.get("current_leaf_message_uuid")))
    return WholeConversation(
        title=title,
        titled=Titled.PERSON if title else Titled.FIRST_LINE,
        messages=messages,
        created=created,
        changed=_time(values.get("updated_at"), created),
        leaf=shown or (len(messages) or None),
    )


def _claude_message(values: object, reader: Reader, now: float) -> WholeMessage | None:
    if not isinstance(values, Mapping):
        return None
    role = {"human": Role.USER, "assistant": Role.ASSISTANT}.get(str(values.get("sender")))
    if role is None:
        return None
    text = values.get("text")
    content = values.get("content")
    if _is_list(content):
        blocks = [each for each in content if isinstance(each, Mapping)]
        texts = [each["text"] for each in blocks if isinstance(each.get("text"), str)]
        said = "\n\n".join(each for each in texts if each)
        text = said or text
        if len(texts) < len(content):
            reader.note(ProblemKind.PART_SKIPPED)
    files = values.get("attachments")
    attachments = tuple(
        WholeAttachment(
            name=reader.name(each.get("file_name")) or "?",
            kind=DocumentKind.TEXT,
            text=reader.text(each["extracted_content"]),
            size_bytes=reader.whole(each.get("file_size"), 2**60),
        )
        for each in (files if _is_list(files) else ())
        if isinstance(each, Mapping) and isinstance(each.get("extracted_content"), str)
    )
    if not (isinstance(text, str) and text.strip()) and not attachments:
        return None
    return WholeMessage(
        role=role,
        text=reader.text(text),
        created=_time(values.get("created_at"), now),
        attachments=attachments if role is Role.USER else (),
    )


def _time(value: object, otherwise: float) -> float:
    """Of an ISO 8601 time."""
    if isinstance(value, str):
        with suppress(ValueError, OverflowError):
            found = datetime.fromisoformat(value[:40].replace("Z", "+00:00")).timestamp()
            return min(max(0.0, found), LATEST)
    return otherwise


# --- ShareGPT, and chats as programs for fine-tuning take them ------------------------------------


def from_sharegpt(values: Mapping[str, Any], reader: Reader, now: float) -> WholeConversation:
    turns = [
        (_SHAREGPT_ROLES.get(str(turn.get("from")).lower()), turn.get("value"))
        if isinstance(turn, Mapping)
        else (None, None)
        for turn in values["conversations"][:MOST_MESSAGES]
    ]
    model = reader.name(values.get("model")) if isinstance(values.get("model"), str) else ""
    return _in_order(turns, model, reader, now)


def is_chat(values: Mapping[str, Any]) -> bool:
    """`{"messages": [{"role", "content"}, …]}`"""
    messages = values.get("messages")
    return _is_list(messages) and any(
        isinstance(each, Mapping) and "content" in each and "text" not in each for each in messages
    )


def from_chat(values: Mapping[str, Any], reader: Reader, now: float) -> WholeConversation:
    roles = {role.value: role for role in Role}
    turns = [
        (roles.get(str(turn.get("role"))), turn.get("content"))
        if isinstance(turn, Mapping)
        else (None, None)
        for turn in values["messages"][:MOST_MESSAGES]
    ]
    return _in_order(turns, "", reader, now)


def _in_order(
    turns: Sequence[tuple[Role | None, object]], model: str, reader: Reader, now: float
) -> WholeConversation:
    """Each hangs on the one before it."""
    messages: list[WholeMessage] = []
    for role, text in turns:
        if role is None or not isinstance(text, str) or not text.strip():
            reader.note(ProblemKind.PART_SKIPPED)
            continue
        messages.append(
            WholeMessage(
                role=role,
                text=reader.text(text),
                parent=len(messages) or None,
                created=now,
                model=model if role is Role.ASSISTANT else "",
            )
        )
    return WholeConversation(
        title="",
        titled=Titled.FIRST_LINE,
        messages=tuple(messages),
        created=now,
        changed=now,
        leaf=len(messages) or None,
    )


def _is_list(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)
