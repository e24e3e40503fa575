"""A reply in the real window: speed, time to the first word, and how long the window was deaf.

    python benchmarks/window_reply.py TOKENS [--long]

Prints one JSON object. The reply is greedy and as long as asked (the end-of-text tokens are
forbidden); the window's event loop is timed by a timer of 2 ms beside it.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from measure import QUESTION
from PySide6.QtCore import QEventLoop, Qt, QTimer
from PySide6.QtWidgets import QApplication

from desktop_llm.app import SWITCH_SECONDS
from desktop_llm.core.generation import GenerationRequest, Sampling
from desktop_llm.core.messages import Message
from desktop_llm.core.presets import Parameters
from desktop_llm.storage.paths import Folders
from desktop_llm.storage.settings import SettingsFile
from desktop_llm.ui.program import Program

TICK = 2  # milliseconds
ENDS = (0, 2)  # the starter model's tokens that end a text
LONG = "Write a long guide to gardening, with headings, lists and a table, in Markdown."


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("tokens", type=int)
    parser.add_argument("--long", action="store_true", help="Markdown, at a temperature")
    options = parser.parse_args()
    sys.setswitchinterval(SWITCH_SECONDS)
    application = QApplication([])
    with tempfile.TemporaryDirectory() as folder:
        folders = Folders(Path(folder) / "data", Path(folder) / "cache")
        folders.ensure()
        folders.settings_file.write_text('first_run_done = true\nlanguage = "en"\n')
        program = Program(application, folders, SettingsFile(folders.settings_file))
        page = program.workspace.chat
        wait(lambda: page.ready)
        assert program.services is not None
        chat = program.services.chat

        def request(
            messages: tuple[Message, ...],
            _parameters: Parameters,
            conversation: str = "",
            continues: bool = False,
            scores: bool = False,
        ) -> GenerationRequest:
            sampling = Sampling(
                temperature=0.7 if options.long else 0,
                repeat_penalty=1.1 if options.long else 1.0,  # or it ends in a thousand stars
                seed=1,
                logit_bias=tuple((token, -100.0) for token in ENDS),
            )
            return GenerationRequest(
                messages=messages,
                sampling=sampling,
                max_tokens=options.tokens,
                continues=continues,
                conversation=conversation,
                scores=scores,
            )

        chat.prompts.request = request  # type: ignore[method-assign]
        answer = reply(program, "Hi")
        page.new_conversation()
        answer = reply(program, LONG if options.long else QUESTION)
        program.close()
    print(json.dumps(answer))
    sys.stdout.flush()


def reply(program: Program, question: str) -> dict[str, float | int]:
    page = program.workspace.chat
    seen: list[float] = []
    ended: list[object] = []
    page._replies.grew.connect(lambda _live, _text, _first: seen.append(time.perf_counter()))
    page.shown.answered.connect(ended.append)
    gaps: list[float] = []
    last = time.perf_counter()

    def tick() -> None:
        nonlocal last
        now = time.perf_counter()
        gaps.append(now - last)
        last = now

    timer = QTimer()
    timer.setTimerType(Qt.TimerType.PreciseTimer)
    timer.timeout.connect(tick)
    page.composer.set_text(question)
    asked = last = time.perf_counter()
    timer.start(TICK)
    page.composer.button.click()
    wait(lambda: bool(ended))
    timer.stop()
    stalls = sorted(max(0.0, gap - TICK / 1000) for gap in gaps)
    stats = ended[0].stats  # type: ignore[attr-defined]
    return {
        "tokens_per_second": stats.tokens_per_second,
        "first_token_seconds": seen[0] - asked,
        "tokens": stats.completion_tokens,
        "stall_p99_ms": 1000 * stalls[int(0.99 * (len(stalls) - 1))],
        "stall_longest_ms": 1000 * stalls[-1],
    }


def wait(ready: Callable[[], bool]) -> None:
    loop, timer = QEventLoop(), QTimer()
    timer.timeout.connect(lambda: loop.quit() if ready() else None)
    timer.start(20)
    loop.exec()


if __name__ == "__main__":
    main()
