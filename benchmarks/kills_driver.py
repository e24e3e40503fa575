"""The program without its window, for `kills.py` to kill: questions in, what it sees out.

    python benchmarks/kills_driver.py FOLDER

Each line of stdin is a question (JSON), asked in a conversation of its own; each line of stdout
says what the program was shown, and when on the system's monotonic clock.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from desktop_llm.core.engine import TextDelta
from desktop_llm.core.replies import Asked
from desktop_llm.services.bundle import Services
from desktop_llm.storage.paths import Folders
from desktop_llm.storage.settings import SettingsFile


def say(what: str, **values: Any) -> None:
    line = json.dumps({"what": what, "at": time.monotonic(), **values})
    os.write(1, line.encode("ascii") + b"\n")  # whole, also if this is the last moment


def main() -> None:
    folders = Folders(Path(sys.argv[1]) / "data", Path(sys.argv[1]) / "cache")
    services = Services.open(folders, SettingsFile(folders.settings_file))
    say("ready")
    worker: int | None = None
    for line in sys.stdin:
        say("sending")
        task = services.chat.send(None, json.loads(line), None)
        for event in task.wait_events():
            if isinstance(event, TextDelta):
                say("text", text=event.text)
            elif isinstance(event, Asked):
                say("asked", question=event.question.id, reply=event.reply.id)
            if services.engine.worker_pid not in (worker, None):
                worker = services.engine.worker_pid
                say("worker", pid=worker)
        answered = task.result()
        code = "" if answered.fault is None else answered.fault.code.value
        say("answered", state=answered.reply.state.value, text=answered.reply.text, fault=code)
    services.close()


if __name__ == "__main__":
    main()
