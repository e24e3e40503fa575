"""Where things lie.

The data folder is the system's usual one, unless a run names another or it was moved: then a small
file among the system's settings points to it (`storage.relocation` writes that file).
"""

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.storage.disk import disk_faults

NAME = "desktop-llm"
POINTER_KEY = "data"


@dataclass(frozen=True, slots=True)
class Folders:
    """The data folder (worth a backup) and the cache folder (can be made again).

    `fixed`: this run was told where; it cannot be moved. `fault`: why the folder it was moved to
    is not the one in use, for a face to show.
    """

    data: Path
    cache: Path
    fixed: bool = False
    fault: EnvironmentFault | None = None

    @property
    def models(self) -> Path:
        return self.data / "models"

    @property
    def database(self) -> Path:
        return self.data / "conversations.db"

    @property
    def jobs_database(self) -> Path:
        """Apart from the conversations: a download writes there every second."""
        return self.data / "jobs.db"

    @property
    def settings_file(self) -> Path:
        return self.data / "settings.toml"

    @property
    def backups(self) -> Path:
        return self.data / "backups"

    @property
    def language_packs(self) -> Path:
        return self.data / "packs"

    @property
    def loading_model(self) -> Path:
        return self.data / "loading-model"

    @property
    def sessions(self) -> Path:
        """States of the KV cache, one a conversation."""
        return self.cache / "sessions"

    @property
    def tools(self) -> Path:
        """A person's own text tools, and their order."""
        return self.data / "tools"

    @property
    def tables(self) -> Path:
        """Work on tables: a database for each."""
        return self.data / "tables"

    @property
    def tools_database(self) -> Path:
        """What text tools have made: their history, and parts of long texts."""
        return self.data / "tools.db"

    @property
    def logs(self) -> Path:
        return self.data / "logs"

    def ensure(self) -> None:
        """Make them, for this person only. Raises EnvironmentFault."""
        for folder in (self.data, self.cache, self.logs):
            with disk_faults(folder):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)


def resolve_folders(data_dir: Path | None) -> Folders:
    """By argument, else by DESKTOP_LLM_HOME, else where it was moved, else the usual places."""
    chosen = data_dir or os.environ.get("DESKTOP_LLM_HOME")
    if chosen:
        data = Path(chosen).expanduser().absolute()
        return Folders(data, data / "cache", fixed=True)
    usual, pointer = usual_folders(), pointer_file()
    try:
        place = Path(tomllib.loads(pointer.read_text(encoding="utf-8"))[POINTER_KEY])
        if not place.is_absolute():
            raise ValueError(str(place))
    except (FileNotFoundError, NotADirectoryError):
        return usual
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = str(error).partition("\n")[0]
        fault = EnvironmentFault(FaultCode.LOCATION_BROKEN, path=str(pointer), reason=reason)
        return Folders(usual.data, usual.cache, fault=fault)
    try:
        there = any(place.iterdir())  # where a drive is not attached, an empty folder may stand
    except OSError:
        there = False
    if not there:
        fault = EnvironmentFault(FaultCode.LOCATION_MISSING, path=str(place))
        return Folders(usual.data, usual.cache, fault=fault)
    return Folders(place, usual.cache)


def usual_folders() -> Folders:
    return Folders(
        platformdirs.user_data_path(NAME, appauthor=False),
        platformdirs.user_cache_path(NAME, appauthor=False),
    )


def pointer_file() -> Path:
    return platformdirs.user_config_path(NAME, appauthor=False) / "location.toml"
