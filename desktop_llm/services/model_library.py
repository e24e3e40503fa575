"""The models of this computer with all that is known of them: read once, kept, and put together."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.gguf import Header
from desktop_llm.core.model_facts import ModelFacts, ModelKind, facts_of
from desktop_llm.core.models import InstalledModel, ModelSettings
from desktop_llm.hub.gguf import read_header
from desktop_llm.storage.library import Library
from desktop_llm.storage.library_file import Entry, Known
from desktop_llm.storage.model_scan import missing_parts, small_json

logger = logging.getLogger(__name__)

Surveyed = list[tuple[InstalledModel, EnvironmentFault | None]]
USE_SECONDS = 60.0  # between two notes that a model was used


class ModelLibrary:
    """Reads files; call it off a window's thread."""

    def __init__(self, library: Library) -> None:
        self.files = library
        self._headers: dict[str, tuple[tuple[int, int], Header]] = {}
        self._lock = threading.Lock()
        self._noted: dict[str, float] = {}

    def all(self) -> Surveyed:
        """Every model of any kind, and why it cannot be used where it cannot. A projector stands
        with its model, not for itself; adapters are none.
        """
        known = self.files.file.known()
        learned: dict[str, Entry] = {}
        found: Surveyed = []
        for model in self.files.models():
            try:
                found.append((self._described(model, known, learned), None))
            except EnvironmentFault as fault:
                found.append((model, fault))
        self._keep(learned)
        return _with_projectors(found)

    def find(self, name: str) -> InstalledModel:
        """By name or path; the first that writes text where `name` is empty. Raises
        EnvironmentFault.
        """
        if name:
            model, learned = self.files.find(name), dict[str, Entry]()
            found = self._described(model, self.files.file.known(), learned)
            self._keep(learned)
            return found
        models = self.all()
        for model, fault in models:
            if fault is None and model.kind is ModelKind.CHAT:
                return model
        raise next((fault for _model, fault in models if fault is not None), None) or (
            EnvironmentFault(FaultCode.NO_MODEL)
        )

    def header(self, path: str) -> Header:
        """Read once for each state of the file: a large vocabulary takes a tenth of a second."""
        state = _state(path)
        if state is None:
            return read_header(Path(path))  # which says what is wrong
        known = self._headers.get(path)
        if known is None or known[0] != state:
            known = self._headers[path] = (state, read_header(Path(path)))
        return known[1]

    def link(self, path: Path, app: str = "") -> int:
        """Use a file, or the models of a folder, where they lie; returns how many there are.
        Raises EnvironmentFault, also for a file that is no model and a folder without any.
        """
        before = {link.path for link in self.files.file.known().links}
        link = self.files.link(path, app)
        found = [
            (model, fault)
            for model, fault in self.all()
            if model.path == link.path or Path(model.path).is_relative_to(link.path)
        ]
        usable = [model for model, fault in found if fault is None]
        if not usable and link.path not in before:
            self.files.unlink(link.path)
            reason = next((fault for _model, fault in found if fault is not None), None)
            raise reason or EnvironmentFault(FaultCode.NO_MODEL_THERE, path=link.path)
        return len(usable)

    def note_use(self, path: str, prompt_rate: float = 0.0, decode_rate: float = 0.0) -> None:
        """A reply was made with it; rates in tokens a second, 0: not known. A failure to write is
        no fault of the reply.
        """
        now = time.monotonic()
        with self._lock:
            if now - self._noted.get(path, -USE_SECONDS) < USE_SECONDS:
                return
            self._noted[path] = now

        def change(entry: Entry) -> None:
            entry.last_used = time.time()
            entry.prompt_rate = prompt_rate or entry.prompt_rate
            entry.decode_rate = decode_rate or entry.decode_rate

        self.change_entry(path, change)

    def set(self, path: str, settings: ModelSettings) -> None:
        """How that model is to be loaded from now on. Raises EnvironmentFault."""

        def within(known: Known) -> None:
            if settings == ModelSettings():
                known.settings.pop(path, None)
            else:
                known.settings[path] = settings

        self.files.file.change(within)

    def change_entry(self, path: str, change: Callable[[Entry], object]) -> None:
        """What is kept of a file; nothing happens where that cannot be written."""
        state = _state(path)
        if state is None:
            return

        def within(known: Known) -> None:
            entry = known.entries.get(path)
            if entry is None or (entry.size, entry.modified) != state:
                entry = known.entries[path] = Entry(*state)
            change(entry)

        with suppress(EnvironmentFault):
            self.files.file.change(within)

    # --- what is known ---------------------------------------------------------------------------

    def _described(
        self, model: InstalledModel, known: Known, learned: dict[str, Entry]
    ) -> InstalledModel:
        if missing := missing_parts(model):
            raise EnvironmentFault(FaultCode.MODEL_PARTS_MISSING, path=model.path, number=missing)
        entry = self._entry(model, model.path, known, learned)
        facts = entry.facts
        assert facts is not None
        parameters = facts.parameters
        for path in model.all_files[1:]:
            other = self._entry(model, path, known, learned).facts
            parameters += 0 if other is None else other.parameters
        return replace(
            model,
            kind=facts.kind,
            title=facts.title,
            architecture=facts.architecture,
            parameters=parameters,
            quantization=facts.quantization,
            context_length=facts.context_length,
            languages=model.languages or facts.languages,
            licence=model.licence or facts.licence,
            has_template=facts.has_template,
            sha256=model.sha256 or entry.sha256,
            last_used=entry.last_used,
            prompt_rate=entry.prompt_rate,
            decode_rate=entry.decode_rate,
            template_checked=entry.template_checked,
            template_fault=entry.template_fault,
            settings=known.settings.get(model.path, ModelSettings()),
        )

    def _entry(
        self, model: InstalledModel, path: str, known: Known, learned: dict[str, Entry]
    ) -> Entry:
        """As it was kept, where the file is still the same; else read anew."""
        state, entry = _state(path), known.entries.get(path)
        same = entry is not None and state == (entry.size, entry.modified)
        if entry is not None and same and entry.facts is not None:
            return entry
        if model.kind is ModelKind.ENCODER:
            facts = _encoder_facts(Path(model.path))
        else:
            facts = facts_of(read_header(Path(path)))  # a whole header is not worth keeping
        size, modified = state or (0, 0)
        kept = entry if entry is not None and same else Entry()
        learned[path] = replace(kept, size=size, modified=modified, facts=facts)
        return learned[path]

    def _keep(self, learned: dict[str, Entry]) -> None:
        if not learned:
            return
        try:
            self.files.file.change(lambda known: known.entries.update(learned))
        except EnvironmentFault as fault:
            logger.info("what models are cannot be kept: %s", fault.code.value)


