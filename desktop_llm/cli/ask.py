"""`ask`: one question, one streamed reply."""

import argparse
import json
import sys
from pathlib import Path

from desktop_llm.core.attachments import framed
from desktop_llm.core.engine import TextDelta
from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.generation import FinishReason, GenerationRequest, Sampling
from desktop_llm.core.messages import Message, Role
from desktop_llm.core.models import LoadOptions
from desktop_llm.core.text import clean_text
from desktop_llm.engine.client import EngineClient
from desktop_llm.ingest.reader import read_document
from desktop_llm.services.models import ModelService
from desktop_llm.storage.library import Library
from desktop_llm.storage.paths import resolve_folders
from desktop_llm.words import _
from desktop_llm.words.faults import word_fault


def register(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "question", nargs="?", default="", help="read from stdin where it is - or absent"
    )
    parser.add_argument(
        "--file", type=Path, action="append", default=[], help="document put before it"
    )
    parser.add_argument("--model", default="", help="name or path; the starter model if absent")
    parser.add_argument("--system", default="")
    parser.add_argument("--temperature", type=float, default=0.7)
    parser.add_argument("--seed", type=int, help="the same text every time")
    parser.add_argument("--max-tokens", type=int)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--trace-protocol", action="store_true", help="frames as JSON on stderr")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    request = GenerationRequest(
        messages=_messages(options),
        sampling=Sampling(temperature=options.temperature, seed=options.seed),
        max_tokens=options.max_tokens,
        reproducible=options.seed is not None,
    )
    trace = (lambda line: print(line, file=sys.stderr)) if options.trace_protocol else None
    engine = EngineClient(trace=trace)
    try:
        models = ModelService(Library(resolve_folders(options.data_dir)), engine)
        model = models.find(options.model)
        models.load(model, model.settings.applied_to(LoadOptions())).result()
        task = engine.generate(request)
        parts: list[str] = []
        try:
            for event in task.wait_events():
                if isinstance(event, TextDelta):
                    parts.append(event.text)
                    if not options.json:
                        sys.stdout.write(event.text)
                        sys.stdout.flush()
        except KeyboardInterrupt:
            task.cancel()
        finished = task.result()
    finally:
        engine.close()
    if finished.template_fault:
        notice = EnvironmentFault(FaultCode.TEMPLATE_FAILED, reason=finished.template_fault)
        print(f"desktop-llm: {word_fault(notice)}", file=sys.stderr)
    stats = finished.stats
    if options.json:
        answer = {
            "text": "".join(parts),
            "finish_reason": finished.reason.value,
            "model": model.name,
            "prompt_tokens": stats.prompt_tokens,
            "completion_tokens": stats.completion_tokens,
            "prompt_seconds": round(stats.prompt_seconds, 4),
            "tokens_per_second": round(stats.tokens_per_second, 2),
            "seed": stats.seed,
        }
        print(json.dumps(answer, ensure_ascii=False))
    else:
        print()
    return 1 if finished.reason is FinishReason.CANCELLED else 0


def _messages(options: argparse.Namespace) -> tuple[Message, ...]:
    parts = []
    for path in options.file:
        document = read_document(path)
        parts.append(framed(document.name, document.text))
        if document.left_out:
            words = _("“{name}” has more than could be read.").format(name=document.name)
            print(f"desktop-llm: {words}", file=sys.stderr)
    question = options.question
    if question in ("", "-"):
        if sys.stdin.isatty():
            raise EnvironmentFault(FaultCode.INPUT_EMPTY)
        question = sys.stdin.buffer.read().decode("utf-8", "replace")
    parts.append(question)
    text = clean_text("\n\n".join(parts))
    if not text.strip():
        raise EnvironmentFault(FaultCode.INPUT_EMPTY)
    messages = [Message(Role.SYSTEM, clean_text(options.system))] if options.system else []
    return (*messages, Message(Role.USER, text))
