"""Chat templates tried out before anybody relies on them, in the child that renders them."""

from desktop_llm.core.engine import RenderedPrompt
from desktop_llm.core.errors import EnvironmentFault
from desktop_llm.core.messages import Message, Role
from desktop_llm.core.model_facts import ModelKind
from desktop_llm.core.models import InstalledModel
from desktop_llm.core.templates import EXAMPLE, LONGEST_TEMPLATE
from desktop_llm.engine.client import EngineClient
from desktop_llm.services.model_library import ModelLibrary
from desktop_llm.storage.library_file import Entry

KEY = "tokenizer.chat_template"


class Templates:
    """Reads files and asks the engine; call it off a window's thread. Raises EnvironmentFault."""

    def __init__(self, library: ModelLibrary, engine: EngineClient) -> None:
        self._library = library
        self._engine = engine

    def own(self, model: InstalledModel) -> str:
        """The template in the model's file; empty: there is none."""
        return self._library.header(model.path).text(KEY)[: LONGEST_TEMPLATE + 1]

    def render(self, source: str, messages: tuple[Message, ...] = EXAMPLE) -> RenderedPrompt:
        """A conversation of three turns in it; `template_fault` says why it is of no use."""
        shown: RenderedPrompt = self._engine.preview_template(source, messages).result()
        if shown.template_fault:
            return shown
        missing = _missing(shown, messages)
        return shown if not missing else RenderedPrompt(shown.pieces, 0, missing)

    def check(self, model: InstalledModel) -> str:
        """Try the model's own out; why it is of no use is kept with the model, and returned."""
        source = self.own(model)
        if not source:
            return ""
        fault = "it is too long" if len(source) > LONGEST_TEMPLATE else (
            self.render(source).template_fault
        )  # fmt: skip

        def note(entry: Entry) -> None:
            entry.template_checked, entry.template_fault = True, fault[:300]

        self._library.change_entry(model.path, note)
        return fault

    def check_new(self) -> int:
        """Those of all models that were not tried out yet; returns how many."""
        count = 0
        for model, fault in self._library.all():
            if fault is None and needs_check(model):
                try:
                    self.check(model)
                except EnvironmentFault:
                    continue  # it is tried again with the next look
                count += 1
        return count


def needs_check(model: InstalledModel) -> bool:
    writes = model.kind is ModelKind.CHAT
    return writes and model.has_template and not model.template_checked


def _missing(shown: RenderedPrompt, messages: tuple[Message, ...]) -> str:
    """A template that renders may still leave out what was said."""
    texts = [piece.text for piece in shown.pieces if piece.is_content]
    for message in messages:
        if message.role is not Role.SYSTEM and not any(message.text in text for text in texts):
            return f"it drops a message of the {message.role.value}"
    return ""
