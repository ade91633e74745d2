"""The API as its callers meet it, over the network or in this process."""

from __future__ import annotations

import json as json_module
import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import httpx

from dashboard.db import Sessions
from dashboard.gateway.api_keys import keys


class Api:
    """Whatever answers `http`, and the database behind it."""

    def __init__(self, http: httpx.Client, sessions: Sessions) -> None:
        self.http, self.sessions = http, sessions

    def call(
        self,
        method: str,
        path: str,
        *,
        key: str | None = None,
        json: object = None,
        data: bytes | Iterable[bytes] | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """One request; `json` is sent with non-ASCII escaped, `data` as it is (an iterable goes in chunks)."""
        sent = {"X-API-Key": key} if key is not None else {}
        content = data
        if json is not None:
            sent["Content-Type"], content = "application/json", json_module.dumps(json).encode()
        return self.http.request(method, path, content=content, headers=sent | (headers or {}))

    def key(self, mode: str = "live", **more: Any) -> str:
        """Make a key; return its secret."""
        with self.sessions.begin() as session:
            return keys.create(session, keys.NewKey(name=f"test {random.getrandbits(32):08x}", mode=mode, **more))[1]


@dataclass(frozen=True)
class ApiClient:
    """A caller with a key."""

    api: Api
    key: str

    def send(self, phone: str, message: str = "Bonjour") -> httpx.Response:
        return self.post("/messages/send", phoneNumber=phone, message=message)

    def otp(self, phone: str, **more: Any) -> httpx.Response:
        return self.post("/otp/send", phoneNumber=phone, **more)

    def verify(self, phone: str, otp: str, **more: Any) -> httpx.Response:
        return self.post("/otp/verify", phoneNumber=phone, otp=otp, **more)

    def get(self, path: str) -> httpx.Response:
        return self.api.call("GET", path, key=self.key)

    def post(self, path: str, **fields: Any) -> httpx.Response:
        return self.api.call("POST", path, key=self.key, json=fields)

    def raw(self, path: str, body: bytes | Iterable[bytes]) -> httpx.Response:
        return self.api.call("POST", path, key=self.key, data=body, headers={"Content-Type": "application/json"})
