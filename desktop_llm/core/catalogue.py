"""Models that are known by themselves, how well one fits this computer, and which to take."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from desktop_llm.core.downloads import DownloadSpec, RemoteFile
from desktop_llm.core.hub import file_address
from desktop_llm.core.models import InstalledModel

READING = 5.0  # tokens a second: about as fast as a person reads
USUAL_BYTES_PER_CORE = 4e9  # that a core reads of the weights in a second, until it is measured
MOST_CORES = 6  # from which more read no faster: the memory is what is slow
EASE = 0.75  # of the free memory: what takes no more leaves room for other programs
ROUGH_FACTOR, ROUGH_MORE = 1.15, 400_000_000  # where only the size of the file is known
EVERY_LANGUAGE = "multi"


class ModelTask(StrEnum):
    CHAT = "chat"
    TRANSLATION = "translation"
    EMBEDDING = "embedding"


class Fit(StrEnum):
    WELL = "well"
    SLOW = "slow"  # there is room; it writes more slowly than a person reads
    TIGHT = "tight"  # it loads; other programs may have to give way
    TOO_LARGE = "too-large"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueModel:
    name: str
    repo: str
    file: str
    size: int  # bytes
    sha256: str
    parameters: int
    licence: str
    tasks: tuple[ModelTask, ...]
    languages: tuple[str, ...]

    @property
    def rough_memory(self) -> int:
        """Bytes that it takes with a usual context, from its size alone."""
        return rough_memory(self.size)

    def rate(self, weights_rate: float) -> float | None:
        """Tokens a second that it writes; None for what writes none."""
        return None if ModelTask.EMBEDDING in self.tasks else weights_rate / self.size

    def speaks(self, language: str) -> bool:
        return language in self.languages or EVERY_LANGUAGE in self.languages

    def download_spec(self, endpoint: str) -> DownloadSpec:
        file = RemoteFile(
            url=file_address(endpoint, self.repo, "main", self.file), name=self.file,
            size=self.size, sha256=self.sha256,
        )  # fmt: skip
        return DownloadSpec(
            folder=self.repo, files=(file,), source=self.repo, licence=self.licence,
            languages=tuple(each for each in self.languages if each != EVERY_LANGUAGE),
        )  # fmt: skip

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> "CatalogueModel":
        kept = dict(values)
        kept["tasks"] = tuple(ModelTask(task) for task in kept["tasks"])
        kept["languages"] = tuple(kept["languages"])
        return cls(**kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """`smaller`: nothing of the task fits well; this is what comes nearest."""

    model: CatalogueModel
    task: ModelTask
    fit: Fit
    needed: int  # bytes
    free: int
    smaller: bool = False


def fit_of(needed: int | None, free: int | None, rate: float | None = None) -> Fit:
    """`rate`: tokens a second that it will write; None: not asked."""
    if needed is None or free is None:
        return Fit.UNKNOWN
    if needed > free:
        return Fit.TOO_LARGE
    if needed > EASE * free:
        return Fit.TIGHT
    return Fit.WELL if rate is None or rate >= READING else Fit.SLOW


def weights_rate(models: Iterable[InstalledModel], cores: int) -> float:
    """Bytes of weights that this computer reads in a second while it writes: as measured with the
    models it has, else a cautious guess. Writing a token reads all of them once.
    """
    measured = [model.decode_rate * model.size_bytes for model in models if model.decode_rate]
    return max(measured, default=min(cores, MOST_CORES) * USUAL_BYTES_PER_CORE)


def rough_memory(size: int) -> int:
    return round(size * ROUGH_FACTOR) + ROUGH_MORE


def recommended(
    models: Iterable[CatalogueModel], free: int, language: str, task: ModelTask, rate: float
) -> Recommendation | None:
    """For a task: the largest that fits well and knows the language; else the smallest of them.
    `rate`: of `weights_rate`.

    Among models of one task the larger one writes better; that it does not fit into the memory, or
    writes more slowly than one reads, is what makes it unusable.
    """
    known = [each for each in models if task in each.tasks and each.speaks(language)]
    if not known:
        return None
    known.sort(key=lambda each: each.size)
    fits = [fit_of(each.rough_memory, free, each.rate(rate)) for each in known]
    fitting = [at for at, fit in enumerate(fits) if fit is Fit.WELL]
    at = fitting[-1] if fitting else 0
    chosen, fit = known[at], fits[at]
    return Recommendation(
        model=chosen, task=task, fit=fit, needed=chosen.rough_memory, free=free,
        smaller=not fitting,
    )  # fmt: skip


def matching(
    models: Sequence[CatalogueModel], words: str, task: ModelTask | None, language: str
) -> list[CatalogueModel]:
    """Those with all the words in their name; empty: no condition."""
    wanted = words.lower().split()
    return [
        each
        for each in models
        if (task is None or task in each.tasks)
        and (not language or each.speaks(language))
        and all(word in f"{each.name} {each.repo}".lower() for word in wanted)
    ]
