"""The HTTP client for addresses that somebody typed: guarded, bounded, and exact about what was sent.

Ten seconds and 64 KiB in all, no redirects, no proxies, no cookies; a name is resolved once and the very address that
was judged is the one connected to. It sits on httpcore, the engine of httpx: only there can one see whether a byte of
the request left, which is what tells NotSent from OutcomeUnknown.
"""

from __future__ import annotations

import functools
import json
import logging
import ssl
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import certifi
import httpcore
import httpx

from dashboard.outbound import address_guard
from dashboard.outbound.errors import NotSent, OutcomeUnknown, SendError
from dashboard.vocabulary import Blame

TIMEOUT = 10.0  # seconds for a whole exchange, name look-up and answer included
CONNECT_TIMEOUT = 4.0  # for each address of a name
MOST_ANSWER = 64 * 1024
MOST_CONNECTIONS = 64
IDLE_SECONDS = 4.0  # many servers close a quiet connection after five; one closed under a request is a text in doubt
LONGEST_PAUSE = 24 * 3600.0

# At DEBUG they write headers and URLs down, and those may hold credentials and texts.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)


@dataclass(frozen=True)
class Guard:
    """What a carrier's settings allow beyond https to public addresses."""

    allow_http: bool = False
    allow_private: bool = False
    ca_certificate: str = field(default="", repr=False)  # PEM, trusted besides the public authorities


@dataclass(frozen=True)
class HttpCall:
    """A request; neither its URL nor its body may reach a log."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class HttpAnswer:
    """What came back. `whole` is False when the body was cut at 64 KiB or did not end in time."""

    status: int
    headers: Mapping[str, str] = field(repr=False)  # names in lower case
    body: bytes = field(repr=False)
    whole: bool = True

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The parsed body; None when it is not JSON."""
        return parse_json(self.body) if self.whole else None

    @property
    def retry_after(self) -> float | None:
        """Seconds from now, from the carrier's own Retry-After (RFC 9110 §10.2.3); None when it gave none."""
        return _seconds(self.headers.get("retry-after", ""))


@dataclass
class _Exchange:
    """One call under way in this thread."""

    end: float
    written: bool = False

    @property
    def left(self) -> float:
        return self.end - time.monotonic()


_exchange: ContextVar[_Exchange] = ContextVar("exchange")


class HttpClient:
    """A client for one carrier; safe to use from several threads, keeps connections alive."""

    def __init__(self, guard: Guard, timeout: float = TIMEOUT, connections: int = MOST_CONNECTIONS) -> None:
        self.guard = guard
        self.timeout = timeout
        self._pool = httpcore.ConnectionPool(
            ssl_context=ssl_context(guard.ca_certificate),
            max_connections=connections,
            keepalive_expiry=IDLE_SECONDS,
            network_backend=_Backend(guard.allow_private),
        )

    def send(self, call: HttpCall, timeout: float | None = None) -> HttpAnswer:
        """Make the call; raise NotSent when nothing of it can have been read, OutcomeUnknown when it may have been."""
        check_url(call.url, self.guard)
        exchange = _Exchange(time.monotonic() + (self.timeout if timeout is None else timeout))
        token = _exchange.set(exchange)
        try:
            answer, fault = self._exchange(_request(call), exchange)
        finally:
            _exchange.reset(token)
        if answer is None:
            raise fault or OutcomeUnknown("connection_lost")  # here, so that no httpcore text hangs on it as context
        return answer

    def close(self) -> None:
        self._pool.close()

    def _exchange(self, request: httpcore.Request, exchange: _Exchange) -> tuple[HttpAnswer | None, SendError | None]:
        request.extensions = {"timeout": {"pool": exchange.left}}
        try:
            response = self._pool.handle_request(request)
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, _Stop) as error:
            return None, _fault(error, exchange.written)
        try:
            body, whole = _body(response.stream)
        finally:
            response.close()
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
        return HttpAnswer(response.status, headers, body, whole), None


