"""Where other programs keep their models: offered to be used there, never copied, never changed."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Place:
    """`app`: whose it is, and how it is read (`storage.library`)."""

    app: str
    path: str


LM_STUDIO, OLLAMA, GPT4ALL, JAN, HUGGING_FACE = (
    "LM Studio", "Ollama", "GPT4All", "Jan", "Hugging Face",
)  # fmt: skip


def known_places(home: Path | None = None) -> list[Place]:
    """Those that exist here. Blocks on the disk.

    Sources: the programs' own documentation of their folders, for Linux, macOS and Windows.
    """
    home = home or Path.home()
    found: list[Place] = []
    seen: set[Path] = set()
    for app, path in _candidates(home):
        try:
            real = path.resolve()
            if path.is_dir() and real not in seen and any(path.iterdir()):
                seen.add(real)
                found.append(Place(app, str(path)))
        except OSError:
            continue
    return found


def _candidates(home: Path) -> list[tuple[str, Path]]:
    data = _data_folder(home)
    config = home / ".config" if sys.platform.startswith("linux") else data
    cache = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    hugging_face = Path(os.environ.get("HF_HOME") or cache / "huggingface")
    return [
        (LM_STUDIO, home / ".lmstudio" / "models"),
        (LM_STUDIO, home / ".cache" / "lm-studio" / "models"),
        (OLLAMA, Path(os.environ.get("OLLAMA_MODELS") or home / ".ollama" / "models")),
        (OLLAMA, Path("/usr/share/ollama/.ollama/models")),
        (GPT4ALL, data / "nomic.ai" / "GPT4All"),
        (JAN, data / "Jan" / "data" / "llamacpp" / "models"),
        (JAN, config / "Jan" / "data" / "llamacpp" / "models"),
        (JAN, config / "Jan" / "data" / "models"),
        (JAN, home / "jan" / "models"),
        (HUGGING_FACE, Path(os.environ.get("HF_HUB_CACHE") or hugging_face / "hub")),
    ]


def _data_folder(home: Path) -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    if sys.platform == "darwin":
        return home / "Library" / "Application Support"
    return Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
