"""Searching many messages, as one types.

    python benchmarks/search.py [MESSAGES] [--rounds N]

Words are drawn as words of a language are: a few very often, most hardly ever; a fifth of the
messages holds Chinese too. Prints one JSON object with the milliseconds of each round and query.
"""

import argparse
import json
import random
import tempfile
import time
from pathlib import Path
from typing import Any

from desktop_llm.storage.conversations import Conversations
from desktop_llm.storage.database import Database
from desktop_llm.storage.search_text import spaced

WORDS, EACH = 20_000, 50  # different words; messages of a conversation
LETTERS = "abcdefghijklmnoprstuw"
HAN = "的一是不了人我在有他这为之大来以个中上们天蓝光合同翻译山水文学"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    random.seed(1)
    words = ["".join(random.choices(LETTERS, k=random.randint(3, 9))) for _ in range(WORDS)]
    with tempfile.TemporaryDirectory() as folder:
        database = Database(Path(folder) / "conversations.db")
        database.write(lambda connection: fill(connection, words, options.count))
        store = Conversations(database)
        queries = {
            "a very common word": words[0],
            "two common words": f"{words[1]} {words[5]}",
            "a rare word": words[19_000],
            "two letters": words[0][:2],
            "one letter": words[0][0],
            "天": "天",
            "合同翻译": "合同翻译",
            "nothing": "zzzzqq",
        }
        found: dict[str, list[float]] = {name: [] for name in queries}
        for _ in range(options.rounds):
            for name, query in queries.items():
                began = time.perf_counter()
                store.search(query)
                found[name].append(1000 * (time.perf_counter() - began))
        database.close()
    print(json.dumps({"milliseconds": found}))


def fill(connection: Any, words: list[str], count: int) -> None:
    weights = [1 / (rank + 1) for rank in range(len(words))]
    for conversation in range(1, count // EACH + 1):
        title = f"{words[conversation % WORDS]} {conversation}"
        connection.execute(
            "INSERT INTO conversations (id, sequence, title, model, created, changed)"
            " VALUES (?, ?, ?, '', 1e9, 1e9)",
            (conversation, conversation, title),
        )
        connection.execute("INSERT INTO title_text (rowid, text) VALUES (?, ?)",
                           (conversation, title))  # fmt: skip
        parent = None
        for at in range(EACH):
            number = (conversation - 1) * EACH + at + 1
            text = " ".join(random.choices(words, weights, k=random.randint(10, 120)))
            text += "".join(random.choices(HAN, k=60)) if number % 5 == 0 else ""
            role = "assistant" if at % 2 else "user"
            connection.execute(
                "INSERT INTO messages (id, conversation, parent, role, text, state, created)"
                " VALUES (?, ?, ?, ?, ?, 'complete', 1e9)",
                (number, conversation, parent, role, text),
            )
            connection.execute("INSERT INTO message_text (rowid, text) VALUES (?, ?)",
                               (number, spaced(text)))  # fmt: skip
            parent = number


if __name__ == "__main__":
    main()
