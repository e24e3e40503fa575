"""`models list`: what this computer has."""

import argparse
import json
from dataclasses import asdict

from desktop_llm.storage.library import Library
from desktop_llm.storage.paths import resolve_folders


def register(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True)
    listing = actions.add_parser("list")
    listing.add_argument("--json", action="store_true")
    listing.set_defaults(run=run_list)


def run_list(options: argparse.Namespace) -> int:
    models = Library(resolve_folders(options.data_dir)).models()
    if options.json:
        print(json.dumps([asdict(model) for model in models], ensure_ascii=False))
        return 0
    for model in models:
        print(f"{model.name}\t{model.size_bytes / 1e6:,.0f} MB\t{model.source}\t{model.path}")
    return 0
