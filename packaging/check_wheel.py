"""Builds the wheel, installs it into an empty environment, and uses it there.

What a checkout hides shows here: a file that is not packed, a dependency that is not declared.
"""

import json
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

WINDOW = """
import sys
from pathlib import Path
from PySide6.QtWidgets import QApplication
from desktop_llm.ui.program import Program
from desktop_llm.storage.paths import Folders
from desktop_llm.storage.settings import SettingsFile
application = QApplication([])
folders = Folders(Path(sys.argv[1]) / "data", Path(sys.argv[1]) / "cache")
folders.ensure()
folders.settings_file.write_text('language = "zh_CN"')
program = Program(application, folders, SettingsFile(folders.settings_file))
while not program.window.chat.ready:
    application.processEvents()
send = program.window.chat.composer.button.text()
program.close()
assert send == "\\u53d1\\u9001", send  # Chinese: the catalogue is in the wheel
print("the window works")
"""

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", str(work)]
        subprocess.run([*build, str(ROOT)], check=True, stdout=subprocess.DEVNULL)
        (wheel,) = work.glob("*.whl")
        environment = work / "environment"
        venv.create(environment, with_pip=True)
        scripts = environment / ("Scripts" if os.name == "nt" else "bin")
        pip = [str(scripts / "python"), "-m", "pip", "--disable-pip-version-check", "install", "-q"]
        constraints = ROOT / "packaging" / "constraints.txt"
        subprocess.run([*pip, "-c", str(constraints), str(wheel)], check=True)
        variables = {**os.environ, "DESKTOP_LLM_HOME": str(work / "home")}
        doctor = subprocess.run(
            [str(scripts / "desktop-llm"), "doctor", "--json"],
            check=True, capture_output=True, text=True, cwd=work, env=variables,
        )  # fmt: skip
        window = subprocess.run(
            [str(scripts / "python"), "-c", WINDOW, str(work / "window")],
            check=True, capture_output=True, text=True, cwd=work,
            env={**variables, "QT_QPA_PLATFORM": "offscreen"},
        )  # fmt: skip
        report = json.loads(doctor.stdout)
        print(f"{wheel.name}: doctor works, worker {report['worker']}; {window.stdout.strip()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
