"""From the start of the process to a window that is seen, and what it holds of the memory.

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
    import desktop_llm.app as app
    from desktop_llm.__main__ import main as program_main

    class Watched(app.Program):
        def __init__(self, application: object, *arguments: object, **named: object) -> None:
            super().__init__(application, *arguments, **named)  # type: ignore[arg-type]
            report(started, self.window, application)

    app.Program = Watched  # type: ignore[misc]
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        data.mkdir()
        (data / "settings.toml").write_text('first_run_done = true\nlanguage = "en"\n')
        sys.argv = ["desktop-llm", "--data-dir", str(data)]
        program_main()


def report(started: float, window: object, application: object) -> None:
    """Say when the window is exposed, and the memory a second later; then end."""
    from PySide6.QtCore import QTimer

    exposed: list[float] = []
    timer = QTimer(window)  # type: ignore[call-overload]

    def look() -> None:
        if window.windowHandle().isExposed():  # type: ignore[attr-defined]
            timer.stop()
            exposed.append(time.time() - started)
            QTimer.singleShot(SETTLE_MILLISECONDS, tell)

    def tell() -> None:
        import psutil

        answer = {
            "exposed_seconds": exposed[0],
            "pss_megabytes": psutil.Process(os.getpid()).memory_full_info().pss / 1e6,
            "heavy": [name for name in HEAVY if name in sys.modules],
        }
        print(json.dumps(answer), flush=True)
        application.quit()  # type: ignore[attr-defined]

    timer.timeout.connect(look)
    timer.start(1)


if __name__ == "__main__":
    main()
