"""The program's icon, as the window and the menus show it."""

import subprocess
import sys

import pytest
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

from desktop_llm.resources import resource
from desktop_llm.ui.icons import app_icon

SIZES = (16, 32, 64, 128, 256, 512)
WHITE = QColor("white")


def drawn(size: int) -> QImage:
    image = QImage(size, size, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    QSvgRenderer(str(resource("icons", "desktop-llm.svg"))).render(painter, QRectF(image.rect()))
    painter.end()
    return image


@pytest.mark.parametrize("size", SIZES)
def test_it_is_a_tile_with_lines(qtbot, size):  # noqa: ARG001
    image = drawn(size)
    unit = size // 16
    assert image.pixelColor(0, 0).alpha() < 128  # round, at three of its corners
    assert image.pixelColor(size - 1, size - 1).alpha() < 128
    assert image.pixelColor(size // 2, unit).name() != WHITE.name()
    for row in (3, 7, 11):
        assert image.pixelColor(5 * unit, (row + 1) * unit) == WHITE


def test_its_lines_are_sharp_at_the_smallest_size(qtbot):  # noqa: ARG001
    """Each line covers whole pixels: white within, the ground above and below."""
    image = drawn(16)
    column = [image.pixelColor(5, y) == WHITE for y in range(16)]
    assert [y for y, white in enumerate(column) if white] == [3, 4, 7, 8, 11, 12]


@pytest.mark.parametrize("size", SIZES)
def test_the_window_gets_the_same_at_every_size(qtbot, size):  # noqa: ARG001
    pixmap = app_icon().pixmap(size, size)
    assert pixmap.size().width() == size
    assert pixmap.toImage().pixelColor(size * 5 // 16, size // 4) == WHITE


def test_it_costs_the_start_no_module():
    script = (
        "import sys; from PySide6.QtGui import QGuiApplication; app = QGuiApplication([]);"
        "from desktop_llm.ui.icons import app_icon; assert not app_icon().pixmap(32, 32).isNull();"
        "print('PySide6.QtSvg' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
