"""A long reply with code, tables and formulas, streamed into the real window at 50 tokens/s.

    python benchmarks/streaming.py [TOKENS] [TOKENS_PER_SECOND]

No model: its tokens are told beforehand, so that what is measured is the window alone, with the
processes it starts for formulas. Beside it stands the same time with nothing to do. Prints one JSON
object: the longest stall of the event loop, and the share of a core that showing the reply took.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from PySide6.QtCore import QEventLoop, Qt, QTimer
from PySide6.QtWidgets import QApplication
from window_reply import wait

from desktop_llm.storage.paths import Folders
from desktop_llm.storage.settings import SettingsFile
from desktop_llm.ui.bridge import COALESCE_MILLISECONDS
from desktop_llm.ui.program import Program
from desktop_llm.ui.widgets.message_column import Entry

TICK = 4  # milliseconds
LETTERS = 4  # of a token, about
PART = """## Part {number}

Some words with **bold**, *italic* and `code`, and $x_{{{number}}}^2 + y^2 = r^2$ among them, so
that the paragraph takes several lines as paragraphs of replies do; 中文也有。

- one item with $\\alpha_{{{number}}} \\le \\beta$
- another item
  1. within it

| name | value | note |
|:--|--:|---|
| a{number} | {number} | *first* |
| b{number} | 2 | `second` |

$$
\\sum_{{i=1}}^{{{number}}} \\frac{{1}}{{i^2}} \\approx \\frac{{\\pi^2}}{{6}}
$$

```python
def function_{number}(value):
    # a comment
    return [value + {number} for _ in range({number})]
```

"""


def main() -> None:
    tokens = int(sys.argv[1]) if len(sys.argv) > 1 else 4000
    speed = float(sys.argv[2]) if len(sys.argv) > 2 else 50.0
    application = QApplication([])
    text = ""
    while len(text) < tokens * LETTERS:
        text += PART.format(number=len(text) // 600 + 1)
    text = text[: tokens * LETTERS]
    with tempfile.TemporaryDirectory() as folder:
        folders = Folders(Path(folder) / "data", Path(folder) / "cache")
        folders.ensure()
        folders.settings_file.write_text('first_run_done = true\nlanguage = "en"\n')
        program = Program(application, folders, SettingsFile(folders.settings_file))
        page = program.workspace.chat
        wait(lambda: page.ready)
        program.window.show()
        transcript = page.view.transcript
        page.view.show_empty(False)
        transcript.show_entries([Entry(1, "A long question?", True), Entry(2, "", False)])
        idle = measure(lambda _text: None, "", 10.0)
        shown = measure(lambda more: transcript.stream(2, more), text, tokens / speed)
        transcript.finish(2, text, "")
        program.close()
    answer = {
        "stall_longest_ms": shown["longest_ms"],
        "stall_p99_ms": shown["p99_ms"],
        "core_share": shown["share"] - idle["share"],
    }
    print(json.dumps(answer))
    sys.stdout.flush()
    os._exit(0)


def measure(show: Callable[[str], object], text: str, seconds: float) -> dict[str, float]:
    """Give `text` in pieces as they would come within `seconds`."""
    gaps: list[float] = []
    began = last = time.perf_counter()
    given = 0
    spent = _spent()

    def tick() -> None:
        nonlocal last
        now = time.perf_counter()
        gaps.append(now - last)
        last = now

    def give() -> None:
        nonlocal given
        due = min(len(text), int(len(text) * (time.perf_counter() - began) / seconds))
        if due > given:
            show(text[given:due])
            given = due

    ticks, gives = QTimer(), QTimer()
    ticks.setTimerType(Qt.TimerType.PreciseTimer)
    ticks.timeout.connect(tick)
    gives.timeout.connect(give)
    ticks.start(TICK)
    gives.start(COALESCE_MILLISECONDS)
    loop = QEventLoop()
    QTimer.singleShot(int(1000 * seconds) + 500, loop.quit)
    loop.exec()
    ticks.stop()
    gives.stop()
    stalls = sorted(max(0.0, gap - TICK / 1000) for gap in gaps)
    return {
        "longest_ms": 1000 * stalls[-1],
        "p99_ms": 1000 * stalls[int(0.99 * (len(stalls) - 1))],
        "share": (_spent() - spent) / (time.perf_counter() - began),
    }


def _spent() -> float:
    """Processor seconds of this process and of those it started."""
    process = psutil.Process()
    total = sum(process.cpu_times()[:2])
    for child in process.children(recursive=True):
        try:
            total += sum(child.cpu_times()[:2])
        except psutil.Error:
            continue
    return float(total)


if __name__ == "__main__":
    main()
