"""Where things lie."""

import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from desktop_llm.core.errors import EnvironmentFault, FaultCode


@dataclass(frozen=True, slots=True)
class Folders:
    """The data folder (worth a backup) and the cache folder (can be made again)."""

    data: Path
    cache: Path

    @property
    def models(self) -> Path:
        return self.data / "models"

    @property
    def database(self) -> Path:
        return self.data / "conversations.db"

    @property
    def settings_file(self) -> Path:
        return self.data / "settings.toml"

    @property
    def backups(self) -> Path:
        return self.data / "backups"

    @property
    def loading_model(self) -> Path:
        return self.data / "loading-model"

    @property
    def logs(self) -> Path:
        return self.data / "logs"

    def ensure(self) -> None:
        """Make both, for this person only. Raises EnvironmentFault."""
        try:
            for folder in (self.data, self.cache):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise EnvironmentFault(
                FaultCode.DATA_FOLDER_READ_ONLY, path=str(self.data), reason=error.strerror or ""
            ) from error


def resolve_folders(data_dir: Path | None) -> Folders:
    """By argument, else by DESKTOP_LLM_HOME, else the system's usual places."""
    chosen = data_dir or os.environ.get("DESKTOP_LLM_HOME")
    if chosen:
        data = Path(chosen).expanduser().absolute()
        return Folders(data, data / "cache")
    return Folders(
        platformdirs.user_data_path("desktop-llm", appauthor=False),
        platformdirs.user_cache_path("desktop-llm", appauthor=False),
    )
