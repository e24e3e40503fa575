"""`tool`: a text tool on a file or on what is piped in."""

import argparse
import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from desktop_llm.cli.tool_values import checked_value, unknown_variable
from desktop_llm.core.aspects import JudgedAspect
from desktop_llm.core.engine import PromptProgress, TextDelta
from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.text import clean_text
from desktop_llm.core.text_tools import Anew, Judged, PartDone, ToolOutcome, ToolRequest
from desktop_llm.core.tools import Tool, VariableKind
from desktop_llm.engine.client import EngineClient
from desktop_llm.services.bundle import ToolsOnDemand
from desktop_llm.services.models import ModelService
from desktop_llm.storage.disk import write_chosen
from desktop_llm.storage.library import Library
from desktop_llm.storage.logs import ENGINE_LOG, rotate
from desktop_llm.storage.paths import resolve_folders
from desktop_llm.storage.settings import SettingsFile
from desktop_llm.words import _, current_language
from desktop_llm.words.tools import flaw_words, problem_words


def register(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", default="", help="of the tool; see --list")
    parser.add_argument("file", nargs="?", default="-", help="read from stdin where it is -")
    parser.add_argument("--to", default="", metavar="LANGUAGE", help="to translate into")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE",
                        help="a variable of the tool")  # fmt: skip
    parser.add_argument("--model", default="", help="name or path")
    parser.add_argument("--fresh", action="store_true", help="nothing is taken from earlier runs")
    parser.add_argument("--no-history", action="store_true", help="no trace of it is kept")
    parser.add_argument("--beside", action="store_true",
                        help="write the result into a file beside the text")  # fmt: skip
    parser.add_argument("--accept", action="store_true",
                        help="a translation is put into the translation memory")  # fmt: skip
    parser.add_argument("--list", action="store_true", help="the tools there are")
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=run, late="file")


def run(options: argparse.Namespace) -> int:
    folders = resolve_folders(options.data_dir)
    folders.ensure()
    settings = SettingsFile(folders.settings_file)
    engine = EngineClient(folders.logs / ENGINE_LOG, rotate=rotate)
    models = ModelService(Library(folders), engine)
    tools = ToolsOnDemand(folders, engine, models, lambda: settings.current)
    try:
        if options.list or not options.name:
            return _list(tools, options.json)
        tool = tools.shelf.find(options.name)
        request = ToolRequest(
            tool=tool,
            text=_text(options.file),
            values=_values(tool, options),
            model=options.model,
            title="" if options.file == "-" else Path(options.file).name,
            fresh=options.fresh,
            traceless=options.no_history,
        )
        beside = Path(options.file) if options.beside and options.file != "-" else None
        return _work(tools, request, options.json, beside, options.accept)
    finally:
        engine.close()
        tools.close()


def _list(tools: ToolsOnDemand, as_json: bool) -> int:
    shelf, language = tools.shelf.shelf(), current_language().value
    if as_json:
        rows = [
            {
                "id": tool.id, "name": tool.name.within(language), "output": tool.output.value,
                "own": tool.own, "variables": [each.name for each in tool.variables],
            }
            for tool in shelf.tools
        ]  # fmt: skip
        print(json.dumps(rows, ensure_ascii=False))
    else:
        width = max(len(tool.id) for tool in shelf.tools)
        for tool in shelf.tools:
            names = ", ".join(each.name for each in tool.variables)
            note = f"  ({names})" if names else ""
            print(f"{tool.id:{width}}  {tool.name.within(language)}{note}")
    for problem in shelf.problems:
        print(f"desktop-llm: {problem_words(problem)}", file=sys.stderr)
    return 0


def _text(name: str) -> str:
    if name != "-":
        from desktop_llm.ingest.reader import read_document

        document = read_document(Path(name))
        if document.left_out:
            words = _("“{name}” has more than could be read.").format(name=document.name)
            print(f"desktop-llm: {words}", file=sys.stderr)
        return document.text
    if sys.stdin.isatty():
        raise EnvironmentFault(FaultCode.INPUT_EMPTY)
    return clean_text(sys.stdin.buffer.read().decode("utf-8-sig", "replace"))


def _values(tool: Tool, options: argparse.Namespace) -> dict[str, str]:
    """Raises EnvironmentFault for a variable or a choice that the tool does not know."""
    values = {}
    for given in options.set:
        name, _sign, value = given.partition("=")
        values[name] = checked_value(tool, name, value)
    if options.to:
        wanted = next((v for v in tool.variables if v.kind is VariableKind.LANGUAGE), None)
        if wanted is None:
            raise unknown_variable(tool, "--to")
        values[wanted.name] = checked_value(tool, wanted.name, options.to)
    return values


