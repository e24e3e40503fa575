"""What is to be downloaded, as values that a job carries."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any

_SHA256 = re.compile(r"[0-9a-f]{64}")
_SHA1 = re.compile(r"[0-9a-f]{40}")
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?")
_BAD = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\]')
LONGEST_NAME = 200  # bytes of one part of a path


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFile:
    """One file of a repository. `name`: its path in the folder it goes to, with slashes."""

    url: str
    name: str
    size: int | None = None  # bytes
    sha256: str = ""
    git_sha1: str = ""  # of a file that Git holds itself: sha1 of "blob SIZE\\0" and its bytes

    def __post_init__(self) -> None:
        """Raises ValueError for what must not become a path, or is no hash."""
        if not self.url.startswith(("https://", "http://")):
            raise ValueError("an address that is no web address")
        if not is_safe_name(self.name):
            raise ValueError("a name that is no path within a folder")
        if self.size is not None and not 0 <= self.size < 2**50:
            raise ValueError("an absurd size")
        for digest, form in ((self.sha256, _SHA256), (self.git_sha1, _SHA1)):
            if digest and not form.fullmatch(digest):
                raise ValueError("a hash that is none")


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadSpec:
    """Files that belong together: all of them are there at the end, or none.

    `folder`: where they go, within the models folder. `source`: whom they come from, to be shown.
    """

    folder: str
    files: tuple[RemoteFile, ...]
    source: str = ""
    revision: str = ""
    licence: str = ""  # as the source names it
    languages: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.files or not is_safe_name(self.folder):
            raise ValueError("nothing to download, or nowhere to put it")
        if len({file.name.casefold() for file in self.files}) != len(self.files):
            raise ValueError("two files of one name")

    @property
    def size(self) -> int:
        """Bytes, of those files whose size is known."""
        return sum(file.size or 0 for file in self.files)

    @property
    def title(self) -> str:
        """The file, or the source where there are several."""
        return self.files[0].name if len(self.files) == 1 else self.source

    def to_values(self) -> dict[str, Any]:
        """As JSON has it."""
        files = [asdict(file) for file in self.files]
        return asdict(self) | {"files": files, "languages": list(self.languages)}

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> "DownloadSpec":
        """Raises ValueError."""
        try:
            files: Sequence[Mapping[str, Any]] = values["files"]
            return cls(
                folder=values["folder"],
                files=tuple(RemoteFile(**file) for file in files),
                source=values.get("source", ""),
                revision=values.get("revision", ""),
                licence=values.get("licence", ""),
                languages=tuple(values.get("languages", ())),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("no download") from error


def is_safe_name(name: str) -> bool:
    """Whether a path with slashes stays within the folder it is put into, on any system."""
    path = PurePosixPath(name)
    return (
        bool(name)
        and not path.is_absolute()
        and str(path) == name
        and not _BAD.search(name)
        and all(_is_safe_part(part) for part in path.parts)
    )


def _is_safe_part(part: str) -> bool:
    return (
        part not in (".", "..")
        and not part.endswith((" ", "."))
        and not _RESERVED.fullmatch(part)
        and 0 < len(part.encode("utf-8", "replace")) <= LONGEST_NAME
    )
