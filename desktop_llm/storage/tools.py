"""The files of text tools: those of the program, those of a person, and the order of both."""

import stat
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from desktop_llm.core.tool_files import (
    LONGEST_FILE,
    Flaw,
    ToolError,
    ToolProblem,
    tool_from_toml,
    tool_to_values,
    valid_id,
)
from desktop_llm.core.tools import Tool
from desktop_llm.storage.disk import disk_faults, write_atomically, write_chosen

SUFFIX = ".toml"
ORDER = "order.txt"
MOST_FILES = 500


class ToolFiles:
    """Blocks on the disk. Several processes may use the same folder: each file is whole."""

    def __init__(self, builtin: Path, own: Path) -> None:
        self._builtin = builtin
        self._own = own

    def read(self) -> tuple[list[Tool], list[ToolProblem]]:
        """All of them in order, and what of a person's files could not be taken. A tool of a
        person's with the id of one of the program's takes its place.
        """
        found: dict[str, Tool] = {}
        problems: list[ToolProblem] = []
        for path in sorted(self._builtin.glob(f"*{SUFFIX}")):
            tool = tool_from_toml(path.read_text("utf-8"), own=False)
            found[tool.id] = tool
        mine: set[str] = set()
        for path in self._files():
            try:
                tool = read_tool(path)
                if tool.id in mine:
                    raise ToolError(Flaw.SAME_ID, "id", 1)
            except ToolError as error:
                problems.append(ToolProblem(path.name, error.line, error.flaw, error.key))
                continue
            mine.add(tool.id)
            found[tool.id] = tool
        order = {name: at for at, name in enumerate(self._order())}
        last = len(order)
        return sorted(found.values(), key=lambda tool: order.get(tool.id, last)), problems

    def save(self, tool: Tool) -> None:
        """Raises EnvironmentFault."""
        with disk_faults(self._own):
            self._own.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomically(self._path_of(tool.id), to_toml(tool))

    def delete(self, identity: str) -> None:
        """A person's; one of the program's that it stood for is there again."""
        with disk_faults(self._own):
            self._path_of(identity).unlink(missing_ok=True)

    def set_order(self, identities: Sequence[str]) -> None:
        with disk_faults(self._own):
            self._own.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomically(self._own / ORDER, "".join(f"{each}\n" for each in identities))

    def _path_of(self, identity: str) -> Path:
        """Of the file that has this tool, whatever a person called it."""
        if not valid_id(identity):
            raise ValueError(identity)
        usual = self._own / f"{identity}{SUFFIX}"
        if not usual.exists():
            for path in self._files():
                with suppress(ToolError):
                    if read_tool(path).id == identity:
                        return path
        return usual

    def _files(self) -> list[Path]:
        with suppress(OSError):
            return sorted(self._own.glob(f"*{SUFFIX}"))[:MOST_FILES]
        return []

    def _order(self) -> list[str]:
        """A person's, then what is new in the program's."""
        usual, own = _lines(self._builtin / ORDER), _lines(self._own / ORDER)
        return [*own, *(each for each in usual if each not in own)] if own else usual


def read_tool(path: Path) -> Tool:
    """A person's file. Raises ToolError."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would never end
            raise ToolError(Flaw.UNREADABLE)
        with path.open("rb") as file:
            content = file.read(4 * LONGEST_FILE + 1)
    except OSError as error:
        raise ToolError(Flaw.UNREADABLE) from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ToolError(Flaw.NOT_TOML, line=line) from error
    return tool_from_toml(text, own=True)


def to_toml(tool: Tool) -> str:
    import tomlkit  # for writing alone

    return tomlkit.dumps(tool_to_values(tool))


def export_tools(tools: Iterable[Tool], folder: Path) -> list[Path]:
    """A file each, named after the tool; what is there is not overwritten. Raises
    EnvironmentFault.
    """
    written = []
    for tool in tools:
        path, number = folder / f"{tool.id}{SUFFIX}", 1
        while path.exists():
            number += 1
            path = folder / f"{tool.id}-{number}{SUFFIX}"
        write_chosen(path, to_toml(tool))
        written.append(path)
    return written


def _lines(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            text = file.read(LONGEST_FILE)
    except OSError:
        return []
    return [line.strip() for line in text.splitlines() if line.strip()]