def _work(
    tools: ToolsOnDemand,
    request: ToolRequest,
    as_json: bool,
    beside: Path | None = None,
    accept: bool = False,
) -> int:
    task = tools.work.run(request)
    live = not as_json and sys.stdout.isatty()
    shown = False
    try:
        for event in task.wait_events():
            if isinstance(event, PartDone) and event.of and sys.stderr.isatty():
                print(f"\r{event.done}/{event.of}", end="", file=sys.stderr, flush=True)
            elif isinstance(event, PromptProgress) and sys.stderr.isatty():
                percent = 100 * event.done // max(1, event.total)
                end = "\r    \r" if event.done >= event.total else ""
                print(f"\r{percent} %{end}", end="", file=sys.stderr, flush=True)
            elif isinstance(event, Anew):
                live = False  # what stands on a terminal cannot be taken back
            elif isinstance(event, TextDelta) and live:
                shown = True
                sys.stdout.write(event.text)
                sys.stdout.flush()
    except KeyboardInterrupt:
        task.cancel()
    outcome = task.result()
    if sys.stderr.isatty():
        print(file=sys.stderr)
    if beside is not None:
        print(write_beside(beside, request.tool.id, outcome.text))
    elif as_json:
        print(json.dumps(outcome_values(request, outcome), ensure_ascii=False))
    elif live and shown:
        print()
    elif outcome.judged is not None:
        judgement = outcome.judged.judgement
        print(f"{outcome.text}\t{judgement.probability:.3f}\t{judgement.unsure.value}".rstrip())
        for line in aspect_lines(outcome.judged, request.text):
            print(line)
    else:
        print(outcome.text)
    for problem in outcome.problems:
        print(f"desktop-llm: {flaw_words(problem)}", file=sys.stderr)
    if accept:
        tools.work.accept(outcome, request.values.get("to", ""))
    if outcome.cut_off:
        words = _("The model came to the limit of its reply: the result is cut off.")
        print(f"desktop-llm: {words}", file=sys.stderr)
    return 0 if outcome.complete else 1


def write_beside(source: Path, name: str, text: str) -> Path:
    """Into a new file in the folder of the text; nothing is overwritten. Raises
    EnvironmentFault.
    """
    number, target = 1, source.with_name(f"{source.stem}.{name}.txt")
    while target.exists():
        number += 1
        target = source.with_name(f"{source.stem}.{name}-{number}.txt")
    write_chosen(target, text + "\n")
    return target


def aspect_lines(judged: Judged, text: str) -> list[str]:
    """A line each: the aspect, its label and how likely that is, what the text says of it."""
    lines, missing = [], _("not mentioned")
    for each in judged.aspects:
        if each.judgement is None:
            lines.append(f"{each.name}\t{missing}")
            continue
        label = judged.labels[each.judgement.label].value
        quoted = " … ".join(" ".join(c.span.of(text).split()) for c in each.evidence)
        lines.append(
            f"{each.name}\t{label}\t{each.judgement.probability:.3f}"
            f"\t{each.judgement.unsure.value}\t{quoted}"
        )
    return lines


def aspect_values(aspect: JudgedAspect, judged: Judged, text: str) -> dict[str, Any]:
    judgement = aspect.judgement
    return {
        "name": aspect.name,
        "typed": aspect.typed,
        "mentioned": judgement is not None,
        "label": judged.labels[judgement.label].value if judgement else None,
        "probability": round(judgement.probability, 4) if judgement else None,
        "unsure": judgement.unsure.value if judgement else "",
        "evidence": [
            {
                "span": [each.span.start, each.span.end],
                "quote": each.span.of(text),
                "label": judged.labels[each.label].value,
                "probability": round(each.probability, 4),
                "unsure": each.unsure.value,
            }
            for each in aspect.evidence
        ],
    }


def outcome_values(request: ToolRequest, outcome: ToolOutcome) -> dict[str, Any]:
    """For JSON. Spans are characters of the result and of the text."""
    values: dict[str, Any] = {
        "tool": request.tool.id,
        "text": outcome.text,
        "complete": outcome.complete,
        "cut_off": outcome.cut_off,
        "shortened": outcome.shortened,
        "parts": outcome.parts,
        "known_parts": outcome.known_parts,
        "model": outcome.model,
        "seconds": round(outcome.seconds, 3),
    }
    if outcome.said:
        values["sentences"] = [
            {
                "span": [said.span.start, said.span.end],
                "sources": [
                    [outcome.sources[at].start, outcome.sources[at].end]
                    for at in said.support.sources
                ],
                "share": round(said.support.share, 3),
                "supported": said.support.is_supported,
            }
            for said in outcome.said
        ]
    if outcome.pairs:
        if outcome.language is not None:
            values["from"] = {"code": outcome.language.code, "sure": outcome.language.sure}
        values["units"] = len(outcome.pairs)
        values["remembered"] = outcome.remembered
        values["problems"] = [
            {"unit": each.unit, "flaw": each.flaw.value, "detail": each.detail}
            for each in outcome.problems
        ]
        if outcome.score is not None:
            values["back_translation"] = round(outcome.score, 4)
    if (judged := outcome.judged) is not None:
        values["label"] = outcome.text
        values["probabilities"] = {
            label.value: round(share, 4)
            for label, share in zip(judged.labels, judged.judgement.probabilities, strict=True)
        }
        if judged.lexicon is not None:
            values["vader"] = judged.lexicon
        if judged.language:
            values["language"] = judged.language
        values["unsure"] = judged.judgement.unsure.value
        values["sentences"] = [
            {
                "span": [each.span.start, each.span.end],
                "label": judged.labels[each.label].value,
                "probability": round(each.probability, 4),
                "unsure": each.unsure.value,
            }
            for each in judged.sentences
        ]
        if judged.aspects:
            values["aspects"] = [
                aspect_values(each, judged, request.text) for each in judged.aspects
            ]
    if outcome.dropped:
        values["dropped"] = outcome.dropped
    with suppress(ValueError):
        if request.tool.output.value in ("json", "quotes"):
            values["value"] = json.loads(outcome.text)
    return values
