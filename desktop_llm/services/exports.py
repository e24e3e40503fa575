"""Conversations as files: our own JSON, which loses nothing; Markdown, HTML and PDF, to be read."""

import json
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from html import escape
from pathlib import Path

from desktop_llm import __version__
from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.exchange import (
    FORMAT,
    VERSION,
    WholeAttachment,
    WholeConversation,
    WholeMessage,
    to_values,
)
from desktop_llm.core.messages import Role, split_thought
from desktop_llm.rendering.html import to_html
from desktop_llm.rendering.portions import parse_to_show
from desktop_llm.services.pdf import write_pdf
from desktop_llm.storage.disk import FULL, sync
from desktop_llm.storage.exchange import Exchange

Progress = Callable[[int, int], object]  # how many are done, of how many


class FileForm(StrEnum):
    JSON = "json"
    MARKDOWN = "md"
    HTML = "html"
    PDF = "pdf"


@dataclass(frozen=True, slots=True)
class ExportWords:
    """In the language of whoever reads it. `attached` with `{name}`."""

    you: str
    model: str  # where a reply does not say which
    system: str
    untitled: str
    attached: str
    thought: str
    language: str  # as HTML names it


class ExportCancelledError(Exception):
    """Nothing is written."""


class Exports:
    """Blocks on the database and the disk."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def write(
        self,
        path: Path,
        numbers: Sequence[int] | None,
        form: FileForm,
        words: ExportWords,
        progress: Progress = lambda _done, _total: None,
        go_on: Callable[[], bool] = lambda: True,
    ) -> int:
        """The old file or the new one, for this person alone. None: all conversations. Returns how
        many are in it. Raises EnvironmentFault, KeyError for a number that there is none of,
        ExportCancelledError.
        """
        chosen = self._exchange.numbers() if numbers is None else list(numbers)
        try:
            with _new_file(path) as (handle, temporary):
                if form is FileForm.PDF:
                    os.close(handle)
                    html = "".join(self.pieces(chosen, FileForm.HTML, words, progress, go_on))
                    if not write_pdf(html, temporary, go_on):
                        raise ExportCancelledError
                else:
                    with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
                        for piece in self.pieces(chosen, form, words, progress, go_on):
                            file.write(piece)
        except OSError as error:
            if error.errno in FULL:
                raise EnvironmentFault(FaultCode.DISK_FULL, path=str(path.parent)) from error
            raise EnvironmentFault(
                FaultCode.FILE_UNWRITABLE, path=str(path), reason=error.strerror or ""
            ) from error
        return len(chosen)

    def pieces(
        self,
        numbers: Sequence[int],
        form: FileForm,
        words: ExportWords,
        progress: Progress = lambda _done, _total: None,
        go_on: Callable[[], bool] = lambda: True,
    ) -> Iterator[str]:
        """The text of a file, one conversation after the other."""
        head, between, end, piece = {
            FileForm.JSON: (_json_head(), ",\n", "\n]}\n", _json_of),
            FileForm.MARKDOWN: ("", "\n---\n\n", "", _markdown_of),
            FileForm.HTML: (_html_head(words), "<hr>\n", "</main>\n</body>\n</html>\n", _html_of),
        }[form]
        self._exchange.require(numbers)
        yield head
        for done, number in enumerate(numbers):
            if not go_on():
                raise ExportCancelledError
            progress(done, len(numbers))
            yield (between if done else "") + piece(self._exchange.read(number), words)
        progress(len(numbers), len(numbers))
        yield end


class _new_file:  # noqa: N801  # used as a function
    """A file beside `path` that takes its place in the end, or leaves no trace."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> tuple[int, Path]:
        handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name[:20]}.")
        self._temporary = Path(name)
        return handle, self._temporary

    def __exit__(self, kind: object, _error: object, _trace: object) -> None:
        try:
            if kind is None:
                self._temporary.chmod(0o600)
                sync(self._temporary)
                self._temporary.replace(self._path)
                sync(self._path.parent)
        finally:
            with suppress(OSError):
                self._temporary.unlink(missing_ok=True)


def shown(whole: WholeConversation) -> list[WholeMessage]:
    """The branch that is shown, the first message first."""
    branch: list[WholeMessage] = []
    at = whole.leaf
    while at is not None:
        message = whole.messages[at - 1]
        branch.append(message)
        at = message.parent
    return branch[::-1]


# --- JSON -----------------------------------------------------------------------------------------


