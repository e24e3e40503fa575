"""`chats list|show|search|import|export`: the conversations on this computer."""

import argparse
import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.exchange import to_values
from desktop_llm.services.exports import Exports, FileForm
from desktop_llm.services.imports import Imports
from desktop_llm.storage.backups import Backups
from desktop_llm.storage.conversations import Conversations
from desktop_llm.storage.database import Database
from desktop_llm.storage.exchange import Exchange
from desktop_llm.storage.organiser import Organiser
from desktop_llm.storage.paths import resolve_folders
from desktop_llm.words import counted
from desktop_llm.words.exchange import export_words, problem_words
from desktop_llm.words.faults import word_fault

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def register(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True)

    def action(name: str, run: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
        made = actions.add_parser(name)
        made.set_defaults(run=run)
        return made

    listing = action("list", run_list)
    show = action("show", run_show)
    show.add_argument("id", type=int)
    search = action("search", run_search)
    search.add_argument("query")
    reading = action("import", run_import)
    reading.add_argument("file", type=Path, nargs="+")
    for each in (listing, show, search, reading):
        each.add_argument("--json", action="store_true")
    export = action("export", run_export)
    export.add_argument("id", type=int, nargs="*")
    export.add_argument("--all", action="store_true")
    export.add_argument("--format", choices=[form.value for form in FileForm], default="json")
    export.add_argument("--out", required=True, help="file; - for standard output")
    export.set_defaults(usage=export.error)


@contextmanager
def _database(options: argparse.Namespace) -> Iterator[Database]:
    """That of the data folder, which is made where there is none."""
    folders = resolve_folders(options.data_dir)
    folders.ensure()
    backups = Backups(folders.backups, folders.database)
    database = Database(folders.database, lambda _path: backups.create("migration"))
    try:
        yield database
    finally:
        database.close()


def run_list(options: argparse.Namespace) -> int:
    with _database(options) as database:
        listing = Organiser(database).listing()
    folders = {folder.id: folder.name for folder in listing.folders}
    if options.json:
        rows = [
            asdict(row) | {"folder": folders.get(row.folder or 0)} for row in listing.conversations
        ]
        print(json.dumps(rows, ensure_ascii=False))
        return 0
    for row in listing.conversations:
        changed = time.strftime("%Y-%m-%d %H:%M", time.localtime(row.changed))
        print(f"{row.id}\t{changed}\t{_line(row.title)}")
    return 0


def run_show(options: argparse.Namespace) -> int:
    with _database(options) as database, _known():
        exchange = Exchange(database)
        exchange.require([options.id])  # of any size: a larger number than the database can hold
        if options.json:
            whole = exchange.read(options.id)
            print(json.dumps({"id": options.id, **to_values(whole)}, ensure_ascii=False))
        else:
            pieces = Exports(exchange).pieces([options.id], FileForm.MARKDOWN, export_words())
            tame = sys.stdout.isatty()
            sys.stdout.writelines(_tame(piece) if tame else piece for piece in pieces)
    return 0


def run_search(options: argparse.Namespace) -> int:
    with _database(options) as database:
        hits = Conversations(database).search(options.query)
    if options.json:
        print(json.dumps([asdict(hit) for hit in hits], ensure_ascii=False))
        return 0
    for hit in hits:
        title, excerpt = _line(hit.title), _line(hit.excerpt)
        print(f"{hit.conversation}\t{title}\t{excerpt if hit.message is not None else ''}".rstrip())
    return 0


def run_import(options: argparse.Namespace) -> int:
    """Each file by itself: one that is refused does not keep the others out."""
    report, refused = [], []
    with _database(options) as database:
        reader = Imports(Exchange(database))
        for path in options.file:
            try:
                imported = reader.read(path)
            except EnvironmentFault as fault:
                refused.append(fault)
                continue
            report.append({"file": str(path)} | asdict(imported))
            for problem in imported.problems:
                print(f"desktop-llm: {path.name}: {_line(problem_words(problem))}", file=sys.stderr)
            if not options.json:
                words = counted(
                    "{number} conversation is imported",
                    "{number} conversations are imported",
                    len(imported.conversations),
                )
                print(f"{path.name}: {words}")
    if options.json:
        print(json.dumps(report, ensure_ascii=False))
    for other in refused[:-1]:
        print(f"desktop-llm: {word_fault(other)}", file=sys.stderr)
    if refused:
        raise refused[-1]
    return 0


def run_export(options: argparse.Namespace) -> int:
    if bool(options.id) == options.all:
        options.usage("give the numbers of conversations, or --all")
    form = FileForm(options.format)
    if options.out == "-" and form is FileForm.PDF:
        options.usage("a PDF needs a file: --out FILE")
    with _database(options) as database, _known():
        exchange = Exchange(database)
        exports, words = Exports(exchange), export_words()
        if options.out == "-":
            numbers = exchange.numbers() if options.all else options.id
            sys.stdout.writelines(exports.pieces(numbers, form, words))
            return 0
        count = exports.write(Path(options.out), None if options.all else options.id, form, words)
    done = counted(
        "{number} conversation is exported", "{number} conversations are exported", count
    )
    print(f"{done}: {options.out}", file=sys.stderr)
    return 0


def _line(text: str) -> str:
    return _tame(" ".join(text.split()))


def _tame(text: str) -> str:
    """Without the characters by which a text would command the terminal."""
    return _CONTROL.sub("\ufffd", text)


@contextmanager
def _known() -> Iterator[None]:
    """A number that there is none of is the person's to mend."""
    try:
        yield
    except KeyError as error:
        raise EnvironmentFault(FaultCode.NO_CONVERSATION, number=str(error.args[0])) from error
