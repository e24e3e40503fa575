"""Summaries of what no longer fits into the context, made by the model itself."""

from collections.abc import Iterator, Sequence

from desktop_llm.core.generation import GenerationRequest, Sampling
from desktop_llm.core.messages import Message, Role

SUMMARY_TOKENS = 256  # at most
PIECE = 0.5  # of the context that one request may take: a byte is a token at most
SPEAKERS = {Role.SYSTEM: "Instructions", Role.USER: "Person", Role.ASSISTANT: "Model"}

_TASK = """\
Summarise the conversation below in at most 120 words, in its own language. Keep names, numbers, \
decisions and open questions. Write the summary only.
"""


def pieces(messages: Sequence[Message], context_length: int) -> Iterator[str]:
    """The messages as text, in parts that can be read at once; none of it is left out."""
    room = max(64, int(PIECE * context_length))  # bytes
    text = b""
    for message in messages:
        line = f"{SPEAKERS[message.role]}: {message.text}\n\n".encode()
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
    before = f"\nSummary of what came before:\n{previous}\n" if previous else ""
    asked = f"{_TASK}{before}\nConversation:\n{text}"
    return GenerationRequest(
        messages=(Message(Role.USER, asked),),
        sampling=Sampling(temperature=0, repeat_penalty=1.1),
        max_tokens=SUMMARY_TOKENS,
    )
