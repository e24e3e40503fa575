"""What a GBNF grammar may be before llama.cpp sees it.

llama.cpp's parser is recursive, has no limits, and cannot be interrupted: 20,000 nested groups
overflow its stack, `{5,2}` keeps it busy for twenty seconds. What can be seen in the text is
refused here. A grammar that grows only while it is followed (`x ::= y | y`, thirty deep) cannot;
the worker watches its time and memory (`desktop_llm.worker.guard`).
"""

import re

from desktop_llm.core.errors import EnvironmentFault, FaultCode

MAX_GRAMMAR = 65_536  # characters
MAX_NESTING = 64  # groups within groups
MAX_REPETITION = 2000  # llama.cpp's own
MAX_TRIGGERS = 16
MAX_TRIGGER_LENGTH = 256  # characters

_PARTS = re.compile(
    r"""
      "(?:\\.|[^"\\])*"?          # a literal
    | \[(?:\\.|[^\]\\])*\]?       # a class of characters
    | \#[^\n]*                    # a comment
    | [()]
    | \{[^}]*\}?                  # a repetition
    """,
    re.VERBOSE | re.DOTALL,
)
_REPETITION = re.compile(r"\{\s*(\d{1,9})\s*(?:(,)\s*(\d{1,9})?\s*)?\}")


def check_grammar(text: str, triggers: tuple[str, ...] = ()) -> None:
    """Raise GRAMMAR_INVALID or GRAMMAR_TOO_COMPLEX. What passes may still not parse."""
    if len(text) > MAX_GRAMMAR:
        raise EnvironmentFault(FaultCode.GRAMMAR_TOO_COMPLEX)
    if "\x00" in text or not text.strip():  # nothing at all would mean no grammar
        raise EnvironmentFault(FaultCode.GRAMMAR_INVALID)
    depth = 0
    for part in _PARTS.finditer(text):
        first = part.group()[0]
        if first == "(":
            depth += 1
            if depth > MAX_NESTING:
                raise EnvironmentFault(FaultCode.GRAMMAR_TOO_COMPLEX)
        elif first == ")":
            depth -= 1
        elif first == "{":
            _check_repetition(part.group())
    if len(triggers) > MAX_TRIGGERS:
        raise EnvironmentFault(FaultCode.GRAMMAR_TOO_COMPLEX)
    if not all(0 < len(trigger) <= MAX_TRIGGER_LENGTH for trigger in triggers):
        raise EnvironmentFault(FaultCode.GRAMMAR_INVALID)


def _check_repetition(text: str) -> None:
    found = _REPETITION.fullmatch(text)
    if found is None:
        raise EnvironmentFault(FaultCode.GRAMMAR_INVALID)
    least = int(found[1])
    most = int(found[3]) if found[3] else least
    if most < least:
        raise EnvironmentFault(FaultCode.GRAMMAR_INVALID)
    if most > MAX_REPETITION:
        raise EnvironmentFault(FaultCode.GRAMMAR_TOO_COMPLEX)
