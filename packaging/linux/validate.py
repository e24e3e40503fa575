"""Checks the desktop entry and the metainfo with the tools that desktops and stores use."""

import shutil
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
ENTRY = FOLDER / "desktop-llm.desktop"
METAINFO = FOLDER / "org.desktop_llm.desktop_llm.metainfo.xml"

# The Debian package that brings each tool.
PACKAGES = {"desktop-file-validate": "desktop-file-utils", "appstreamcli": "appstream"}
COMMANDS = (
    ("desktop-file-validate", str(ENTRY)),
    ("appstreamcli", "validate", "--no-net", "--pedantic", str(METAINFO)),
)


def missing() -> list[str]:
    """The Debian packages to install first."""
    return [package for tool, package in PACKAGES.items() if shutil.which(tool) is None]


def main() -> int:
    if packages := missing():
        print("The desktop files were not checked: tools are missing. Install them first:")
        print(f"  sudo apt-get install {' '.join(packages)}")
        return 1
    results = [subprocess.run(command, check=False).returncode for command in COMMANDS]
    if not any(results):
        print("The desktop entry and the metainfo are valid.")
    return 1 if any(results) else 0


if __name__ == "__main__":
    sys.exit(main())
