"""How a person keeps conversations: in folders, pinned, under tags.

None of it makes a conversation newer: its place among the days stays.
"""

from collections.abc import Sequence
from typing import Any

import apsw

from desktop_llm.core.conversations import Folder, Listed, Listing, tag_of
from desktop_llm.core.text import clean_text
from desktop_llm.storage.database import Database
from desktop_llm.storage.rows import new_id, rows_of

_LIST = """
SELECT id, title, changed, folder, pinned FROM conversations
WHERE deleted IS NULL ORDER BY sequence DESC
"""


class Organiser:
    """Every method blocks on the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def listing(self) -> Listing:
        def query(connection: apsw.Connection) -> tuple[list[Any], list[Any], list[Any]]:
            folders = rows_of(
                connection, "SELECT id, name, open FROM folders ORDER BY position, id"
            )
            tags = rows_of(connection, "SELECT conversation, tag FROM tags ORDER BY tag")
            return folders, tags, rows_of(connection, _LIST)

        folders, tags, rows = self._database.read(query)
        tagged: dict[int, list[str]] = {}
        for conversation, tag in tags:
            tagged.setdefault(conversation, []).append(tag)
        return Listing(
            tuple(Folder(number, name, bool(opened)) for number, name, opened in folders),
            tuple(
                Listed(number, title, changed, folder, bool(pinned), tuple(tagged.get(number, ())))
                for number, title, changed, folder, pinned in rows
            ),
        )

    # --- folders -------------------------------------------------------------------------------

    def create_folder(self, name: str, conversations: Sequence[int] = ()) -> int:
        """The last one, with these in it. Returns its number."""
        name = clean_text(name).strip()

        def change(connection: apsw.Connection) -> int:
            number = new_id(connection, "folders")
            connection.execute(
                "INSERT INTO folders (id, name, position)"
                " VALUES (?, ?, (SELECT coalesce(max(position), 0) + 1 FROM folders))",
                (number, name),
            )
            _move(connection, conversations, number)
            return number

        return self._database.write(change)

    def rename_folder(self, folder: int, name: str) -> None:
        values = (clean_text(name).strip(), folder)
        self._execute("UPDATE folders SET name = ? WHERE id = ?", values)

    def delete_folder(self, folder: int) -> tuple[int, ...]:
        """What is in it stays, in no folder. Returns that, for `restore_folder`."""

        def change(connection: apsw.Connection) -> tuple[int, ...]:
            sql = "SELECT id FROM conversations WHERE folder = ?"
            inside = rows_of(connection, sql, (folder,))
            connection.execute("DELETE FROM folders WHERE id = ?", (folder,))
            return tuple(number for (number,) in inside)

        return self._database.write(change)

    def restore_folder(self, folder: Folder, position: int, conversations: Sequence[int]) -> None:
        """As it was before `delete_folder`; `position`: its place among the folders, from 0. What
        was put into another folder since stays there.
        """

        def change(connection: apsw.Connection) -> None:
            connection.execute(
                "INSERT OR IGNORE INTO folders (id, name, position, open) VALUES (?, ?, 0, ?)",
                (folder.id, folder.name, folder.open),
            )
            sql = "SELECT id FROM folders WHERE id <> ? ORDER BY position, id"
            others = [number for (number,) in rows_of(connection, sql, (folder.id,))]
            _order(connection, [*others[:position], folder.id, *others[position:]])
            sql = "SELECT id FROM conversations WHERE folder IS NULL"
            free = {number for (number,) in rows_of(connection, sql)}
            _move(connection, [each for each in conversations if each in free], folder.id)

        self._database.write(change)

    def order_folders(self, folders: Sequence[int]) -> None:
        """The first one first; those that are not named keep their order behind them."""

        def change(connection: apsw.Connection) -> None:
            rows = rows_of(connection, "SELECT id FROM folders ORDER BY position, id")
            rest = [number for (number,) in rows if number not in folders]
            _order(connection, [*folders, *rest])

        self._database.write(change)

    def open_folder(self, folder: int, opened: bool) -> None:
        self._execute("UPDATE folders SET open = ? WHERE id = ?", (opened, folder), durable=False)

    def move(self, conversations: Sequence[int], folder: int | None) -> None:
        """None: out of every folder. One that is gone changes nothing."""
        self._database.write(lambda connection: _move(connection, conversations, folder))

    # --- pins and tags -------------------------------------------------------------------------

    def pin(self, conversations: Sequence[int], pinned: bool) -> None:
        self._database.write(lambda connection: _pin(connection, conversations, pinned))

    def place(self, conversations: Sequence[int], folder: int | None) -> None:
        """Into a folder, or out of every folder (None), and no longer pinned, in one step."""

        def change(connection: apsw.Connection) -> None:
            _move(connection, conversations, folder)
            _pin(connection, conversations, False)

        self._database.write(change)

    def tag(
        self, conversations: Sequence[int], add: Sequence[str] = (), remove: Sequence[str] = ()
    ) -> None:
        """Tags are stored as `tag_of` makes them; empty ones are none."""
        added = {tag_of(clean_text(tag)) for tag in add} - {""}
        removed = {tag_of(clean_text(tag)) for tag in remove} - added

        def change(connection: apsw.Connection) -> None:
            connection.executemany(
                "DELETE FROM tags WHERE conversation = ? AND tag = ?",
                [(number, tag) for number in conversations for tag in removed],
            )
            connection.executemany(
                "INSERT OR IGNORE INTO tags SELECT id, ? FROM conversations WHERE id = ?",
                [(tag, number) for number in conversations for tag in added],
            )

        self._database.write(change)

    def tags(self) -> list[tuple[str, int]]:
        """Each with the number of its conversations, the most used first."""
        sql = (
            "SELECT tag, count(*) FROM tags JOIN conversations ON id = conversation"
            " WHERE deleted IS NULL GROUP BY tag ORDER BY count(*) DESC, tag"
        )
        rows = self._database.read(lambda connection: rows_of(connection, sql))
        return [(tag, count) for tag, count in rows]

    def _execute(self, sql: str, values: tuple[Any, ...], *, durable: bool = True) -> None:
        def change(connection: apsw.Connection) -> None:
            connection.execute(sql, values)

        self._database.write(change, durable=durable)


def _move(connection: apsw.Connection, conversations: Sequence[int], folder: int | None) -> None:
    known = folder is None or rows_of(connection, "SELECT 1 FROM folders WHERE id = ?", (folder,))
    if known:
        connection.executemany(
            "UPDATE conversations SET folder = ? WHERE id = ?",
            [(folder, number) for number in conversations],
        )


def _pin(connection: apsw.Connection, conversations: Sequence[int], pinned: bool) -> None:
    connection.executemany(
        "UPDATE conversations SET pinned = ? WHERE id = ?",
        [(pinned, number) for number in conversations],
    )


def _order(connection: apsw.Connection, folders: Sequence[int]) -> None:
    connection.executemany(
        "UPDATE folders SET position = ? WHERE id = ?",
        [(position, folder) for position, folder in enumerate(folders)],
    )
