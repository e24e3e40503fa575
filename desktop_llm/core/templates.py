"""Chat templates of model families: what stands in where a model's own is missing or broken, and
what a person may put in its place.

Sources: the model cards of the families, and `llama_chat_apply_template` of llama.cpp.
"""

from collections.abc import Callable
from dataclasses import dataclass

from desktop_llm.core.messages import Message, Role

LONGEST_TEMPLATE = 100_000  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """`turns`: what stands before and after the words of each role; a role that is not there goes
    into the person's next turn. `opening`: of the reply. `needs`: a control token that the
    vocabulary of such a model has. `stops`: texts that end a reply, where no token does.
    """

    name: str
    turns: dict[Role, tuple[str, str]]
    opening: str
    needs: str = ""
    begin: str = ""  # before everything
    stops: tuple[str, ...] = ()

    def jinja(self) -> str:
        """As a template that a person can change. A line ends where a block does: that end is
        taken out again when it is rendered.
        """
        begin = f"{{{{ {_quoted(self.begin)} }}}}" if self.begin else ""
        text, word = f"{begin}{{% for message in messages %}}\n", "if"
        for role, (head, tail) in self.turns.items():
            text += f"{{% {word} message['role'] == '{role.value}' %}}\n"
            text += f"{{{{ {_quoted(head)} + message['content'] + {_quoted(tail)} }}}}"
            word = "elif"
        for role in [each for each in Role if each not in self.turns]:
            said = _quoted(f"a {role.value} message has no place in it")
            text += f"{{% else %}}\n{{{{ raise_exception({said}) }}}}"
        text += "{% endif %}\n{% endfor %}\n"
        if self.opening:
            text += "{% if add_generation_prompt %}\n"
            text += f"{{{{ {_quoted(self.opening)} }}}}{{% endif %}}\n"
        return text


def _turns(system: str, user: str, assistant: str, tail: str) -> dict[Role, tuple[str, str]]:
    return {
        Role.SYSTEM: (system, tail), Role.USER: (user, tail), Role.ASSISTANT: (assistant, tail),
    }  # fmt: skip


def _llama3(role: str) -> str:
    return f"<|start_header_id|>{role}<|end_header_id|>\n\n"


CHATML = Family(
    name="ChatML",
    turns=_turns(
        "<|im_start|>system\n", "<|im_start|>user\n", "<|im_start|>assistant\n", "<|im_end|>\n"
    ),
    opening="<|im_start|>assistant\n",
    needs="<|im_start|>",
)
LLAMA3 = Family(
    name="Llama 3",
    turns=_turns(_llama3("system"), _llama3("user"), _llama3("assistant"), "<|eot_id|>"),
    opening=_llama3("assistant"),
    needs="<|start_header_id|>",
    begin="<|begin_of_text|>",
)
GEMMA = Family(
    name="Gemma",
    turns={
        Role.USER: ("<start_of_turn>user\n", "<end_of_turn>\n"),
        Role.ASSISTANT: ("<start_of_turn>model\n", "<end_of_turn>\n"),
    },
    opening="<start_of_turn>model\n",
    needs="<start_of_turn>",
    begin="<bos>",
)
PHI = Family(
    name="Phi",
    turns=_turns("<|system|>\n", "<|user|>\n", "<|assistant|>\n", "<|end|>\n"),
    opening="<|assistant|>\n",
    needs="<|assistant|>",
)
MISTRAL = Family(
    name="Mistral",
    turns={Role.USER: ("[INST] ", " [/INST]"), Role.ASSISTANT: (" ", "</s>")},
    opening="",
    needs="[INST]",
    begin="<s>",
)
PROSE = Family(
    name="User: … Assistant: …",
    turns=_turns("System: ", "User: ", "Assistant: ", "\n\n"),
    opening="Assistant:",
    stops=("\nUser:", "\nSystem:"),
)
FAMILIES = (CHATML, LLAMA3, GEMMA, PHI, MISTRAL, PROSE)


def family_for(knows: Callable[[str], bool]) -> Family:
    """The first whose control token the vocabulary `knows`; plain prose where it knows none."""
    return next((each for each in FAMILIES if not each.needs or knows(each.needs)), PROSE)


def without(messages: tuple[Message, ...], role: Role) -> tuple[Message, ...]:
    """That role's words put before the person's next; no two turns of one role in a row."""
    turns: list[Message] = []
    for message in messages:
        kept = Role.USER if message.role is role else message.role
        text = message.text
        if turns and turns[-1].role is kept:
            text = f"{turns.pop().text}\n\n{text}"
        turns.append(Message(kept, text))
    return tuple(turns)


EXAMPLE = (
    Message(Role.SYSTEM, "Answer in one sentence."),
    Message(Role.USER, "What is a herring?"),
    Message(Role.ASSISTANT, "A fish of the sea that swims in large shoals."),
    Message(Role.USER, "Do people eat it?"),
)  # a conversation to be shown in a template: two questions, an answer, instructions


def _quoted(text: str) -> str:
    """As a literal of Jinja."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"'{escaped}'"
