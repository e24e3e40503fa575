"""From a branch of a conversation to what the model is asked."""

from collections.abc import Callable, Sequence

from desktop_llm.core.context import Care
from desktop_llm.core.conversations import StoredMessage
from desktop_llm.core.generation import GenerationRequest
from desktop_llm.core.messages import Message, MessageState, Role
from desktop_llm.core.presets import Parameters
from desktop_llm.core.settings import Settings

_SUMMARY = "Summary of the conversation so far:"


class Prompts:
    """`parameters`: those of the conversation."""

    def __init__(self, settings: Callable[[], Settings]) -> None:
        self._settings = settings

    def head(self, parameters: Parameters, summary: str = "") -> tuple[Message, ...]:
        """The system prompt, with a summary of what is not sent."""
        own = parameters.system_prompt
        system = (self._settings().system_prompt if own is None else own).strip()
        if summary:
            system = f"{system}\n\n{_SUMMARY}\n{summary}".strip()
        return (Message(Role.SYSTEM, system),) if system else ()

    def messages(
        self, parameters: Parameters, branch: Sequence[StoredMessage], *more: Message
    ) -> tuple[Message, ...]:
        """The system prompt, what was said, and what comes after it."""
        said = tuple(
            stored.message
            for stored in branch
            if stored.message.text
            and stored.state is not MessageState.STREAMING
            and stored.care is not Care.EXCLUDED
        )
        return (*self.head(parameters), *said, *more)

    def request(
        self,
        messages: tuple[Message, ...],
        parameters: Parameters,
        conversation: str = "",
        continues: bool = False,
        scores: bool = False,
    ) -> GenerationRequest:
        """How a reply is made. `conversation`: whose KV state it goes on from; `continues`: the
        last message is its beginning.
        """
        return GenerationRequest(
            messages=messages,
            sampling=parameters.sampling(),
            max_tokens=parameters.max_tokens,
            stop=parameters.stop or (),
            reproducible=bool(parameters.reproducible),
            continues=continues,
            conversation=conversation,
            scores=scores,
        )
