"""Before a link of a stranger is followed."""

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QCursor, QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QMenu, QWidget

from desktop_llm.rendering.markdown import safe_link
from desktop_llm.ui.widgets.plain_text import plain_caption


def show_link_menu(parent: QWidget, address: str, open_words: str, copy_words: str) -> None:
    """The full address first: a link's text can say anything."""
    if not safe_link(address):
        return
    menu = QMenu(parent)
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    menu.addAction(plain_caption(address)).setEnabled(False)
    menu.addSeparator()
    menu.addAction(open_words, lambda: QDesktopServices.openUrl(QUrl(address)))
    menu.addAction(copy_words, lambda: QGuiApplication.clipboard().setText(address))
    menu.popup(QCursor.pos())
