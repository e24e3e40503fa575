"""Every connection to the outside goes through here: whether it may be made, and what came of it.

Redirects are followed here, one by one: each host is asked for and named, nothing goes from https
to http or from the outside to this computer, and no token to another host than it was given for.
"""

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx2

from desktop_llm import __version__
from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.network import Contact, Purpose, asked_for

CONNECT_SECONDS = 15.0
READ_SECONDS = 20.0  # without a byte
MOST_REDIRECTS = 8
MOST_WAIT = 60.0  # seconds that a server may ask for
WATCH_SECONDS = 30.0  # after so long a connection must have been fast enough
SLOWEST = 1024  # bytes a second, over that time
PERMIT_SECONDS = 1.0  # between two looks whether what is being received still may be

TEMPORARY = frozenset(
    {FaultCode.HUB_UNREACHABLE, FaultCode.HUB_BUSY, FaultCode.HUB_SLOW, FaultCode.CONNECTION_LOST}
)
_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504, 507, 520, 521, 522, 523, 524, 529})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkOptions:
    """`proxy`: an address; empty: what the system says. `certificates`: a PEM file to believe."""

    proxy: str = ""
    certificates: Path | None = None
    connect_seconds: float = CONNECT_SECONDS
    read_seconds: float = READ_SECONDS
    watch_seconds: float = WATCH_SECONDS
    slowest: int = SLOWEST


class Reply:
    """An answer whose body has not been read yet."""

    def __init__(
        self, response: httpx2.Response, options: NetworkOptions, permit: Callable[[str], object]
    ) -> None:
        self._response = response
        self._options = options
        self._permit = permit
        self.status = response.status_code
        self.url = str(response.url)
        self.host = response.url.host
        self.received = 0

    def header(self, name: str) -> str:
        return self._response.headers.get(name, "")

    @property
    def length(self) -> int | None:
        text = self.header("content-length")
        return int(text) if text.isdecimal() and len(text) < 20 else None

    def pieces(self) -> Iterator[bytes]:
        """The body as it comes. Raises EnvironmentFault; one that only trickles is given up."""
        begun, received = time.monotonic(), 0
        permitted = begun
        with connection_faults(self.host):
            for piece in self._response.iter_raw():
                self.received += len(piece)
                received += len(piece)
                yield piece
                now = time.monotonic()
                if now - permitted >= PERMIT_SECONDS:
                    self._permit(self.host)
                    permitted = now
                passed = now - begun
                if passed >= self._options.watch_seconds:
                    if received < self._options.slowest * passed:
                        raise EnvironmentFault(FaultCode.HUB_SLOW, host=self.host)
                    begun, received = now, 0


