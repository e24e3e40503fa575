"""From messages to prompt pieces: which text is the template's, which is a person's.

The template never sees what people wrote. It renders with placeholders, which are then replaced:
so the scaffold can be tokenised with special tokens and the contents without, `<|im_end|>` typed
by a person stays text, and no content can steer the template.
"""

import contextlib
import json
import re
import secrets
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import Any

from desktop_llm.core.engine import PromptPiece, RenderedPrompt
from desktop_llm.core.messages import Message, Role
from desktop_llm.core.templates import Family, without

TIME_LIMIT = 2.0  # seconds for one rendering
START_LIMIT = 20.0  # more for a child that has to start first, on a busy computer
COMMAND = (sys.executable, "-P", "-m", "desktop_llm.worker.template_child")


class TemplateError(Exception):
    """The model's template cannot be used; the message says why.

    `for_good`: not with other messages either.
    """

    def __init__(self, reason: str, for_good: bool = False) -> None:
        super().__init__(reason)
        self.for_good = for_good


class TemplateRenderer:
    """One model's template, and the child that renders it. Used from one thread."""

    def __init__(self, source: str, bos: str, eos: str) -> None:
        self._source = source
        self._names = {"bos_token": bos, "eos_token": eos}
        self._child: subprocess.Popen[str] | None = None
        self._ready = False  # the child has answered

    def start(self) -> None:
        """Start the child, without waiting until it can render."""
        self.close()
        self._child = subprocess.Popen(
            COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def pieces(self, messages: tuple[Message, ...]) -> list[PromptPiece]:
        """Prompt pieces in order. Raises TemplateError.

        A template that refuses these turns is tried once more with simpler ones: some know no
        system message, or insist that question and answer alternate.
        """
        try:
            return self._pieces(messages)
        except TemplateError as error:
            simpler = without(messages, Role.SYSTEM)
            if error.for_good or simpler == messages:
                raise
            return self._pieces(simpler)

    def close(self) -> None:
        child, self._child = self._child, None
        self._ready = False
        if child is None:
            return
        child.kill()
        child.wait()
        for stream in (child.stdin, child.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def _pieces(self, messages: tuple[Message, ...]) -> list[PromptPiece]:
        nonce = "".join(secrets.choice("123456789") for _ in range(16))  # survives a change of case
        marks = [f"{nonce}{at:06}" for at in range(len(messages))]
        shown = [
            {"role": message.role.value, "content": mark}
            for message, mark in zip(messages, marks, strict=True)
        ]
        return _split(self._render(shown), marks, messages)

    def _render(self, messages: list[dict[str, str]]) -> str:
        if self._child is None or self._child.poll() is not None:
            try:
                self.start()
            except OSError as error:
                raise TemplateError(f"nothing can render it: {error.strerror}") from error
        if not self._ready:
            self._ask({"source": "", "messages": [], "names": {}}, START_LIMIT)
            self._ready = True
        answer = self._ask(
            {"source": self._source, "messages": messages, "names": self._names}, TIME_LIMIT
        )
        if "error" in answer:
            raise TemplateError(answer["error"], answer["for_good"])
        text: str = answer["text"]
        return text

    def _ask(self, request: dict[str, object], limit: float) -> dict[str, Any]:
        child = self._child
        assert child is not None
        assert child.stdin is not None
        assert child.stdout is not None
        late = False

        def kill() -> None:
            nonlocal late
            late = True
            child.kill()

        timer = threading.Timer(limit, kill)
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
        if not line.endswith("\n"):  # killed, perhaps in the middle of its answer
            self.close()
            reason = f"it did not finish within {limit:g} s" if late else "it broke its process"
            raise TemplateError(reason, for_good=True)
        answer: dict[str, Any] = json.loads(line)
        return answer


def _split(text: str, marks: Sequence[str], messages: tuple[Message, ...]) -> list[PromptPiece]:
    """Cut rendered text at the placeholders. Raises TemplateError where a turn was dropped."""
    if not marks:
        return [PromptPiece(text, False)] if text else []
    contents = dict(zip(marks, messages, strict=True))
    parts = re.split(f"({'|'.join(marks)})", text)
    for mark, message in contents.items():
        if mark not in parts:
            raise TemplateError(f"it drops a message of the {message.role.value}")
    pieces = [
        PromptPiece(contents[part].text, True) if part in contents else PromptPiece(part, False)
        for part in parts
    ]
    return [piece for piece in pieces if piece.text]


def fallback_pieces(messages: tuple[Message, ...], family: Family) -> list[PromptPiece]:
    """Prompt for a model without a usable template, as models of that family are asked."""
    if any(role not in family.turns for role in Role):
        messages = without(messages, Role.SYSTEM)
    pieces: list[PromptPiece] = [PromptPiece(family.begin, False)]
    for message in messages:
        head, tail = family.turns[message.role]
        pieces += [
            PromptPiece(head, False),
            PromptPiece(message.text, True),
            PromptPiece(tail, False),
        ]
    pieces.append(PromptPiece(family.opening, False))
    return [piece for piece in pieces if piece.text]


def preview(source: str, messages: tuple[Message, ...]) -> RenderedPrompt:
    """What a template makes of these messages, without any model: its tokens have general names."""
    renderer = TemplateRenderer(source, "<bos>", "<eos>")
    try:
        return RenderedPrompt(tuple(renderer.pieces(messages)), 0)
    except TemplateError as error:
        return RenderedPrompt((), 0, str(error))
    finally:
        renderer.close()
