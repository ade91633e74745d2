"""An HTTP server that receives webhooks, and misbehaves as it is told. It keeps a ledger of what arrived."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook


@dataclass(frozen=True)
class Got:
    """A call as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def type(self) -> str:
        return str(self.event["type"])

    def verify(self, secret: str) -> dict[str, Any]:
        """As a receiver does it, with the library of Standard Webhooks; raises WebhookVerificationError."""
        found: dict[str, Any] = Webhook(secret).verify(self.body, self.headers)
        return found


@dataclass
class Answer:
    """What a path answers: status, headers, body, after so many seconds; or nothing, when it hangs up."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"ok"
    seconds: float = 0.0
    hangs_up: bool = False


class Receiver:
    """Listens on the loopback. `answers` is by path; other paths answer 200 at once."""

    def __init__(self) -> None:
        self.ledger: list[Got] = []
        self.answers: dict[str, Answer | Callable[[Got], Answer]] = {}
        self.at_once: dict[str, int] = {}
        self.most_at_once: dict[str, int] = {}
        self._lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 64 * 1024  # one segment: the caller is not to wait for a delayed acknowledgement

            def do_POST(self) -> None:
                receiver.handle(self)

            def do_GET(self) -> None:
                receiver.handle(self)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing on the terminal."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def handle(self, asked: BaseHTTPRequestHandler) -> None:
        length = int(asked.headers.get("Content-Length", 0))
        body = asked.rfile.read(length)
        if len(body) < length:  # whoever called was killed meanwhile: no receiver takes half a call
            return
        headers = {name.lower(): value for name, value in asked.headers.items()}
        got = Got(asked.path, headers, body, time.monotonic())
        with self._lock:
            self.ledger.append(got)
            self.at_once[got.path] = self.at_once.get(got.path, 0) + 1
            self.most_at_once[got.path] = max(self.most_at_once.get(got.path, 0), self.at_once[got.path])
        answer = self.answers.get(got.path, Answer())
        answer = answer if isinstance(answer, Answer) else answer(got)
        try:
            time.sleep(answer.seconds)
            if answer.hangs_up:
                asked.close_connection = True
                return
            asked.send_response(answer.status)
            for name, value in answer.headers.items():
                asked.send_header(name, value)
            asked.send_header("Content-Length", str(len(answer.body)))
            asked.end_headers()
            asked.wfile.write(answer.body)
        except OSError:
            pass  # whoever called has gone
        finally:
            with self._lock:
                self.at_once[got.path] -= 1

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server.server_port}{path}"

    def got(self, path: str) -> list[Got]:
        return [one for one in self.ledger if one.path == path]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
