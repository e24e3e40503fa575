"""Summaries, made by the model itself: of what no longer fits into the context, of documents."""

from collections.abc import Iterable, Iterator, Sequence

from desktop_llm.core.generation import GenerationRequest, Sampling
from desktop_llm.core.messages import Message, Role

SUMMARY_TOKENS = 256  # at most
PIECE = 0.5  # of the context that one request may take: a byte is a token at most
SPEAKERS = {Role.SYSTEM: "Instructions", Role.USER: "Person", Role.ASSISTANT: "Model"}

_TASK = """\
Summarise the conversation below in at most 120 words, in its own language. Keep names, numbers, \
decisions and open questions. Write the summary only.
"""


_DOCUMENT_TASK = """\
Summarise the document below in at most 150 words, in its own language. Keep names, numbers and \
conclusions. Write the summary only.
"""


def pieces(messages: Sequence[Message], context_length: int) -> Iterator[str]:
    """The messages as text, in parts that can be read at once; none of it is left out."""
    lines = (f"{SPEAKERS[message.role]}: {message.text}\n\n" for message in messages)
    yield from _pieces(lines, max(64, int(PIECE * context_length)))


def document_pieces(text: str, context_length: int, bytes_per_token: float) -> list[str]:
    """The same of a document, of which it is known how long its tokens are."""
    room = int(PIECE * context_length * max(1.0, 0.8 * bytes_per_token))
    return list(_pieces((text,), max(64, room)))


def _pieces(lines: Iterable[str], room: int) -> Iterator[str]:
    """Of so many bytes."""
    text = b""
    for written in lines:
        line = written.encode()
        while line:
            free = room - len(text)
            part, line = line[:free], line[free:]
            text += part
            if len(text) >= room:
                whole = text.decode("utf-8", "ignore")
                yield whole
                text = text[len(whole.encode()) :]  # the beginning of a character
    if text.strip():
        yield text.decode("utf-8", "ignore")


def request(previous: str, text: str) -> GenerationRequest:
    """The summary of `text`, which goes on where `previous` ended."""
    return _request(f"{_TASK}{_before(previous)}\nConversation:\n{text}")


def document_request(previous: str, text: str) -> GenerationRequest:
    """The same of a document, or of its next piece."""
    return _request(f"{_DOCUMENT_TASK}{_before(previous)}\nDocument:\n{text}")


def _before(previous: str) -> str:
    return f"\nSummary of what came before:\n{previous}\n" if previous else ""


def _request(asked: str) -> GenerationRequest:
    return GenerationRequest(
        messages=(Message(Role.USER, asked),),
        sampling=Sampling(temperature=0, repeat_penalty=1.1),
        max_tokens=SUMMARY_TOKENS,
    )
