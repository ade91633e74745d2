"""The dashboard as a browser without JavaScript sees it, and the rows that its pages show."""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher
from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from flask.testing import FlaskClient
from sqlalchemy import update
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from dashboard.db import utcnow
from dashboard.extensions import Services
from dashboard.gateway.accounts import user_sessions
from dashboard.gateway.api_keys import authentication, keys
from dashboard.gateway.api_keys.keys import NewKey
from dashboard.gateway.messages import outbox
from dashboard.gateway.otp import send, verify
from dashboard.models.accounts import User
from dashboard.models.api_keys import ApiKey
from dashboard.models.messages import Message
from dashboard.models.otp import Otp
from dashboard.settings import Settings
from dashboard.sms import emails

PASSWORD = "Thé vert à 6 heures"
QUICK = PasswordHasher(time_cost=1, memory_cost=4 * 1024, parallelism=1)
HASH = QUICK.hash(PASSWORD)
PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}


def make_settings(home: Path, **more: Any) -> Settings:
    settings = Settings(
        chinqit_home=home,
        database_url=f"sqlite:///{home / 'chinqit.db'}",
        redis_url=f"unix://{home / 'no-valkey.sock'}",
        secret_key=hashlib.sha256(b"secret_key").hexdigest(),
        otp_secret=hashlib.sha256(b"otp_secret").hexdigest(),
        data_secret=hashlib.sha256(b"data_secret").hexdigest(),
        public_url="http://gateway.test",
    )
    return replace(settings, **more)


class Browser:
    """A browser without JavaScript: keeps cookies, and sends each form with the token of the page."""

    def __init__(self, app: Flask) -> None:
        self.client: FlaskClient = app.test_client()
        self.headers = {"Accept-Language": "en"}
        self._token: tuple[str, str] | None = None  # and the session that it belongs to

    def get(self, url: str, **more: Any) -> TestResponse:
        return self.client.get(url, headers={**self.headers, **more.pop("headers", {})}, **more)

    def post(self, url: str, data: dict[str, Any] | None = None, **more: Any) -> TestResponse:
        """Send a form with a living token."""
        headers = {**self.headers, **more.pop("headers", {})}
        return self.client.post(url, data={"csrf_token": self.token(), **(data or {})}, headers=headers, **more)

    def partial(self, url: str, target: str = "main#main", **more: Any) -> TestResponse:
        return self.get(url, headers={**PARTIAL, "HX-Target": target}, **more)

    def token(self) -> str:
        """The form token of this browser, taken from a page that everyone may see; it holds as long as the session."""
        if not self._token or self._token[0] != self._session():
            page = self.get("/dashboard/no-such-page").get_data(as_text=True)
            found = re.search(r'name="csrf_token" value="([^"]+)"', page)
            assert found
            self._token = (self._session(), found[1])
        return self._token[1]

    def _session(self) -> str:
        cookie = self.client.get_cookie("chinqit_session")
        return cookie.value if cookie else ""

    def sign_in(self, email: str, password: str = PASSWORD, **more: Any) -> TestResponse:
        return self.post("/dashboard/sign-in", {"email": email, "password": password, **more})

    def start_session(self, world: World, role: str) -> None:
        """Be someone of a role, without the sign-in form: its hash takes long on purpose."""
        with world.services.sessions.begin() as session:
            user = User(email=f"{role}@example.org", name=f"Nadia {role}", role=role, password_hash=HASH)
            session.add(user)
            session.flush()
            token = user_sessions.start_session(session, user, "127.0.0.1", "test")
        self.client.set_cookie("chinqit_session", session_cookie(self.client.application, token))


def session_cookie(app: Flask, token: str, proven_at: int | None = None) -> str:
    """The cookie of someone whom Flask-Login knows by the token of a session; only the secret key of `app` matters."""
    serializer = SecureCookieSessionInterface().get_signing_serializer(app)
    assert serializer
    return str(serializer.dumps({"_user_id": token, "_fresh": True, "proven_at": proven_at or int(time.time())}))


@dataclass
class World:
    """Puts rows into the database as the gateway itself would."""

    services: Services

    def key(self, name: str = "Shop", **more: Any) -> ApiKey:
        with self.services.sessions.begin() as session:
            key, _ = keys.create(session, NewKey(name, **more))
            session.flush()
            session.refresh(key)
            key.secrets  # noqa: B018  loaded before the session closes
            session.expunge_all()
        return key

    def text(self, key: ApiKey, phone: str = "+22238089336", body: str = "Bonjour", **settled: Any) -> Message:
        with self.services.sessions.begin() as session:
            draft = outbox.Draft.text(phone, body)
            row_id, _ = outbox.submit(session, authentication.Caller.from_row(key), draft)
        return self.settle(row_id, **settled)

    def code(self, key: ApiKey, phone: str = "+22238089336", language: str = "fr", **more: Any) -> Message:
        usual = "email" if emails.is_email(phone) else "sms"
        order = send.Order(phone, more.pop("channel", usual), language, more.pop("app_hash", None))
        with self.services.sessions.begin() as session:
            caller = authentication.Caller.from_row(key)
            reference = send.send(session, self.services.keyring, caller, order).message_id
            row = session.query(Message).filter_by(uuid=reference).one()
            row_id = row.id
        return self.settle(row_id, **more)

    def guess_right(self, key: ApiKey, message: Message) -> None:
        with self.services.sessions() as session:
            row = session.query(Otp).filter_by(message_id=message.id).one()
            code = self.services.keyring.derive(row, message.uuid)
            session.commit()
            assert code
            guess = verify.Guess(message.phone, code, message.channel)
            caller = authentication.Caller.from_row(key)
            assert verify.verify(session, self.services.keyring, caller, guess).refusal is None
            session.commit()

    def settle(self, row_id: int, **values: Any) -> Message:
        with self.services.sessions.begin() as session:
            if values:
                session.execute(update(Message).where(Message.id == row_id).values(**values))
            return self._load(session, row_id)

    def sent(self, **more: Any) -> dict[str, Any]:
        """Column values of a message that arrived."""
        now = utcnow()
        moments = {"sending_at": now, "sent_at": now, "delivered_at": now + timedelta(seconds=4)}
        return {"status": "delivered", "due_at": None, "carrier": "sandbox", **moments, **more}

    @staticmethod
    def _load(session: Session, row_id: int) -> Message:
        row = session.get_one(Message, row_id, populate_existing=True)
        session.expunge(row)
        return row
