"""Every route of the API says what it takes, what it answers and what it refuses, and asks for a key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from dashboard.api import errors
from dashboard.api.contract import Contract
from dashboard.api.error_kinds import ERRORS
from dashboard.api.errors import ApiError
from dashboard.app import create_app
from dashboard.cli import openapi
from dashboard.resources import resource
from dashboard.settings import Settings, prepare_home

OPEN_TO_ALL = {"health.alarm", "health.healthz", "health.readyz", "metrics.show", "openapi.openapi", "root", "static"}
SIGNED = {  # carriers sign what they send, Supabase its hook; in the other door the key stands in a header of its own
    "callbacks.call_back",
    "supabase.send_sms",
    "chinguisoft.send_validation",
}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    home = tmp_path_factory.mktemp("contracts") / "home"
    prepare_home(home)
    return create_app(Settings.from_env({"CHINQIT_HOME": str(home)}))


def views(app: Flask) -> dict[str, Callable[..., Any]]:
    return {name: view for name, view in app.view_functions.items() if name.startswith("api.")}


def contract_of(view: Callable[..., Any]) -> Contract:
    found = getattr(view, "contract", None)
    assert isinstance(found, Contract), view
    return found


def test_every_route_declares_a_contract(app: Flask) -> None:
    assert {"api.send_message", "api.send_otp", "api.verify_otp"} <= set(views(app))
    for name, view in views(app).items():
        assert contract_of(view), name
        assert view.__doc__, name


def test_every_error_of_a_contract_is_in_the_table(app: Flask) -> None:
    for name, view in views(app).items():
        assert set(contract_of(view).errors) <= ERRORS.keys(), name


def test_every_error_of_the_table_has_a_text(app: Flask) -> None:
    for code, kind in ERRORS.items():
        params = {"scope": "read"} if code == "scope_missing" else kind.example
        assert errors.body(ApiError(code, **params))["message"], code


def test_the_document_is_current() -> None:
    assert resource("openapi.json").read_text(encoding="utf-8") == openapi.made(), "run make openapi"


def test_every_route_is_guarded_by_a_key(app: Flask) -> None:
    assert all(contract_of(view).scope for view in views(app).values())
    others = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if not rule.rule.startswith(("/dashboard", "/static", "/docs"))
    }
    assert {name for name in others if not name.startswith("api.")} <= OPEN_TO_ALL | SIGNED
