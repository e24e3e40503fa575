"""Models that this computer does not have yet: found on the Hub, and what of them to fetch."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from desktop_llm.core.downloads import DownloadSpec
from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.gguf import Header
from desktop_llm.core.hub import (
    FoundModel,
    Quantization,
    RepoFile,
    RepoInfo,
    download_spec,
    preferred,
    quantizations,
    remote_file,
)
from desktop_llm.core.memory import estimate
from desktop_llm.core.model_card import readable
from desktop_llm.core.models import InstalledModel, LoadOptions
from desktop_llm.core.network import Purpose, Why
from desktop_llm.hub.client import HubClient
from desktop_llm.hub.connections import refuse
from desktop_llm.hub.remote_header import read_remote_header
from desktop_llm.services.network import Network

MOST_CARD = 400_000  # bytes
_ENCODER = ("config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt",
            "special_tokens_map.json", "tokenizer.model", "modules.json")  # fmt: skip


class Discovery:
    """Blocks on the network. Raises EnvironmentFault."""

    def __init__(self, network: Network) -> None:
        self._connections = network.connect()
        place = network.endpoint
        self._token = network.token_for(urlsplit(place).hostname or "")
        self._client = HubClient(place, self._connections, self._token)

    def close(self) -> None:
        self._connections.close()

    def search(
        self, words: str, sort: str, limit: int, tags: Sequence[str] = ()
    ) -> list[FoundModel]:
        """Repositories with GGUF files that have all the tags."""
        return self._client.search(words, ("gguf", *tags), sort, limit)

    def offers(self, repo: str, revision: str = "main") -> tuple[RepoInfo, list[Quantization]]:
        info = self._client.info(repo, revision)
        return info, quantizations(info)

    def header(self, info: RepoInfo, quantization: Quantization) -> Header:
        """Of the first of its files, from its first bytes."""
        file = remote_file(self._client.endpoint, info, quantization.files[0])
        with about_repo(info.repo):
            return read_remote_header(self._connections, file, self._token)

    def memory(
        self, info: RepoInfo, offered: Sequence[Quantization], options: LoadOptions
    ) -> tuple[Callable[[Quantization], int | None], EnvironmentFault | None]:
        """What each takes, in bytes, from the header of one: they differ in their weights alone.
        None where it is not known; with what stood against reading the header.
        """
        chosen = preferred(offered)
        if chosen is None:
            return lambda _each: None, None
        try:
            header = self.header(info, chosen)
        except EnvironmentFault as fault:
            return lambda _each: None, fault
        beside = estimate(header, options) - header.end_of_data
        return lambda each: None if each.size is None else beside + each.size, None

    def card(self, info: RepoInfo) -> str:
        """What its makers say of it, as Markdown; empty where they say nothing."""
        file = next((each for each in info.files if each.name.lower() == "readme.md"), None)
        if file is None:
            return ""
        url, data = remote_file(self._client.endpoint, info, file).url, b""
        with self._connections.get(url, Purpose(Why.CARD, info.repo), token=self._token) as reply:
            refuse(reply, file.name)
            for piece in reply.pieces():
                data += piece
                if len(data) > MOST_CARD:
                    break
        return readable(data[:MOST_CARD].decode("utf-8", "replace"))

    def newer(self, model: InstalledModel) -> DownloadSpec | None:
        """What to fetch where the Hub has the model's file with other bytes than this one's."""
        if not model.repo or not model.sha256:
            return None
        info = self._client.info(model.repo, why=Why.UPDATE)
        name = Path(model.path).name
        for each in quantizations(info):
            first = each.files[0]
            if PurePosixPath(first.name).name == name and first.sha256 not in ("", model.sha256):
                return self._spec(info, each.files)
        return None

    def spec(self, repo: str, wanted: str = "", revision: str = "main") -> DownloadSpec:
        """What to fetch of a repository: the quantization or the file of that name; the usual one
        where none is named; a whole encoder where there is no GGUF.
        """
        info, offered = self.offers(repo, revision)
        if not wanted and not offered and (files := _encoder(info)):
            return self._spec(info, files)
        chosen = preferred(offered) if not wanted else None
        for each in offered:
            if wanted and (wanted.upper() == each.name or wanted in _names(each)):
                chosen = each
        if chosen is None:
            names = ", ".join(each.name for each in offered) or "-"
            raise EnvironmentFault(
                FaultCode.NO_SUCH_QUANTIZATION, path=repo, name=wanted or "GGUF", names=names
            )
        return self._spec(info, chosen.files)

    def _spec(self, info: RepoInfo, files: Sequence[RepoFile]) -> DownloadSpec:
        return download_spec(self._client.endpoint, info, files)


@contextmanager
def about_repo(repo: str) -> Iterator[None]:
    """What a server has against a person is about a repository, not about one of its files."""
    try:
        yield
    except EnvironmentFault as fault:
        if repo and fault.code in (FaultCode.HUB_GATED, FaultCode.HUB_TOKEN):
            raise EnvironmentFault(fault.code, **{**fault.data, "path": repo}) from fault
        raise


def _names(each: Quantization) -> list[str]:
    return [file.name for file in each.files]


def _encoder(info: RepoInfo) -> list[RepoFile]:
    """Config, tokenizer and safetensors; empty where that is not all there. Never pickle."""
    files = {file.name: file for file in info.files}
    weights = [file for name, file in files.items()
               if name.endswith(".safetensors") and "/" not in name]  # fmt: skip
    if "config.json" not in files or not weights:
        return []
    return [files[name] for name in _ENCODER if name in files] + weights
