"""A conversation of 300 messages is opened in the real window.

    python benchmarks/opening.py [MESSAGES]

Prints one JSON object: milliseconds from the click to the painted messages.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtWidgets import QApplication
from window_reply import wait

from desktop_llm.core.messages import MessageState, Role
from desktop_llm.storage.conversations import Conversations
from desktop_llm.storage.database import Database
from desktop_llm.storage.paths import Folders
from desktop_llm.storage.settings import SettingsFile
from desktop_llm.ui.program import Program

REPLY = """## Part {number}

Some words with **bold**, *italic* and `code`, and then more words, so that the paragraph takes
several lines as paragraphs of replies do, with a [link](https://example.org) at its end.

- one item
- another item, 中文也有
- a third

```python
def function_{number}(value):
    return value + {number}
```
"""


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    application = QApplication([])
    with tempfile.TemporaryDirectory() as folder:
        folders = Folders(Path(folder) / "data", Path(folder) / "cache")
        folders.ensure()
        folders.settings_file.write_text('first_run_done = true\nlanguage = "en"\n')
        number = fill(folders, count)
        program = Program(application, folders, SettingsFile(folders.settings_file))
        page = program.workspace.chat
        wait(lambda: page.ready and not page.shown.opening)
        painted: list[float] = []
        transcript = page.view.transcript

        def shown() -> None:
            transcript.viewport().repaint()
            painted.append(time.perf_counter())

        page.shown.opened.connect(shown)
        clicked = time.perf_counter()
        page.open(number)
        wait_until_painted(painted)
        program.close()
    print(json.dumps({"milliseconds": 1000 * (painted[-1] - clicked)}))


def wait_until_painted(painted: list[float]) -> None:
    loop, timer = QEventLoop(), QTimer()
    timer.timeout.connect(lambda: loop.quit() if painted else None)
    timer.start(5)
    loop.exec()


def fill(folders: Folders, count: int) -> int:
    """A long conversation and, newer than it, a short one that is shown at the start."""
    database = Database(folders.database)
    store = Conversations(database)
    long = store.create("Long").id
    parent = None
    for number in range(count // 2):
        question = store.add(long, Role.USER, f"Question {number}?", parent=parent, durable=False)
        parent = store.add(
            long, Role.ASSISTANT, REPLY.format(number=number), parent=question.id,
            state=MessageState.COMPLETE, durable=False,
        ).id  # fmt: skip
    store.create("Short")
    database.close()
    return long


if __name__ == "__main__":
    main()
