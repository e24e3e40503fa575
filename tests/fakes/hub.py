"""A stand-in of the Hub on this computer: its real protocol, for the real client; and faults.

Files are addressed as there: `/{owner}/{repository}/resolve/{revision}/{file}` redirects files that
LFS holds to `/cdn/…`, like the Hub to its store. `faults` are taken one by one, by the requests for
bytes that they fit.
"""

import hashlib
import json
import os
import socket
import struct
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PIECE = 256 * 1024


@dataclass
class HubFile:
    """`sha256`: what the Hub says of it, which a test may falsify."""

    path: Path
    lfs: bool = True
    sha256: str = ""

    def __post_init__(self) -> None:
        if not self.sha256:
            with self.path.open("rb") as opened:
                self.sha256 = hashlib.file_digest(opened, "sha256").hexdigest()

    @property
    def size(self) -> int:
        return self.path.stat().st_size

    @property
    def git_sha1(self) -> str:
        data = self.path.read_bytes()
        return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()

    @property
    def etag(self) -> str:
        return self.sha256 if self.lfs else self.git_sha1


@dataclass
class HubRepo:
    id: str
    files: dict[str, HubFile] = field(default_factory=dict)
    commit: str = COMMIT
    gated: bool = False
    private: bool = False
    downloads: int = 10
    likes: int = 1
    tags: Sequence[str] = ("gguf", "text-generation")


@dataclass
class Fault:
    """What one answer does. `after`: bytes of its body that come before; `times`: so many answers;
    `fits`: of which requests.
    """

    kind: str
    after: int = 0
    times: int = 1
    value: str = ""
    fits: Callable[[str], bool] = lambda _path: True
    api: bool = False  # of questions, not of files


@dataclass
class Asked:
    """One request. `sent`: bytes of the body."""

    method: str
    path: str
    range: str = ""
    authorised: bool = False
    sent: int = 0


