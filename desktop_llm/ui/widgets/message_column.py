"""Messages one below the other: which is where, which can be seen, and what they look like.

A message is laid out when it is asked for; until then its height is an estimate. Long Markdown is
parsed elsewhere, and shown when that is done. Heights are pixels from the top of the column.
"""

import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from PySide6.QtCore import QRectF, QTimer
from PySide6.QtGui import QFont, QFontMetricsF

from desktop_llm.rendering.formulas import Wanted
from desktop_llm.rendering.highlight import Run
from desktop_llm.rendering.markdown import Block, Paragraph, Span
from desktop_llm.rendering.portions import PORTION, as_written, parse_to_show, split
from desktop_llm.rendering.streaming import StreamingParser
from desktop_llm.ui.theme import Tokens, reading_font
from desktop_llm.ui.widgets.block_document import ATTACHED, MORE, BlockDocument, PlacedCode
from desktop_llm.ui.widgets.formula_object import Picture
from desktop_llm.ui.widgets.message_bar import SIZE as BAR_HEIGHT

WIDEST = 720  # pixels of the column
SIDE = 24  # left and right of it
MARGIN = 24  # above the first message and below the last
SPACING = 16  # between messages
PADDING = 12  # inside a tinted card
KEPT_DOCUMENTS = 60  # messages laid out beyond those seen

LONG = 1500  # characters that are not parsed on the window's thread
REST = 4  # times as long as parsing took, before a streaming reply is parsed again

ColourCode = Callable[[str, str, Callable[[Sequence[Run]], None]], None]
# Calls the second with the pictures that it has at once, and with others as they are drawn; that
# answers whether it waits for more.
DrawFormulas = Callable[[Sequence[Wanted], Callable[[Mapping[Wanted, Picture]], bool]], None]
# Does the first elsewhere, then gives its result to the second on the window's thread.
Work = Callable[[Callable[[], Any], Callable[[Any], object]], None]


@dataclass(slots=True, eq=False)
class Stream:
    """A message that is being written."""

    parser: StreamingParser = field(default_factory=StreamingParser)
    waiting: str = ""  # not parsed yet
    busy: bool = False  # it is being parsed elsewhere, or rests


@dataclass(slots=True, eq=False)
class Entry:
    """One message as it is drawn. `note`: a grey line below it, what became of it."""

    key: int
    text: str
    mine: bool  # the person's: plain text on a card
    note: str = ""
    speaker: str = ""  # for screen readers
    thinking_seconds: float = 0.0  # that a model thought aloud before its answer; 0: unknown
    attached: tuple[tuple[int, str], ...] = ()  # numbers, and the lines that stand for them
    unfolded: bool = False  # what it thought is shown
    blocks: tuple[Block, ...] | None = None  # of the text, once it is parsed
    rest: tuple[Block, ...] = ()  # those that are not laid out: the message is long
    portions: int = 1  # that are
    document: BlockDocument | None = None
    stream: Stream | None = None
    height: float = 0.0
    measured: bool = False  # `height` is exact for the width at hand
    taken: float = 0.0  # the height of an editor in its place


