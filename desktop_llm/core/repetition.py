"""Where a model's text begins to go round in circles.

A text loops where a piece of it is repeated at its end without anything between. Lists, tables and
a word said three times do not: the piece must come often, and cover much.
"""

import re

LEAST_TIMES = 4
LEAST_COVERED = 40  # characters
LONGEST_PERIOD = 400  # characters
TAIL = 4000  # characters that are looked at
TOO_LONG = 4  # times its source, and some
SPARE = 200  # characters


def loop_start(text: str) -> int | None:
    """Where the first repeat of the piece that the text ends with begins; None: it does not loop.

    What stands before it, with the piece once, is what was said.
    """
    tail = text[-TAIL:]
    for period in range(1, min(LONGEST_PERIOD, len(tail) // (LEAST_TIMES - 1)) + 1):
        same = 0  # signs at the end that are those a period before
        while same + period < len(tail) and tail[-1 - same] == tail[-1 - same - period]:
            same += 1
        covered = same + period
        # White space at the end may be missing.
        if covered < max(LEAST_COVERED, LEAST_TIMES * period - 2):
            continue
        if re.search(r"\w", tail[-period:]):  # else dashes of a table, dots
            return len(text) - same
    return None


def without_loop(text: str) -> tuple[str, bool]:
    """The text without the repeats at its end, and whether there were any."""
    start = loop_start(text)
    return (text, False) if start is None else (text[:start].rstrip(), True)


def is_too_long(text: str, source: str) -> bool:
    """For a text that should be about as long as its source."""
    return len(text) > TOO_LONG * len(source) + SPARE
