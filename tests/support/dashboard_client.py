"""The dashboard on a temporary SQLite home, and people of each role signed in to it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import flask_migrate
import pytest
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import FileSystemBytecodeCache
from sqlalchemy import update
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from dashboard.app import create_app
from dashboard.db import utcnow
from dashboard.extensions import Services, db, open_services
from dashboard.gateway import keys, otp, outbox, passwords, people
from dashboard.gateway.keys import NewKey
from dashboard.models import ApiKey, Message, Otp, User
from dashboard.settings import Settings

PASSWORD = "Thé vert à 6 heures"
HASH = passwords.hashed(PASSWORD)
PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture(scope="session")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with all tables and no row; each test gets a copy."""
    home = tmp_path_factory.mktemp("home")
    app = create_app(make_settings(home))
    with app.app_context():
        flask_migrate.upgrade()
        db.engine.dispose()
    return home


def make_settings(home: Path, **more: Any) -> Settings:
    secret = "x" * 40
    settings = Settings(
        chinqit_home=home,
        database_url=f"sqlite:///{home / 'chinqit.db'}",
        redis_url=f"unix://{home / 'no-valkey.sock'}",
        secret_key=secret,
        otp_secret=secret,
        data_secret=secret,
        public_url="http://gateway.test",
    )
    return replace(settings, **more)


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> FileSystemBytecodeCache:
    """Templates, compiled once for the applications of all tests."""
    return FileSystemBytecodeCache(str(tmp_path_factory.mktemp("compiled")))


@pytest.fixture
def make_app(empty_home: Path, tmp_path: Path, compiled: FileSystemBytecodeCache) -> Iterator[Callable[..., Flask]]:
    """Makes an application with settings of its own, on an empty database."""
    made: list[Flask] = []

    def make(**more: Any) -> Flask:
        (tmp_path / "chinqit.db").write_bytes((empty_home / "chinqit.db").read_bytes())
        made.append(_make_app(make_settings(tmp_path, **more), compiled))
        return made[-1]

    yield make
    for app in made:
        _close(app)


@pytest.fixture(scope="session")
def _app(compiled: FileSystemBytecodeCache, tmp_path_factory: pytest.TempPathFactory) -> Flask:
    return _make_app(make_settings(tmp_path_factory.mktemp("pages")), compiled)


@pytest.fixture
def app(_app: Flask, empty_home: Path) -> Iterator[Flask]:
    """The application on an empty database; its services are new, and what connections remember is gone."""
    home: Path = _app.extensions["chinqit"].settings.chinqit_home
    (home / "chinqit.db").write_bytes((empty_home / "chinqit.db").read_bytes())
    with _app.app_context():
        _app.extensions["chinqit"] = open_services(_app.extensions["chinqit"].settings)
    yield _app
    _close(_app)
    for left in home.iterdir():
        left.unlink()


def _make_app(settings: Settings, compiled: FileSystemBytecodeCache) -> Flask:
    app = create_app(settings)
    app.jinja_env.bytecode_cache = compiled
    return app


def _close(app: Flask) -> None:
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def services(app: Flask) -> Services:
    found: Services = app.extensions["chinqit"]
    return found


class Browser:
    """A browser without JavaScript: keeps cookies, and sends each form with the token of the page."""

    def __init__(self, app: Flask) -> None:
        self.client: FlaskClient = app.test_client()
        self.headers = {"Accept-Language": "en"}

    def get(self, url: str, **more: Any) -> TestResponse:
        return self.client.get(url, headers={**self.headers, **more.pop("headers", {})}, **more)

    def post(self, url: str, data: dict[str, Any] | None = None, **more: Any) -> TestResponse:
        """Send a form with a living token."""
        headers = {**self.headers, **more.pop("headers", {})}
        return self.client.post(url, data={"csrf_token": self.token(), **(data or {})}, headers=headers, **more)

    def partial(self, url: str, target: str = "main#main", **more: Any) -> TestResponse:
        return self.get(url, headers={**PARTIAL, "HX-Target": target}, **more)

    def token(self) -> str:
        """The form token of this browser, taken from a page that everyone may see."""
        page = self.get("/dashboard/no-such-page").get_data(as_text=True)
        found = re.search(r'name="csrf_token" value="([^"]+)"', page)
        assert found
        return found[1]

    def sign_in(self, email: str, password: str = PASSWORD, **more: Any) -> TestResponse:
        return self.post("/dashboard/sign-in", {"email": email, "password": password, **more})

    def start_session(self, world: World, role: str) -> None:
        """Be someone of a role, without the sign-in form: its hash takes long on purpose."""
        with world.services.sessions.begin() as session:
            user = User(email=f"{role}@example.org", name=f"Nadia {role}", role=role, password_hash=HASH)
            session.add(user)
            session.flush()
            token = people.start_session(session, user, "127.0.0.1", "test")
        self.client.set_cookie("chinqit_session", token)


@pytest.fixture
def stranger(app: Flask) -> Browser:
    return Browser(app)


@pytest.fixture
def enter(app: Flask, services: Services) -> Callable[[str], Browser]:
    """Make someone of a role, who is signed in."""

    def enter_as(role: str) -> Browser:
        browser = Browser(app)
        browser.start_session(World(services), role)
        return browser

    return enter_as


@pytest.fixture
def owner(enter: Callable[[str], Browser]) -> Browser:
    return enter("owner")


@pytest.fixture
def viewer(enter: Callable[[str], Browser]) -> Browser:
    return enter("viewer")


@pytest.fixture
def operator(enter: Callable[[str], Browser]) -> Browser:
    return enter("operator")


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
            draft = outbox.Draft("message", "sms", phone, body, body)
            row_id, _ = outbox.submit(session, keys.caller_of(key), draft)
        return self.settle(row_id, **settled)

    def code(self, key: ApiKey, phone: str = "+22238089336", language: str = "fr", **more: Any) -> Message:
        order = otp.Order(phone, more.pop("channel", "sms"), language, more.pop("app_hash", None))
        with self.services.sessions.begin() as session:
            reference, _ = otp.send(session, self.services.keyring, keys.caller_of(key), order)
            row = session.query(Message).filter_by(uuid=reference).one()
            row_id = row.id
        return self.settle(row_id, **more)

    def guess_right(self, key: ApiKey, message: Message) -> None:
        with self.services.sessions() as session:
            row = session.query(Otp).filter_by(message_id=message.id).one()
            code = self.services.keyring.derive(row, message.uuid)
            session.commit()
            assert code
            guess = otp.Guess(message.phone, code, message.channel)
            otp.judge(session, self.services.keyring, keys.caller_of(key), guess).raise_if_wrong()
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


@pytest.fixture
def world(services: Services) -> World:
    return World(services)
