"""Text tools as every face sees them: the program's and a person's, in one order."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.tool_files import ToolError, ToolProblem, valid_id
from desktop_llm.core.tools import Tool, Words
from desktop_llm.resources import resource
from desktop_llm.storage.paths import Folders
from desktop_llm.storage.tools import ToolFiles, export_tools, read_tool


@dataclass(frozen=True, slots=True)
class Shelf:
    tools: tuple[Tool, ...]
    problems: tuple[ToolProblem, ...]

    def get(self, name: str) -> Tool | None:
        """By id, else by name in either language."""
        wanted = name.strip().casefold()
        by_id = next((tool for tool in self.tools if tool.id == wanted), None)
        return by_id or next(
            (
                tool
                for tool in self.tools
                if wanted in (tool.name.en.casefold(), tool.name.zh_CN.casefold())
            ),
            None,
        )


class ToolService:
    """Blocks on the disk. Any thread. Raises EnvironmentFault."""

    def __init__(self, folders: Folders) -> None:
        self._files = ToolFiles(resource("prompts"), folders.tools)
        self._lock = threading.Lock()

    def shelf(self) -> Shelf:
        tools, problems = self._files.read()
        return Shelf(tuple(tools), tuple(problems))

    def find(self, name: str) -> Tool:
        """Raises NO_TOOL."""
        tool = self.shelf().get(name)
        if tool is None:
            raise EnvironmentFault(FaultCode.NO_TOOL, name=name)
        return tool

    def save(self, tool: Tool) -> Tool:
        """As a person's. One without an id gets one of its name that is free."""
        with self._lock:
            if not tool.id:
                taken = {each.id for each in self.shelf().tools}
                tool = replace(tool, id=_free(id_from(tool.name), taken))
            tool = replace(tool, own=True)
            self._files.save(tool)
        return tool

    def delete(self, tool: Tool) -> None:
        with self._lock:
            self._files.delete(tool.id)

    def set_order(self, identities: Sequence[str]) -> None:
        with self._lock:
            self._files.set_order(identities)

    def import_files(self, paths: Sequence[Path]) -> tuple[list[Tool], list[ToolProblem]]:
        """What was taken, and what was not. Nothing that is there is overwritten: one whose id is
        taken gets another.
        """
        taken, problems = [], []
        for path in paths:
            try:
                tool = read_tool(path)
            except ToolError as error:
                problems.append(ToolProblem(path.name, error.line, error.flaw, error.key))
                continue
            with self._lock:
                known = {each.id for each in self.shelf().tools}
                tool = replace(tool, id=_free(tool.id, known))
                self._files.save(tool)
            taken.append(tool)
        return taken, problems

    def export(self, tools: Sequence[Tool], folder: Path) -> list[Path]:
        return export_tools(tools, folder)


def id_from(name: Words) -> str:
    """Of what it is called: letters, digits and dashes."""
    signs = [sign if sign.isascii() and sign.isalnum() else "-" for sign in name.en.lower()]
    parts = [part for part in "".join(signs).split("-") if part]
    made = "-".join(parts)[:32].strip("-")
    return made if valid_id(made) else "tool"


def _free(wanted: str, taken: set[str]) -> str:
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = f"{wanted[:34]}-{number}"
    return name