class Connections:
    """May be used by several threads. Raises EnvironmentFault, OFFLINE among others."""

    def __init__(
        self,
        options: NetworkOptions | None = None,
        permit: Callable[[str], object] = lambda _host: None,
        record: Callable[[Contact], object] = lambda _contact: None,
    ) -> None:
        """`permit` raises for a host that is not to be reached; `record` hears of each answer."""
        self._options = options or NetworkOptions()
        self._permit = permit
        self._record = record
        self._lock = threading.Lock()
        self._open: set[httpx2.Response] = set()
        self._closed = False
        self._client: httpx2.Client | None = None
        self._lent: list[_FaultyClient] = []  # to libraries

    @contextmanager
    def get(
        self,
        url: str,
        purpose: Purpose,
        headers: Mapping[str, str] | None = None,
        token: str = "",
    ) -> Iterator[Reply]:
        """The answer behind all redirects, whatever its status. `token`: for that host alone."""
        response = self._follow(url, purpose, dict(headers or {}), token)
        reply = Reply(response, self._options, self._permit)
        with self._lock:
            self._open.add(response)
        try:
            yield reply
        finally:
            with self._lock:
                self._open.discard(response)
            with suppress(httpx2.HTTPError, OSError, RuntimeError):
                response.close()
            self._close_idle()
            self._note(reply.host, purpose, reply.status, reply.received)

    def client(self, purpose: Callable[[], Purpose]) -> httpx2.Client:
        """For a library that makes its own requests, held to the same rules; what goes wrong is a
        fault at once, where that library would try again for half a minute. `purpose` of what it
        asks at the moment.
        """

        def ask(request: httpx2.Request) -> None:
            self._permit(request.url.host)

        def look(response: httpx2.Response) -> None:
            host, status = response.url.host, response.status_code
            if status in _BUSY:
                self._note(host, purpose(), status)
                raise EnvironmentFault(FaultCode.HUB_BUSY, host=host, status=status)
            if status in _REDIRECTS:
                _checked(str(response.url), response.headers.get("location", ""))

        made = self._made(_FaultyClient)
        assert isinstance(made, _FaultyClient)
        made.note = lambda host, status, received: self._note(host, purpose(), status, received)
        with self._lock:
            self._lent.append(made)
        made.follow_redirects = True
        made.event_hooks = {"request": [ask], "response": [look]}
        return made

    def close(self) -> None:
        """What is being received ends at once, in other threads too; nothing begins any more."""
        with self._lock:
            self._closed = True
            opened = list(self._open)
        for response in opened:
            stream = response.extensions.get("network_stream")
            connection = stream.get_extra_info("socket") if stream is not None else None
            if connection is not None:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self._close_idle()

    def _close_idle(self) -> None:
        """Clients are closed when nothing goes through them any more, and nothing will."""
        with self._lock:
            if not self._closed or self._open:
                return
            clients = [self._client, *self._lent]
            self._client, self._lent = None, []
        for client in clients:
            if client is not None:
                client.close()

    def _note(self, host: str, purpose: Purpose, status: int, received: int = 0) -> None:
        self._record(
            Contact(
                host=host, why=purpose.why.value, what=purpose.what, status=status,
                received=received, time=time.time(),
            )
        )  # fmt: skip

    def _follow(
        self, url: str, purpose: Purpose, headers: dict[str, str], token: str
    ) -> httpx2.Response:
        origin = urlsplit(url).hostname or ""
        headers = {"Accept-Encoding": "identity", **headers}
        for _hop in range(MOST_REDIRECTS + 1):
            host = urlsplit(url).hostname or ""
            sent = dict(headers)
            if token and host == origin:
                sent["Authorization"] = f"Bearer {token}"
            response = self._send(url, host, sent, purpose)
            if response.status_code not in _REDIRECTS:
                return response
            target = response.headers.get("location", "")
            self._note(host, purpose, response.status_code)
            with suppress(httpx2.HTTPError):
                response.close()
            url = _checked(url, target)
        raise EnvironmentFault(FaultCode.REDIRECT_REFUSED, host=origin)

    def _send(
        self, url: str, host: str, headers: dict[str, str], purpose: Purpose
    ) -> httpx2.Response:
        self._permit(host)
        with self._lock:
            if self._closed:
                raise EnvironmentFault(FaultCode.CONNECTION_LOST, host=host)
            if self._client is None:
                self._client = self._made()
            client = self._client
        try:
            with connection_faults(host), asked_for():
                return client.send(client.build_request("GET", url, headers=headers), stream=True)
        except EnvironmentFault:
            self._note(host, purpose, 0)
            raise

    def _made(self, kind: type[httpx2.Client] = httpx2.Client) -> httpx2.Client:
        options = self._options
        verify: ssl.SSLContext | bool = True
        if options.certificates is not None:
            try:
                verify = ssl.create_default_context(cafile=options.certificates)
            except OSError as error:
                raise EnvironmentFault(
                    FaultCode.FILE_UNREADABLE,
                    path=str(options.certificates),
                    reason=error.strerror or type(error).__name__,
                ) from error
        try:
            return kind(
                verify=verify,
                proxy=options.proxy or None,
                headers={"User-Agent": f"desktop-llm/{__version__}"},
                timeout=httpx2.Timeout(options.read_seconds, connect=options.connect_seconds),
                limits=httpx2.Limits(max_connections=None, max_keepalive_connections=8),
                follow_redirects=False,
            )
        except (ValueError, ImportError) as error:  # no such proxy, or of a kind not installed
            raise EnvironmentFault(FaultCode.PROXY_FAILED, path=options.proxy) from error


class _FaultyClient(httpx2.Client):
    note: Callable[[str, int, int], object] = staticmethod(lambda _host, _status, _received: None)
    _busy = 0
    _over = False
    _guard = threading.Lock()

    def close(self) -> None:
        """At once, or when what is being asked has been answered."""
        with self._guard:
            self._over = True
            busy = self._busy
        if not busy:
            super().close()

    def send(self, request: httpx2.Request, **more: Any) -> httpx2.Response:
        with self._guard:
            self._busy += 1
        try:
            return self._send_noted(request, **more)
        finally:
            with self._guard:
                self._busy -= 1
                over = self._over and not self._busy
            if over:
                super().close()

    def _send_noted(self, request: httpx2.Request, **more: Any) -> httpx2.Response:
        try:
            with connection_faults(request.url.host), asked_for():
                response = super().send(request, **more)
        except EnvironmentFault as fault:
            if fault.code in TEMPORARY and "status" not in fault.data:
                self.note(request.url.host, 0, 0)
            raise
        for each in (*response.history, response):
            self.note(each.url.host, each.status_code, each.num_bytes_downloaded)
        return response


