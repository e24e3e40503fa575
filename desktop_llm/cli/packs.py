"""`packs list|install|remove|analyse`: language packs, and what they say of a text."""

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from desktop_llm.core.language import Analysis, Part
from desktop_llm.core.language_packs import LanguagePack
from desktop_llm.engine.language_client import LanguageClient
from desktop_llm.services.language import LanguageTools
from desktop_llm.services.language_packs import LanguagePacks
from desktop_llm.storage.logs import LANGUAGE_LOG, rotate
from desktop_llm.storage.paths import resolve_folders
from desktop_llm.words import _
from desktop_llm.words.amounts import size_words


def register(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True)
    listing = actions.add_parser("list")
    listing.set_defaults(run=run_list)
    install = actions.add_parser("install", help="from the wheel of a spaCy pipeline")
    install.set_defaults(run=run_install)
    install.add_argument("file", help="or its address")
    install.add_argument("--sha256", default="", help="that the file must have")
    remove = actions.add_parser("remove")
    remove.set_defaults(run=run_remove)
    remove.add_argument("name", help="as the list has it: NAME-VERSION")
    analyse = actions.add_parser("analyse", help="sentences, words and entities of a text")
    analyse.set_defaults(run=run_analyse)
    analyse.add_argument("file", type=Path)
    analyse.add_argument("--language", default="", help="as a code; found out where it is absent")
    for each in (listing, install, analyse):
        each.add_argument("--json", action="store_true")


@contextmanager
def _opened(options: argparse.Namespace) -> Iterator[tuple[LanguagePacks, LanguageTools]]:
    folders = resolve_folders(options.data_dir)
    folders.ensure()
    client = LanguageClient(folders.logs / LANGUAGE_LOG, rotate=rotate)
    packs = LanguagePacks(folders.language_packs, client)
    tools = LanguageTools(client, packs.pack_of)
    try:
        yield packs, tools
    finally:
        packs.close()
        tools.close()
        client.close()


def run_list(options: argparse.Namespace) -> int:
    with _opened(options) as (packs, _tools):
        found = packs.installed()
    if options.json:
        print(json.dumps([asdict(pack) for pack in found], ensure_ascii=False))
        return 0
    for pack in found:
        print("\t".join(_fields(pack)))
    return 0


def run_install(options: argparse.Namespace) -> int:
    with _opened(options) as (packs, _tools):
        pack = _installed(packs, options)
    if options.json:
        print(json.dumps(asdict(pack), ensure_ascii=False))
    else:
        print("\t".join(_fields(pack)))
    if not pack.known_hash:
        words = _("No hash of it was known. This one is noted: {sha256}.")
        print(f"desktop-llm: {words.format(sha256=pack.sha256)}", file=sys.stderr)
    return 0


def _installed(packs: LanguagePacks, options: argparse.Namespace) -> LanguagePack:
    from desktop_llm.services.pack_downloads import fetched, first_hash, is_address, note_hash

    if not is_address(options.file):
        wheel = Path(options.file)
        return packs.install(wheel, options.sha256, wheel.name).result()
    from desktop_llm.services.network import Network

    folders, address = resolve_folders(options.data_dir), options.file
    network = Network(folders)
    connections = network.connect()
    wanted = options.sha256 or first_hash(folders.language_packs, address)
    if not wanted:
        words = _("No hash of what is at this address is known. The one it has now is noted.")
        print(f"desktop-llm: {words}", file=sys.stderr)
    try:
        with fetched(connections, address, folders.cache, _show_progress) as wheel:
            pack = packs.install(wheel, wanted, address).result()
    finally:
        connections.close()
        network.close()
    note_hash(folders.language_packs, address, pack.sha256)
    return pack


def _show_progress(done: int, of: int) -> None:
    if sys.stderr.isatty():
        words = size_words(done) + (f" / {size_words(of)}" if of else "")
        print(f"\r\x1b[K{words}", end="\n" if done == of else "", file=sys.stderr, flush=True)


def run_remove(options: argparse.Namespace) -> int:
    with _opened(options) as (packs, _tools):
        packs.remove(options.name).result()
    return 0


def run_analyse(options: argparse.Namespace) -> int:
    from desktop_llm.ingest.reader import read_document

    text = read_document(options.file).text
    with _opened(options) as (_packs, tools):
        language = options.language
        if not language:
            found = tools.identify(text[:4000]).result()
            language = found[0].code if found else ""
        task = tools.analyse(text, language or "en", (Part.SENTENCES, Part.TOKENS, Part.ENTITIES))
        analysis = task.result()
    assert analysis is not None  # nobody cancels it
    if options.json:
        print(json.dumps(asdict(analysis), ensure_ascii=False))
    else:
        for line in _lines(text, analysis):
            print(line)
    return 0


def _fields(pack: LanguagePack) -> list[str]:
    return [
        f"{pack.name}-{pack.version}", pack.language, size_words(pack.size_bytes),
        pack.licence, " ".join(pack.components),
    ]  # fmt: skip


def _lines(text: str, analysis: Analysis) -> Iterator[str]:
    """Entities where there are any, else the sentences."""
    for entity in analysis.entities:
        yield f"{entity.label}\t{text[entity.start : entity.end]}"
    if not analysis.entities:
        for span in analysis.sentences:
            yield " ".join(text[span.start : span.end].split())
