"""Lays out HTML from its standard input as a PDF file, whose path is its argument.

A process of its own, without a screen: spawned by `services.pdf`. What the HTML names is not
loaded.
"""

import sys

from PySide6.QtCore import QMarginsF, QRectF, QSizeF, Qt, QUrl
from PySide6.QtGui import (
    QAbstractTextDocumentLayout,
    QGuiApplication,
    QPageLayout,
    QPageSize,
    QPainter,
    QPdfWriter,
    QTextDocument,
)

from desktop_llm.core.confinement import die_with_parent, drop_privileges, leave_network
from desktop_llm.ui.theme import CHINESE_FALLBACKS

DOTS = 96  # an inch
MARGIN = 18.0  # millimetres
FOOT = 24  # dots below the text, for the number of the page
TEXT_PIXELS = 14


class LonelyDocument(QTextDocument):
    """Loads nothing."""

    def loadResource(self, _kind: int, _name: QUrl | str) -> object:
        return None


def main() -> int:
    die_with_parent()
    drop_privileges()
    leave_network()
    html = sys.stdin.buffer.read().decode("utf-8", "replace")
    application = QGuiApplication(sys.argv[:1])
    font = application.font()
    font.setFamilies([font.family(), *CHINESE_FALLBACKS])
    font.setPixelSize(TEXT_PIXELS)
    writer = QPdfWriter(sys.argv[1])
    writer.setResolution(DOTS)
    writer.setTitle("desktop-llm")
    layout = QPageLayout(
        QPageSize(QPageSize.PageSizeId.A4),
        QPageLayout.Orientation.Portrait,
        QMarginsF(MARGIN, MARGIN, MARGIN, MARGIN),
        QPageLayout.Unit.Millimeter,
    )
    writer.setPageLayout(layout)
    page = QRectF(layout.paintRectPixels(DOTS))
    document = LonelyDocument()
    document.setDefaultFont(font)
    document.setDocumentMargin(0)
    document.documentLayout().setPaintDevice(writer)
    document.setHtml(html)
    text = QSizeF(page.width(), page.height() - FOOT)
    document.setPageSize(text)
    painter = QPainter()
    if not painter.begin(writer):
        return 1
    painter.setFont(font)
    count = document.pageCount()
    for number in range(count):
        if number:
            writer.newPage()
        painter.save()
        painter.translate(0, -number * text.height())
        context = QAbstractTextDocumentLayout.PaintContext()
        context.clip = QRectF(0, number * text.height(), text.width(), text.height())
        painter.setClipRect(context.clip)
        document.documentLayout().draw(painter, context)
        painter.restore()
        foot = QRectF(0, text.height(), page.width(), FOOT)
        painter.drawText(
            foot,
            int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignBottom),
            f"{number + 1} / {count}",
        )
    painter.end()
    return 0


if __name__ == "__main__":
    sys.exit(main())
