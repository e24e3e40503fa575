"""`desktop-llm …`: arguments in, results on stdout, messages on stderr, an exit code."""

import argparse
import logging
import sys
from collections.abc import Callable
from pathlib import Path

from desktop_llm import __version__
from desktop_llm.core.errors import DesktopLlmError, EnvironmentFault, FaultCode, ProgramFault
from desktop_llm.core.settings import Language
from desktop_llm.storage.logs import start_logging
from desktop_llm.storage.paths import resolve_folders
from desktop_llm.words import use_language
from desktop_llm.words.faults import word_fault

logger = logging.getLogger(__name__)

EXIT_DONE, EXIT_ENVIRONMENT, EXIT_USAGE, EXIT_BUG = 0, 1, 2, 70


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="desktop-llm")
    parser.add_argument("--version", action="version", version=f"desktop-llm {__version__}")
    parser.add_argument("--data-dir", type=Path, metavar="DIR", help="data folder of this run")
    groups = parser.add_subparsers(dest="command")

    from desktop_llm.cli import ask, doctor, models

    for module in (ask, models, doctor):
        module.register(groups)
    return parser


def main(arguments: list[str], open_window: Callable[[Path | None], int]) -> int:
    """`open_window` runs where there is no command; the command line itself knows no window."""
    options = build_parser().parse_args(arguments)
    if options.command is None:
        return open_window(options.data_dir)
    use_language(Language.SYSTEM)
    folders = resolve_folders(options.data_dir)
    stop_logging = start_logging(folders.logs)
    if folders.fault is not None:
        print(f"desktop-llm: {word_fault(folders.fault)}", file=sys.stderr)
    try:
        result: int = options.run(options)
        return result
    except EnvironmentFault as fault:
        print(f"desktop-llm: {word_fault(fault)}", file=sys.stderr)
        return EXIT_ENVIRONMENT
    except DesktopLlmError as fault:
        logger.exception("%s failed", options.command)
        print(f"desktop-llm: {word_fault(fault)}", file=sys.stderr)
        return EXIT_BUG
    except KeyboardInterrupt:
        return EXIT_ENVIRONMENT
    except BrokenPipeError:
        sys.stderr.close()
        return EXIT_ENVIRONMENT
    except Exception as error:
        logger.exception("%s failed", options.command)
        bug = ProgramFault(FaultCode.BUG, detail=f"{type(error).__name__}: {error}")
        print(f"desktop-llm: {word_fault(bug)}", file=sys.stderr)
        return EXIT_BUG
    finally:
        stop_logging()
