"""The program's own icon, and those of QtAwesome's Phosphor set, drawn from its font in the
palette's colours.

The font file is taken without importing qtawesome: that costs 0.2 s of the window's start. Icons
are drawn when they are painted, so that another theme recolours them by itself.
"""

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import (
    QFont,
    QFontDatabase,
    QGuiApplication,
    QIcon,
    QIconEngine,
    QPainter,
    QPalette,
    QPixmap,
)

from desktop_llm.resources import resource

Role = QPalette.ColorRole
ON_ACCENT = Role.LinkVisited  # of `theme.py`


def app_icon() -> QIcon:
    """The program's mark, drawn at whatever size is asked for, by Qt's plugin for SVG.

    QtSvg is not imported: the plugin takes 2 to 4 ms once, where the module would add its own.
    """
    return QIcon(str(resource("icons", "desktop-llm.svg")))


class _Glyph(QIconEngine):
    def __init__(self, character: str, role: Role) -> None:
        super().__init__()
        self._character = character
        self._role = role

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        group = QPalette.ColorGroup
        chosen = group.Disabled if mode is QIcon.Mode.Disabled else group.Active
        role = Role.Accent if state is QIcon.State.On else self._role
        font = QFont(_font()[0])
        font.setPixelSize(rect.height())
        painter.setFont(font)
        painter.setPen(QGuiApplication.palette().color(chosen, role))
        painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, self._character)

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        picture = QPixmap(size)
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        self.paint(painter, QRect(0, 0, size.width(), size.height()), mode, state)
        painter.end()
        return picture

    def clone(self) -> QIconEngine:
        return _Glyph(self._character, self._role)


@cache  # never collected: an engine written in Python must not go in the middle of a collection
def icon(name: str, role: Role = Role.ButtonText) -> QIcon:
    """An icon by its Phosphor name, e.g. `gear`. Raises KeyError for an unknown one."""
    return QIcon(_Glyph(_character(name), role))


@cache
def _character(name: str) -> str:
    """Looked up in the text: as a dictionary the 4,470 names would take a megabyte."""
    found = re.search(rf'"{re.escape(name)}":\s*"0x([0-9a-f]+)"', _font()[1])
    if found is None:
        raise KeyError(name)
    return chr(int(found[1], 16))


@cache
def _font() -> tuple[str, str]:
    """The family, and the names with their characters as JSON."""
    spec = find_spec("qtawesome")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("qtawesome")
    folder = Path(spec.origin).parent / "fonts"
    (font,) = folder.glob("phosphor-*.ttf")
    (names,) = folder.glob("phosphor-charmap-*.json")
    number = QFontDatabase.addApplicationFont(str(font))
    family = QFontDatabase.applicationFontFamilies(number)[0]
    return family, names.read_text(encoding="utf-8")
