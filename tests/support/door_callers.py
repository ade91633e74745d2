"""Who calls a door: as Supabase does, and as clients of Chinguisoft do."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from flask import Flask
from sqlalchemy import select
from standardwebhooks import Webhook
from werkzeug.test import TestResponse

from dashboard.db import Sessions, utcnow
from dashboard.gateway.api_keys import authentication
from dashboard.gateway.doors import doors
from dashboard.gateway.otp.codes import Keyring
from dashboard.models.api_keys import ApiKey
from dashboard.models.messages import Message
from dashboard.models.otp import Otp
from dashboard.settings import Settings
from dashboard.vocabulary import Dialect


@dataclass(frozen=True)
class DoorCaller:
    """Who calls a door; `path` is its address."""

    app: Flask
    sessions: Sessions
    settings: Settings
    key_id: str
    token: str  # the key
    path: str
    secret: str = ""  # what calls are signed with

    def with_(self, **more: Any) -> DoorCaller:
        return replace(self, **more)

    def post(self, body: object, headers: dict[str, str]) -> TestResponse:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {"Content-Type": "application/json", **headers}
        return self.app.test_client().post(self.path, data=raw, headers=named)

    def hook(self, body: object, name: str = "msg_1", late: timedelta = timedelta(0)) -> TestResponse:
        """As Supabase calls, signed by the library that it uses."""
        raw = json.dumps(body)
        at = utcnow() - late
        signature = Webhook(self.secret.removeprefix("v1,")).sign(name, at, raw)
        headers = {"webhook-id": name, "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": signature}
        return self.post(raw.encode(), headers)

    def validate(self, **body: Any) -> TestResponse:
        """As clients of Chinguisoft call."""
        return self.post(body, {"Validation-token": self.token})

    def sent(self) -> list[tuple[str, str, str]]:
        """Number, language and code of each code that was written down, the oldest first."""
        with self.sessions() as session:
            rows = select(Otp, Message.uuid).join(Message, Message.id == Otp.message_id).order_by(Otp.id)
            keyring = Keyring.of(self.settings)
            return [(otp.phone, otp.language, keyring.derive(otp, uuid) or "") for otp, uuid in session.execute(rows)]


def open_doors(sessions: Sessions, settings: Settings, secret: str) -> tuple[str, str, str]:
    """Open both doors of a key; return their addresses, for Chinguisoft and Supabase, and the secret of the latter."""
    with sessions.begin() as session:
        key = session.get_one(ApiKey, authentication.authenticate(session, secret).id)
        validation, _ = doors.open_door(session, doors.cipher(settings), key, Dialect.CHINGUISOFT)
        hook, signed_with = doors.open_door(session, doors.cipher(settings), key, Dialect.SUPABASE)
        return doors.address(validation), doors.address(hook), signed_with or ""
