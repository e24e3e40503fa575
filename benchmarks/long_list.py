"""Ten thousand conversations in the list: shown, shown again, and scrolled through.

    python benchmarks/long_list.py [CONVERSATIONS] [--rounds N]

Beside each stands a bare `QListView` over a `QStringListModel` of as many titles, in the same
process and in turns. Prints a table, then one JSON object with the milliseconds of each round.
"""

import argparse
import json
import random
import time
from collections.abc import Callable

from measure import Row, Series, paired_ratio, table
from PySide6.QtCore import QStringListModel
from PySide6.QtWidgets import QAbstractItemView, QApplication, QListView, QWidget

from desktop_llm.core.conversations import Folder, Listed, Listing
from desktop_llm.core.settings import Theme
from desktop_llm.ui import theme
from desktop_llm.ui.actions import Actions, Command
from desktop_llm.ui.pages.sidebar import Sidebar

SIZE = (280, 800)
FOLDERS, PINNED, TAGGED = 5, 50, 1000
FRAMES = 60  # of a scroll through the whole list
DAY = 86_400
WORDS = ("sky", "code", "letter", "travel", "garden", "chess", "合同", "翻译", "周报", "数学")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=10_000)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    application = QApplication([])
    theme.apply(application, Theme.LIGHT, 13)
    made = {name: Series("ms") for name in ("first", "again", "changed", "frame")}
    bare = {name: Series("ms") for name in ("first", "frame")}
    for nth in range(options.rounds):
        measure_own(listing(options.count, nth), made)
        measure_bare([row.title for row in listing(options.count, nth).conversations], bare)
    answer = {name: series.values for name, series in made.items()}
    answer |= {f"bare_{name}": series.values for name, series in bare.items()}
    print(table(report(options.count, answer)))
    print(json.dumps(answer))


def report(count: int, answer: dict[str, list[float]]) -> list[Row]:
    """`answer`: the JSON object that this program prints."""
    made = {name: Series("ms", values) for name, values in answer.items()}
    first, frame = made["first"], made["frame"]
    bare_first, bare_frame = made["bare_first"], made["bare_frame"]
    return [
        Row(f"{count:,} conversations listed / bare list", first, bare_first,
            paired_ratio(first, bare_first), "<= 30 ms", first.median <= 30),
        Row(f"{count:,} conversations listed again, none changed", made["again"]),
        Row(f"{count:,} conversations listed again, one changed", made["changed"]),
        Row("a frame of scrolling through them / bare list", frame, bare_frame,
            paired_ratio(frame, bare_frame), "<= 8 ms", frame.median <= 8),
    ]  # fmt: skip


def measure_own(shown: Listing, into: dict[str, Series]) -> None:
    holder = QWidget()
    actions = Actions(holder)
    for command in Command:
        actions.handle(command, lambda: None)
    sidebar = Sidebar(actions, holder)
    _open(holder, sidebar)
    current = shown.conversations[0].id
    into["first"].values.append(_milliseconds(lambda: sidebar.show_listing(shown, current)))
    QApplication.processEvents()
    same = Listing(shown.folders, tuple(_copy(row) for row in shown.conversations))
    into["again"].values.append(_milliseconds(lambda: sidebar.show_listing(same, current)))
    middle = same.conversations[len(same.conversations) // 2]
    rest = [_copy(row) for row in same.conversations if row.id != middle.id]
    newest = Listed(middle.id, middle.title, time.time())
    changed = Listing(same.folders, (newest, *rest))
    into["changed"].values.append(_milliseconds(lambda: sidebar.show_listing(changed, current)))
    QApplication.processEvents()
    into["frame"].values.append(_scroll(sidebar.list))
    holder.close()


def measure_bare(titles: list[str], into: dict[str, Series]) -> None:
    holder = QWidget()
    view = QListView(holder)
    view.setUniformItemSizes(True)
    view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    _open(holder, view)
    model = QStringListModel(view)
    view.setModel(model)
    into["first"].values.append(_milliseconds(lambda: model.setStringList(titles)))
    QApplication.processEvents()
    into["frame"].values.append(_scroll(view))
    holder.close()


def _open(holder: QWidget, inside: QWidget) -> None:
    holder.resize(*SIZE)
    inside.resize(*SIZE)
    holder.show()
    QApplication.processEvents()


def _scroll(view: QListView) -> float:
    """Milliseconds that the median frame takes to be painted whole, all through the list."""
    bar, frames = view.verticalScrollBar(), Series("ms")
    for frame in range(FRAMES):
        bar.setValue(bar.maximum() * frame // FRAMES)
        frames.values.append(_milliseconds(view.viewport().repaint))
    return frames.median


def _milliseconds(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - begun)


def _copy(row: Listed) -> Listed:
    """As a database gives them: equal, but other objects."""
    return Listed(row.id, str(row.title), row.changed, row.folder, row.pinned, tuple(row.tags))


def listing(count: int, seed: int) -> Listing:
    chance, now = random.Random(seed), time.time()
    pinned = set(chance.sample(range(count), min(PINNED, count)))
    tagged = set(chance.sample(range(count), min(TAGGED, count)))
    return Listing(
        tuple(Folder(number, f"Folder {number}") for number in range(1, FOLDERS + 1)),
        tuple(
            Listed(
                number + 1,
                f"{' '.join(chance.choices(WORDS, k=5))} {number}",
                now - number * DAY / 20,
                chance.choice([None, None, *range(1, FOLDERS + 1)]),
                number in pinned,
                tuple(sorted(chance.sample(WORDS, 2))) if number in tagged else (),
            )
            for number in range(count)
        ),
    )


if __name__ == "__main__":
    main()
