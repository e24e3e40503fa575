"""The Hub's metadata, through huggingface_hub's own client and our connections.

huggingface_hub is imported when the first question is asked, never in a window's thread.
"""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from desktop_llm.core.downloads import is_safe_name
from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.hub import FoundModel, RepoFile, RepoInfo
from desktop_llm.core.network import Purpose, Why
from desktop_llm.hub.connections import Connections, connection_faults, refuse_status

if TYPE_CHECKING:
    from huggingface_hub import HfApi

MOST_FILES = 10_000  # of a repository
_REPO = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class HubClient:
    """Blocks on the network. Raises EnvironmentFault."""

    def __init__(self, endpoint: str, connections: Connections, token: str = "") -> None:
        self.endpoint = endpoint.rstrip("/")
        self._host = urlsplit(self.endpoint).hostname or self.endpoint
        self._connections = connections
        self._token = token
        self._purpose = Purpose(Why.SEARCH)  # of what is being asked
        self._api: HfApi | None = None

    def search(
        self,
        words: str = "",
        tags: Sequence[str] = ("gguf",),
        sort: str = "downloads",
        limit: int = 30,
    ) -> list[FoundModel]:
        """Repositories that have all the words and tags."""
        self._purpose = Purpose(Why.SEARCH, words)
        with self._faults(words):
            found = self._made().list_models(
                search=words or None, filter=list(tags), sort=sort, limit=limit,  # type: ignore[arg-type]
                full=True,
            )  # fmt: skip
            return [
                FoundModel(
                    repo=one.id,
                    downloads=one.downloads or 0,
                    likes=one.likes or 0,
                    changed=0.0 if one.last_modified is None else one.last_modified.timestamp(),
                    gated=bool(one.gated),
                    private=bool(one.private),
                    tags=tuple(one.tags or ()),
                )
                for one in found
                if _REPO.fullmatch(one.id)
            ]

    def info(self, repo: str, revision: str = "main", why: Why = Why.FILES) -> RepoInfo:
        """Its files at that revision, with sizes and hashes; what is no sound name is left out."""
        if not _REPO.fullmatch(repo):
            raise EnvironmentFault(FaultCode.HUB_NOTHING_THERE, path=repo, host=self._host)
        self._purpose = Purpose(why, repo)
        with self._faults(repo):
            found = self._made().model_info(repo, revision=revision, files_metadata=True)
        if found.sha is None or not _COMMIT.fullmatch(found.sha):
            raise self._odd("commit")
        files = (_file(one) for one in (found.siblings or ())[:MOST_FILES])
        return RepoInfo(
            repo=repo,
            revision=found.sha,
            files=tuple(file for file in files if file is not None),
            gated=bool(found.gated),
            tags=tuple(found.tags or ()),
        )

    def _made(self) -> "HfApi":
        if self._api is None:
            for name in ("HF_HUB_DISABLE_TELEMETRY", "HF_HUB_DISABLE_XET", "DO_NOT_TRACK"):
                os.environ[name] = "1"
            from huggingface_hub import HfApi, set_client_factory

            # Without its hook for the offline variable: whether to connect is asked elsewhere.
            set_client_factory(lambda: self._connections.client(lambda: self._purpose))
            self._api = HfApi(endpoint=self.endpoint, token=self._token or False)
        return self._api

    @contextmanager
    def _faults(self, path: str) -> Iterator[None]:
        from huggingface_hub.errors import GatedRepoError, HfHubHTTPError

        with connection_faults(self._host):
            try:
                yield
            except GatedRepoError as error:
                raise EnvironmentFault(FaultCode.HUB_GATED, path=path, host=self._host) from error
            except HfHubHTTPError as error:
                status = error.response.status_code if error.response is not None else 0
                refuse_status(status, self._host, path)
                raise self._odd(f"HTTP {status}") from error
            except (ValueError, TypeError, KeyError, AttributeError) as error:  # no JSON of theirs
                raise self._odd(type(error).__name__) from error

    def _odd(self, reason: str) -> EnvironmentFault:
        return EnvironmentFault(FaultCode.HUB_ODD, host=self._host, reason=reason)


def _file(one: Any) -> RepoFile | None:
    """None for what must not become a path."""
    name = one.rfilename
    if not isinstance(name, str) or not is_safe_name(name):
        return None
    lfs = one.lfs
    sha256 = getattr(lfs, "sha256", "") if lfs is not None else ""
    blob = one.blob_id or ""
    size = one.size
    return RepoFile(
        name=name,
        size=size if isinstance(size, int) and 0 <= size < 2**50 else None,
        sha256=sha256 if isinstance(sha256, str) and _SHA256.fullmatch(sha256) else "",
        git_sha1=blob if not sha256 and _COMMIT.fullmatch(blob) else "",
    )
