"""`desktop-llm …`: the argument list to a command, or to the window where there is none.

Imports little, for the window's start goes through here.
"""

import argparse
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from desktop_llm import __version__

# Each has a module of its own, imported when it is asked for: the window's start is not its.
COMMANDS = {
    "ask": "ask the local model one question",
    "tool": "work on a text: summarise, translate, rewrite and more",
    "clipboard": "work on the clipboard with the text tools, in the window",
    "batch": "text tools on every row of a table",
    "packs": "language packs, and analysis of a text",
    "chats": "list, show, search, import and export conversations",
    "models": "models on this computer",
    "jobs": "work in the background: downloads and more",
    "doctor": "check this installation",
}

WINDOW = ("clipboard",)  # what the window does


def build_parser(arguments: list[str]) -> argparse.ArgumentParser:
    """With the options of those commands whose name is among the arguments."""
    parser = argparse.ArgumentParser(prog="desktop-llm")
    parser.add_argument("--version", action="version", version=f"desktop-llm {__version__}")
    parser.add_argument("--data-dir", type=Path, metavar="DIR", help="data folder of this run")
    groups = parser.add_subparsers(dest="command")
    for name, words in COMMANDS.items():
        group = groups.add_parser(name, help=words)
        if name in arguments and name not in WINDOW:
            import_module(f"desktop_llm.cli.{name}").register(group)
    return parser


def main(arguments: list[str], open_window: Callable[[Path | None, str], int]) -> int:
    """`open_window` runs where there is no command; the command line itself knows no window."""
    parser = build_parser(arguments)
    options, left = parser.parse_known_args(arguments)
    if len(left) == 1 and hasattr(options, "late") and not left[0].startswith("--"):
        setattr(options, options.late, left[0])  # argparse takes no file after an option
    elif left:
        parser.error(f"unrecognized arguments: {' '.join(left)}")
    if options.command in (None, *WINDOW):
        return open_window(options.data_dir, options.command or "")
    from desktop_llm.cli.run import run

    return run(options)
