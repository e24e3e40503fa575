"""Markdown blocks as a QTextDocument, built by cursor: no HTML, nothing loaded."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from PySide6.QtCore import QRectF
from PySide6.QtGui import (
    QColor,
    QFont,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
    QTextFrameFormat,
    QTextLength,
    QTextListFormat,
    QTextTable,
    QTextTableFormat,
)

from desktop_llm.rendering.formulas import Wanted
from desktop_llm.rendering.highlight import Kind, Run
from desktop_llm.rendering.markdown import (
    Block,
    Code,
    Formula,
    Heading,
    Items,
    Notes,
    Paragraph,
    Quote,
    Reasoning,
    Rule,
    Span,
    Table,
)
from desktop_llm.rendering.portions import split
from desktop_llm.rendering.streaming import joined
from desktop_llm.ui.theme import MONOSPACE, Tokens
from desktop_llm.ui.widgets.formula_object import Picture, Pictures

LINE_HEIGHT = 1.5  # times the size of the type, for reading
GAP = 8  # pixels between blocks
CODE_PADDING = 12
NOTE_SCALE = 13 / 15  # of footnotes, relative to the reading size
FOLD = "fold:thought"  # the address of the line that unfolds what was thought
ATTACHED = "attached:"  # before the number of what is attached to a message
MORE = "more:"  # of the line that stands for the rest of a long message
HEADINGS = {1: 26 / 15, 2: 20 / 15, 3: 17 / 15}  # sizes relative to the reading size
ALIGNMENTS = {"left": 0x1, "right": 0x2, "center": 0x4}  # of Qt.AlignmentFlag
MATH_SCALE = 1.2  # of formulas: their letters are smaller than others of the same size
MOST_FORMULAS = 300  # drawn in one message; the rest stays LaTeX
_IS_CODE = QTextFormat.Property.UserProperty.value


@dataclass(frozen=True, slots=True)
class PlacedCode:
    """Source code. Where it begins is asked when it is needed: formulas before it become one
    character each.
    """

    at: QTextCursor
    code: Code

    @property
    def position(self) -> int:
        return self.at.position()


@dataclass(frozen=True, slots=True)
class PlacedFormula:
    """A formula that is still shown as its LaTeX, `text`, from `at` on."""

    at: QTextCursor
    text: str
    wanted: Wanted


class BlockDocument(QTextDocument):
    """A message. What is finished stays; the open end grows or is replaced while it streams."""

    def __init__(
        self,
        tokens: Tokens,
        font: QFont,
        thought_words: Callable[[bool], str] = lambda ended: "…" if not ended else "",
        unfolded: bool = False,
    ) -> None:
        """`thought_words(ended)`: the line that stands for what a model thinks aloud; `unfolded`:
        that is shown below it.
        """
        super().__init__()
        self._thought_words = thought_words
        self._unfolded = unfolded
        self._tokens = tokens
        self._font = font
        self._frozen = 0  # position where the open end begins
        self._changed = 0  # position where it began before
        self._spare = True  # the last block is empty and takes what comes next
        self._frozen_spare = True
        self._finished: list[Block] = []
        self._open: tuple[Block, ...] = ()
        self._plain_code: list[PlacedCode] = []
        self._open_code: list[PlacedCode] = []  # of the open end: coloured once it is finished
        self._formulas: list[PlacedFormula] = []  # finished, nobody has asked for a picture
        self._open_formulas: list[PlacedFormula] = []
        self._awaited: dict[Wanted, list[PlacedFormula]] = {}  # pictures that are being drawn
        self._asked = 0  # formulas of which a picture was asked for
        self._pictures = Pictures(self)
        self.setUndoRedoEnabled(False)
        self.setDefaultFont(font)
        self.setDocumentMargin(0)

    def show_text(self, text: str) -> None:
        """Plain text, line by line, as the person typed it."""
        cursor = self._at_end()
        cursor.setBlockFormat(self._layout(0, gap=0))
        cursor.insertText(text, self._characters())

    def shows(self, blocks: Sequence[Block]) -> bool:
        return joined((*self._finished, *self._open)) == tuple(blocks)

    def show_blocks(self, blocks: Sequence[Block]) -> None:
        """Exactly these; nothing is done where they are what is shown."""
        if self.shows(blocks):
            self._freeze()
            return
        self.clear()
        self._frozen, self._spare, self._frozen_spare = 0, True, True
        self._finished, self._open = [], ()
        self._plain_code, self._open_code = [], []
        self._formulas, self._open_formulas, self._awaited = [], [], {}
        self._asked = 0
        self._pictures.clear()
        self.extend(blocks, ())

    def extend(self, finished: Sequence[Block], open_end: Sequence[Block]) -> None:
        """Add finished blocks for good and show the open ones after them."""
        self._changed = self._frozen
        cursor = QTextCursor(self)
        cursor.beginEditBlock()
        known = len(self._formulas)
        if not finished and self._grow(tuple(open_end)):
            self._open_formulas += self._formulas[known:]
            del self._formulas[known:]
        else:
            del self._formulas[known:]  # of an attempt to grow
            cursor.setPosition(self._frozen)
            cursor.movePosition(QTextCursor.MoveOperation.End, QTextCursor.MoveMode.KeepAnchor)
            cursor.removeSelectedText()
            self._spare = self._frozen_spare
            if self._spare:
                cursor.setBlockFormat(_thin())
            self._write(cursor, finished, 0)
            self._finished += finished
            self._frozen, self._frozen_spare = self.characterCount() - 1, self._spare
            waiting, known = len(self._plain_code), len(self._formulas)
            self._write(cursor, open_end, 0)
            self._open_code = self._plain_code[waiting:]
            del self._plain_code[waiting:]
            self._open_formulas = self._formulas[known:]
            del self._formulas[known:]
        self._open = tuple(open_end)
        cursor.endEditBlock()

    @property
    def blocks(self) -> tuple[tuple[Block, ...], tuple[Block, ...]]:
        """The finished ones and those of the open end."""
        return tuple(self._finished), self._open

    def changed_top(self) -> float:
        """Where what `extend` changed last begins, in pixels from the top."""
        block = self.findBlock(min(self._changed, self.characterCount() - 1))
        frame = QTextCursor(block).currentFrame()
        layout = self.documentLayout()
        if frame is not None and frame is not self.rootFrame():
            return layout.frameBoundingRect(frame).top()
        return layout.blockBoundingRect(block).top()

    def take_plain_code(self) -> list[PlacedCode]:
        """Finished code that nobody has coloured yet; each is given once."""
        taken, self._plain_code = self._plain_code, []
        return taken

    def colour(self, position: int, runs: Sequence[Run]) -> None:
        """Colour code that begins there."""
        colours = {kind: QColor(getattr(self._tokens, f"syntax_{kind}")) for kind in Kind}
        cursor = QTextCursor(self)
        cursor.beginEditBlock()
        for run in runs:
            cursor.setPosition(position + run.start)
            cursor.setPosition(position + run.start + run.length, QTextCursor.MoveMode.KeepAnchor)
            style = QTextCharFormat()
            style.setForeground(colours[run.kind])
            cursor.mergeCharFormat(style)
        cursor.endEditBlock()

    def take_formulas(self) -> list[Wanted]:
        """Finished formulas of which nobody has asked for a picture, each once. `draw` them."""
        taken, self._formulas = self._formulas[: MOST_FORMULAS - self._asked], []
        self._asked += len(taken)
        for placed in taken:
            self._awaited.setdefault(placed.wanted, []).append(placed)
        return list(dict.fromkeys(placed.wanted for placed in taken))

    def draw(self, pictures: Mapping[Wanted, Picture]) -> None:
        """Show pictures in the places of the LaTeX that they were made of."""
        cursor = QTextCursor(self)
        cursor.beginEditBlock()
        for wanted, picture in pictures.items():
            for placed in self._awaited.pop(wanted, ()):
                start = placed.at.position()
                cursor.setPosition(start)
                end = min(start + _units(placed.text), self.characterCount() - 1)
                cursor.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
                if cursor.selectedText() != placed.text:
                    continue  # it was written anew
                style = cursor.charFormat()
                style.clearBackground()
                cursor.insertText(*self._pictures.character(picture, wanted, start, style))
                if start < self._frozen:
                    self._frozen += 1 - (end - start)
        cursor.endEditBlock()

    def code_frames(self) -> list[tuple[QRectF, str]]:
        """Where code is drawn, and its text."""
        found = []
        for frame in self.rootFrame().childFrames():
            if frame.frameFormat().hasProperty(_IS_CODE):
                cursor = frame.firstCursorPosition()
                cursor.setPosition(frame.lastPosition(), QTextCursor.MoveMode.KeepAnchor)
                rectangle = self.documentLayout().frameBoundingRect(frame)
                found.append((rectangle, cursor.selection().toPlainText()))
        return found

    # --- the open end --------------------------------------------------------------------------

    def _grow(self, wanted: tuple[Block, ...]) -> bool:
        """Append what the open end has more than before; False where it is not the same plus
        something: then it has to be written again.
        """
        if not self._open or len(wanted) != len(self._open) or wanted[:-1] != self._open[:-1]:
            return False
        cursor = self._at_end()
        match self._open[-1], wanted[-1]:
            case Paragraph(before), Paragraph(after):
                more = _more_spans(before, after)
                if more is None:
                    return False
                self._spans(cursor, more)
            case Code(before_text, language), Code(text, also):
                frames = self.rootFrame().childFrames()
                if language != also or not text.startswith(before_text) or not frames:
                    return False
                cursor = frames[-1].lastCursorPosition()
                cursor.insertText(text[len(before_text) :], self._code_characters())
                grown = Code(text, language)
                self._open_code = [replace(placed, code=grown) for placed in self._open_code]
            case Table() as shown, Table() as table:
                return self._grow_table(shown, table)
            case Reasoning(_, before_end), Reasoning(_, end):
                return before_end is end and not self._unfolded  # none of it is seen
            case _:
                return False
        return True

    def _grow_table(self, shown: Table, wanted: Table) -> bool:
        """Rows are added; the last one of before may be another by now."""
        kept = max(0, len(shown.rows) - 1)
        same = (shown.head, shown.align) == (wanted.head, wanted.align)
        frames = self.rootFrame().childFrames()
        table = frames[-1] if frames else None
        if not same or shown.rows[:kept] != wanted.rows[:kept] or len(wanted.rows) < kept:
            return False
        if len(wanted.rows) < len(shown.rows) or not isinstance(table, QTextTable):
            return False
        table.appendRows(len(wanted.rows) - len(shown.rows))
        for row in range(kept, len(wanted.rows)):
            self._fill_row(table, row + 1, wanted.rows[row], wanted.align)
        return True

    def _freeze(self) -> None:
        """The open end is final."""
        self._plain_code += self._open_code
        self._open_code = []
        self._formulas += self._open_formulas
        self._open_formulas = []
        self._finished += self._open
        self._open = ()
        self._frozen, self._frozen_spare = self.characterCount() - 1, self._spare

    # --- blocks --------------------------------------------------------------------------------

    def _write(self, cursor: QTextCursor, blocks: Sequence[Block], indent: int) -> None:
        for block in blocks:
            match block:
                case Paragraph(spans):
                    self._start(cursor, self._layout(indent))
                    self._spans(cursor, spans)
                case Heading(level, spans):
                    layout = self._layout(indent)
                    layout.setHeadingLevel(level)
                    layout.setTopMargin(GAP)
                    self._start(cursor, layout)
                    self._spans(cursor, spans, scale=HEADINGS.get(level, 1.0), bold=True)
                case Code():
                    self._code(cursor, block, indent)
                case Quote(inner):
                    self._write(cursor, inner, indent + 1)
                case Items():
                    self._items(cursor, block, indent)
                case Table():
                    self._table(cursor, block)
                case Rule():
                    self._rule(cursor, indent)
                case Formula(text):
                    layout = self._layout(indent)
                    layout.setProperty(QTextFormat.Property.BlockAlignment, ALIGNMENTS["center"])
                    layout.setTopMargin(GAP // 2)
                    layout.setBottomMargin(GAP + GAP // 2)
                    self._start(cursor, layout)
                    self._spans(cursor, (Span(text, math=True),), display=True)
                case Notes(notes):
                    self._rule(cursor, indent)
                    self._notes(cursor, notes, indent)
                case Reasoning():
                    self._reasoning(cursor, block, indent)

    def _rule(self, cursor: QTextCursor, indent: int) -> None:
        layout = self._layout(indent)
        layout.setProperty(
            QTextFormat.Property.BlockTrailingHorizontalRulerWidth,
            QTextLength(QTextLength.Type.PercentageLength, 100),
        )
        self._start(cursor, layout)

    def _notes(
        self, cursor: QTextCursor, notes: Sequence[tuple[str, Sequence[Block]]], indent: int
    ) -> None:
        for label, blocks in notes:
            first = blocks[0] if blocks else None
            words = first.spans if isinstance(first, Paragraph) else ()
            self._start(cursor, self._layout(indent, gap=GAP // 2))
            spans = (Span(label, note=label), Span(" "), *words)
            self._spans(cursor, spans, scale=NOTE_SCALE)
            self._write(cursor, blocks[1:] if words else blocks, indent + 1)

    def _reasoning(self, cursor: QTextCursor, block: Reasoning, indent: int) -> None:
        """One line that unfolds."""
        self._start(cursor, self._layout(indent))
        style = self._characters()
        style.setForeground(QColor(self._tokens.muted))
        style.setAnchor(True)
        style.setAnchorHref(FOLD)
        sign = "▾" if self._unfolded else "▸"
        cursor.insertText(f"{sign} {self._thought_words(block.ended)}", style)
        if self._unfolded:
            shown, rest = split(block.blocks)
            more = (Paragraph((Span("…"),)),) if rest else ()
            self._write(cursor, (Quote((*shown, *more)),), indent)

    def _start(self, cursor: QTextCursor, layout: QTextBlockFormat) -> None:
        """A new block, or the empty one at the end."""
        if self._spare:
            cursor.setBlockFormat(layout)
            cursor.setBlockCharFormat(self._characters())
        else:
            cursor.insertBlock(layout, self._characters())
        self._spare = False

    def _spans(
        self,
        cursor: QTextCursor,
        spans: Sequence[Span],
        scale: float = 1.0,
        bold: bool = False,
        display: bool = False,
    ) -> None:
        for span in spans:
            style = self._characters()
            if scale != 1.0:
                style.setProperty(
                    QTextFormat.Property.FontPixelSize,
                    max(1, round(self._font.pixelSize() * scale)),
                )
            if bold or span.bold:
                style.setFontWeight(QFont.Weight.DemiBold)
            style.setFontItalic(span.italic)
            style.setFontStrikeOut(span.struck)
            if span.note:
                style.setVerticalAlignment(QTextCharFormat.VerticalAlignment.AlignSuperScript)
                style.setForeground(QColor(self._tokens.accent))
            if span.code or span.math:
                style.setFontFamilies(MONOSPACE)
                style.setBackground(QColor(self._tokens.code))
            if span.link:
                style.setAnchor(True)
                style.setAnchorHref(span.link)
                style.setForeground(QColor(self._tokens.accent))
                style.setFontUnderline(True)
            text = span.text.replace("\n", "\u2028")
            start = cursor.position()
            cursor.insertText(text, style)
            if span.math and text and self._asked + len(self._formulas) < MOST_FORMULAS:
                size = round(self._font.pixelSize() * scale * MATH_SCALE)
                colour = self._tokens.accent if span.link else self._tokens.text
                at = QTextCursor(self)
                at.setPosition(start)
                wanted = Wanted(span.text, size, colour, display)
                self._formulas.append(PlacedFormula(at, text, wanted))

    def _code(self, cursor: QTextCursor, code: Code, indent: int) -> None:
        frame = QTextFrameFormat()
        frame.setBackground(QColor(self._tokens.code))
        frame.setPadding(CODE_PADDING)
        frame.setLeftMargin(indent * self.indentWidth())
        frame.setBottomMargin(GAP)
        frame.setTopMargin(GAP // 2)
        frame.setProperty(_IS_CODE, True)
        if not self._spare:
            cursor.insertBlock(_thin())
        made = cursor.insertFrame(frame)
        cursor.setBlockFormat(QTextBlockFormat())
        cursor.setBlockCharFormat(self._code_characters())
        cursor.insertText(code.text, self._code_characters())
        if code.language and code.text:
            self._plain_code.append(PlacedCode(made.firstCursorPosition(), code))
        self._after_frame(cursor)

    def _items(self, cursor: QTextCursor, items: Items, indent: int) -> None:
        layout = QTextListFormat()
        layout.setIndent(indent + 1)
        if items.start is None:
            layout.setStyle(QTextListFormat.Style.ListDisc)
        else:
            layout.setStyle(QTextListFormat.Style.ListDecimal)
            layout.setStart(items.start)
        made = None
        for at, blocks in enumerate(items.items):
            first, rest = (blocks[0], blocks[1:]) if blocks else (Paragraph(()), ())
            if not isinstance(first, Paragraph):
                first, rest = Paragraph(()), blocks
            line = self._layout(0, gap=GAP // 2)
            if items.done and (done := items.done[at]) is not None:
                marker = QTextBlockFormat.MarkerType
                line.setMarker(marker.Checked if done else marker.Unchecked)
            self._start(cursor, line)
            if made is None:
                made = cursor.createList(layout)
            else:
                made.add(cursor.block())
            self._spans(cursor, first.spans)
            self._write(cursor, rest, indent + 1)

    def _table(self, cursor: QTextCursor, table: Table) -> None:
        layout = QTextTableFormat()
        layout.setCellPadding(4)
        layout.setCellSpacing(0)
        layout.setBorderCollapse(True)
        layout.setBorder(1)
        layout.setBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
        layout.setBorderBrush(QColor(self._tokens.border))
        layout.setBottomMargin(GAP)
        rows = (table.head, *table.rows)
        if not self._spare:
            cursor.insertBlock(_thin())
        made = cursor.insertTable(len(rows), len(table.head), layout)
        for row, cells in enumerate(rows):
            self._fill_row(made, row, cells, table.align)
        self._after_frame(cursor)

    def _fill_row(
        self,
        table: QTextTable,
        row: int,
        cells: Sequence[tuple[Span, ...]],
        align: Sequence[str],
    ) -> None:
        for column, spans in enumerate(cells[: len(align)]):
            cell = table.cellAt(row, column)
            inside = cell.firstCursorPosition()
            inside.setPosition(cell.lastPosition(), QTextCursor.MoveMode.KeepAnchor)
            inside.removeSelectedText()
            layout = QTextBlockFormat()
            layout.setProperty(
                QTextFormat.Property.BlockAlignment, ALIGNMENTS.get(align[column], 0x1)
            )
            inside.setBlockFormat(layout)
            self._spans(inside, spans, bold=row == 0)

    def _after_frame(self, cursor: QTextCursor) -> None:
        """Qt puts an empty block after every frame."""
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.setBlockFormat(_thin())
        self._spare = True

    def _layout(self, indent: int, gap: int = GAP, scale: float = 1.0) -> QTextBlockFormat:
        layout = QTextBlockFormat()
        layout.setLineHeight(
            round(self._font.pixelSize() * LINE_HEIGHT * scale),
            QTextBlockFormat.LineHeightTypes.MinimumHeight.value,
        )
        layout.setBottomMargin(gap)
        layout.setIndent(indent)
        return layout

    def _characters(self) -> QTextCharFormat:
        style = QTextCharFormat()
        style.setForeground(QColor(self._tokens.text))
        return style

    def _code_characters(self) -> QTextCharFormat:
        style = self._characters()
        style.setFontFamilies(MONOSPACE)
        size = max(1, round(self._font.pixelSize() * 13 / 15))
        style.setProperty(QTextFormat.Property.FontPixelSize, size)
        return style

    def _at_end(self) -> QTextCursor:
        cursor = QTextCursor(self)
        cursor.movePosition(QTextCursor.MoveOperation.End)
        return cursor


def _thin() -> QTextBlockFormat:
    """For the empty blocks that Qt wants around a frame."""
    layout = QTextBlockFormat()
    layout.setLineHeight(1, QTextBlockFormat.LineHeightTypes.FixedHeight.value)
    return layout


def _more_spans(before: tuple[Span, ...], after: tuple[Span, ...]) -> tuple[Span, ...] | None:
    """What `after` has beyond `before`; None where that is not all that changed."""
    if not before:
        return after
    last = len(before) - 1
    if len(after) <= last or after[:last] != before[:last]:
        return None
    old, new = before[last], after[last]
    if new.math and new != old:
        return None  # a piece of a formula is none
    if replace(new, text=old.text) != old or not new.text.startswith(old.text):
        return None
    return (replace(new, text=new.text[len(old.text) :]), *after[last + 1 :])


def _units(text: str) -> int:
    """What a document counts: letters beyond the first plane are two."""
    return len(text) + sum(letter > "\uffff" for letter in text)
