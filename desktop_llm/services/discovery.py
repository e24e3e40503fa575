"""Models that this computer does not have yet: found on the Hub, and what of them to fetch."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from desktop_llm.core.downloads import DownloadSpec, RemoteFile
from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.hub import (
    FoundModel,
    Quantization,
    RepoFile,
    RepoInfo,
    preferred,
    quantizations,
)
from desktop_llm.hub.client import HubClient
from desktop_llm.services.network import Network

_ENCODER = ("config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt",
            "special_tokens_map.json", "tokenizer.model", "modules.json")  # fmt: skip


class Discovery:
    """Blocks on the network. Raises EnvironmentFault."""

    def __init__(self, network: Network) -> None:
        self._connections = network.connect()
        place = network.endpoint
        token = network.token_for(urlsplit(place).hostname or "")
        self._client = HubClient(place, self._connections, token)

    def close(self) -> None:
        self._connections.close()

    def search(self, words: str, sort: str, limit: int) -> list[FoundModel]:
        """Repositories with GGUF files."""
        return self._client.search(words, ("gguf",), sort, limit)

    def offers(self, repo: str, revision: str = "main") -> tuple[RepoInfo, list[Quantization]]:
        info = self._client.info(repo, revision)
        return info, quantizations(info)

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
        return DownloadSpec(
            folder=info.repo,
            files=tuple(
                RemoteFile(
                    url=self._client.address(info, file), name=file.name, size=file.size,
                    sha256=file.sha256, git_sha1=file.git_sha1,
                )
                for file in files
            ),
            source=info.repo,
            revision=info.revision,
            licence=info.licence,
            languages=info.languages,
        )  # fmt: skip


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
