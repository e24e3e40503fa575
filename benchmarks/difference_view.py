"""The difference of two texts of 5,000 words, and of 8,000 Chinese characters: the comparison, and
until a window shows it.

python benchmarks/difference_view.py

Prints one JSON object; seconds, the median of some rounds.
"""

import json
import os
import random
import statistics
import sys
import time
from collections.abc import Callable

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
from measure import HERE

sys.path.insert(0, str(HERE.parent))

from PySide6.QtWidgets import QApplication

from desktop_llm.core.text_tools import ToolOutcome
from desktop_llm.core.tools import Output, Tool, Words
from desktop_llm.rendering.differences import differences
from desktop_llm.ui.pages.tool_view import ToolView

ROUNDS = 5
WORDS, CHARACTERS = 5000, 8000


def seconds(work: Callable[[], object]) -> float:
    times = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


def main() -> None:
    chance = random.Random(1)
    known = [f"word{at}" for at in range(800)]
    old = [chance.choice(known) for _ in range(WORDS)]
    new = [word if chance.random() > 0.1 else chance.choice(known) for word in old]
    one, other = " ".join(old), " ".join(new)
    chinese = "".join(chr(0x4E00 + chance.randrange(500)) for _ in range(CHARACTERS))
    changed = "".join(sign if chance.random() > 0.1 else "的" for sign in chinese)
    application = QApplication([])
    view = ToolView()
    view.resize(560, 420)
    view.show()
    tool = Tool(id="x", name=Words("X"), instruction=Words("x"), output=Output.EDIT)
    view.open(tool, one, {})

    def show() -> None:
        pieces = differences(one, other)
        view.show_outcome(ToolOutcome(text=other), pieces)
        application.processEvents()

    print(
        json.dumps(
            {
                "compared": seconds(lambda: differences(one, other)),
                "compared_chinese": seconds(lambda: differences(chinese, changed)),
                "shown": seconds(show),
            }
        )
    )


main()
