"""From a branch of a conversation to what the model is asked."""

from collections.abc import Callable, Sequence

from desktop_llm.core.conversations import StoredMessage
from desktop_llm.core.generation import GenerationRequest, Sampling
from desktop_llm.core.messages import Message, MessageState, Role
from desktop_llm.core.settings import Settings

REPEAT_PENALTY = 1.1
_SUMMARY = "Summary of the conversation so far:"


class Prompts:
    def __init__(self, settings: Callable[[], Settings]) -> None:
        self._settings = settings

    def head(self, summary: str = "") -> tuple[Message, ...]:
        """The system prompt, with a summary of what is not sent."""
        system = self._settings().system_prompt.strip()
        if summary:
            system = f"{system}\n\n{_SUMMARY}\n{summary}".strip()
        return (Message(Role.SYSTEM, system),) if system else ()

    def messages(self, branch: Sequence[StoredMessage], *more: Message) -> tuple[Message, ...]:
        """The system prompt, what was said, and what comes after it."""
        head = self.head()
        said = tuple(
            stored.message
            for stored in branch
            if stored.text and stored.state is not MessageState.STREAMING
        )
        return (*head, *said, *more)

    def request(
        self, messages: tuple[Message, ...], conversation: str = "", continues: bool = False
    ) -> GenerationRequest:
        """How a reply is made: small models would repeat themselves without end. `conversation`:
        whose KV state it goes on from; `continues`: the last message is its beginning.
        """
        return GenerationRequest(
            messages=messages,
            sampling=Sampling(repeat_penalty=REPEAT_PENALTY),
            continues=continues,
            conversation=conversation,
        )
