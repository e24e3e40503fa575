"""Renders chat templates, in a process that can be killed.

A template comes with a model file and is a program of its own: it may loop forever, build a
gigabyte, or try to escape. So: jinja2's immutable sandbox, no file or network, limits on memory
and output, and a parent that kills this process after two seconds. One JSON object a line in,
one out: `text`, or `error` and whether it is `for_good`, whatever the messages.
"""

import json
import sys
from datetime import datetime
from typing import Any

from desktop_llm.core.confinement import (
    die_with_parent,
    drop_privileges,
    limit,
    refuse_network,
)

MEMORY_LIMIT = 512 * 1024 * 1024  # bytes of address space
OUTPUT_LIMIT = 1_000_000  # characters; contents are placeholders, so a scaffold is small


class TemplateRefusedError(Exception):
    """The template itself says no (`raise_exception`)."""


class _TooLongError(Exception):
    """Its output goes on and on."""


def render(source: str, messages: list[dict[str, str]], names: dict[str, str]) -> str:
    """The prompt as the template writes it, an assistant's turn opened at the end."""
    from jinja2 import nodes
    from jinja2.ext import Extension, loopcontrols
    from jinja2.parser import Parser
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        """`{% generation %}`: marks the model's own words for training; here it is not there."""

        tags = {"generation"}  # noqa: RUF012  # as jinja2 declares it

        def parse(self, parser: Parser) -> list[nodes.Node]:
            next(parser.stream)
            return parser.parse_statements(("name:endgeneration",), drop_needle=True)

    def raise_exception(text: str) -> None:
        raise TemplateRefusedError(text)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, Generation]
    )
    environment.filters["tojson"] = lambda value, **_: json.dumps(value, ensure_ascii=False)
    environment.globals.update(
        raise_exception=raise_exception,
        strftime_now=lambda form: datetime.now().strftime(form),
    )
    parts: list[str] = []
    size = 0
    template = environment.from_string(source)
    values: dict[str, Any] = {"tools": None, "documents": None, **names}
    for part in template.generate(messages=messages, add_generation_prompt=True, **values):
        size += len(part)
        if size > OUTPUT_LIMIT:
            raise _TooLongError
        parts.append(part)
    return "".join(parts)


def main() -> None:
    die_with_parent()
    drop_privileges()
    from jinja2.sandbox import ImmutableSandboxedEnvironment  # before the limits

    assert ImmutableSandboxedEnvironment.sandboxed
    refuse_network()
    limit(MEMORY_LIMIT)
    for line in sys.stdin:
        answer: dict[str, Any]
        try:
            request = json.loads(line)
            answer = {"text": render(request["source"], request["messages"], request["names"])}
        except MemoryError:
            answer = {"error": "it needs too much memory", "for_good": True}
        except _TooLongError:
            answer = {"error": "its output is too long", "for_good": True}
        except Exception as error:  # noqa: BLE001  # whatever a stranger's template raises
            answer = {"error": f"{type(error).__name__}: {error}"[:300], "for_good": False}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
