"""A share of `make fuzz`: pages are asked for with values that nobody types, the same ones in each run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from jinja2 import FileSystemBytecodeCache

from dashboard.app import create_app
from dashboard.db import Sessions
from dashboard.extensions import db
from dashboard.settings import Settings
from tests.fuzz.pages import PageFuzzer
from tests.support.dashboard_client import World, make_settings

CASES = 200


@pytest.fixture
def app(settings: Settings, sessions: Sessions, tmp_path: Path, compiled: FileSystemBytecodeCache) -> Iterator[Flask]:
    assert sessions
    made = create_app(make_settings(tmp_path, database_url=settings.database_url, public_url="http://localhost"))
    made.jinja_env.bytecode_cache = compiled
    yield made
    with made.app_context():
        db.engine.dispose()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)  # the one that refuses more, such as NUL
def test_no_page_answers_500(app: Flask) -> None:
    report = PageFuzzer(app, World(app.extensions["chinqit"]), seed=1).run(CASES)
    assert report.faults == []
    assert {"200", "303", "404"} <= set(report.statuses)
