"""The API in this process, on SQLite: for what is decided before a database is asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from dashboard.app import create_app
from dashboard.extensions import Services, db
from dashboard.vocabulary import Scope
from tests.support.api_client import Api, ApiClient
from tests.support.dashboard_client import make_settings


@pytest.fixture(scope="session")
def api(empty_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    home = tmp_path_factory.mktemp("api")
    (home / "chinqit.db").write_bytes((empty_home / "chinqit.db").read_bytes())
    app = create_app(make_settings(home))
    services: Services = app.extensions["chinqit"]
    with httpx.Client(transport=httpx.WSGITransport(app=app), base_url="http://gateway.test") as http:
        yield Api(http, services.sessions)
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def client(api: Api) -> ApiClient:
    """A caller with a fresh live key and every scope."""
    return ApiClient(api, api.key(scopes=tuple(Scope)))


@pytest.fixture(scope="module")
def refused_client(api: Api) -> ApiClient:
    """A caller whose calls are all refused: one key a file will do."""
    return ApiClient(api, api.key(scopes=tuple(Scope)))
