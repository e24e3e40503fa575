"""A program that is killed at one of its own steps: just before the n-th change of a file.

    for number in itertools.count():
        if not crashed(number, function, "argument"):
            break

runs a test module's `function("argument")` in a process of its own and ends that process, as
SIGKILL would, at its n-th step. The steps are what Python's audit events name; SQLite's own are
the business of `tests.fakes.disk`.
"""

import inspect
import os
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
STEPS = {
    "os.rename", "os.remove", "os.link", "os.symlink", "os.mkdir", "os.rmdir", "os.truncate",
    "shutil.copyfile", "shutil.copytree", "shutil.rmtree", "tempfile.mkstemp",
}  # fmt: skip
KILLED = 137


def crashed(number: int, function: Callable[..., object], *arguments: str) -> bool:
    """False where the function came to its end before that step."""
    place = (str(number), str(inspect.getsourcefile(function)), function.__name__)
    done = subprocess.run(
        [sys.executable, "-m", __name__, *place, *arguments],
        check=False, capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode in (0, KILLED), done.stderr
    return done.returncode == KILLED


def _main(number: int, file: str, name: str, *arguments: str) -> None:
    function = runpy.run_path(file)[name]
    left = number

    def step(event: str, values: tuple[object, ...]) -> None:
        nonlocal left
        writes = event == "open" and bool(int(str(values[2])) & (os.O_WRONLY | os.O_RDWR))
        if event in STEPS or writes:
            if left == 0:
                os._exit(KILLED)
            left -= 1

    sys.addaudithook(step)
    function(*arguments)


if __name__ == "__main__":
    _main(int(sys.argv[1]), *sys.argv[2:])
