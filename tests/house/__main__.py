"""Laws of the house that can be checked by machine."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from dashboard import api
from dashboard.api.contract import Contract
from dashboard.app import create_app
from dashboard.settings import ROOT, Settings, prepare_home

CODE = sorted([*ROOT.glob("dashboard/**/*.py"), *ROOT.glob("jobs/*.py")])
GATEWAY = sorted(ROOT.glob("dashboard/gateway/*.py"))
PROVIDERS = sorted(ROOT.glob("dashboard/providers/**/*.py"))
TESTS = sorted(ROOT.glob("tests/**/*.py"))
TEMPLATES = sorted(ROOT.glob("templates/**/*.html"))
SNAKE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
LONGEST_FILE = 400
NAMES_A_CODE = {  # function or class → place of the code among its arguments
    "Refused": 0,
    "NotSent": 0,
    "OutcomeUnknown": 0,
    "problem": 1,
    "Forbidden": 0,
    "ProviderFailed": 0,
    "PydanticCustomError": 0,
    "NoLiveOtp": 0,
    "InvalidPhone": 0,
}


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            function = node.func
            yield getattr(function, "attr", None) or getattr(function, "id", ""), node


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    home = tmp_path_factory.mktemp("house") / "home"
    prepare_home(home)
    return create_app(Settings.from_env({"CHINQIT_HOME": str(home)}))


def test_there_is_something_to_look_at():
    assert len(CODE) > 40
    assert len(TESTS) > 20


@pytest.mark.parametrize("path", CODE, ids=named)
def test_no_file_is_too_long(path: Path):
    assert len(path.read_text().splitlines()) <= LONGEST_FILE


@pytest.mark.parametrize("path", CODE, ids=named)
def test_every_error_code_is_snake_case(path: Path):
    for name, call in calls(ast.parse(path.read_text())):
        place = NAMES_A_CODE.get(name)
        if place is not None and len(call.args) > place and isinstance(call.args[place], ast.Constant):
            assert SNAKE.fullmatch(call.args[place].value), f"line {call.lineno}: {call.args[place].value}"


def test_the_search_for_codes_finds_them():
    found = {name for path in CODE for name, _ in calls(ast.parse(path.read_text()))}
    assert set(NAMES_A_CODE) <= found


def api_views(app: Flask) -> dict[str, object]:
    return {name: view for name, view in app.view_functions.items() if name.startswith("api.")}


def test_every_api_route_declares_a_contract(app: Flask):
    views = api_views(app)
    assert {"api.send_message", "api.send_otp", "api.verify_otp"} <= set(views)
    for name, view in views.items():
        assert isinstance(getattr(view, "contract", None), Contract), name
        assert view.__doc__, name


def test_every_refusal_of_a_contract_has_a_handler(app: Flask):
    handled = {kind for by_class in app.error_handler_spec["api"].values() for kind in by_class}
    for name, view in api_views(app).items():
        assert all(handled & set(kind.__mro__) for kind in view.contract.refuses), name


def test_every_route_of_the_api_is_guarded_by_a_key(app: Flask):
    assert api.check_key in app.before_request_funcs["api"]
    open_to_all = {"health.healthz", "health.readyz", "openapi.openapi", "root", "static"}
    open_to_all.add("callbacks.call_back")  # its address is a secret, and carriers sign what they send there
    others = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if not rule.rule.startswith(("/dashboard", "/static", "/docs"))
    }
    assert {name for name in others if not name.startswith("api.")} <= open_to_all


def test_settings_alone_read_the_environment():
    readers = {named(path) for path in CODE if re.search(r"os\.(environ|getenv)", path.read_text())}
    assert readers == {"dashboard/settings.py"}


@pytest.mark.parametrize("path", GATEWAY, ids=named)
def test_a_service_that_commits_says_so(path: Path):
    for function in functions(ast.parse(path.read_text())):
        commits = any(name == "commit" for name, _ in calls(function))
        if commits:
            assert "ommit" in (ast.get_docstring(function) or ""), function.name


@pytest.mark.parametrize("path", CODE, ids=named)
def test_public_functions_of_the_domain_are_typed_and_listeners_are_at_module_level(path: Path):
    for function in functions(ast.parse(path.read_text())):
        inside = (node for child in function.body for node in ast.walk(child) if isinstance(node, ast.FunctionDef))
        for inner in inside:
            assert not any("listens_for" in ast.dump(decorator) for decorator in inner.decorator_list), inner.name


@pytest.mark.parametrize(
    "floor", ["dashboard.gateway.delivery", "dashboard.gateway.people", "jobs.drain", "jobs.relay"]
)
def test_the_domain_and_the_jobs_run_without_flask(floor: str):
    program = f"import sys, {floor}; print([m for m in sys.modules if m.split('.')[0] in ('flask', 'werkzeug')])"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_providers_know_no_database_and_no_queue():
    for path in PROVIDERS:
        assert not re.search(
            r"^\s*(import|from) (sqlalchemy|redis|rq|dashboard\.(db|models))\b", path.read_text(), re.M
        )


def test_no_code_of_ours_is_mocked():
    """A constant may be set for a test, and what lies beside us (a socket, a connection) may be played."""
    beside_us = r'(?!socket,|connection,|\w+, "[A-Z_]+",)'
    pattern = re.compile(rf"unittest[.]mock|from mock|import mock|mocker|monkeypatch[.]setattr\({beside_us}")
    assert [named(path) for path in TESTS if pattern.search(path.read_text()) and path.name != "test_house.py"] == []


@pytest.mark.parametrize("path", TEMPLATES or [ROOT], ids=named)
def test_a_fragment_extends_nothing(path: Path):
    if path.name.startswith("_"):
        assert "{% extends" not in path.read_text()


def test_the_package_root_is_empty():
    assert (ROOT / "dashboard" / "__init__.py").read_text().strip() == ""