def retry_after(reply: Reply) -> float:
    """Seconds that the server asks to wait; capped, whatever it asks."""
    text = reply.header("retry-after").strip()
    if text.isdecimal():
        return min(MOST_WAIT, float(text[:9]))
    with suppress(ValueError, TypeError, OverflowError):
        when = parsedate_to_datetime(text).timestamp()
        return min(MOST_WAIT, max(0.0, when - time.time()))
    return 0.0


def refuse(reply: Reply, path: str) -> None:
    """Raise what an answer other than 200 or 206 means for a person."""
    if reply.status in (200, 206):
        return
    if reply.header("x-error-code") == "GatedRepo":
        raise EnvironmentFault(FaultCode.HUB_GATED, path=path, host=reply.host)
    refuse_status(reply.status, reply.host, path, retry_after(reply))


def refuse_status(status: int, host: str, path: str, seconds: float = 0.0) -> None:
    """Raise what the number of an answer means. `seconds`: that the server asks to wait."""
    if status in _BUSY:
        raise EnvironmentFault(FaultCode.HUB_BUSY, host=host, status=status, seconds=seconds)
    if status == 401:
        raise EnvironmentFault(FaultCode.HUB_TOKEN, path=path, host=host)
    if status == 407:
        raise EnvironmentFault(FaultCode.PROXY_FAILED, path=host)
    if status in (404, 410):
        raise EnvironmentFault(FaultCode.HUB_NOTHING_THERE, path=path, host=host)
    if status in (403, 451):
        raise EnvironmentFault(FaultCode.HUB_REFUSED, path=path, host=host, status=status)
    raise EnvironmentFault(FaultCode.HUB_ODD, host=host, reason=f"HTTP {status}")


def _checked(url: str, target: str) -> str:
    """Where a redirect leads, if it may."""
    before = urlsplit(url)
    try:
        absolute = urljoin(url, target)
        after = urlsplit(absolute)
        port = after.port
    except ValueError:
        raise EnvironmentFault(FaultCode.REDIRECT_REFUSED, host=before.hostname or "") from None
    bad = (
        not target
        or after.scheme not in ("http", "https")
        or not after.hostname
        or (before.scheme == "https" and after.scheme == "http")
        or after.username is not None
        or port == 0
        or (_is_here(after.hostname) and not _is_here(before.hostname or ""))
    )
    if bad:
        raise EnvironmentFault(FaultCode.REDIRECT_REFUSED, host=before.hostname or "")
    return absolute


def _is_here(host: str) -> bool:
    """This computer, or one that only its own network reaches."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return False


@contextmanager
def connection_faults(host: str) -> Iterator[None]:
    """The library's errors as faults that name the host."""
    try:
        yield
    except httpx2.ProxyError as error:
        raise EnvironmentFault(FaultCode.PROXY_FAILED, path=str(error)[:200]) from error
    except httpx2.ConnectTimeout as error:
        raise EnvironmentFault(FaultCode.HUB_UNREACHABLE, host=host, reason="timeout") from error
    except httpx2.TimeoutException as error:
        raise EnvironmentFault(FaultCode.HUB_SLOW, host=host) from error
    except httpx2.ConnectError as error:
        cause = _cause(error)
        if isinstance(cause, ssl.SSLCertVerificationError):
            reason = cause.verify_message or "?"
            fault = EnvironmentFault(FaultCode.CERTIFICATE_REFUSED, host=host, reason=reason)
            raise fault from error
        reason = getattr(cause, "strerror", "") or str(error) or type(error).__name__
        raise EnvironmentFault(FaultCode.HUB_UNREACHABLE, host=host, reason=reason[:200]) from error
    except (httpx2.InvalidURL, httpx2.UnsupportedProtocol) as error:
        raise EnvironmentFault(FaultCode.HUB_ODD, host=host, reason="address") from error
    except (httpx2.HTTPError, httpx2.StreamError, ssl.SSLError) as error:
        raise EnvironmentFault(FaultCode.CONNECTION_LOST, host=host) from error


def _cause(error: BaseException) -> BaseException:
    while True:
        deeper = error.__cause__ or error.__context__
        if deeper is None:
            return error
        error = deeper
