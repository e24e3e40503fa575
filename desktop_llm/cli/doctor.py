"""`doctor`: what a person, or a bug report, needs to know of this installation."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from desktop_llm.engine.client import EngineClient
from desktop_llm.services.diagnostics import Diagnostics, ask_worker, examine
from desktop_llm.storage.paths import resolve_folders
from desktop_llm.words import _


def register(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true")
    parser.add_argument(
        "--save", type=Path, metavar="FILE", help="write it down with the logs, for a bug report"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """A worker that does not answer is the fault raised; what else is known is shown first."""
    folders = resolve_folders(options.data_dir)
    engine = EngineClient()
    try:
        round_trip = ask_worker(engine)
        diagnostics = Diagnostics(folders, engine)
        if options.save is not None:
            diagnostics.save(options.save, round_trip)
            said = _("The diagnostics are in “{path}”. No word of any conversation is in them.")
            print(said.format(path=options.save), file=sys.stderr)
        if options.json:
            report: dict[str, Any] = asdict(examine(folders))
            report["worker_round_trip_seconds"] = round(round_trip.seconds, 3)
            report["worker"] = engine.hello.runtime if engine.hello else ""
            print(json.dumps(report, ensure_ascii=False))
        else:
            print(diagnostics.report(round_trip, logs=False), end="")
    finally:
        engine.close()
    if round_trip.fault is not None:
        raise round_trip.fault
    return 0
