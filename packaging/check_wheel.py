"""Builds the wheel, installs it into an empty environment, and uses it there.

What a checkout hides shows here: a file that is not packed, a dependency that is not declared.
"""

import json
import os
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

WINDOW = """
import sys
from pathlib import Path
from PySide6.QtWidgets import QApplication
from desktop_llm.ui.program import Program
from desktop_llm.storage.paths import Folders
from desktop_llm.storage.settings import SettingsFile
from desktop_llm.ui.icons import app_icon
application = QApplication([])
folders = Folders(Path(sys.argv[1]) / "data", Path(sys.argv[1]) / "cache")
folders.ensure()
folders.settings_file.write_text('language = "zh_CN"')
program = Program(application, folders, SettingsFile(folders.settings_file))
while not program.workspace.chat.ready:
    application.processEvents()
send = program.workspace.chat.composer.button.text()
program.close()
assert send == "\\u53d1\\u9001", send  # Chinese: the catalogue is in the wheel
assert not app_icon().pixmap(32, 32).isNull()
print("the window works")
"""

ROOT = Path(__file__).resolve().parent.parent


def missing_resources(wheel: Path) -> list[str]:
    """Files of `resources/` that the wheel does not carry."""
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    folder = ROOT / "resources"
    wanted = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    wanted.append(Path("icons", "desktop-llm.svg"))  # whatever the checkout looks like
    wanted.append(Path("i18n", "zh_CN", "LC_MESSAGES", "desktop_llm.mo"))
    names = {f"desktop_llm/_resources/{name.as_posix()}" for name in wanted}
    return sorted(names - packed)


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", str(work)]
        subprocess.run([*build, str(ROOT)], check=True, stdout=subprocess.DEVNULL)
        (wheel,) = work.glob("*.whl")
        if missing := missing_resources(wheel):
            print(f"{wheel.name} lacks {', '.join(missing)}")
            return 1
        environment = work / "environment"
        venv.create(environment, with_pip=True)
        scripts = environment / ("Scripts" if os.name == "nt" else "bin")
        pip = [str(scripts / "python"), "-m", "pip", "--disable-pip-version-check", "install", "-q"]
        constraints = ROOT / "packaging" / "constraints.txt"
        variables = {**os.environ, "DESKTOP_LLM_HOME": str(work / "home")}
        variables.pop("PYTHONPATH", None)  # it may name a checkout
        subprocess.run([*pip, "-c", str(constraints), str(wheel)], check=True, env=variables)
        version = subprocess.run(
            [str(scripts / "desktop-llm"), "--version"],
            check=True, capture_output=True, text=True, cwd=work, env=variables,
        ).stdout.strip()  # fmt: skip
        if version.split() != ["desktop-llm", wheel.name.split("-")[1]]:
            print(f"{wheel.name} calls itself {version}")
            return 1
        doctor = subprocess.run(
            [str(scripts / "desktop-llm"), "doctor", "--json"],
            check=True, capture_output=True, text=True, cwd=work, env=variables,
        )  # fmt: skip
        window = subprocess.run(
            [str(scripts / "python"), "-c", WINDOW, str(work / "window")],
            check=True, capture_output=True, text=True, cwd=work, timeout=120,
            env={**variables, "QT_QPA_PLATFORM": "offscreen"},
        )  # fmt: skip
        report = json.loads(doctor.stdout)
        print(f"{wheel.name}: doctor works, worker {report['worker']}; {window.stdout.strip()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
