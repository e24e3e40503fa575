"""Text that is not the program's own, shown as it is.

Qt takes what looks like HTML for HTML: an `<img>` in a title would load a file.
"""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QWidget


def plain_label(text: str = "", parent: QWidget | None = None) -> QLabel:
    label = QLabel(parent)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setText(text)
    return label


def plain_tip(text: str) -> str:
    """For a tooltip, which has no format to set: HTML that shows the text, wrapped."""
    if not text:
        return ""
    import html  # its table of entities is large

    return f'<span style="white-space: pre-wrap">{html.escape(text)}</span>'


def plain_caption(text: str) -> str:
    """For a button or a menu, where `&` would underline what follows."""
    return text.replace("&", "&&")