class MessageColumn:
    """Tops grow with the index, so that a place is found by bisection."""

    def __init__(
        self,
        tokens: Tokens,
        font: QFont,
        colour_code: ColourCode | None = None,
        work: Work | None = None,
    ) -> None:
        """`colour_code(code, language, then)` calls `then` with the runs, at once or later.
        Without `work` everything is done at once.
        """
        self._tokens = tokens
        self._font = font
        self._colour_code = colour_code
        self.draw_formulas: DrawFormulas | None = None
        self._work = work
        self._room = 0.0
        self._entries: list[Entry] = []
        self._tops: list[float] = []
        self.height = 2.0 * MARGIN
        # Told of what came later: whether heights have changed, and the change itself, to be made.
        self.on_grown: Callable[[Entry, bool], object] = lambda _entry, _changed: None
        # The line that stands for what was thought: whether it has ended, and its seconds.
        self.thought_words: Callable[[bool, float], str] = lambda _ended, _seconds: "…"
        self.more_words = "…"  # the line that stands for the rest of a long message
        self.on_later: Callable[[Callable[[], None]], object] = lambda change: change()
        # The same for a change that moves characters of a message.
        self.on_moved: Callable[[Callable[[], None]], object] = lambda change: change()

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

    def change_from(self, index: int, entries: list[Entry]) -> None:
        """Others from this place on."""
        self._entries[index:] = entries
        self._estimate()
        self.place()

    def set_note(self, index: int, note: str) -> None:
        entry = self._entries[index]
        entry.note = note
        if entry.document is not None:
            self._measure(entry)
        else:
            self._estimate()
        self.place()

    def unfold(self, index: int) -> None:
        """Show what was thought, or fold it again."""
        entry = self._entries[index]
        entry.unfolded = not entry.unfolded
        shown, entry.document = entry.document, None
        if entry.stream is not None and shown is not None:
            entry.document = self._new_document(entry)
            entry.document.extend(*shown.blocks)
        self.document(index)
        self._measure(entry)
        self.place()

    def show_more(self, index: int) -> None:
        """The next portion of a long message."""
        entry = self._entries[index]
        document = self.document(index)
        more, entry.rest = split(entry.rest)
        entry.portions += 1
        document.extend(more, self._more(entry))
        self._embellish(entry, document)
        self._measure(entry)
        self.place()

    def _more(self, entry: Entry) -> tuple[Block, ...]:
        words = Paragraph((Span(self.more_words, link=MORE),))
        return (words,) if entry.rest else ()

    def take_room(self, index: int, height: float) -> None:
        """For an editor in the place of a message; 0: for the message again."""
        entry = self._entries[index]
        entry.taken = height
        self.document(index)
        self._measure(entry)
        self.place()

    def stream(self, index: int, more: str) -> None:
        """Text at the end of a message that is being written; `on_grown` tells when it shows."""
        entry = self._entries[index]
        if entry.stream is None:
            entry.stream, entry.blocks = Stream(), None
            entry.document = self._new_document(entry)
            more, entry.text = entry.text + more, ""
        entry.text += more
        entry.stream.waiting += more
        self._take_in(entry, entry.stream)

    def _take_in(self, entry: Entry, stream: Stream) -> None:
        """Parse what waits, here or elsewhere, and show it."""
        if stream.busy:
            return
        more, stream.waiting = stream.waiting, ""
        if self._work is None or stream.parser.is_cheap(more):
            self._extend(entry, *stream.parser.feed(more))
            return
        stream.busy = True
        begun = time.perf_counter()

        def show(found: tuple[tuple[Block, ...], tuple[Block, ...]]) -> None:
            if entry.stream is stream:
                self._extend(entry, *found)
                rest = REST * (time.perf_counter() - begun)
                QTimer.singleShot(round(1000 * rest), go_on)

        def go_on() -> None:
            stream.busy = False
            if entry.stream is stream and stream.waiting:
                self._take_in(entry, stream)

        self._work(lambda: stream.parser.feed(more), show)

    def _extend(
        self, entry: Entry, finished: tuple[Block, ...], open_end: tuple[Block, ...]
    ) -> None:
        assert entry.document is not None
        entry.document.extend(finished, open_end)
        self._embellish(entry, entry.document)
        before = entry.height
        self._measure(entry)
        if entry.height != before:
            self.place()
        self.on_grown(entry, entry.height != before)

    def finish(self, index: int, text: str, note: str, thinking_seconds: float = 0.0) -> None:
        """The message as it is stored, rendered exactly."""
        entry = self._entries[index]
        if thinking_seconds != entry.thinking_seconds:
            entry.thinking_seconds, entry.document = thinking_seconds, None
        entry.text, entry.note, entry.stream, entry.blocks = text, note, None, None
        if entry.document is not None and not entry.mine:
            self._show_parsed(entry, entry.document)
        self.document(index)
        self._measure(entry)
        self.place()

    def restyle(self, tokens: Tokens, font: QFont, room: float) -> None:
        """Another theme, font or width of the view: everything is laid out anew."""
        self._tokens, self._font, self._room = tokens, font, room
        for entry in self._entries:
            shown, entry.document, entry.measured = entry.document, None, False
            if entry.stream is not None and shown is not None:
                entry.document = self._new_document(entry)
                entry.document.extend(*shown.blocks)
                self._measure(entry)
        self._estimate()
        self.place()

    # --- layout --------------------------------------------------------------------------------

    def document(self, index: int) -> BlockDocument:
        """A message laid out; plain text as long as its Markdown is being parsed."""
        entry = self._entries[index]
        if entry.document is None:
            entry.document = document = self._new_document(entry)
            if entry.mine and len(entry.text) <= PORTION and not entry.attached:
                document.show_text(entry.text)
            elif entry.mine:
                lines = tuple(
                    Paragraph((Span(words, link=f"{ATTACHED}{number}"),))
                    for number, words in entry.attached
                )
                self._show_blocks(entry, document, (*lines, *as_written(entry.text)))
            elif not self._show_parsed(entry, document):
                document.show_blocks(split(as_written(entry.text))[0])
            self._measure(entry)
        return entry.document

    def _show_parsed(self, entry: Entry, document: BlockDocument) -> bool:
        """Show the text's blocks; False where that will be done later."""
        if entry.blocks is None and (self._work is None or len(entry.text) <= LONG):
            entry.blocks = parse_to_show(entry.text)
        if entry.blocks is not None:
            self._show_blocks(entry, document, entry.blocks)
            return True
        text = entry.text

        def show(blocks: tuple[Block, ...]) -> None:
            if entry.text != text or entry.stream is not None:
                return
            entry.blocks = blocks
            if entry.document is not None:  # perhaps made anew since, for another width
                self.on_later(change)

        def change() -> None:
            assert entry.blocks is not None
            assert entry.document is not None
            self._show_blocks(entry, entry.document, entry.blocks)
            self._measure(entry)
            self.place()

        assert self._work is not None
        self._work(lambda: parse_to_show(text), show)
        return False

    def _show_blocks(
        self, entry: Entry, document: BlockDocument, blocks: tuple[Block, ...]
    ) -> None:
        """As many of them as are looked at."""
        if document.shows(blocks):  # it was streamed
            entry.rest = ()
            document.show_blocks(blocks)
        else:
            shown, entry.rest = split(blocks, entry.portions * PORTION)
            document.show_blocks(shown)
            document.extend((), self._more(entry))
        self._embellish(entry, document)

    def forget_far(self, visible: range) -> None:
        """Documents far from what is seen are made again when they are needed."""
        for index, entry in enumerate(self._entries):
            far = index < visible.start - KEPT_DOCUMENTS or index > visible.stop + KEPT_DOCUMENTS
            if far and entry.stream is None:
                entry.document = None

    def _new_document(self, entry: Entry) -> BlockDocument:
        document = BlockDocument(
            self._tokens,
            reading_font(self._font),
            lambda ended: self.thought_words(ended, entry.thinking_seconds),
            entry.unfolded,
        )
        document.setTextWidth(self.width - (2 * PADDING if entry.mine else 0))
        return document

    def _embellish(self, entry: Entry, document: BlockDocument) -> None:
        """Colours of code and pictures of formulas: at once where they are known, else later."""
        self._draw_formulas(entry, document)
        self._colour(document)

    def _draw_formulas(self, entry: Entry, document: BlockDocument) -> None:
        if self.draw_formulas is None or not (wanted := document.take_formulas()):
            return
        at_once = True

        def then(pictures: Mapping[Wanted, Picture]) -> bool:
            if at_once:
                document.draw(pictures)
            elif entry.document is document:
                self.on_moved(lambda: change(pictures))
            return entry.document is document

        def change(pictures: Mapping[Wanted, Picture]) -> None:
            document.draw(pictures)
            self._measure(entry)
            self.place()

        self.draw_formulas(wanted, then)
        at_once = False

    def _colour(self, document: BlockDocument) -> None:
        if self._colour_code is None:
            return
        for placed in document.take_plain_code():

            def then(runs: Sequence[Run], placed: PlacedCode = placed) -> None:
                self.on_later(lambda: document.colour(placed.position, runs))

            self._colour_code(placed.code.text, placed.code.language, then)

    def _measure(self, entry: Entry) -> None:
        assert entry.document is not None
        entry.height = entry.taken or entry.document.size().height() + self._extra(entry)
        entry.measured = True

    def _extra(self, entry: Entry) -> float:
        if entry.mine:
            return 2 * PADDING + (self.note_height if entry.note else 0)
        return self.note_height

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
