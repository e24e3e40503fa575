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

LINE_HEIGHT = 150  # percent, for reading
GAP = 8  # pixels between blocks
HEADINGS = {1: 26 / 15, 2: 20 / 15, 3: 17 / 15}  # sizes relative to the reading size
ALIGNMENTS = {"left": 0x1, "right": 0x2, "center": 0x4}  # of Qt.AlignmentFlag


class BlockDocument(QTextDocument):
    """A message. What is finished stays; the open end is replaced while it streams."""

    def __init__(self, tokens: Tokens, font: QFont) -> None:
        super().__init__()
        self._tokens = tokens
        self._font = font
        self._frozen = 0  # position where the open end begins
        self._empty_at_frozen = True
        self.setUndoRedoEnabled(False)
        self.setDefaultFont(font)
        self.setDocumentMargin(0)

    def show_text(self, text: str) -> None:
        """Plain text, line by line, as the person typed it."""
        cursor = self._at_end()
        cursor.setBlockFormat(_block_format(0))
        cursor.insertText(text, self._characters())

    def show_markdown(self, text: str) -> None:
        self.clear()
        self._frozen = 0
        self.extend(parse(text), ())

    def extend(self, finished: Sequence[Block], open_end: Sequence[Block]) -> None:
        """Add finished blocks for good and show the open ones after them."""
        cursor = QTextCursor(self)
        cursor.setPosition(self._frozen)
        cursor.movePosition(QTextCursor.MoveOperation.End, QTextCursor.MoveMode.KeepAnchor)
        cursor.removeSelectedText()
        cursor = self._at_end()
        self._write(cursor, finished, 0)
        self._frozen = self.characterCount() - 1
        self._write(cursor, open_end, 0)

    # --- blocks --------------------------------------------------------------------------------

    def _write(self, cursor: QTextCursor, blocks: Sequence[Block], indent: int) -> None:
        for block in blocks:
            match block:
                case Paragraph(spans):
                    self._start(cursor, _block_format(indent))
                    self._spans(cursor, spans)
                case Heading(level, spans):
                    layout = _block_format(indent)
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
                    layout = _block_format(indent)
                    layout.setProperty(
                        QTextFormat.Property.BlockTrailingHorizontalRulerWidth,
                        QTextLength(QTextLength.Type.PercentageLength, 100),
                    )
                    self._start(cursor, layout)

    def _start(self, cursor: QTextCursor, layout: QTextBlockFormat) -> None:
        """A new block, or the one there is while the document is empty."""
        if self.characterCount() > 1:
            cursor.insertBlock(layout, self._characters())
        else:
            cursor.setBlockFormat(layout)

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
        layout = QTextBlockFormat()
        layout.setIndent(indent)
        layout.setBackground(QColor(self._tokens.code))
        lines = code.text.split("\n")
        for number, line in enumerate(lines):
            layout.setBottomMargin(GAP if number == len(lines) - 1 else 0)
            self._start(cursor, layout)
            cursor.setBlockCharFormat(style)
            cursor.insertText(line, style)

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
            self._start(cursor, _block_format(0, gap=GAP // 2))
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
        cursor.movePosition(QTextCursor.MoveOperation.End)

    def _characters(self) -> QTextCharFormat:
        style = QTextCharFormat()
        style.setForeground(QColor(self._tokens.text))
        return style

    def _at_end(self) -> QTextCursor:
        cursor = QTextCursor(self)
        cursor.movePosition(QTextCursor.MoveOperation.End)
        return cursor


def _block_format(indent: int, gap: int = GAP) -> QTextBlockFormat:
    layout = QTextBlockFormat()
    layout.setLineHeight(LINE_HEIGHT, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
    layout.setBottomMargin(gap)
    layout.setIndent(indent)
    return layout
