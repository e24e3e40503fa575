"""Models in words: what one is, whose it is, how large and how fast."""

from desktop_llm.core.model_facts import ModelKind
from desktop_llm.core.models import InstalledModel, ModelSettings, ModelSource
from desktop_llm.words import _, counted
from desktop_llm.words.amounts import size_words

LANGUAGES = {
    "en": "English", "zh": "中文", "de": "Deutsch", "fr": "français", "es": "español",
    "it": "italiano", "pt": "português", "ja": "日本語", "ko": "한국어", "ru": "русский",
    "ar": "العربية", "hi": "हिन्दी", "nl": "Nederlands", "pl": "polski", "tr": "Türkçe",
    "vi": "Tiếng Việt", "th": "ไทย", "id": "Bahasa Indonesia",
}  # fmt: skip


def kind_words(kind: ModelKind) -> str:
    return {
        ModelKind.CHAT: _("writes text"),
        ModelKind.EMBEDDING: _("makes vectors of texts"),
        ModelKind.PROJECTOR: _("reads pictures for a model"),
        ModelKind.ENCODER: _("encoder"),
        ModelKind.ADAPTER: _("adapter"),
        ModelKind.OTHER: _("no model"),
    }[kind]


def source_words(model: InstalledModel) -> str:
    if model.source is ModelSource.LINKED and model.app:
        return _("used where {app} keeps it").format(app=model.app)
    return {
        ModelSource.STARTER: _("came with the program"),
        ModelSource.DOWNLOADED: _("downloaded"),
        ModelSource.FOLDER: _("in the models folder"),
        ModelSource.LINKED: _("used where it lies"),
        ModelSource.MADE: _("made here from another"),
    }[model.source]


def count_words(parameters: int) -> str:
    """Of parameters, as they are usually named: 135M, 7.2B."""
    if parameters >= 1e9:
        return f"{parameters / 1e9:.1f}B"
    return f"{parameters / 1e6:.0f}M" if parameters >= 1e6 else f"{parameters:,}"


def language_words(codes: tuple[str, ...]) -> str:
    return ", ".join(LANGUAGES.get(code, code) for code in codes)


def speed_words(model: InstalledModel) -> str:
    """As measured here; empty where it was not."""
    if not model.decode_rate:
        return ""
    return _("{number} tok/s").format(number=f"{model.decode_rate:,.0f}")


def brief_words(model: InstalledModel) -> str:
    """What tells it from others, in one line."""
    parts = [
        kind_words(model.kind),
        count_words(model.parameters) if model.parameters else "",
        model.quantization,
        _("reads pictures") if model.projector else "",
        source_words(model),
    ]
    return "  ·  ".join(part for part in parts if part)


def facts_of(model: InstalledModel) -> list[tuple[str, str]]:
    """Everything that is known, by name."""
    facts = [
        (_("Calls itself"), model.title),
        (_("Kind"), kind_words(model.kind)),
        (_("Architecture"), model.architecture),
        (_("Parameters"), f"{model.parameters:,}" if model.parameters else ""),
        (_("Quantization"), model.quantization),
        (_("Trained for"), _tokens(model.context_length)),
        (_("Languages"), language_words(model.languages)),
        (_("Licence"), model.licence),
        (_("Chat template"), _template(model)),
        (_("Loaded with"), loading_words(model.settings)),
        (_("Speed here"), speed_words(model)),
        (_("Reading here"), _reading(model)),
        (_("SHA-256"), model.sha256),
        (_("Reads pictures with"), model.projector),
    ]
    return [(name, value) for name, value in facts if value] + file_facts(model)


def loading_words(settings: ModelSettings) -> str:
    """What is set for this model alone."""
    given = settings
    parts = [
        _("context {tokens}").format(tokens=f"{given.context_length:,}")
        if given.context_length else "",
        f"KV {given.kv_type.value}" if given.kv_type else "",
        f"flash attention {given.flash_attention.value}" if given.flash_attention else "",
        f"batch {given.batch_size}" if given.batch_size else "",
        counted("{number} thread", "{number} threads", given.threads) if given.threads else "",
        counted("{number} layer on the graphics card", "{number} layers on the graphics card",
                given.gpu_layers) if given.gpu_layers else "",
        "" if given.use_mmap is None else f"mmap {'on' if given.use_mmap else 'off'}",
        "" if given.use_mlock is None else f"mlock {'on' if given.use_mlock else 'off'}",
    ]  # fmt: skip
    return "  ·  ".join(part for part in parts if part)


def file_facts(model: InstalledModel) -> list[tuple[str, str]]:
    """What is known without reading it."""
    facts = [
        (_("Comes from"), model.repo or source_words(model)),
        (_("Revision"), model.revision),
        (_("File"), model.path),
        (_("Files"), f"{len(model.files):,}" if model.files else ""),
        (_("Size"), size_words(model.size_bytes)),
    ]
    return [(name, value) for name, value in facts if value]


def _template(model: InstalledModel) -> str:
    if model.kind is not ModelKind.CHAT:
        return ""
    if model.settings.template:
        return _("your own")
    if not model.has_template:
        return _("missing: a general one is used")
    if model.template_fault:
        words = _("in the file, but of no use ({reason}): a general one is used")
        return words.format(reason=model.template_fault)
    return _("in the file, and it works") if model.template_checked else _("in the file")


def _tokens(count: int) -> str:
    return counted("{number} token", "{number} tokens", count) if count else ""


def _reading(model: InstalledModel) -> str:
    if not model.prompt_rate:
        return ""
    return _("{number} tok/s").format(number=f"{model.prompt_rate:,.0f}")
