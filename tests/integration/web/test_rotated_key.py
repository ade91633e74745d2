"""SECRET_KEY is rotated while people work: who is signed in stays so, and a form that was open is taken."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask

from dashboard import secret_files
from dashboard.db import utcnow
from dashboard.extensions import services
from dashboard.gateway.maintenance import rotation
from dashboard.secret_files import Secret
from tests.support.dashboard_client import Browser, World


@pytest.fixture
def path(tmp_path: Path) -> Path:
    secret_files.write(tmp_path / "secret_key", "a key of the tests, thirty-two characters")
    return tmp_path / "secret_key"


@pytest.fixture
def owner(make_app: Callable[..., Flask], path: Path, monkeypatch: pytest.MonkeyPatch) -> Browser:
    monkeypatch.setattr(secret_files, "FOLLOW_SECONDS", 0)
    monkeypatch.setattr(rotation, "IN_FORCE_AFTER", timedelta(0))
    app = make_app(secret_key=path.read_text(), secret_paths=(("SECRET_KEY", path),))
    browser = Browser(app)
    with app.app_context():
        browser.start_session(World(services()), "owner")
    return browser


def test_who_is_signed_in_and_an_open_form_survive_a_rotation(owner: Browser, path: Path) -> None:
    token = owner.token()
    rotation.begin(path, "SECRET_KEY", timedelta(0))
    assert owner.get("/dashboard/account/").status_code == 200
    saved = owner.client.post("/dashboard/account/", data={"csrf_token": token, "name": "Nadia", "language": "en"})
    assert saved.status_code == 303
    assert owner.client.application.config["SECRET_KEY"] == secret_files.read(path)[0].value


def test_after_its_time_the_key_before_signs_nobody_in(owner: Browser, path: Path) -> None:
    owner.token()
    new, old = Secret("another key of the tests, long enough too"), Secret(path.read_text())
    begun = Secret(new.value, utcnow() - timedelta(hours=12))
    secret_files.write(path, secret_files.text_of([begun, old]))
    answer = owner.get("/dashboard/account/")
    assert (answer.status_code, "/sign-in" in answer.location) == (302, True)