class Pause:
    """A carrier's word on when to come back, for every thread of this process."""

    def __init__(self) -> None:
        self._until = 0.0
        self._lock = threading.Lock()

    def hold(self, seconds: float | None) -> None:
        if seconds is not None:
            with self._lock:
                self._until = max(self._until, time.monotonic() + seconds)

    def check(self) -> None:
        """Raise NotSent while it lasts."""
        left = self._until - time.monotonic()
        if left > 0:
            raise NotSent("throttled", retry_after=left)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Nothing leaves while it lasts, and what the carrier answers may begin it."""
        self.check()
        try:
            yield
        except NotSent as error:
            if error.blame is Blame.CARRIER:  # the wait for one number or text holds up nobody else
                self.hold(error.retry_after)
            raise


def check_url(url: str, guard: Guard) -> None:
    """Raise NotSent, as a fault of configuration, when the scheme is not allowed."""
    problem = url_problem(url, guard)
    if problem:
        raise NotSent("address_refused", configuration=True)


def url_problem(url: str, guard: Guard) -> str | None:
    """What is wrong with an address, or None; the address itself is not looked up.

    One of not_an_address, https_needed, https_or_allowed, credentials_in_address.
    """
    try:
        parsed = httpx.URL(url)
        host = parsed.host  # decoded at this moment
    except (httpx.InvalidURL, UnicodeError):
        return "not_an_address"
    if parsed.scheme not in ("https", "http") or not host:
        return "https_needed"
    if parsed.scheme == "http" and not guard.allow_http:
        return "https_or_allowed"
    if parsed.userinfo:
        return "credentials_in_address"
    return None


def parse_json(raw: bytes) -> Any:
    """JSON from outside; None for whatever is not JSON."""
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None


class _Stop(Exception):
    """The guard or the clock ends the call before a byte of it was sent."""

    def __init__(self, fault: NotSent) -> None:
        super().__init__()
        self.fault = fault


class _Backend(httpcore.NetworkBackend):
    """Opens connections to judged addresses alone."""

    def __init__(self, allow_private: bool) -> None:
        self.allow_private = allow_private
        self.sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        fault = NotSent("unreachable")
        for address in self._addresses(host, port):
            left = min(CONNECT_TIMEOUT, _exchange.get().left)
            if left <= 0:
                break
            try:
                return _Stream(self.sockets.connect_tcp(address, port, left, socket_options=socket_options))
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        raise _Stop(fault)

    def _addresses(self, host: str, port: int) -> list[str]:
        try:
            found = address_guard.resolve(host, port, _exchange.get().left)
        except address_guard.Unresolved:
            raise _Stop(NotSent("name_not_found")) from None
        judged = [address for address in found if address_guard.is_open(address, self.allow_private)]
        if not judged:
            raise _Stop(NotSent("address_refused", configuration=True))
        return judged


class _Stream(httpcore.NetworkStream):
    """A connection whose every step ends with the exchange that it serves; it notes when the first byte leaves."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self.inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self.inner.read(max_bytes, self._left(httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        left = self._left(httpcore.WriteTimeout)
        _exchange.get().written = True
        self.inner.write(buffer, left)

    def close(self) -> None:
        self.inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = self._left(httpcore.ConnectTimeout)
        try:
            return _Stream(self.inner.start_tls(ssl_context, server_hostname, left))
        except httpcore.ConnectError as error:
            if isinstance(error.__cause__, ssl.SSLCertVerificationError):
                raise _Stop(NotSent("certificate_refused", configuration=True)) from None
            raise

    def get_extra_info(self, info: str) -> Any:
        return self.inner.get_extra_info(info)

    def _left(self, expired: type[httpcore.TimeoutException]) -> float:
        left = _exchange.get().left
        if left <= 0:
            raise expired
        return left


def _request(call: HttpCall) -> httpcore.Request:
    """Ours says what it accepts: a compressed answer could be a bomb."""
    headers = {"User-Agent": "Chinqit", "Accept": "*/*", "Accept-Encoding": "identity"} | dict(call.headers)
    built = httpx.Request(call.method, call.url, headers=headers, content=call.body or None)
    url = httpcore.URL(
        scheme=built.url.raw_scheme, host=built.url.raw_host, port=built.url.port, target=built.url.raw_path
    )
    return httpcore.Request(built.method.encode(), url, headers=built.headers.raw, content=call.body)


def _body(stream: Any) -> tuple[bytes, bool]:
    """At most 64 KiB of it, and whether that is all."""
    body = bytearray()
    try:
        for chunk in stream:
            body += chunk
            if len(body) > MOST_ANSWER:
                return bytes(body[:MOST_ANSWER]), False
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError):
        return bytes(body), False
    return bytes(body), True


def _fault(error: Exception, written: bool) -> SendError:
    if isinstance(error, _Stop):
        return error.fault
    if written:
        lost = not isinstance(error, httpcore.TimeoutException)
        return OutcomeUnknown("connection_lost" if lost else "no_answer")
    if isinstance(error, httpcore.PoolTimeout):
        return NotSent("carrier_busy")
    if isinstance(error, httpcore.LocalProtocolError):
        return NotSent("request_malformed", configuration=True)
    return NotSent("unreachable")


@functools.lru_cache(maxsize=32)
def ssl_context(ca_certificate: str) -> ssl.SSLContext:
    """To read all authorities takes 20 ms; clients of one authority share what was read."""
    context = ssl.create_default_context(cafile=certifi.where())
    if ca_certificate:
        context.load_verify_locations(cadata=ca_certificate)
    return context


def _seconds(text: str) -> float | None:
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), LONGEST_PAUSE)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max((at - datetime.now(UTC)).total_seconds(), 0.0), LONGEST_PAUSE)
