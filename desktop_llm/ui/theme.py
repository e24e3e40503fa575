"""Colours, type and spacing: tokens of `resources/themes`, applied in one place."""

import tomllib
from dataclasses import dataclass
from string import Template

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

from desktop_llm.core.settings import Theme
from desktop_llm.resources import resource

BASE_SIZE = 13  # pixels; the other sizes keep their ratio to it
CHINESE_FALLBACKS = ["Noto Sans CJK SC", "Microsoft YaHei", "PingFang SC", "WenQuanYi Micro Hei"]
MONOSPACE = ["DejaVu Sans Mono", "Menlo", "Consolas", "Noto Sans Mono CJK SC", "monospace"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Colours by their use, as `#rrggbb`."""

    window: str
    surface: str
    tint: str  # the person's messages
    hover: str
    border: str
    text: str
    muted: str
    accent: str
    on_accent: str
    danger: str
    selection: str
    code: str
    syntax_keyword: str
    syntax_string: str
    syntax_number: str
    syntax_comment: str
    syntax_name: str


def load_tokens(name: str) -> Tokens:
    return Tokens(**tomllib.loads(resource("themes", f"{name}.toml").read_text(encoding="utf-8")))


def is_dark(theme: Theme) -> bool:
    if theme is Theme.SYSTEM:
        return QGuiApplication.styleHints().colorScheme() is Qt.ColorScheme.Dark
    return theme is Theme.DARK


def apply(application: QApplication, theme: Theme, font_size: int) -> Tokens:
    """Dress the whole program; `font_size` is the base size in pixels."""
    tokens = load_tokens("dark" if is_dark(theme) else "light")
    application.setStyle("Fusion")
    font = QFont(application.font())
    font.setFamilies([application.font().family(), *CHINESE_FALLBACKS])
    font.setPixelSize(font_size)
    application.setFont(font)
    application.setPalette(_palette(tokens))
    application.setStyleSheet(_style_sheet(tokens, font_size))
    return tokens


def reading_font(base: QFont, scale: float = 15 / BASE_SIZE) -> QFont:
    font = QFont(base)
    font.setPixelSize(max(1, round(base.pixelSize() * scale)))
    return font


def contrast(one: str, other: str) -> float:
    """Ratio of luminances, 1 to 21 (WCAG 2.2, "contrast ratio")."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4
        for channel in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _palette(tokens: Tokens) -> QPalette:
    palette = QPalette()
    roles = QPalette.ColorRole
    for role, colour in (
        (roles.Window, tokens.window), (roles.WindowText, tokens.text),
        (roles.Base, tokens.surface), (roles.AlternateBase, tokens.tint),
        (roles.Text, tokens.text), (roles.Button, tokens.surface),
        (roles.ButtonText, tokens.text), (roles.Highlight, tokens.selection),
        (roles.HighlightedText, tokens.text), (roles.PlaceholderText, tokens.muted),
        (roles.ToolTipBase, tokens.surface), (roles.ToolTipText, tokens.text),
        (roles.Link, tokens.accent), (roles.Mid, tokens.border), (roles.Accent, tokens.accent),
    ):  # fmt: skip
        palette.setColor(role, QColor(colour))
    disabled = QPalette.ColorGroup.Disabled
    for role in (roles.Text, roles.ButtonText, roles.WindowText):
        palette.setColor(disabled, role, QColor(tokens.muted))
    return palette


_STYLE = Template("""
QToolTip { border: 1px solid $border; padding: 4px 8px; background: $surface; color: $text; }
QPushButton { border: 1px solid $border; border-radius: 6px; padding: 4px 12px;
  background: $surface; min-height: ${control}px; }
QPushButton:hover { background: $hover; }
QPushButton:focus, QToolButton:focus { border: 2px solid $accent; }
QPushButton[primary="true"] { background: $accent; color: $on_accent; border-color: $accent; }
QPushButton[primary="true"]:focus { border: 2px solid $text; }
QPushButton:disabled { color: $muted; background: $window; border-color: $border; }
QToolButton { border: 2px solid transparent; border-radius: 6px; padding: 4px; }
QToolButton:hover { background: $hover; }
QToolButton:checked { background: $tint; }
QListView { background: $window; border: none; outline: none; }
QListView::item { border: 2px solid transparent; border-radius: 6px; padding: 4px 8px; }
QListView::item:hover { background: $hover; }
QListView::item:selected { background: $tint; color: $text; }
QListView:focus::item:selected { border-color: $accent; }
QLineEdit, QComboBox, QSpinBox { border: 1px solid $border; border-radius: 6px;
  padding: 4px 8px; background: $surface; min-height: ${control}px; }
QLineEdit:focus, QComboBox:focus, QSpinBox:focus { border: 2px solid $accent; }
QFrame#composer { border: 1px solid $border; border-radius: 10px; background: $surface; }
QFrame#composer[active="true"] { border: 2px solid $accent; }
QFrame#composer QPlainTextEdit { border: none; background: transparent; }
QWidget#sidebar { background: $window; }
QFrame#page { background: $surface; }
QStatusBar { border-top: 1px solid $border; color: $muted; }
QStatusBar QLabel, QLabel[muted="true"] { color: $muted; }
QLabel[danger="true"] { color: $danger; }
QLabel[heading="true"] { font-size: ${heading}px; font-weight: 600; }
QSplitter::handle { background: $border; }
""")


def _style_sheet(tokens: Tokens, font_size: int) -> str:
    colours = {name: getattr(tokens, name) for name in Tokens.__slots__}
    ratio = font_size / BASE_SIZE
    return _STYLE.substitute(colours, heading=round(20 * ratio), control=round(20 * ratio))
