"""Formatted text of strangers: read, selected and copied; it loads nothing and opens nothing."""

from PySide6.QtCore import QUrl, Signal
from PySide6.QtGui import QTextDocument
from PySide6.QtWidgets import QTextBrowser, QWidget

MARGIN = 4  # pixels


class SafeText(QTextBrowser):
    link_activated = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setOpenLinks(False)
        self.setOpenExternalLinks(False)
        self.document().setDocumentMargin(MARGIN)
        self.anchorClicked.connect(lambda url: self.link_activated.emit(url.toString()))

    def loadResource(self, _kind: int, _name: QUrl) -> object:  # type: ignore[override]
        return None

    def show_html(self, html: str) -> None:
        """As `rendering.html` makes it."""
        self.document().setDefaultStyleSheet("td, th { padding: 2px 8px; } pre { margin: 8px 0; }")
        self.setHtml(html)
        cursor = self.textCursor()
        cursor.setPosition(0)
        self.setTextCursor(cursor)
        self.document().setMetaInformation(QTextDocument.MetaInformation.DocumentTitle, "")
