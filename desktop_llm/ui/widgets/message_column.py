"""Messages one below the other: which is where, which can be seen, and what they look like.

A message is laid out when it is asked for; until then its height is an estimate. Heights are
pixels from the top of the column.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QRectF
from PySide6.QtGui import QFont, QFontMetricsF

from desktop_llm.rendering.highlight import Run
from desktop_llm.rendering.markdown import StreamingParser, parse
from desktop_llm.ui.theme import Tokens, reading_font
from desktop_llm.ui.widgets.block_document import BlockDocument
from desktop_llm.ui.widgets.message_bar import SIZE as BAR_HEIGHT

WIDEST = 720  # pixels of the column
SIDE = 24  # left and right of it
MARGIN = 24  # above the first message and below the last
SPACING = 16  # between messages
PADDING = 12  # inside a tinted card
KEPT_DOCUMENTS = 60  # messages laid out beyond those seen

ColourCode = Callable[[str, str, Callable[[Sequence[Run]], None]], None]


@dataclass(slots=True, eq=False)
class Entry:
    """One message as it is drawn. `note`: a grey line below it, what became of it."""

    key: int
    text: str
    mine: bool  # the person's: plain text on a card
    note: str = ""
    speaker: str = ""  # for screen readers
    document: BlockDocument | None = None
    stream: StreamingParser | None = None
    height: float = 0.0
    measured: bool = False  # `height` is exact for the width at hand


class MessageColumn:
    """Tops grow with the index, so that a place is found by bisection."""

    def __init__(self, tokens: Tokens, font: QFont, colour_code: ColourCode | None) -> None:
        """`colour_code(code, language, then)` calls `then` with the runs, at once or later."""
        self._tokens = tokens
        self._font = font
        self._colour_code = colour_code
        self._room = 0.0
        self._entries: list[Entry] = []
        self._tops: list[float] = []
        self.height = 2.0 * MARGIN
        self.on_coloured: Callable[[], object] = lambda: None

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, index: int) -> Entry:
        return self._entries[index]

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    def index_of(self, key: int) -> int:
        """Raises KeyError. The last messages are the likeliest."""
        for index in range(len(self._entries) - 1, -1, -1):
            if self._entries[index].key == key:
                return index
        raise KeyError(key)

    # --- content -------------------------------------------------------------------------------

    def show(self, entries: list[Entry]) -> None:
        self._entries = entries
        self._estimate()
        self.place()

    def add(self, entry: Entry) -> None:
        self._entries.append(entry)
        self._estimate()
        self.place()

    def remove_from(self, index: int) -> None:
        del self._entries[index:]
        self.place()

    def stream(self, index: int, more: str) -> bool:
        """Text at the end of a message that is being written; whether its height has changed."""
        entry = self._entries[index]
        if entry.stream is None:
            entry.stream = StreamingParser()
            entry.document = self._new_document(entry)
            more, entry.text = entry.text + more, ""
        entry.text += more
        assert entry.document is not None
        entry.document.extend(*entry.stream.feed(more))
        self._colour(entry.document)
        before = entry.height
        self._measure(entry)
        if entry.height == before:
            return False
        self.place()
        return True

    def finish(self, index: int, text: str, note: str) -> None:
        """The message as it is stored, rendered exactly."""
        entry = self._entries[index]
        entry.text, entry.note, entry.stream = text, note, None
        document = self.document(index)
        if not entry.mine:
            document.show_blocks(parse(text))
            self._colour(document)
        self._measure(entry)
        self.place()

    def restyle(self, tokens: Tokens, font: QFont, room: float) -> None:
        """Another theme, font or width of the view: everything is laid out anew."""
        self._tokens, self._font, self._room = tokens, font, room
        for entry in self._entries:
            entry.measured, entry.document = False, None
            if entry.stream is not None:
                entry.stream = None
                self.stream(self.index_of(entry.key), "")
        self._estimate()
        self.place()

    # --- layout --------------------------------------------------------------------------------

    def document(self, index: int) -> BlockDocument:
        """A message laid out."""
        entry = self._entries[index]
        if entry.document is None:
            entry.document = self._new_document(entry)
            if entry.mine:
                entry.document.show_text(entry.text)
            else:
                entry.document.show_markdown(entry.text)
                self._colour(entry.document)
            self._measure(entry)
        return entry.document

    def forget_far(self, visible: range) -> None:
        """Documents far from what is seen are made again when they are needed."""
        for index, entry in enumerate(self._entries):
            far = index < visible.start - KEPT_DOCUMENTS or index > visible.stop + KEPT_DOCUMENTS
            if far and entry.stream is None:
                entry.document = None

    def _new_document(self, entry: Entry) -> BlockDocument:
        document = BlockDocument(self._tokens, reading_font(self._font))
        document.setTextWidth(self.width - (2 * PADDING if entry.mine else 0))
        return document

    def _colour(self, document: BlockDocument) -> None:
        if self._colour_code is None:
            return
        for placed in document.take_plain_code():

            def then(runs: Sequence[Run], at: int = placed.position) -> None:
                document.colour(at, runs)
                self.on_coloured()

            self._colour_code(placed.code.text, placed.code.language, then)

    def _measure(self, entry: Entry) -> None:
        assert entry.document is not None
        entry.height = entry.document.size().height() + self._extra(entry)
        entry.measured = True

    def _extra(self, entry: Entry) -> float:
        return 2 * PADDING if entry.mine else self.note_height

    def _estimate(self) -> None:
        metrics = QFontMetricsF(reading_font(self._font))
        across = max(1.0, self.width / metrics.averageCharWidth())
        for entry in self._entries:
            if not entry.measured:
                lines = len(entry.text) / across + entry.text.count("\n") + 1
                entry.height = lines * metrics.height() * 1.5 + self._extra(entry)

    # --- places --------------------------------------------------------------------------------

    @property
    def note_height(self) -> float:
        """Of the line below a reply, which also holds its buttons."""
        return max(QFontMetricsF(self._font).height() + 4, BAR_HEIGHT)

    @property
    def left(self) -> float:
        return (self._room - self.width) / 2

    @property
    def width(self) -> float:
        return max(100.0, min(WIDEST, self._room - 2 * SIDE))

    def place(self) -> None:
        """After heights have changed."""
        top = float(MARGIN)
        self._tops.clear()
        for entry in self._entries:
            self._tops.append(top)
            top += entry.height + SPACING
        self.height = top - (SPACING if self._entries else 0) + MARGIN

    def card(self, index: int) -> QRectF:
        """What a message takes up."""
        return QRectF(self.left, self._tops[index], self.width, self._entries[index].height)

    def at(self, y: float) -> int:
        """The message at or above a height; the first where there is none above."""
        return max(0, bisect_right(self._tops, y) - 1)

    def visible(self, top: float, bottom: float) -> range:
        """Those of which something lies between two heights."""
        if not self._entries:
            return range(0)
        first = self.at(top)
        if self._tops[first] + self._entries[first].height < top:
            first += 1
        return range(first, max(first, bisect_left(self._tops, bottom)))
