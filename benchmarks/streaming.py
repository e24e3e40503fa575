"""A long reply with code, tables and formulas, streamed into the real window at 50 tokens/s.

    python benchmarks/streaming.py [TOKENS] [TOKENS_PER_SECOND]

No model: its tokens are told beforehand, so that what is measured is the window alone, with the
processes it starts for formulas. What the same words cost where nothing is shown is taken off.
Prints one JSON object: the longest stall of the event loop, and the share of a core that showing
the reply took.
"""

import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from PySide6.QtCore import QEventLoop, Qt, QTimer
from PySide6.QtWidgets import QApplication
from window_reply import wait

from desktop_llm.core.engine import TextDelta
from desktop_llm.core.tasks import Task
from desktop_llm.storage.paths import Folders
from desktop_llm.storage.settings import SettingsFile
from desktop_llm.ui.bridge import Bridge
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
        idle = measure(program.bridge, lambda _text: None, text, int(10 * speed), 10.0)
        shown = measure(
            program.bridge, lambda more: transcript.stream(2, more), text, tokens, tokens / speed
        )
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


def measure(
    bridge: Bridge, show: Callable[[str], object], text: str, tokens: int, seconds: float
) -> dict[str, float]:
    """Give `text` in so many pieces within `seconds`, by the way that a reply's words take."""
    gaps: list[float] = []
    task: Task[TextDelta, None] = Task()
    began = last = time.perf_counter()
    spent = _spent()

    def tick() -> None:
        nonlocal last
        now = time.perf_counter()
        gaps.append(now - last)
        last = now

    def give() -> None:
        for number in range(tokens):
            due = began + seconds * (number + 1) / tokens
            time.sleep(max(0.0, due - time.perf_counter()))
            start, end = (len(text) * at // tokens for at in (number, number + 1))
            task.post(TextDelta(text[start:end], 1))
        task.finish(None)

    loop = QEventLoop()
    bridge.follow(task, lambda event: show(event.text), lambda _nothing: loop.quit(), raise_)
    ticks = QTimer()
    ticks.setTimerType(Qt.TimerType.PreciseTimer)
    ticks.timeout.connect(tick)
    ticks.start(TICK)
    giver = threading.Thread(target=give)
    giver.start()
    loop.exec()
    giver.join()
    ticks.stop()
    stalls = sorted(max(0.0, gap - TICK / 1000) for gap in gaps)
    return {
        "longest_ms": 1000 * stalls[-1],
        "p99_ms": 1000 * stalls[int(0.99 * (len(stalls) - 1))],
        "share": (_spent() - spent) / (time.perf_counter() - began),
    }


def raise_(fault: Exception) -> None:
    raise fault


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
