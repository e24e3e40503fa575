"""Pictures of the real program with the starter model, in both themes and languages.

Runs under Xvfb (started here where there is no screen) and writes `docs/images/*.png`.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
QUESTIONS = {
    "en": (
        "Why is the sky blue? Answer in two sentences.",
        "Show a Python function that adds two numbers.",
    ),
    "zh_CN": (
        "Why is the sky blue? Answer in two sentences.",
        "“天空为什么是蓝色的”用英语怎么说？",
    ),
}
PICTURES = [("light", "en"), ("dark", "en"), ("light", "zh_CN"), ("dark", "zh_CN")]
REPLY_SECONDS = 120


def main() -> int:
    if len(sys.argv) == 3:
        take(sys.argv[1], sys.argv[2])
        return 0
    if "DISPLAY" not in os.environ:
        runner = shutil.which("xvfb-run")
        if runner is None:
            print("Install xvfb and fonts-noto-cjk first: sudo apt-get install xvfb fonts-noto-cjk")
            return 1
        screen = ["-a", "-s", "-screen 0 1280x860x24"]
        return subprocess.run([runner, *screen, sys.executable, __file__], check=False).returncode
    IMAGES.mkdir(parents=True, exist_ok=True)
    for theme, language in PICTURES:
        subprocess.run([sys.executable, __file__, theme, language], check=True)
    return 0


def take(theme: str, language: str) -> None:
    from PySide6.QtCore import QDeadlineTimer, QEventLoop, QTimer
    from PySide6.QtWidgets import QApplication

    from desktop_llm.app import Program
    from desktop_llm.storage.paths import Folders
    from desktop_llm.storage.settings import SettingsFile

    application = QApplication([])

    def wait_for(ready: Callable[[], object]) -> None:
        """Sleep between events: a busy loop here would slow the model down."""
        loop, timer = QEventLoop(), QTimer()
        deadline = QDeadlineTimer(REPLY_SECONDS * 1000)
        timer.timeout.connect(lambda: loop.quit() if ready() or deadline.hasExpired() else None)
        timer.start(50)
        loop.exec()
        if not ready():
            raise TimeoutError("the program did not answer")

    with tempfile.TemporaryDirectory() as folder:
        folders = Folders(Path(folder) / "data", Path(folder) / "cache")
        folders.ensure()
        folders.settings_file.write_text(
            f'theme = "{theme}"\nlanguage = "{language}"\n', encoding="utf-8"
        )
        program = Program(application, folders, SettingsFile(folders.settings_file))
        page = program.window.chat
        wait_for(page.isEnabled)
        for question in QUESTIONS[language]:
            ended: list[object] = []
            page.answered.connect(ended.append)
            page.composer.set_text(question)
            page.composer.button.click()
            wait_for(lambda ended=ended: ended)
        for _ in range(20):
            application.processEvents()
        path = IMAGES / f"chat-{theme}-{language}.png"
        program.window.grab().save(str(path))
        program.close()
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    sys.exit(main())
