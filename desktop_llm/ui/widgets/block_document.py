"""Markdown blocks as a QTextDocument, built by cursor: no HTML, nothing loaded."""

from collections.abc import Sequence

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
    QTextTableFormat,
)

from desktop_llm.rendering.markdown import (
    Block,
    Code,
    Heading,
    Items,
    Paragraph,
    Quote,
    Rule,
    Span,
    Table,
    parse,
)
from desktop_llm.ui.theme import MONOSPACE, Tokens

LINE_HEIGHT = 1.5  # times the size of the type, for reading
GAP = 8  # pixels between blocks
CODE_PADDING = 12
HEADINGS = {1: 26 / 15, 2: 20 / 15, 3: 17 / 15}  # sizes relative to the reading size
ALIGNMENTS = {"left": 0x1, "right": 0x2, "center": 0x4}  # of Qt.AlignmentFlag


class BlockDocument(QTextDocument):
    """A message. What is finished stays; the open end is replaced while it streams."""

    def __init__(self, tokens: Tokens, font: QFont) -> None:
        super().__init__()
        self._tokens = tokens
        self._font = font
        self._frozen = 0  # position where the open end begins
        self._spare = True  # the last block is empty and takes what comes next
        self._frozen_spare = True
        self.setUndoRedoEnabled(False)
        self.setDefaultFont(font)
        self.setDocumentMargin(0)

    def show_text(self, text: str) -> None:
        """Plain text, line by line, as the person typed it."""
        cursor = self._at_end()
        cursor.setBlockFormat(self._layout(0, gap=0))
        cursor.insertText(text, self._characters())

    def show_markdown(self, text: str) -> None:
        self.clear()
        self._frozen, self._spare, self._frozen_spare = 0, True, True
        self.extend(parse(text), ())

    def extend(self, finished: Sequence[Block], open_end: Sequence[Block]) -> None:
        """Add finished blocks for good and show the open ones after them."""
        cursor = QTextCursor(self)
        cursor.setPosition(self._frozen)
        cursor.movePosition(QTextCursor.MoveOperation.End, QTextCursor.MoveMode.KeepAnchor)
        cursor.removeSelectedText()
        self._spare = self._frozen_spare
        cursor = self._at_end()
        if self._spare:
            cursor.setBlockFormat(_thin())
        self._write(cursor, finished, 0)
        self._frozen, self._frozen_spare = self.characterCount() - 1, self._spare
        self._write(cursor, open_end, 0)

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
                    layout = self._layout(indent)
                    layout.setProperty(
                        QTextFormat.Property.BlockTrailingHorizontalRulerWidth,
                        QTextLength(QTextLength.Type.PercentageLength, 100),
                    )
                    self._start(cursor, layout)

    def _start(self, cursor: QTextCursor, layout: QTextBlockFormat) -> None:
        """A new block, or the empty one at the end."""
        if self._spare:
            cursor.setBlockFormat(layout)
            cursor.setBlockCharFormat(self._characters())
        else:
            cursor.insertBlock(layout, self._characters())
        self._spare = False

    def _spans(
        self, cursor: QTextCursor, spans: Sequence[Span], scale: float = 1.0, bold: bool = False
    ) -> None:
        for span in spans:
            style = self._characters()
            if scale != 1.0:
                style.setProperty(
                    QTextFormat.Property.FontPixelSize, round(self._font.pixelSize() * scale)
                )
            if bold or span.bold:
                style.setFontWeight(QFont.Weight.DemiBold)
            style.setFontItalic(span.italic)
            style.setFontStrikeOut(span.struck)
            if span.code:
                style.setFontFamilies(MONOSPACE)
                style.setBackground(QColor(self._tokens.code))
            if span.link:
                style.setAnchor(True)
                style.setAnchorHref(span.link)
                style.setForeground(QColor(self._tokens.accent))
                style.setFontUnderline(True)
            cursor.insertText(span.text.replace("\n", "\u2028"), style)

    def _code(self, cursor: QTextCursor, code: Code, indent: int) -> None:
        style = self._characters()
        style.setFontFamilies(MONOSPACE)
        style.setProperty(
            QTextFormat.Property.FontPixelSize, max(1, round(self._font.pixelSize() * 13 / 15))
        )
        frame = QTextFrameFormat()
        frame.setBackground(QColor(self._tokens.code))
        frame.setPadding(CODE_PADDING)
        frame.setLeftMargin(indent * self.indentWidth())
        frame.setBottomMargin(GAP)
        frame.setTopMargin(GAP // 2)
        if not self._spare:
            cursor.insertBlock(_thin())
        cursor.insertFrame(frame)
        layout = QTextBlockFormat()
        for number, line in enumerate(code.text.split("\n")):
            if number:
                cursor.insertBlock(layout, style)
            else:
                cursor.setBlockFormat(layout)
                cursor.setBlockCharFormat(style)
            cursor.insertText(line, style)
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
        for blocks in items.items:
            first, rest = (blocks[0], blocks[1:]) if blocks else (Paragraph(()), ())
            if not isinstance(first, Paragraph):
                first, rest = Paragraph(()), blocks
            self._start(cursor, self._layout(0, gap=GAP // 2))
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
            for column, spans in enumerate(cells[: len(table.head)]):
                inside = made.cellAt(row, column).firstCursorPosition()
                align = QTextBlockFormat()
                align.setProperty(
                    QTextFormat.Property.BlockAlignment, ALIGNMENTS.get(table.align[column], 0x1)
                )
                inside.setBlockFormat(align)
                self._spans(inside, spans, bold=row == 0)
        self._after_frame(cursor)

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

    def _at_end(self) -> QTextCursor:
        cursor = QTextCursor(self)
        cursor.movePosition(QTextCursor.MoveOperation.End)
        return cursor


def _thin() -> QTextBlockFormat:
    """For the empty blocks that Qt wants around a frame."""
    layout = QTextBlockFormat()
    layout.setLineHeight(1, QTextBlockFormat.LineHeightTypes.FixedHeight.value)
    return layout
