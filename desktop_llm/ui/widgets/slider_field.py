"""A number that a person sets by a slider, by its arrows or by typing it."""

from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QIcon, QWheelEvent
from PySide6.QtWidgets import QDoubleSpinBox, QHBoxLayout, QSlider, QVBoxLayout, QWidget

from desktop_llm.ui.widgets.message_bar import MessageAction, SmallButton
from desktop_llm.ui.widgets.plain_text import plain_label, plain_tip

NUMBER_WIDTH = 72  # pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """What the number can be."""

    low: float
    high: float
    default: float
    step: float = 1.0  # of the slider, and of the arrow keys
    decimals: int = 0
    lowest: str = ""  # a word that stands for the lowest
    slider: bool = True

    def text(self, value: float) -> str:
        """As it is shown."""
        if self.lowest and value <= self.low:
            return self.lowest
        return trimmed(f"{value:,.{self.decimals}f}")


def trimmed(number: str) -> str:
    """Without the zeros that say nothing."""
    return number.rstrip("0").rstrip(".") if "." in number else number


class Slider(QSlider):
    """A wheel that passes by scrolls the page."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class PlainNumber(QDoubleSpinBox):
    """Without buttons: there is a slider, and the arrow keys."""

    def __init__(self, scale: Scale, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setDecimals(scale.decimals)
        self.setRange(scale.low, scale.high)
        self.setSingleStep(scale.step)
        self.setSpecialValueText(scale.lowest)
        self.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.setKeyboardTracking(False)
        self.setGroupSeparatorShown(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def textFromValue(self, value: float) -> str:
        return trimmed(super().textFromValue(value))

    @property
    def being_typed(self) -> bool:
        return self.hasFocus() and self.lineEdit().isModified()

    def settle(self) -> None:
        """Take what is typed."""
        if self.lineEdit().isModified():
            self.interpretText()
            self.lineEdit().setModified(False)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class SliderField(QWidget):
    edited = Signal()  # by the person

    def __init__(
        self,
        name: str,
        about: str,
        scale: Scale,
        hover: str = "",
        parent: QWidget | None = None,
    ) -> None:
        """`hover`: the technical name."""
        super().__init__(parent)
        self._scale = scale
        self.label = plain_label(name, self)
        self.label.setWordWrap(True)
        self.number = PlainNumber(scale, self)
        self.number.setFixedWidth(NUMBER_WIDTH)
        self.label.setBuddy(self.number)
        self.number.valueChanged.connect(self._number_changed)
        self.slider: Slider | None = None
        if scale.slider:
            self.slider = Slider(self)
            self.slider.setRange(0, round((scale.high - scale.low) / scale.step))
            self.slider.setPageStep(max(1, self.slider.maximum() // 10))
            self.slider.valueChanged.connect(self._slid)
        self.reset = SmallButton(self)
        kept = self.reset.sizePolicy()
        kept.setRetainSizeWhenHidden(True)
        self.reset.setSizePolicy(kept)
        self.reset.hide()
        self.about = plain_label(about, self)
        self.about.setProperty("small", True)
        self.about.setWordWrap(True)
        for widget in (self.number, self.slider):
            if widget is not None:
                widget.setAccessibleName(name)
                widget.setAccessibleDescription(about)
        self.set_hover(hover)
        head = QHBoxLayout()
        head.setSpacing(4)
        head.addWidget(self.label, 1)
        head.addWidget(self.reset)
        head.addWidget(self.number)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(head)
        if self.slider is not None:
            column.addWidget(self.slider)
        column.addWidget(self.about)
        self.show_value(scale.default)

    def set_hover(self, text: str) -> None:
        for widget in (self.label, self.number, self.slider):
            if widget is not None:
                widget.setToolTip(plain_tip(text))

    def offer_reset(self, icon: QIcon, words: str) -> None:
        """A button that is shown while the value is not the default."""
        self.reset.take(MessageAction(icon, words, self._reset))

    def _reset(self) -> None:
        self.number.setValue(self._scale.default)

    @property
    def value(self) -> float:
        return self.number.value()

    @property
    def default(self) -> float:
        return self._scale.default

    @property
    def being_typed(self) -> bool:
        return self.number.being_typed

    def settle(self) -> None:
        """Take what is typed."""
        self.number.settle()

    def show_value(self, value: float) -> None:
        """Where that is another: what the person is doing in it stays."""
        if round(value, self._scale.decimals) != self.number.value():
            self.number.blockSignals(True)
            self.number.setValue(value)
            self.number.blockSignals(False)
        self._follow()

    def _number_changed(self) -> None:
        self._follow()
        self.edited.emit()

    def _slid(self, position: int) -> None:
        self.number.setValue(self._scale.low + position * self._scale.step)

    def _follow(self) -> None:
        value = self.number.value()
        changed = value != round(self._scale.default, self._scale.decimals)
        had_focus = self.reset.hasFocus()
        self.reset.setVisible(changed)
        if had_focus and not changed:
            self.number.setFocus(Qt.FocusReason.OtherFocusReason)
        if self.slider is None:
            return
        self.slider.blockSignals(True)
        self.slider.setValue(round((value - self._scale.low) / self._scale.step))
        self.slider.blockSignals(False)
        if self.slider.property("changed") != changed:
            self.slider.setProperty("changed", changed)
            self.slider.style().unpolish(self.slider)
            self.slider.style().polish(self.slider)