def _with_projectors(found: Surveyed) -> Surveyed:
    """Each with the models of its folder; alone it is of no use."""
    by_folder: dict[Path, str] = {}
    kept: Surveyed = []
    for model, fault in found:
        if fault is None and model.kind is ModelKind.PROJECTOR:
            by_folder.setdefault(Path(model.path).parent, model.path)
        elif fault is not None or model.kind not in (ModelKind.ADAPTER, ModelKind.OTHER):
            kept.append((model, fault))
    return [
        (_with_projector(model, by_folder) if fault is None else model, fault)
        for model, fault in kept
    ]


def _with_projector(model: InstalledModel, by_folder: dict[Path, str]) -> InstalledModel:
    projector = by_folder.get(Path(model.path).parent, "")
    if model.kind is not ModelKind.CHAT or not projector or model.projector:
        return model
    size = model.size_bytes
    with suppress(OSError):
        size += Path(projector).stat().st_size
    return replace(model, projector=projector, size_bytes=size)


def _encoder_facts(folder: Path) -> ModelFacts:
    """From its config and the headers of its weights. Raises EnvironmentFault."""
    config = small_json(folder / "config.json")
    if not isinstance(config, dict):
        raise EnvironmentFault(FaultCode.ENCODER_BROKEN, path=str(folder), reason="config.json")
    from desktop_llm.hub.safetensors import count_parameters  # few have encoders

    weights = sorted(folder.glob("*.safetensors"))
    length = config.get("max_position_embeddings")
    return ModelFacts(
        kind=ModelKind.ENCODER,
        architecture=str(config.get("model_type", ""))[:100],
        parameters=sum(count_parameters(path) for path in weights),
        quantization=str(config.get("torch_dtype", config.get("dtype", "")))[:20],
        context_length=length if isinstance(length, int) and 0 < length < 2**31 else 0,
    )


def _state(path: str) -> tuple[int, int] | None:
    """Size and time of change; of an encoder's folder those of its config."""
    place = Path(path)
    try:
        found = (place / "config.json" if place.is_dir() else place).stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns
