"""How a log record becomes a line that holds none of a person's words.

A log is for ids, lengths and places in the code. An exception's message is neither: it quotes what
the code stumbled over, which may be a prompt. So a line names the exception's type, its numbers and
where it was raised, never its message; of a record of another library, whose words nobody here
chose, only the place is kept.
"""

import errno
import logging
import sys
import threading
import traceback
from collections.abc import Callable
from datetime import datetime
from types import TracebackType

from desktop_llm.core.errors import DesktopLlmError

OURS = "desktop_llm"
LONGEST_CHAIN = 5  # exceptions that caused each other
DEEPEST = 30  # calls shown of one traceback, the innermost


class WordlessFormatter(logging.Formatter):
    """`time LEVEL logger: message`, a record a line; a traceback follows, indented."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created).astimezone().isoformat("T", "milliseconds")
        lines = [f"{time} {record.levelname} {record.name}: {_message(record)}"]
        error = record.exc_info[1] if record.exc_info else None
        for _ in range(LONGEST_CHAIN):
            if error is None:
                break
            lines.append(f"  {describe(error)}")
            lines += [f"    {place}" for place in _places(error.__traceback__)]
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        return "\n".join(lines)


def describe(error: BaseException) -> str:
    """An exception without its words."""
    kind = type(error).__name__
    if isinstance(error, DesktopLlmError):
        numbers = [f"{key}={value}" for key, value in error.data.items() if _is_number(value)]
        return " ".join([kind, error.code.value, *numbers])
    if isinstance(error, OSError):
        return f"{kind} {errno.errorcode.get(error.errno or 0, error.errno or '')}".strip()
    if isinstance(error, AttributeError | NameError | ImportError) and error.name:
        return f"{kind} name={error.name}"
    code = getattr(error, "extendedresult", None)  # SQLite's own number
    return f"{kind} {code}" if isinstance(code, int) else kind


def log_uncaught(logger: logging.Logger, *, and_print: bool) -> Callable[[], None]:
    """From now on uncaught exceptions of every thread are logged. Returns what ends that.

    `and_print`: show them as Python does, too; their messages then go to stderr.
    """
    print_main, print_thread = sys.excepthook, threading.excepthook

    def in_main(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if issubclass(kind, Exception):
            logger.critical("an exception was not caught", exc_info=(kind, error, trace))
        if and_print:
            print_main(kind, error, trace)

    def in_thread(arguments: threading.ExceptHookArgs) -> None:
        error, thread = arguments.exc_value, arguments.thread
        if isinstance(error, Exception):
            name = thread.name if thread is not None else "unknown"
            logger.critical(
                "an exception was not caught in the thread %s",
                name,
                exc_info=(arguments.exc_type, error, arguments.exc_traceback),
            )
        if and_print:
            print_thread(arguments)

    sys.excepthook, threading.excepthook = in_main, in_thread

    def undo() -> None:
        if sys.excepthook is in_main:
            sys.excepthook = print_main
        if threading.excepthook is in_thread:
            threading.excepthook = print_thread

    return undo


def _message(record: logging.LogRecord) -> str:
    if record.name.partition(".")[0] not in (OURS, "__main__"):
        return f"{record.module}:{record.lineno}"
    message = str(record.msg)
    if isinstance(record.args, tuple) and record.args:
        message %= tuple(
            describe(value) if isinstance(value, BaseException) else value for value in record.args
        )
    elif record.args:
        message %= record.args
    return message.replace("\n", "\\n")


def _places(trace: TracebackType | None) -> list[str]:
    places = [
        f"{frame.f_code.co_filename}:{line} {frame.f_code.co_qualname}"
        for frame, line in traceback.walk_tb(trace)
    ]
    return places[-DEEPEST:]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float)
