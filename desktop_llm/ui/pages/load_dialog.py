"""How one model is loaded: what a person sets, what that takes, and what this computer has."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from desktop_llm.core.catalogue import fit_of
from desktop_llm.core.gguf import Header
from desktop_llm.core.memory import context_of, estimate, largest_context
from desktop_llm.core.models import (
    FlashAttention,
    InstalledModel,
    KvType,
    LoadOptions,
    ModelSettings,
)
from desktop_llm.ui.icons import icon
from desktop_llm.ui.widgets.field import Field
from desktop_llm.ui.widgets.inputs import Choice, Number
from desktop_llm.ui.widgets.plain_text import plain_label
from desktop_llm.ui.widgets.scrolled import scrolled
from desktop_llm.words import _, counted
from desktop_llm.words.discover import fit_sentence

CONTEXTS = (1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072)
BATCHES = (64, 128, 256, 512, 1024, 2048)
WIDTH, HEIGHT = 620, 640  # pixels that it asks for
MOST_LAYERS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What this computer has for models."""

    threads: int
    free: int  # bytes of memory
    features: Sequence[str]  # of the processor, that the library uses
    offloads: bool  # the library can use a graphics card


class LoadDialog(QDialog):
    kept = Signal(object)  # `ModelSettings`

    def __init__(
        self,
        model: InstalledModel,
        header: Header,
        usual: LoadOptions,
        machine: Machine,
        parent: QWidget,
    ) -> None:
        """`usual`: as the settings of the program have it."""
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(_("How “{name}” is loaded").format(name=model.name))
        self._header, self._usual, self._machine = header, usual, machine
        inside = QWidget()
        self._column = QVBoxLayout(inside)
        self._column.setContentsMargins(0, 0, 12, 0)
        self._column.setSpacing(0)
        self._make_fields(model.settings)
        self._column.addStretch()
        area = scrolled(inside, self.windowTitle(), self)
        self.sentence = plain_label(parent=self)
        self.sentence.setWordWrap(True)
        self.largest_button = QPushButton(icon("arrows-out-line-horizontal"), "", self)
        self.largest_button.clicked.connect(self._take_largest)
        self.about = plain_label(self._machine_words(), self)
        self.about.setProperty("small", True)
        self.about.setWordWrap(True)
        buttons = QDialogButtonBox(self)
        self.keep_button = buttons.addButton(_("Keep"), QDialogButtonBox.ButtonRole.AcceptRole)
        self.keep_button.setProperty("primary", True)
        self.keep_button.style().unpolish(self.keep_button)
        self.keep_button.style().polish(self.keep_button)
        self.usual_button = buttons.addButton(_("As usual"), QDialogButtonBox.ButtonRole.ResetRole)
        self.usual_button.setToolTip(_("Set nothing for this model"))
        buttons.addButton(_("Cancel"), QDialogButtonBox.ButtonRole.RejectRole)
        buttons.accepted.connect(self._keep)
        buttons.rejected.connect(self.reject)
        self.usual_button.clicked.connect(lambda: self._show(ModelSettings()))
        rows = QVBoxLayout(self)
        rows.setContentsMargins(24, 16, 24, 16)
        rows.setSpacing(10)
        rows.addWidget(area, 1)
        rows.addWidget(self.sentence)
        rows.addWidget(self.largest_button, 0, Qt.AlignmentFlag.AlignLeft)
        rows.addWidget(self.about)
        rows.addWidget(buttons)
        self._show(model.settings)
        room = parent.window().size()
        self.resize(min(WIDTH, room.width() - 40), min(HEIGHT, room.height() - 40))

    # --- fields ----------------------------------------------------------------------------------

    def _make_fields(self, settings: ModelSettings) -> None:
        usual = self._usual
        trained = self._header.context_length
        lengths = {length for length in CONTEXTS if not trained or length <= trained}
        lengths |= {length for length in (trained, settings.context_length) if length}
        about = _("Tokens of a conversation that the model can look at. More need more memory.")
        named = [(f"{length:,}", length) for length in sorted(lengths)]
        self.context = self._choice(_("Context"), about, f"{usual.context_length:,}", named)
        about = _("q8_0 takes half the memory of f16 and is nearly as exact; q4_0 takes a quarter, "
                  "and is noticeably less exact.")  # fmt: skip
        kinds = [(kind.value, kind) for kind in KvType]
        self.kv_type = self._choice(_("KV cache"), about, usual.kv_type.value, kinds)
        about = _("Needs less memory; the quantized caches need it.")
        flash = [(_("Automatic"), FlashAttention.AUTO), (_("On"), FlashAttention.ON),
                 (_("Off"), FlashAttention.OFF)]  # fmt: skip
        self.flash = self._choice(_("Flash attention"), about, _("Automatic"), flash)
        about = _("Tokens of a prompt that are read at once.")
        batches = [(f"{size:,}", size) for size in BATCHES]
        self.batch = self._choice(_("Batch"), about, f"{usual.batch_size:,}", batches)
        about = _("Automatic: as many as pay off at the moment.")
        self.threads = self._number(_("Processor threads"), about, 0, 512)
        about = _("How much of the model goes into the memory of the graphics card.")
        if not self._machine.offloads:
            about = _("This build of the library uses no graphics card.")
        self.layers = self._number(_("Layers on the graphics card"), about, -1, MOST_LAYERS)
        self.layers.setEnabled(self._machine.offloads)
        about = _("The file is read as it is needed, and other programs may have its memory back.")
        yes_no = [(_("On"), True), (_("Off"), False)]
        self.mapped = self._choice(_("Map the file"), about, _("On"), yes_no)
        about = _("The system never takes the model's memory away for others. It may refuse that.")
        self.locked = self._choice(_("Lock in memory"), about, _("Off"), yes_no)

    def _choice(
        self, words: str, about: str, usual: str, choices: Sequence[tuple[str, object]]
    ) -> Choice:
        control = Choice(icon("caret-down"))
        control.addItem(_("As usual ({value})").format(value=usual), None)
        for text, value in choices:
            control.addItem(text, value)
        control.setMinimumWidth(190)
        control.currentIndexChanged.connect(lambda _at: self._changed())
        self._column.addWidget(Field(words, about, control))
        return control

    def _number(self, words: str, about: str, unset: int, most: int) -> Number:
        control = Number(icon("caret-up"), icon("caret-down"))
        control.setRange(unset, most)
        control.setSpecialValueText(_("As usual"))
        control.setMinimumWidth(190)
        control.valueChanged.connect(lambda _value: self._changed())
        self._column.addWidget(Field(words, about, control))
        return control

    # --- values ----------------------------------------------------------------------------------

    def settings(self) -> ModelSettings | None:
        """None: they do not go together."""
        threads, layers = self.threads.value(), self.layers.value()
        kind, flash = self.kv_type.currentData(), self.flash.currentData()
        try:
            return ModelSettings(
                context_length=self.context.currentData(),
                kv_type=None if kind is None else KvType(kind),  # Qt gives its text
                flash_attention=None if flash is None else FlashAttention(flash),
                batch_size=self.batch.currentData(),
                threads=threads or None,
                gpu_layers=layers if layers >= 0 else None,
                use_mmap=self.mapped.currentData(),
                use_mlock=self.locked.currentData(),
            )
        except ValueError:
            return None

    def _show(self, settings: ModelSettings) -> None:
        for control, value in (
            (self.context, settings.context_length),
            (self.kv_type, settings.kv_type),
            (self.flash, settings.flash_attention),
            (self.batch, settings.batch_size),
            (self.mapped, settings.use_mmap),
            (self.locked, settings.use_mlock),
        ):
            control.setCurrentIndex(max(0, control.findData(value)))
        self.threads.setValue(settings.threads or 0)
        self.layers.setValue(-1 if settings.gpu_layers is None else settings.gpu_layers)
        self._changed()

    def _changed(self) -> None:
        if not hasattr(self, "keep_button"):  # while the fields are made
            return
        settings = self.settings()
        self.keep_button.setEnabled(settings is not None)
        self.largest_button.hide()
        if settings is None:
            self.sentence.setText(_("A quantized KV cache needs flash attention."))
            return
        options = settings.applied_to(self._usual)
        needed, free = estimate(self._header, options), self._machine.free
        context = context_of(self._header, options)
        self.sentence.setText(fit_sentence(fit_of(needed, free), needed, free, context))
        largest = self._largest(options)
        if largest and largest != context:
            words = _("Use the largest context that fits: {tokens} tokens")
            self.largest_button.setText(words.format(tokens=f"{largest:,}"))
            self.largest_button.show()

    def _largest(self, options: LoadOptions) -> int:
        """What fits and it was trained for; never less than one step."""
        most = self._header.context_length or CONTEXTS[-1]
        return largest_context(
            self._header, replace(options, context_length=most), self._machine.free
        )

    def _take_largest(self) -> None:
        settings = self.settings()
        if settings is None:
            return
        largest = self._largest(settings.applied_to(self._usual))
        at = self.context.findData(largest)
        if at < 0:
            self.context.addItem(f"{largest:,}", largest)
            at = self.context.count() - 1
        self.context.setCurrentIndex(at)

    def _keep(self) -> None:
        settings = self.settings()
        if settings is not None:
            self.accept()
            self.kept.emit(settings)

    def _machine_words(self) -> str:
        machine = self._machine
        parts = [counted("{number} thread", "{number} threads", machine.threads)]
        parts += [" ".join(machine.features)] if machine.features else []
        card = _("graphics card: can be used") if machine.offloads else _("no graphics card")
        said = "  ·  ".join([*parts, card])
        return _("This computer: {facts}").format(facts=said)
