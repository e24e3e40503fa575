"""Pictures of formulas within text: each is one character, drawn by the document itself.

Qt's own images stand on the line that letters stand on; a formula reaches below it. So these are
objects of their own kind. A picture is a value in memory: nothing is looked up by a name.
"""

import math
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRect, QRectF, QSizeF
from PySide6.QtGui import (
    QFontMetrics,
    QImage,
    QPainter,
    QPyTextObject,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextDocumentFragment,
    QTextFormat,
)

from desktop_llm.rendering.formulas import Wanted

CHARACTER = "\ufffc"  # Qt's, for any object
NARROWEST = 40.0  # pixels a picture may always have
_KIND = QTextFormat.ObjectTypes.UserObject.value + 1
_NUMBER = QTextFormat.Property.UserProperty.value + 1
_SOURCE = QTextFormat.Property.UserProperty.value + 2


@dataclass(frozen=True, slots=True)
class Picture:
    """In pixels of the screen's scale; the image may be finer. `ascent` of `height` lies above the
    line that letters stand on.
    """

    image: QImage
    width: float
    height: float
    ascent: float


class Pictures(QPyTextObject):
    """Those of one document."""

    def __init__(self, document: QTextDocument) -> None:
        super().__init__(document)
        self._pictures: list[Picture] = []
        self._registered = False

    def clear(self) -> None:
        self._pictures.clear()

    def character(
        self, picture: Picture, wanted: Wanted, position: int, style: QTextCharFormat
    ) -> tuple[str, QTextCharFormat]:
        """A character and its format, which stand for the picture."""
        document = self.parent()
        assert isinstance(document, QTextDocument)
        if not self._registered:
            document.documentLayout().registerHandler(_KIND, self)
            self._registered = True
        self._pictures.append(picture)
        sign = "$$" if wanted.display else "$"
        made = QTextCharFormat(style)
        made.setObjectType(_KIND)
        made.setProperty(_NUMBER, len(self._pictures) - 1)
        made.setProperty(_SOURCE, f"{sign}{wanted.latex}{sign}")
        # Qt makes room as if the middle of a picture stood a quarter of an x above the line: a
        # font whose x has the right height makes that the room which this one needs.
        made.setVerticalAlignment(QTextCharFormat.VerticalAlignment.AlignMiddle)
        scale = _scale(picture, document, position)
        x = 2 * (2 * picture.ascent - picture.height) * scale
        made.setProperty(QTextFormat.Property.FontPixelSize, _size_with_x(x, made))
        return CHARACTER, made

    def intrinsicSize(self, doc: QTextDocument, _position: int, format: QTextFormat) -> QSizeF:
        picture = self._of(format)
        return QSizeF() if picture is None else _size(picture, doc, _position)

    def drawObject(
        self,
        painter: QPainter,
        rect: QRectF | QRect,
        doc: QTextDocument,
        position: int,
        format: QTextFormat,
    ) -> None:
        """On the line that letters stand on. (PySide crashes where this raises anything.)"""
        picture = self._of(format)
        block = doc.findBlock(position)
        line = block.layout().lineForTextPosition(position - block.position())
        if picture is None or not line.isValid():
            return
        size, scale = _size(picture, doc, position), _scale(picture, doc, position)
        top = QRectF(rect).center().y() - (line.ascent() + line.descent()) / 2
        place = QPointF(QRectF(rect).left(), top + line.ascent() - picture.ascent * scale)
        if scale == 1:
            place = _on_a_pixel(painter, place)
        else:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(QRectF(place, size), picture.image)

    def _of(self, style: QTextFormat) -> Picture | None:
        number = style.property(_NUMBER)
        known = isinstance(number, int) and number < len(self._pictures)
        return self._pictures[number] if known else None


def text_of(fragment: QTextDocumentFragment, markdown: bool = False) -> str:
    """As text or Markdown, with the LaTeX of formulas in place of their pictures."""
    text = fragment.toPlainText()
    if CHARACTER not in text:
        return fragment.toMarkdown() if markdown else text
    copy = QTextDocument()
    QTextCursor(copy).insertFragment(fragment)
    sources: dict[str, str] = {}
    found = copy.find(CHARACTER, 0)
    while not found.isNull():
        source = found.charFormat().property(_SOURCE) or ""
        mark = f"\ue000{len(sources)}\ue001"  # Markdown's writer would escape what LaTeX is made of
        sources[mark] = source
        found.insertText(mark if source else "", QTextCharFormat())
        found = copy.find(CHARACTER, found)
    text = copy.toMarkdown() if markdown else copy.toPlainText()
    for mark, source in sources.items():
        text = text.replace(mark, source, 1)
    return text


def _size(picture: Picture, document: QTextDocument, position: int) -> QSizeF:
    return QSizeF(picture.width, picture.height) * _scale(picture, document, position)


def _scale(picture: Picture, document: QTextDocument, position: int) -> float:
    """Down to the room there is."""
    if picture.width <= NARROWEST:
        return 1.0
    block = document.findBlock(position)
    indent = block.blockFormat().indent()
    if (items := block.textList()) is not None:
        indent += items.format().indent()
    room = max(NARROWEST, document.textWidth() - indent * document.indentWidth())
    return min(1.0, room / picture.width) if document.textWidth() > 0 else 1.0


def _size_with_x(wanted: float, style: QTextCharFormat) -> int:
    """The size of type at which a lower-case x is about so high."""
    font = style.font()
    font.setPixelSize(100)
    share = max(0.1, QFontMetrics(font).xHeight() / 100)
    return max(1, math.ceil(wanted / share))


def _on_a_pixel(painter: QPainter, place: QPointF) -> QPointF:
    """The nearest place where the picture's pixels are the screen's."""
    ratio = painter.device().devicePixelRatioF()
    world = painter.worldTransform()
    if world.isScaling() or world.isRotating():
        return place
    moved = world.map(place)
    sharp = QPointF(round(moved.x() * ratio) / ratio, round(moved.y() * ratio) / ratio)
    return place + sharp - moved
