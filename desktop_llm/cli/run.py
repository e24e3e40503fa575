"""One command: results on stdout, messages on stderr, an exit code, whatever happens in it."""

import argparse
import logging
import sys

from desktop_llm.core.errors import DesktopLlmError, EnvironmentFault, FaultCode, ProgramFault
from desktop_llm.core.settings import Language
from desktop_llm.storage.ledger import refuse_and_record_unasked
from desktop_llm.storage.logs import start_logging
from desktop_llm.storage.paths import resolve_folders
from desktop_llm.words import use_language
from desktop_llm.words.faults import word_fault

logger = logging.getLogger(__name__)

EXIT_DONE, EXIT_ENVIRONMENT, EXIT_USAGE, EXIT_BUG = 0, 1, 2, 70


def run(options: argparse.Namespace) -> int:
    use_language(Language.SYSTEM)
    folders = resolve_folders(options.data_dir)
    stop_logging = start_logging(folders.logs)
    refuse_and_record_unasked(folders.logs)
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
