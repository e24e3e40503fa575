"""A text of a hundred pages summarised: memory while it goes on, a kill in the middle, the rest.

python benchmarks/long_summary.py [PAGES]

Prints one JSON object. "Flat" is the memory at the last part beside that at the fifth.
"""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import psutil
from measure import HERE

sys.path.insert(0, str(HERE.parent))

from desktop_llm.core.settings import Settings
from desktop_llm.core.text_tools import PartDone, ToolRequest
from desktop_llm.engine.client import EngineClient
from desktop_llm.services.bundle import ToolsOnDemand
from desktop_llm.services.models import ModelService
from desktop_llm.storage.library import Library
from desktop_llm.storage.paths import Folders

A_PAGE = 2500  # characters
TOKENS = 48  # of the summary of a part: what is measured is not how long they are
NOUNS = (
    "harbour", "captain", "sail", "crew", "storm", "island", "letter", "morning", "lantern",
    "chart", "cargo", "voyage", "council", "bridge", "winter", "market", "doctor", "garden",
    "engine", "copper",
)  # fmt: skip
KILLED_AT = 4  # parts that are done when it is killed


def text(pages: int) -> str:
    chance = random.Random(1)
    parts, size = [], 0
    while size < pages * A_PAGE:
        said = " ".join(chance.choice(NOUNS) for _ in range(chance.randint(6, 14)))
        sentence = f"In {1800 + len(parts) % 200} the {said}."
        parts.append(sentence + ("\n\n" if len(parts) % 6 == 5 else " "))
        size += len(parts[-1])
    return "".join(parts)


def main() -> None:
    pages = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    if "--child" in sys.argv:
        print(json.dumps(summarise(Path(sys.argv[3]), pages)))
        return
    with tempfile.TemporaryDirectory() as folder:
        child = subprocess.Popen(
            [sys.executable, __file__, str(pages), "--child", folder],
            stdout=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        while parts_in(Path(folder)) < KILLED_AT:
            time.sleep(0.2)
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        kept = parts_in(Path(folder))
        result = summarise(Path(folder), pages)
    result |= {"kept": kept, "made_twice": kept - result["known"]}
    print(json.dumps(result))


def parts_in(folder: Path) -> int:
    try:
        with sqlite3.connect(f"file:{folder}/data/tools.db?mode=ro", uri=True) as database:
            return int(database.execute("SELECT count(*) FROM parts").fetchone()[0])
    except sqlite3.Error:
        return 0


def summarise(folder: Path, pages: int) -> dict[str, float]:
    folders = Folders(folder / "data", folder / "cache")
    folders.ensure()
    engine = EngineClient()
    models = ModelService(Library(folders), engine)
    tools = ToolsOnDemand(folders, engine, models, lambda: Settings(context_length=2048))
    tool = replace(tools.shelf.find("summarise"), max_tokens=TOKENS)
    task = tools.work.run(ToolRequest(tool=tool, text=text(pages)))
    memory: list[float] = []
    for event in task.wait_events():
        if isinstance(event, PartDone) and event.done:
            processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
            memory.append(sum(each.memory_info().rss for each in processes) / 1e6)
    outcome = task.result()
    engine.close()
    tools.close()
    return {
        "parts": outcome.parts, "known": outcome.known_parts, "seconds": outcome.seconds,
        "sentences": len(outcome.said), "memory_early": memory[min(KILLED_AT + 5, len(memory) - 1)],
        "memory_late": memory[-1],
    }  # fmt: skip


main()