class Hub:
    """Serves from `start` until `close`."""

    def __init__(self, *repos: HubRepo, token: str = "hf_right") -> None:
        self.repos = {repo.id: repo for repo in repos}
        self.token = token
        self.ranges = True
        self.delay = 0.0  # seconds between two pieces
        self.faults: list[Fault] = []
        self.asked: list[Asked] = []
        self.lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None
        self._closing = threading.Event()

    def __enter__(self) -> "Hub":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def sent(self) -> int:
        """Bytes of files, in all answers."""
        with self.lock:
            return sum(each.sent for each in self.asked)

    def address(self, repo: str, name: str, revision: str = "main") -> str:
        return f"{self.url}/{repo}/resolve/{revision}/{name}"

    def start(self, port: int = 0) -> None:
        handler = type("Handler", (_Handler,), {"hub": self})
        self._server = _Server(("127.0.0.1", port), handler)
        threading.Thread(
            target=lambda: self._server.serve_forever(0.05), name="hub", daemon=True
        ).start()

    def close(self) -> None:
        self._closing.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def wait(self, seconds: float) -> bool:
        """True where the server ends meanwhile."""
        return self._closing.wait(seconds)

    def take_fault(self, path: str, api: bool = False) -> Fault | None:
        with self.lock:
            for fault in self.faults:
                if fault.api is api and fault.fits(path):
                    fault.times -= 1
                    if fault.times <= 0:
                        self.faults.remove(fault)
                    return fault
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request, client_address) -> None:
        """Clients that go away are what is tested."""


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"
    timeout = 30

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        parts = urlsplit(self.path)
        path = unquote(parts.path)
        given = self.headers.get("Authorization", "")
        self.asked = Asked(
            self.command, path, self.headers.get("Range", ""),
            given == f"Bearer {self.hub.token}",
        )  # fmt: skip
        with self.hub.lock:
            self.hub.asked.append(self.asked)
        if path.startswith("/api/models"):
            self._api(path, parse_qs(parts.query), body)
        elif "/resolve/" in path:
            repo, _, rest = path[1:].partition("/resolve/")
            self._file(repo, rest.partition("/")[2], rest.partition("/")[0], body, cdn=False)
        elif path.startswith("/cdn/"):
            repo, _, name = path[5:].partition("//")
            self._file(repo, name, COMMIT, body, cdn=True)
        else:
            self._error(404, "EntryNotFound")

    # --- the API -------------------------------------------------------------------------------

    def _api(self, path: str, query: dict[str, list[str]], body: bool) -> None:
        fault = self.hub.take_fault(path, api=True)
        if fault is not None and self._refused(fault):
            return
        name = path.removeprefix("/api/models").strip("/")
        if not name:
            self._json(self._found(query), body)
            return
        name, _, revision = name.partition("/revision/")
        repo = self.hub.repos.get(name)
        if repo is None or (repo.private and not self.asked.authorised):
            self._error(401 if repo is None or not self.asked.authorised else 404, "RepoNotFound")
            return
        if revision and revision not in ("main", repo.commit):
            self._error(404, "RevisionNotFound")
            return
        self._json(self._info(repo, files="blobs" in query), body)

    def _found(self, query: dict[str, list[str]]) -> list[dict[str, object]]:
        words = " ".join(query.get("search", [])).lower().split()
        wanted = set(query.get("filter", []))
        repos = [
            repo
            for repo in self.hub.repos.values()
            if all(word in repo.id.lower() for word in words)
            and wanted <= set(repo.tags)
            and not repo.private
        ]
        key = query.get("sort", ["downloads"])[0]
        repos.sort(key=lambda repo: getattr(repo, key, 0), reverse=True)
        return [self._info(repo, files=False) for repo in repos][: int(query["limit"][0])
                if "limit" in query else None]  # fmt: skip

    def _info(self, repo: HubRepo, files: bool) -> dict[str, object]:
        siblings = []
        for name, file in repo.files.items():
            one: dict[str, object] = {"rfilename": name}
            if files:
                one |= {"size": file.size, "blobId": file.git_sha1 if not file.lfs else "0" * 40}
                if file.lfs:
                    one["lfs"] = {"size": file.size, "sha256": file.sha256, "pointerSize": 134}
            siblings.append(one)
        return {
            "id": repo.id, "modelId": repo.id, "sha": repo.commit, "private": repo.private,
            "gated": "manual" if repo.gated else False, "downloads": repo.downloads,
            "likes": repo.likes, "tags": list(repo.tags), "siblings": siblings,
            "lastModified": "2026-01-02T03:04:05.000Z",
        }  # fmt: skip

    def _json(self, value: object, body: bool) -> None:
        data = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if body:
            self.wfile.write(data)

    # --- files ---------------------------------------------------------------------------------

    def _file(self, repo_id: str, name: str, revision: str, body: bool, cdn: bool) -> None:
        repo = self.hub.repos.get(repo_id)
        if repo is None or (repo.private and not cdn and not self.asked.authorised):
            self._error(401 if not self.asked.authorised else 404, "RepoNotFound")
            return
        if repo.gated and not cdn and not self.asked.authorised:
            self._error(401, "GatedRepo")
            return
        if revision not in ("main", repo.commit):
            self._error(404, "RevisionNotFound")
            return
        file = repo.files.get(name)
        if file is None:
            self._error(404, "EntryNotFound")
            return
        if file.lfs and not cdn:
            self._redirect(repo, name, file)
            return
        fault = self.hub.take_fault(self.path) if body else None
        self._bytes(repo, file, body, fault)

    def _redirect(self, repo: HubRepo, name: str, file: HubFile) -> None:
        self.send_response(302)
        self.send_header("Location", f"{self.hub.url}/cdn/{repo.id}//{name}")
        self.send_header("X-Repo-Commit", repo.commit)
        self.send_header("X-Linked-Size", str(file.size))
        self.send_header("X-Linked-Etag", f'"{file.sha256}"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _bytes(self, repo: HubRepo, file: HubFile, body: bool, fault: Fault | None) -> None:
        kind = fault.kind if fault is not None else ""
        if fault is not None and self._refused(fault):
            return
        size = file.size
        first, last = 0, size - 1
        ranged = self.asked.range.startswith("bytes=") and self.hub.ranges and kind != "whole"
        if ranged:
            begin, _, end = self.asked.range[6:].partition("-")
            first, last = int(begin), min(int(end) if end else size - 1, size - 1)
            if first >= size or kind == "416":
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{size}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
        self.send_response(206 if ranged else 200)
        etag = fault.value if fault is not None and kind == "etag" else file.etag
        self.send_header("ETag", f'"{etag}"')
        self.send_header("X-Repo-Commit", repo.commit)
        self.send_header("Content-Type", "application/octet-stream")
        if self.hub.ranges:
            self.send_header("Accept-Ranges", "bytes")
        if ranged:
            shown = first + 1 if kind == "shifted" else first
            self.send_header("Content-Range", f"bytes {shown}-{last}/{size}")
        if kind == "gzip":
            self.send_header("Content-Encoding", "gzip")
        if kind != "unsaid":
            self.send_header("Content-Length", str(last - first + 1))
        else:
            self.close_connection = True
        self.end_headers()
        self.wfile.flush()
        if body:
            self._send(file.path, first, last + 1, fault)

    def _refused(self, fault: Fault) -> bool:
        """Answers without the bytes."""
        kind = fault.kind
        if kind.isdecimal() and kind != "416":
            self.send_response(int(kind))
            if fault.value:
                self.send_header("Retry-After", fault.value)
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif kind == "page":
            data = b"<html><body>Please sign in to this network</body></html>"
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        elif kind == "redirect":
            self.send_response(302)
            self.send_header("Location", fault.value or self.path)
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif kind == "hang":
            self.hub.wait(20)
            self.close_connection = True
        elif kind == "rubbish":
            self.wfile.write(b"\x00\xff rubbish\r\n\r\n")
            self.close_connection = True
        else:
            return False
        return True

    def _send(self, path: Path, at: int, end: int, fault: Fault | None) -> None:
        kind, after = (fault.kind, at + fault.after) if fault is not None else ("", end)
        with path.open("rb") as opened:
            while at < end:
                size = min(PIECE, end - at)
                if kind in ("reset", "cut", "slow", "wrong") and at + size > after:
                    size = max(0, after - at)
                    self._plain(opened, at, size)
                    self._break(opened, kind, at + size, end)
                    return
                self._plain(opened, at, size)
                at += size
                if self.hub.delay and self.hub.wait(self.hub.delay):
                    return

    def _plain(self, opened, at: int, size: int) -> None:
        if size:
            self.asked.sent += self.connection.sendfile(opened, at, size)

    def _break(self, opened, kind: str, at: int, end: int) -> None:
        self.close_connection = True
        if kind == "reset":
            hard = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, hard)
            with suppress(OSError):
                os.close(self.connection.detach())
        elif kind == "slow":
            opened.seek(at)
            for byte in iter(lambda: opened.read(1), b""):
                self.wfile.write(byte)
                self.asked.sent += 1
                if self.hub.wait(0.1):
                    return
        elif kind == "wrong":
            opened.seek(at)
            data = bytearray(opened.read(end - at))
            data[0] ^= 1
            self.wfile.write(data)
            self.asked.sent += len(data)

    def _error(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("X-Error-Message", code)
        self.send_header("Content-Length", "0")
        self.end_headers()
