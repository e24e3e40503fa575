"""From the start of the process to a window that is seen, then to one that takes a question, and
what it holds of the memory.

    python benchmarks/window_start.py STARTED [--bare]

STARTED is the time just before this process was made (seconds since the epoch). Prints one JSON
object. `--bare`: a QMainWindow and nothing else.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HEAVY = ("llama_cpp", "torch", "transformers", "spacy", "nltk", "onnxruntime", "huggingface_hub")
SETTLE_MILLISECONDS = 1000  # services open, the list is read


def main() -> None:
    started, bare = float(sys.argv[1]), "--bare" in sys.argv
    if bare:
        show_bare(started)
    else:
        show_program(started)


def show_bare(started: float) -> None:
    from PySide6.QtWidgets import QApplication, QMainWindow

    application = QApplication([])
    window = QMainWindow()
    window.resize(1100, 760)
    window.show()
    report(started, window, application)
    application.exec()


def show_program(started: float) -> None:
    from PySide6.QtWidgets import QApplication

    import desktop_llm.app as app
    from desktop_llm.__main__ import main as program_main

    class Watched(app.MainWindow):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments)  # type: ignore[arg-type]
            report(started, self, QApplication.instance())

    app.MainWindow = Watched  # type: ignore[misc]
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        data.mkdir()
        (data / "settings.toml").write_text('first_run_done = true\nlanguage = "en"\n')
        sys.argv = ["desktop-llm", "--data-dir", str(data)]
        program_main()


def report(started: float, window: Any, application: Any) -> None:
    """Say when the window is exposed and ready, and the memory a second later; then end."""
    from PySide6.QtCore import QEvent, QObject, QTimer

    seconds: dict[str, float] = {}
    timer = QTimer(window)
    bare = not hasattr(window, "painted")

    class Exposure(QObject):
        def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
            if event.type() == QEvent.Type.Paint:  # only an exposed window is painted
                seconds.setdefault("exposed", time.time() - started)
            return False

    window.installEventFilter(Exposure(window))

    def look() -> None:
        inside = window.centralWidget()
        if "exposed" in seconds and (bare or (inside is not None and inside.chat.ready)):
            timer.stop()
            seconds["ready"] = time.time() - started
            QTimer.singleShot(SETTLE_MILLISECONDS, tell)

    def tell() -> None:
        import psutil

        answer = {
            "exposed_seconds": seconds["exposed"],
            "ready_seconds": seconds["ready"],
            "pss_megabytes": psutil.Process(os.getpid()).memory_full_info().pss / 1e6,
            "heavy": [name for name in HEAVY if name in sys.modules],
        }
        print(json.dumps(answer), flush=True)
        application.quit()

    timer.timeout.connect(look)
    timer.start(1)


if __name__ == "__main__":
    main()
