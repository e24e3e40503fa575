"""What the Hub says of its models, as values."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import quote

from desktop_llm.core.downloads import DownloadSpec, RemoteFile

# Names of quantizations as they stand in file names, the longest first.
_QUANTIZATION = re.compile(
    r"(?i)(?<![a-z0-9])(IQ[1-4]_[A-Z0-9]+(?:_[A-Z]+)?|Q[2-8]_K(?:_(?:XL|XS|[SML]))?|Q[2-8]_[01]|"
    r"TQ[12]_0|MXFP4(?:_MOE)?|BF16|FP?16|FP?32)(?![a-z0-9])"
)
_PART = re.compile(r"(?i)-(\d{5})-of-(\d{5})(?=\.gguf$)")
# Which is offered first where a person names none: sound at a quarter of the size.
PREFERRED = ("Q4_K_M", "Q4_K_S", "IQ4_XS", "Q5_K_M", "Q4_0", "Q8_0", "Q6_K", "Q4_1", "Q5_K_S")


SORTS = ("downloads", "likes", "last_modified", "trending_score")  # of a search


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundModel:
    """A line of a search."""

    repo: str
    downloads: int = 0
    likes: int = 0
    changed: float = 0.0  # seconds since 1970
    gated: bool = False
    private: bool = False
    tags: tuple[str, ...] = ()

    @property
    def licence(self) -> str:
        return tagged(self.tags, "license:")


@dataclass(frozen=True, slots=True, kw_only=True)
class RepoFile:
    name: str
    size: int | None
    sha256: str = ""
    git_sha1: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepoInfo:
    """One repository at one revision."""

    repo: str
    revision: str  # a commit: 40 hex digits
    files: tuple[RepoFile, ...]
    gated: bool = False
    tags: tuple[str, ...] = ()

    @property
    def licence(self) -> str:
        return tagged(self.tags, "license:")

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(tag for tag in self.tags if re.fullmatch(r"[a-z]{2,3}", tag))


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantization:
    """Files that are one model in one precision; several where it is split."""

    name: str  # as in the file's name, in capitals; the stem where there is none
    files: tuple[RepoFile, ...]

    @property
    def size(self) -> int | None:
        """Bytes; None: not known."""
        sizes = [file.size for file in self.files]
        return None if None in sizes else sum(size or 0 for size in sizes)


def quantizations(info: RepoInfo) -> list[Quantization]:
    """All whole ones, the smallest first; projectors and the like are none."""
    groups: dict[str, list[RepoFile]] = {}
    for file in info.files:
        stem = PurePosixPath(file.name).name.lower()
        if stem.endswith(".gguf") and not stem.startswith(("mmproj", "imatrix")):
            groups.setdefault(_PART.sub("", file.name), []).append(file)
    found = [
        Quantization(name=_name(name), files=tuple(sorted(files, key=lambda each: each.name)))
        for name, files in groups.items()
        if _is_whole(files)
    ]
    return sorted(found, key=lambda each: (each.size or 0, each.name))


def file_address(endpoint: str, repo: str, revision: str, name: str) -> str:
    """`revision`: a commit, for those very bytes; or a branch."""
    return f"{endpoint}/{repo}/resolve/{revision}/{quote(name)}"


def download_spec(endpoint: str, info: RepoInfo, files: Sequence[RepoFile]) -> DownloadSpec:
    return DownloadSpec(
        folder=info.repo,
        files=tuple(remote_file(endpoint, info, file) for file in files),
        source=info.repo,
        revision=info.revision,
        licence=info.licence,
        languages=info.languages,
    )


def remote_file(endpoint: str, info: RepoInfo, file: RepoFile) -> RemoteFile:
    return RemoteFile(
        url=file_address(endpoint, info.repo, info.revision, file.name), name=file.name,
        size=file.size, sha256=file.sha256, git_sha1=file.git_sha1,
    )  # fmt: skip


def preferred(found: Sequence[Quantization]) -> Quantization | None:
    """The one to take where a person names none."""
    for name in PREFERRED:
        for each in found:
            if each.name == name:
                return each
    return found[0] if found else None


def tagged(tags: Sequence[str], prefix: str) -> str:
    return next((tag.removeprefix(prefix) for tag in tags if tag.startswith(prefix)), "")


def _is_whole(files: list[RepoFile]) -> bool:
    part = _PART.search(files[0].name)
    return part is None or len(files) == int(part[2])


def _name(file: str) -> str:
    path = PurePosixPath(file)
    found = _QUANTIZATION.findall(path.stem) or _QUANTIZATION.findall(str(path.parent))
    return found[-1].upper() if found else path.stem
