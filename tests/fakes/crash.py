"""A program that is killed at each of its own steps: just before every change of a file.

    steps = crash_everywhere(act, verify, "argument")

runs a test module's `act("argument")` again and again, each time ending it one step later, as
SIGKILL would, until it comes to its end; after each it runs `verify("argument")`, which also puts
back what the next run needs. Both run in processes of their own, so that nothing of the first is
left but its files. The steps are what Python's audit events name; SQLite's own are the business of
`tests.fakes.disk`.
"""

import inspect
import itertools
import os
import runpy
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
STEPS = {
    "os.rename", "os.remove", "os.link", "os.symlink", "os.mkdir", "os.rmdir", "os.truncate",
    "shutil.copyfile", "shutil.copytree", "shutil.rmtree", "tempfile.mkstemp",
}  # fmt: skip
KILLED = 137


def crash_everywhere(
    act: Callable[..., object], verify: Callable[..., object], *arguments: str
) -> int:
    """Returns how many steps there were. Both functions are of the same module."""
    place = (str(inspect.getsourcefile(act)), act.__name__, verify.__name__)
    done = subprocess.run(
        [sys.executable, "-m", __name__, *place, *arguments],
        check=False, capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def _main(file: str, act: str, verify: str, *arguments: str) -> int:
    module = runpy.run_path(file)
    for number in itertools.count():
        ended = _run(lambda n=number: _act(n, module[act], arguments))
        verified = _run(lambda: module[verify](*arguments))
        if verified or ended not in (0, KILLED):
            sys.stderr.write(f"after a crash at step {number}")
            return 1
        if ended == 0:
            sys.stdout.write(str(number))
            return 0
    return 1


def _run(what: Callable[[], object]) -> int:
    """In a copy of this process, which has one thread and so may be copied."""
    child = os.fork()
    if child == 0:
        try:
            what()
        except BaseException:  # noqa: BLE001  # it ends here in any case
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _act(number: int, act: Callable[..., object], arguments: tuple[str, ...]) -> None:
    left = number

    def step(event: str, values: tuple[object, ...]) -> None:
        nonlocal left
        writes = event == "open" and bool(int(str(values[2])) & (os.O_WRONLY | os.O_RDWR))
        if event in STEPS or writes:
            if left == 0:
                os._exit(KILLED)
            left -= 1

    sys.addaudithook(step)
    act(*arguments)


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
