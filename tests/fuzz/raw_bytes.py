"""Raw bytes against a running gateway: broken bodies, broken requests and noise.

No answer may be a 500, and every error has the shape of the API, also where no request could be read.
"""

from __future__ import annotations

import json
import random
import socket
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from dashboard.gateway.api_keys import keys
from tests.support.stack import Stack

SENDERS = 4
SILENT_SECONDS = 10.0
PAGES = (b"/docs", b"/dashboard", b"/static")  # these answer people, in HTML, and lead them elsewhere
ADDRESSES = ("/dashboard/sign-in?next=/dashboard/", "/dashboard/messages/?q=1&page=2", "/docs/fr/", "/static/icons.svg")
COOKIE = "chinqit_session=eyJfZnJlc2giOnRydWV9.aSmYZw.x; chinqit_device=x; lang=ar"
FORM = "csrf_token=x&email=a%40example.org&password=%C3%A9&next=%2Fdashboard%2F"
BODIES = {
    "/messages/send": {"phoneNumber": "+22238089336", "message": "Votre commande est prête. ‏جاهز 😀"},
    "/messages/batch": {"messages": [{"phoneNumber": "38089336", "message": "a"}, {"phoneNumber": 1}]},
    "/otp/send": {"phoneNumber": "22238089336", "language": "ar", "channel": "sms", "hash": "FA+9qCX9VSu"},
    "/otp/verify": {"phoneNumber": "+22238089336", "otp": "123456", "channel": "sms"},
    "/api/v2/notify": {"phoneNumber": "+22238089336", "message": "a"},
    "/webhooks": {"url": "https://xn--nxasmq6b.example.mr:8443/a?b=c", "events": ["otp.verified"], "description": "é"},
}
GETS = ("/me", "/messages?limit=2&phoneNumber=%2B22238089336", "/messages/c1faed86-1216-4a88-9784-9e3ad774d0d7")
NASTY = (
    *(b"\x00", b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\\ud800", b"\\u0000", b"\xef\xbb\xbf", b"\xe2\x80\xae"),
    *(b"NaN", b"-Infinity", b"1e999", b"9" * 400, b"null", b"{", b"}", b"[" * 99, b'"', b"\\", b",,", b":"),
    *(b"\r\n", b"\n", b"\t", b"\x1b", b"\xd9\xa2", b"%00", b"%", b"0\r\n\r\n"),
    *(b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n"),
)


@dataclass
class Report:
    """How many requests were answered with which status, and what was wrong with some."""

    statuses: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def fuzz(
    stack: Stack,
    cases: int,
    seed: int,
    scopes: tuple[str, ...] = keys.USUAL_SCOPES,
    progress: Callable[[int, int], None] = lambda _done, _faults: None,
) -> Report:
    """Send so many requests with a test key; the same seed makes the same ones. For the scope `webhooks` see `fuzz`.

    `progress` hears how many are done and were wrong.
    """
    report, key = Report(), stack.key("test", scopes=scopes).encode()
    with ThreadPoolExecutor(SENDERS) as pool:
        made = pool.map(partial(_exchange, stack.port, key, seed), range(cases))
        for done, (sent, received) in enumerate(made):
            _judge(report, sent, received)
            progress(done, len(report.faults))
    return report


def _exchange(port: int, key: bytes, seed: int, number: int) -> tuple[bytes, bytes]:
    """Send one request and an end of file; return it with all that came back."""
    dice = random.Random(f"{seed} {number}")
    sent = dice.choice(KINDS)(dice, key)
    received = b""
    with socket.create_connection(("127.0.0.1", port), SILENT_SECONDS) as wire, suppress(ConnectionError):
        wire.sendall(sent)
        wire.shutdown(socket.SHUT_WR)
        while chunk := wire.recv(65_536):
            received += chunk
    return sent, received


def _broken_body(dice: random.Random, key: bytes) -> bytes:
    path = dice.choice(list(BODIES))
    body = json.dumps(BODIES[path], ensure_ascii=dice.random() < 0.5).encode()
    return _request("POST", path, key, _mutated(dice, body))


def _noise_as_body(dice: random.Random, key: bytes) -> bytes:
    return _request("POST", dice.choice(list(BODIES)), key, dice.randbytes(dice.randrange(200)))


def _broken_request(dice: random.Random, key: bytes) -> bytes:
    path = dice.choice(list(BODIES))
    whole = _request("POST", path, key, json.dumps(BODIES[path]).encode())
    return _mutated(dice, dice.choice((whole, _request("GET", dice.choice(GETS), key))))


def _broken_page(dice: random.Random, _key: bytes) -> bytes:
    """A page, or the form of the sign-in, as a browser asks for it."""
    head = f"HTTP/1.1\r\nHost: x\r\nConnection: close\r\nCookie: {COOKIE}\r\nAccept-Language: ar\r\n"
    form = f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(FORM)}\r\n\r\n{FORM}"
    get, post = f"GET {dice.choice(ADDRESSES)} {head}\r\n", f"POST /dashboard/sign-in {head}{form}"
    return _mutated(dice, dice.choice((get, post)).encode())


def _noise(dice: random.Random, _key: bytes) -> bytes:
    return dice.randbytes(dice.randrange(1, 300)) + dice.choice((b"", b"\r\n\r\n"))


KINDS: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    *(_broken_body, _broken_body, _noise_as_body),
    *(_broken_request, _broken_request, _noise, _broken_page),
)


def _request(method: str, path: str, key: bytes, body: bytes = b"") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\nX-API-Key: "
    return head.encode() + key + b"\r\n\r\n" + body


def _mutated(dice: random.Random, raw: bytes) -> bytes:
    """With one to four of these: a bit turned over, a piece cut, doubled or moved, something nasty put in."""
    for _ in range(dice.randint(1, 4)):
        at, to = sorted(dice.randrange(len(raw) + 1) for _ in range(2))
        flipped = bytes([raw[at] ^ 1 << dice.randrange(8)]) if at < len(raw) else b""
        changes = (
            raw[:at] + flipped + raw[at + 1 :],
            raw[:at] + raw[to:],
            raw[:to] + raw[at:],
            raw[to:] + raw[:at],
            raw[:at] + dice.choice(NASTY) + raw[at:],
        )
        raw = dice.choice(changes)
    return raw


def _judge(report: Report, sent: bytes, received: bytes) -> None:
    if not received:
        report.statuses["closed"] += 1
    while received:
        head, _, rest = received.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines[1:])}
        status = lines[0].split(b" ")[1].decode() if lines[0].startswith(b"HTTP/1.") else "none"
        bodiless = b"HEAD" in sent or status in ("204", "304")
        length = 0 if bodiless else int(headers.get(b"content-length", b"0"))
        body, received = rest[:length], rest[length:]
        report.statuses[status] += 1
        fault = None if bodiless and status[0] in "234" else _fault(status, headers, body)
        if fault and (status[0] not in "234" or not any(page in sent for page in PAGES)):
            report.faults.append(f"{fault}\n  sent {sent!r}\n  got {head!r} {body[:300]!r}")


def _fault(status: str, headers: dict[bytes, bytes], body: bytes) -> str | None:
    """What is wrong with an answer."""
    if status[0] not in "24":
        return f"status {status}"
    if headers.get(b"content-type") != b"application/json" or b"x-request-id" not in headers:
        return "not as answers are"
    if status[0] == "2":
        return None
    told = json.loads(body)
    whole = {"success", "message", "errors"} <= set(told) or status in ("400", "401", "403")
    shaped = told["success"] is False and isinstance(told["message"], str) and whole
    return None if shaped else "an error without its shape"
