"""From messages to prompt pieces: which text is the template's, which is a person's.

The template never sees what people wrote. It renders with placeholders, which are then replaced:
so the scaffold can be tokenised with special tokens and the contents without, `<|im_end|>` typed
by a person stays text, and no content can steer the template.
"""

import contextlib
import json
import secrets
import subprocess
import sys
import threading
from dataclasses import dataclass

from desktop_llm.core.messages import Message, Role

TIME_LIMIT = 2.0  # seconds for one rendering
START_LIMIT = 20.0  # more for a child that has to start first, on a busy computer


@dataclass(frozen=True, slots=True)
class Piece:
    text: str
    is_content: bool


class TemplateError(Exception):
    """The model's template cannot be used; the message says why."""


class TemplateRenderer:
    """One model's template, and the child that renders it. Used from one thread."""

    def __init__(self, source: str, bos: str, eos: str) -> None:
        self._source = source
        self._names = {"bos_token": bos, "eos_token": eos}
        self._child: subprocess.Popen[str] | None = None

    def pieces(self, messages: tuple[Message, ...]) -> list[Piece]:
        """Prompt pieces in order. Raises TemplateError."""
        nonce = secrets.token_hex(8)
        marks = [f"{nonce}x{at}x" for at in range(len(messages))]
        shown = [
            {"role": message.role.value, "content": mark}
            for message, mark in zip(messages, marks, strict=True)
        ]
        text = self._render(shown)
        return _split(text, marks, messages)

    def close(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        child.wait()
        for stream in (child.stdin, child.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def _render(self, messages: list[dict[str, str]]) -> str:
        limit = TIME_LIMIT
        if self._child is None or self._child.poll() is not None:
            self.close()
            self._child = subprocess.Popen(
                [sys.executable, "-I", "-m", "desktop_llm.worker.template_child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                encoding="utf-8",
            )
            limit += START_LIMIT
            self._ask({"source": "", "messages": [], "names": {}}, limit)
        answer = self._ask(
            {"source": self._source, "messages": messages, "names": self._names}, TIME_LIMIT
        )
        if "error" in answer:
            raise TemplateError(answer["error"])
        return answer["text"]

    def _ask(self, request: dict[str, object], limit: float) -> dict[str, str]:
        child = self._child
        assert child is not None
        assert child.stdin is not None
        assert child.stdout is not None
        timer = threading.Timer(limit, child.kill)
        timer.start()
        try:
            child.stdin.write(json.dumps(request) + "\n")
            child.stdin.flush()
            line = child.stdout.readline()
        except OSError:
            line = ""
        finally:
            timer.cancel()
            timer.join()
        if not line:
            self.close()
            raise TemplateError(f"the template did not finish within {limit:g} s")
        answer: dict[str, str] = json.loads(line)
        return answer


def _split(text: str, marks: list[str], messages: tuple[Message, ...]) -> list[Piece]:
    """Cut rendered text at the placeholders. Raises TemplateError where a turn was dropped."""
    pieces: list[Piece] = []
    rest = text
    for mark, message in zip(marks, messages, strict=True):
        before, found, rest_after = rest.partition(mark)
        if not found:
            raise TemplateError(f"the template drops a {message.role.value} message")
        if before:
            pieces.append(Piece(before, False))
        if message.text:
            pieces.append(Piece(message.text, True))
        rest = rest_after
    if rest:
        pieces.append(Piece(rest, False))
    return pieces


def fallback_pieces(messages: tuple[Message, ...], chatml: bool) -> list[Piece]:
    """Prompt for a model without a usable template: ChatML if it knows its tokens, else prose."""
    pieces: list[Piece] = []
    for message in messages:
        if chatml:
            head, tail = f"<|im_start|>{message.role.value}\n", "<|im_end|>\n"
        else:
            head, tail = f"{_PROSE[message.role]}: ", "\n\n"
        pieces += [Piece(head, False), Piece(message.text, True), Piece(tail, False)]
    pieces.append(Piece("<|im_start|>assistant\n" if chatml else "Assistant:", False))
    return [piece for piece in pieces if piece.text]


_PROSE = {Role.SYSTEM: "System", Role.USER: "User", Role.ASSISTANT: "Assistant"}
PROSE_STOPS = ("\nUser:", "\nSystem:")
