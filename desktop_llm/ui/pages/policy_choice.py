"""What to do with a conversation that has become too long, and what each answer would do now."""

from collections.abc import Mapping

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPalette
from PySide6.QtWidgets import (
    QComboBox,
    QStyledItemDelegate,
    QStyleOptionComboBox,
    QStyleOptionViewItem,
    QWidget,
)

from desktop_llm.core.context import Policy
from desktop_llm.ui.icons import icon
from desktop_llm.ui.widgets.inputs import ARROW, Choice
from desktop_llm.ui.widgets.list_rows import DETAIL_ROLE, INSET
from desktop_llm.ui.widgets.plain_text import plain_tip
from desktop_llm.words import _

GAP = 24  # pixels between the words and the effect
Index = QModelIndex | QPersistentModelIndex


class PolicyChoice(Choice):
    wanted = Signal(object)  # a `Policy`; only by a person

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(icon("caret-down"), parent)
        self._policy = Policy.ASK
        adjust = QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        self.setSizeAdjustPolicy(adjust)
        self.setMinimumContentsLength(12)
        self.setItemDelegate(_EffectDelegate(self))
        for policy, (words, explanation) in _words().items():
            self.addItem(words, policy)
            row = self.count() - 1
            self.setItemData(row, plain_tip(explanation), Qt.ItemDataRole.ToolTipRole)
            self.setItemData(row, explanation, Qt.ItemDataRole.AccessibleDescriptionRole)
        self.activated.connect(self._choose)
        self.currentIndexChanged.connect(self._explain)
        self._explain(0)

    def show_policy(self, policy: Policy, effects: Mapping[Policy, int | None]) -> None:
        """`effects`: messages that each would leave out; None: it would not fit."""
        self._policy = policy
        self.setCurrentIndex(list(Policy).index(policy))
        for row, each in enumerate(Policy):
            effect = _effect(each, effects[each]) if each in effects else ""
            if effect != (self.itemData(row, DETAIL_ROLE) or ""):
                self.setItemData(row, effect, DETAIL_ROLE)
                spoken = _(", ").join(part for part in (self.itemText(row), effect) if part)
                self.setItemData(row, spoken, Qt.ItemDataRole.AccessibleTextRole)

    def _choose(self, row: int) -> None:
        policy = list(Policy)[row]
        if policy is not self._policy:
            self._policy = policy
            self.wanted.emit(policy)

    def _explain(self, row: int) -> None:
        explanation = _words()[list(Policy)[row]][1]
        self.setToolTip(plain_tip(explanation))
        self.setAccessibleDescription(explanation)

    def initStyleOption(self, option: QStyleOptionComboBox) -> None:
        super().initStyleOption(option)
        room = self.width() - ARROW - 3 * INSET
        option.currentText = self.fontMetrics().elidedText(
            self.currentText(), Qt.TextElideMode.ElideRight, room
        )

    def showPopup(self) -> None:
        """As wide as the words, in a panel that is not."""
        view, option = self.view(), QStyleOptionViewItem()
        option.initFrom(view)
        sizes = [
            self.itemDelegate().sizeHint(option, self.model().index(row, 0))
            for row in range(self.count())
        ]
        view.setMinimumWidth(max(self.width(), *(size.width() for size in sizes)))
        super().showPopup()


class _EffectDelegate(QStyledItemDelegate):
    """What a policy would do stands in grey at the right."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        super().paint(painter, option, index)
        painter.save()
        painter.setPen(option.palette.color(QPalette.ColorRole.PlaceholderText))
        painter.drawText(
            option.rect.adjusted(INSET, 0, -INSET, 0),
            int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter),
            str(index.data(DETAIL_ROLE) or ""),
        )
        painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        words = [str(index.data(Qt.ItemDataRole.DisplayRole)), str(index.data(DETAIL_ROLE) or "")]
        width = sum(map(option.fontMetrics.horizontalAdvance, words)) + GAP + 3 * INSET
        return QSize(width, option.fontMetrics.height() + 12)


def _words() -> dict[Policy, tuple[str, str]]:
    """What it is called and what it means, in the order of `Policy`."""
    return {
        Policy.ASK: (
            _("Ask me"),
            _("You are asked when a question no longer fits. Nothing is left out before."),
        ),
        Policy.STOP: (
            _("Send nothing"),
            _("A question that no longer fits is not sent."),
        ),
        Policy.FIRST_AND_NEWEST: (
            _("Keep the first question and the newest"),
            _("The first question and its reply stay, and as many of the newest messages as fit."),
        ),
        Policy.NEWEST: (
            _("Keep the newest"),
            _("The oldest messages are left out, as many as have to be."),
        ),
        Policy.SUMMARY: (
            _("Summarise what does not fit"),
            _("The model sums up the oldest messages, which takes its time. The summary is sent "
              "in their place."),
        ),
    }  # fmt: skip


def _effect(policy: Policy, unseen: int | None) -> str:
    if policy is Policy.STOP:
        return ""
    if unseen is None:
        return _("too long all the same")
    if not unseen:
        return ""
    words = _("sums up {number}") if policy is Policy.SUMMARY else _("leaves out {number}")
    return words.format(number=f"{unseen:,}")
