"""Presets and prompts in the database, in the person's order."""

import time
from collections.abc import Sequence
from typing import Any

import apsw

from desktop_llm.core.presets import Preset, Prompt, from_json, to_json
from desktop_llm.core.text import clean_text
from desktop_llm.storage.database import Database
from desktop_llm.storage.rows import new_id, rows_of


class Presets:
    """Every method blocks on the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def presets(self) -> list[Preset]:
        sql = "SELECT id, name, model, parameters FROM presets ORDER BY position, id"
        return [
            Preset(id=number, name=name, model=model, parameters=from_json(parameters))
            for number, name, model, parameters in self._rows(sql)
        ]

    def save_preset(self, preset: Preset) -> int:
        """Of id 0: a new one, the last; else it takes the place of that one, also where that was
        deleted. Returns its number.
        """
        values = (clean_text(preset.name), clean_text(preset.model), to_json(preset.parameters))
        return self._save("presets", "name, model, parameters", preset.id, values)

    def prompts(self) -> list[Prompt]:
        """The last used first, then in the person's order."""
        sql = "SELECT id, name, text FROM prompts ORDER BY used DESC, position, id"
        return [Prompt(id=number, name=name, text=text) for number, name, text in self._rows(sql)]

    def save_prompt(self, prompt: Prompt) -> int:
        """As `save_preset`."""
        values = (clean_text(prompt.name), clean_text(prompt.text))
        return self._save("prompts", "name, text", prompt.id, values)

    def use_prompt(self, prompt: int) -> None:
        self._execute("UPDATE prompts SET used = ? WHERE id = ?", (time.time(), prompt))

    def delete_preset(self, preset: int) -> None:
        """`save_preset` brings it back."""
        self._execute("DELETE FROM presets WHERE id = ?", (preset,))

    def delete_prompt(self, prompt: int) -> None:
        """`save_prompt` brings it back."""
        self._execute("DELETE FROM prompts WHERE id = ?", (prompt,))

    def add(self, presets: Sequence[Preset] = (), prompts: Sequence[Prompt] = ()) -> None:
        """All of them or none, as new ones."""

        def change(connection: apsw.Connection) -> None:
            for preset in presets:
                values = (preset.name, preset.model, to_json(preset.parameters))
                _insert(connection, "presets", "name, model, parameters", 0, values)
            for prompt in prompts:
                _insert(connection, "prompts", "name, text", 0, (prompt.name, prompt.text))

        self._database.write(change)

    def _save(self, table: str, columns: str, number: int, values: tuple[Any, ...]) -> int:
        return self._database.write(
            lambda connection: _insert(connection, table, columns, number, values)
        )

    def _rows(self, sql: str) -> list[Any]:
        return self._database.read(lambda connection: rows_of(connection, sql))

    def _execute(self, sql: str, values: tuple[Any, ...]) -> None:
        def change(connection: apsw.Connection) -> None:
            connection.execute(sql, values)

        self._database.write(change)


def _insert(
    connection: apsw.Connection, table: str, columns: str, number: int, values: tuple[Any, ...]
) -> int:
    names = columns.split(", ")
    changes = ", ".join(f"{name} = ?" for name in names)
    connection.execute(f"UPDATE {table} SET {changes} WHERE id = ?", (*values, number))
    if number and connection.changes():
        return number
    number = number or new_id(connection, table)
    marks = ", ".join("?" * len(names))
    connection.execute(
        f"INSERT INTO {table} (id, position, {columns})"
        f" VALUES (?, (SELECT coalesce(max(position), 0) + 1 FROM {table}), {marks})",
        (number, *values),
    )
    return number
