"""A server of somebody else's that keeps to the reference and has nothing beyond it, under either set of names."""

from __future__ import annotations

import json
import re
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "their-own-key"
FIRST = {"/messages/send": "send", "/otp/send": "code", "/otp/verify": "check"}
SECOND = {"/api/v2/notify": "send", "/api/v2/code": "code", "/api/v2/check": "check"}
PHONE = re.compile(r"(?:\+?222)?([234][0-9]{7})")
Said = tuple[int, dict[str, Any]]


def no(status: int, message: str, **more: Any) -> Said:
    return status, {"success": False, "message": message, **more}


def invalid(message: str) -> Said:
    return no(400, message, errors=[])


class Hosted:
    """`spoils` changes what is answered, by the name of the operation."""

    def __init__(self, names: dict[str, str]) -> None:
        self.names = names
        self.spoils: dict[str, Said] = {}
        self.codes: dict[str, list[float]] = {}
        self.tries: dict[str, int] = {}
        hosted = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 64 * 1024

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, body = hosted.answer(self.path, self._key(), raw)
                said = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json; charset=utf-8")
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def _key(self) -> str:
                bearer = self.headers.get("Authorization", "").removeprefix("Bearer ")
                return str(self.headers.get("X-API-Key", "")) or bearer

            do_GET = do_POST  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:
                """Nothing on the terminal."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def answer(self, path: str, key: str, raw: bytes) -> Said:
        if not key:
            return no(401, "API key is required")
        if key != KEY:
            return no(403, "Invalid API key")
        work = self.names.get(path)
        if work is None:
            return no(404, "Cannot find it", errors=[])
        said = self._work(work, raw)
        return self.spoils.get(work, said) if said[0] == 200 else said

    def _work(self, work: str, raw: bytes) -> Said:
        try:
            body = json.loads(raw)
        except ValueError:
            return invalid("Not JSON")
        phone = PHONE.fullmatch(str(body.get("phoneNumber", ""))) if isinstance(body, dict) else None
        if phone is None:
            return invalid("Invalid phone number")
        answer: tuple[int, dict[str, Any]] = getattr(self, f"_{work}")(phone[1], body)
        return answer

    def _send(self, _phone: str, body: dict[str, Any]) -> Said:
        if not str(body.get("message", "")).strip():
            return invalid("Message is required")
        return 200, {"success": True, "messageId": str(uuid.uuid4()), "queued": True}

    def _code(self, phone: str, body: dict[str, Any]) -> Said:
        fits = (
            body.get("language", "fr") in ("fr", "en", "ar"),
            body.get("channel", "sms") in ("sms", "whatsapp"),
            re.fullmatch(r"[A-Za-z0-9+/]{11}", str(body.get("hash", "ABC123XYZ45"))),
        )
        if not all(fits):
            return invalid("Bad field")
        sent = [at for at in self.codes.get(phone, []) if at > time.monotonic() - 60]
        if len(sent) >= 3:
            return no(429, "Too many requests", errors=[])
        self.codes[phone], self.tries[phone] = [*sent, time.monotonic()], 3
        return 200, {"success": True, "messageId": str(uuid.uuid4()), "expiresIn": 600}

    def _check(self, phone: str, body: dict[str, Any]) -> Said:
        if not isinstance(body.get("otp"), str) or not re.fullmatch(r"[0-9]{6}", body["otp"]):
            return invalid("Bad code")
        if body.get("channel", "sms") != "sms" or phone not in self.tries:
            return no(404, "OTP not found or expired", errors=[])
        if self.tries[phone] == 0:
            return no(400, "Maximum attempts", retriesLeft=0)
        self.tries[phone] -= 1
        return no(400, "Invalid OTP", retriesLeft=self.tries[phone])
