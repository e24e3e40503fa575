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
        report = json.loads(doctor.stdout)
        print(f"{wheel.name}: doctor works, worker {report['worker']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
