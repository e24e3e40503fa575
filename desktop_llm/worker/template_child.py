"""Renders chat templates, in a process that can be killed.

A template comes with a model file and is a program of its own: it may loop forever, build a
gigabyte, or try to escape. So: jinja2's immutable sandbox, no file or network, limits on memory
and output, and a parent that kills this process after two seconds. One JSON object a line in,
one out.
"""

import contextlib
import json
import sys
from datetime import datetime
from typing import Any

from desktop_llm.worker.hardening import die_with_parent, drop_privileges, refuse_network

MEMORY_LIMIT = 512 * 1024 * 1024  # bytes of address space
OUTPUT_LIMIT = 1_000_000  # characters; contents are placeholders, so a scaffold is small


class TemplateRefusedError(Exception):
    """The template itself says no (`raise_exception`)."""


def render(source: str, messages: list[dict[str, str]], names: dict[str, str]) -> str:
    """The prompt as the template writes it, an assistant's turn opened at the end."""
    from jinja2.ext import loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def raise_exception(text: str) -> None:
        raise TemplateRefusedError(text)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols]
    )
    environment.filters["tojson"] = lambda value, **_: json.dumps(value, ensure_ascii=False)
    environment.globals.update(
        raise_exception=raise_exception,
        strftime_now=lambda form: datetime.now().strftime(form),
    )
    parts: list[str] = []
    size = 0
    template = environment.from_string(source)
    for part in template.generate(messages=messages, add_generation_prompt=True, **names):
        size += len(part)
        if size > OUTPUT_LIMIT:
            raise TemplateRefusedError("the output is too long")
        parts.append(part)
    return "".join(parts)


def main() -> None:
    die_with_parent()
    drop_privileges()
    from jinja2.sandbox import ImmutableSandboxedEnvironment  # before the limits

    assert ImmutableSandboxedEnvironment.sandboxed
    refuse_network()
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    for line in sys.stdin:
        answer: dict[str, Any]
        try:
            request = json.loads(line)
            answer = {"text": render(request["source"], request["messages"], request["names"])}
        except MemoryError:
            answer = {"error": "the template needs too much memory"}
        except Exception as error:  # noqa: BLE001  # whatever a stranger's template raises
            answer = {"error": f"{type(error).__name__}: {error}"[:300]}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
