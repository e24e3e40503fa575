"""The program's own icon, and those of QtAwesome's Phosphor set, drawn from its font.

The font file is taken without importing qtawesome: that costs 0.2 s of the window's start.
"""

import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QIcon, QPainter, QPixmap

from desktop_llm.resources import resource

SIZES = (16, 20, 32, 40, 64)  # pixels: both sizes at scale 1 and 2, and a large one


def app_icon() -> QIcon:
    """The program's mark, drawn at whatever size is asked for, by Qt's plugin for SVG.

    QtSvg is not imported: the plugin takes 2 to 4 ms once, where the module would add its own.
    """
    return QIcon(str(resource("icons", "desktop-llm.svg")))


def icon(name: str, colour: str) -> QIcon:
    """An icon by its Phosphor name, e.g. `gear`. Raises KeyError for an unknown one."""
    made = QIcon()
    for size in SIZES:
        made.addPixmap(pixmap(name, colour, size))
    return made


@cache
def pixmap(name: str, colour: str, size: int) -> QPixmap:
    family, characters = _font()
    picture = QPixmap(size, size)
    picture.fill(Qt.GlobalColor.transparent)
    font = QFont(family)
    font.setPixelSize(size)
    painter = QPainter(picture)
    painter.setFont(font)
    painter.setPen(QColor(colour))
    painter.drawText(QRect(0, 0, size, size), Qt.AlignmentFlag.AlignCenter, characters[name])
    painter.end()
    return picture


@cache
def _font() -> tuple[str, dict[str, str]]:
    spec = find_spec("qtawesome")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("qtawesome")
    folder = Path(spec.origin).parent / "fonts"
    (font,) = folder.glob("phosphor-*.ttf")
    (names,) = folder.glob("phosphor-charmap-*.json")
    number = QFontDatabase.addApplicationFont(str(font))
    family = QFontDatabase.applicationFontFamilies(number)[0]
    codes: dict[str, str] = json.loads(names.read_text(encoding="utf-8"))
    return family, {name: chr(int(code, 16)) for name, code in codes.items()}
