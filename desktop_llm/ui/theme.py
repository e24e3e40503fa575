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
    mark: str  # behind words that were searched for
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
        (roles.BrightText, tokens.danger),
        (roles.LinkVisited, tokens.on_accent),  # nobody else asks for it: icons on the accent
    ):  # fmt: skip
        palette.setColor(role, QColor(colour))
    disabled = QPalette.ColorGroup.Disabled
    for role in (roles.Text, roles.ButtonText, roles.WindowText, roles.Accent, roles.LinkVisited):
        palette.setColor(disabled, role, QColor(tokens.muted))
    return palette


_STYLE = Template("""
QToolTip { border: 1px solid $border; padding: 4px 8px; background: $surface; color: $text; }
QPushButton { border: 1px solid $border; border-radius: 6px; padding: 3px 12px;
  background: $surface; min-height: ${control}px; }
QPushButton:hover { background: $hover; }
QPushButton:focus { border: 2px solid $accent; padding: 2px 11px; }
QPushButton[primary="true"] { background: $accent; color: $on_accent; border-color: $accent;
  font-weight: 600; }
QPushButton[primary="true"]:focus { border: 2px solid $text; }
QPushButton[danger="true"] { color: $danger; border-color: $danger; }
QPushButton[danger="true"]:focus { border: 2px solid $accent; }
QPushButton:disabled, QPushButton[primary="true"]:disabled { color: $muted; background: $window;
  border-color: $border; font-weight: 400; }
QPushButton#model { border-color: transparent; background: transparent; }
QPushButton#model:hover { background: $hover; }
QPushButton#model:focus { border-color: $accent; }
QPushButton[answer="true"] { text-align: left; padding-left: 12px; }
QPushButton#chip { border-radius: ${chip}px; padding: 3px 14px; }
QToolButton { border: 2px solid transparent; border-radius: 6px; padding: 2px; }
QToolButton:hover { background: $hover; }
QToolButton:focus { border-color: $accent; }
QToolButton:checked { background: $tint; }
QListView { background: transparent; border: none; outline: none; }
QListView::item { border: 2px solid transparent; border-radius: 6px; padding: 4px 8px; }
QListView::item:hover { background: $hover; }
QListView::item:selected { background: $tint; color: $text; }
QListView::item:focus { border-color: $accent; }
QListView QLineEdit { min-height: 0; padding: 0 6px; border-radius: 4px; }
QTableView { background: $surface; border: 1px solid $border; border-radius: 6px;
  gridline-color: $border; selection-background-color: $tint; selection-color: $text; }
QTableView:focus { border-color: $accent; }
QTableView::item { padding: 2px 6px; border: 1px solid transparent; }
QTableView::item:focus { border-color: $accent; }
QTableView QPlainTextEdit, QTableView QComboBox { border-radius: 0; min-height: 0; }
QHeaderView { background: $window; }
QHeaderView::section { background: $window; color: $muted; border: none; padding: 5px 9px;
  border-bottom: 1px solid $border; font-weight: 600; }
QLineEdit, QComboBox, QAbstractSpinBox { border: 1px solid $border; border-radius: 6px;
  padding: 3px 8px; background: $surface; min-height: ${control}px; }
QLineEdit:focus, QComboBox:focus, QAbstractSpinBox:focus { border: 2px solid $accent;
  padding: 2px 7px; }
QAbstractSpinBox { max-height: ${control}px; }
QComboBox::drop-down { border: none; width: 24px; }
QAbstractSpinBox QLineEdit { border: none; padding: 0; background: transparent; min-height: 0; }
QAbstractSpinBox QLineEdit:focus { border: none; padding: 0; }
QSpinBox::up-button, QSpinBox::down-button { border: none; background: transparent; width: 28px; }
QDoubleSpinBox::up-button, QDoubleSpinBox::down-button { subcontrol-origin: border;
  border: none; width: 0; height: 0; }
QSpinBox::up-arrow, QSpinBox::down-arrow { width: 0; height: 0; }
QSlider { min-height: 20px; background: transparent; }
QSlider::groove:horizontal { height: 4px; border-radius: 2px; background: $border; }
QCheckBox::indicator:unchecked { width: 13px; height: 13px; border: 1px solid $muted;
  border-radius: 3px; background: $surface; }
QCheckBox::indicator:unchecked:disabled { border-color: $border; background: $window; }
QSlider::sub-page:horizontal { border-radius: 2px; background: $muted; }
QSlider[changed="true"]::sub-page:horizontal { background: $accent; }
QSlider::handle:horizontal { width: 14px; height: 14px; margin: -6px 0; border-radius: 8px;
  border: 1px solid $muted; background: $surface; }
QSlider::handle:horizontal:hover { border-color: $accent; }
QSlider::handle:horizontal:focus { border: 2px solid $accent; width: 12px; height: 12px; }
QToolButton#foldable { font-weight: 600; padding: 2px 6px 2px 0; }
QToolButton#foldable:checked { background: transparent; }
QToolButton#foldable:checked:hover { background: $hover; }
QComboBox QAbstractItemView { border: 1px solid $border; background: $surface; padding: 0;
  selection-background-color: $tint; selection-color: $text; }
QPlainTextEdit, QTextEdit { border: 1px solid $border; border-radius: 6px; padding: 4px;
  background: $surface; }
QPlainTextEdit:focus, QTextEdit:focus { border: 2px solid $accent; padding: 3px; }
QProgressBar { border: none; border-radius: 2px; background: $border; max-height: 4px; }
QProgressBar::chunk { border-radius: 2px; background: $accent; }
QMenu { border: 1px solid $border; background: $surface; padding: 4px; }
QMenu::item { padding: 5px 24px 5px 10px; border-radius: 4px; }
QMenu::item:selected { background: $hover; color: $text; }
QMenu::item:disabled { color: $muted; }
QMenu::separator { height: 1px; background: $border; margin: 4px 8px; }
QScrollBar { background: transparent; width: 12px; height: 12px; margin: 0; }
QScrollBar::handle { background: $border; border-radius: 4px; margin: 2px; min-height: 32px; }
QScrollBar::handle:hover { background: $muted; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
QFrame#messageBar { border: 1px solid transparent; }
QFrame#messageBar[floating="true"] { background: $surface; border-color: $border;
  border-radius: 8px; }
QFrame#composer { border: 1px solid $border; border-radius: 10px; background: $surface; }
QFrame#composer[active="true"] { border: 2px solid $accent; }
QFrame#composer QPlainTextEdit { border: none; padding: 0; background: transparent; }
QFrame#rail { background: $window; border: none; border-right: 1px solid $border; }
QWidget#sidebar, QFrame#sidepanel { background: $window; }
QFrame#sidepanel { border: none; }
QFrame#page { background: $surface; border: none; }
QFrame#card { background: $tint; border: none; border-radius: 10px; }
QFrame#fault, QFrame#question { background: $tint; border: 1px solid $danger;
  border-radius: 10px; }
QFrame#choices { background: $tint; border: 1px solid $accent; border-radius: 10px; }
QFrame#card QScrollArea, QWidget#variableFields, QPlainTextEdit[preview="true"] {
  background: transparent; }
QFrame#toast { background: $surface; border: 1px solid $border; border-radius: 10px; }
QListView#completions { background: $surface; border: 1px solid $border; }
QFrame#tag { background: $tint; border: 1px solid transparent; border-radius: ${pill}px; }
QFrame#tag[some="true"] { background: transparent; border: 1px dashed $muted; }
QFrame#tag QPushButton { border: 1px solid transparent; background: transparent; min-height: 0;
  padding: 2px 2px 2px 8px; }
QFrame#tag QPushButton:hover { text-decoration: underline; }
QFrame#tag QPushButton:focus, QFrame#tag QToolButton:focus { border: 1px solid $accent;
  border-radius: ${pill}px; }
QFrame#tag QToolButton { border-radius: ${pill}px; }
QFrame#picker, QFrame#popup { background: $surface; border: 1px solid $border;
  border-radius: 10px; }
QStatusBar { border-top: 1px solid $border; color: $muted; }
QStatusBar::item { border: none; }
QStatusBar QToolButton { color: $muted; border-width: 1px; padding: 0 4px; max-height: 16px; }
QStatusBar QLabel, QLabel[muted="true"] { color: $muted; }
QLabel[small="true"] { color: $muted; font-size: ${small}px; }
QLabel[strong="true"] { font-weight: 600; }
QLabel[danger="true"] { color: $danger; }
QLabel[heading="true"] { font-size: ${heading}px; font-weight: 600; }
QLabel[title="true"] { font-size: ${title}px; font-weight: 600; }
QLabel[section="true"] { font-size: ${section}px; font-weight: 600; }
QLabel[keys="true"] { color: $muted; border: 1px solid $border; border-radius: 4px;
  padding: 1px 6px; background: $window; }
QSplitter::handle { background: $border; }
""")


def _style_sheet(tokens: Tokens, font_size: int) -> str:
    colours = {name: getattr(tokens, name) for name in Tokens.__slots__}
    ratio = font_size / BASE_SIZE
    sizes = {"small": 12, "section": 15, "heading": 20, "title": 26, "control": 20, "chip": 14,
             "pill": 12}  # fmt: skip
    scaled = {name: round(size * ratio) for name, size in sizes.items()}
    return _STYLE.substitute(colours, **scaled)