def _json_head() -> str:
    made = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    head = {"format": FORMAT, "version": VERSION, "program": __version__, "exported": made}
    return json.dumps(head, ensure_ascii=False)[:-1] + ', "conversations": [\n'


def _json_of(whole: WholeConversation, _words: ExportWords) -> str:
    return json.dumps(to_values(whole), ensure_ascii=False)


# --- Markdown -------------------------------------------------------------------------------------

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")


def _markdown_of(whole: WholeConversation, words: ExportWords) -> str:
    lines = [f"# {_one_line(whole.title) or words.untitled}", "", f"*{_day(whole.created)}*", ""]
    for message in shown(whole):
        lines += [f"## {_speaker(message, words)}", "", f"*{_day(message.created)}*", ""]
        lines += [f"> {_named(each, words)}" for each in message.attachments]
        lines += [""] if message.attachments else []
        thought, _ended, answer = _said(message)
        if thought:
            lines += [f"<details><summary>{words.thought}</summary>", "", _closed(thought), ""]
            lines.append("</details>")
            lines.append("")
        lines += [_closed(answer.strip("\n")), ""]
    return "\n".join(lines)


# --- HTML -----------------------------------------------------------------------------------------

_STYLE = """
body { font: 16px/1.5 system-ui, "Noto Sans CJK SC", sans-serif; margin: 0; color: #1f2328; }
main { max-width: 46rem; margin: 0 auto; padding: 2rem 1.5rem; }
h1 { font-size: 26px; margin: 24px 0 4px; }
h2.who { font-size: 16px; margin: 24px 0 0; }
.small { color: #5c6370; font-size: 13px; margin: 0 0 8px; }
.mine { background: #eef1f6; border-radius: 10px; padding: 12px 16px; white-space: pre-wrap; }
pre { background: #f3f3ee; padding: .75rem 1rem; overflow: auto; }
pre, code { font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
table { border-collapse: collapse; } td, th { border: 1px solid #c8ccd2; padding: 4px 8px; }
blockquote { border-left: 3px solid #c8ccd2; margin-left: 16px; padding-left: 16px; }
@media (prefers-color-scheme: dark) {
  body { background: #1e1f22; color: #e3e4e8; } .mine { background: #2a2c33; }
  pre { background: #26272b; } .small { color: #a0a4ad; } a { color: #8ab4ff; }
}
"""


def _html_head(words: ExportWords) -> str:
    return (
        f'<!DOCTYPE html>\n<html lang="{escape(words.language)}">\n<head>\n<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>desktop-llm</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
    )


def _html_of(whole: WholeConversation, words: ExportWords) -> str:
    title = escape(_one_line(whole.title) or words.untitled)
    parts = [f'<h1>{title}</h1>\n<p class="small">{_day(whole.created)}</p>']
    for message in shown(whole):
        parts.append(f'<h2 class="who">{escape(_speaker(message, words))}</h2>')
        parts.append(f'<p class="small">{_day(message.created)}</p>')
        parts += [
            f'<p class="small">{escape(_named(each, words))}</p>' for each in message.attachments
        ]
        if message.role is Role.ASSISTANT:
            html = to_html(parse_to_show(message.text))
            parts.append(html.replace("<summary>…", f"<summary>{escape(words.thought)}"))
        else:
            parts.append(f'<div class="mine">{escape(message.text)}</div>')
    return "\n".join(parts) + "\n"


def _said(message: WholeMessage) -> tuple[str | None, bool, str]:
    if message.role is not Role.ASSISTANT:
        return None, False, message.text
    return split_thought(message.text)


def _named(attachment: WholeAttachment, words: ExportWords) -> str:
    return words.attached.format(name=_one_line(attachment.name))


def _closed(text: str) -> str:
    """Without code that goes on to the end of the file: a reply may have been stopped in it."""
    opened = ""
    for line in text.split("\n"):
        found = _FENCE.match(line)
        if found is None:
            continue
        mark, more = found.groups()
        if not opened and not (mark[0] == "`" and "`" in more):
            opened = mark
        elif opened and mark.startswith(opened) and not more.strip():
            opened = ""
    return f"{text}\n{opened}" if opened else text


def _speaker(message: WholeMessage, words: ExportWords) -> str:
    if message.role is Role.ASSISTANT:
        return _one_line(message.model) or words.model
    return words.you if message.role is Role.USER else words.system


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _day(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
