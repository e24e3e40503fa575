"""The first page a person sees: language and look, a sentence on privacy, the model, examples."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from desktop_llm.core.models import InstalledModel
from desktop_llm.core.settings import Language, Settings, Theme
from desktop_llm.ui.icons import icon
from desktop_llm.ui.pages.conversation import example_questions
from desktop_llm.ui.widgets.inputs import Choice
from desktop_llm.ui.widgets.plain_text import plain_label
from desktop_llm.ui.widgets.wrapping_button import WrappingButton
from desktop_llm.words import _

WIDTH = 560  # pixels of the column


class WelcomePage(QScrollArea):
    changed = Signal(str, object)  # name of a setting, its value
    started = Signal(str)  # a first question, or empty
    folder_wanted = Signal()  # where models lie
    find_wanted = Signal()  # models to be had

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        inside = QFrame()
        inside.setObjectName("page")
        title = plain_label(_("Welcome"), inside)
        title.setProperty("title", True)
        privacy = _text(
            _("Chat with a language model on your own computer. What you write stays here: no "
              "account, nothing is sent. It connects only when you look for models.")
        )  # fmt: skip
        self.language = self._choice(
            "language",
            _("Language"),
            [(_("As the system"), Language.SYSTEM), ("English", Language.ENGLISH),
             ("简体中文", Language.CHINESE)],
            settings.language,
        )  # fmt: skip
        self.theme = self._choice(
            "theme",
            _("Theme"),
            [(_("As the system"), Theme.SYSTEM), (_("Light"), Theme.LIGHT),
             (_("Dark"), Theme.DARK)],
            settings.theme,
        )  # fmt: skip
        choices = QHBoxLayout()
        choices.setSpacing(16)
        for words, control in ((_("Language"), self.language), (_("Theme"), self.theme)):
            label = plain_label(words, inside)
            label.setBuddy(control)
            part = QVBoxLayout()
            part.setSpacing(4)
            part.addWidget(label)
            part.addWidget(control)
            choices.addLayout(part, 1)
        self._card = QFrame(inside)
        self._card.setObjectName("card")
        self._model = plain_label(parent=self._card)
        self._model.setProperty("strong", True)
        self._about = _text("")
        self._folder = QPushButton(icon("folder-open"), _("Open the models folder"), self._card)
        self._folder.clicked.connect(self.folder_wanted)
        self.find_button = QPushButton(
            icon("magnifying-glass"), _("Find a larger model that fits"), self._card
        )
        self.find_button.clicked.connect(self.find_wanted)
        card = QVBoxLayout(self._card)
        card.setContentsMargins(16, 12, 16, 12)
        card.setSpacing(4)
        card.addWidget(self._model)
        card.addWidget(self._about)
        card.addSpacing(4)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self.find_button)
        buttons.addWidget(self._folder)
        buttons.addStretch()
        card.addLayout(buttons)
        try_out = plain_label(_("Try one of these"), inside)
        try_out.setProperty("section", True)
        column = QWidget(inside)
        column.setMaximumWidth(WIDTH)
        rows = QVBoxLayout(column)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(8)
        rows.addWidget(title)
        rows.addWidget(privacy)
        rows.addSpacing(8)
        rows.addLayout(choices)
        rows.addSpacing(8)
        rows.addWidget(self._card)
        rows.addSpacing(8)
        rows.addWidget(try_out)
        self.examples = [WrappingButton(text, column) for text in example_questions()]
        for button, question in zip(self.examples, example_questions(), strict=True):
            button.clicked.connect(lambda _on=False, text=question: self.started.emit(text))
            rows.addWidget(button)
        rows.addSpacing(8)
        self.start_button = QPushButton(_("Start"), inside)
        self.start_button.setProperty("primary", True)
        self.start_button.clicked.connect(lambda: self.started.emit(""))
        rows.addWidget(self.start_button, 0, Qt.AlignmentFlag.AlignRight)
        outer = QHBoxLayout(inside)
        outer.setContentsMargins(24, 32, 24, 32)
        outer.addStretch(1)
        outer.addWidget(column, 1000, Qt.AlignmentFlag.AlignVCenter)
        outer.addStretch(1)
        self.setWidget(inside)
        self.show_models(None)

    def show_models(self, models: list[InstalledModel] | None) -> None:
        """None: not looked for yet."""
        self._folder.setVisible(models == [])
        for button in self.examples:
            button.setEnabled(bool(models))
        if models is None:
            self._model.setText(_("Looking for models …"))
            self._about.setText("")
        elif not models:
            self._model.setText(_("There is no model on this computer yet"))
            self._about.setText(_("Put a .gguf file into the models folder."))
        else:
            model = models[0]
            size = f"{model.size_bytes / 1_000_000:,.0f}"
            self._model.setText(_("{name} is ready").format(name=model.name))
            self._about.setText(_about_model(model, size))

    def _choice(
        self, name: str, words: str, choices: Sequence[tuple[str, object]], current: object
    ) -> Choice:
        control = Choice(icon("caret-down"), self)
        for text, value in choices:
            control.addItem(text, value)
        control.setCurrentIndex(control.findData(current))
        control.setAccessibleName(words)
        control.activated.connect(lambda at: self.changed.emit(name, control.itemData(at)))
        return control


def _about_model(model: InstalledModel, size: str) -> str:
    if model.source == "starter":
        return _(
            "A very small model of {size} MB: quick on every computer, good for a first look, "
            "often wrong. It was made for English."
        ).format(size=size)
    return _("A model of {size} MB from your models folder.").format(size=size)


def _text(words: str) -> QLabel:
    label = plain_label(words)
    label.setProperty("muted", True)
    label.setWordWrap(True)
    return label
