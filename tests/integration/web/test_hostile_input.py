"""What no honest browser sends to a page: refused with 4xx, and the next request is answered."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import IntegerConverter, Rule

from dashboard.app import LARGEST_FORM
from dashboard.pages.registry import PAGES
from tests.support.dashboard_client import PARTIAL, Browser, World
from tests.support.fixtures.databases import on_sqlite

UNKNOWN = "00000000-0000-4000-8000-000000000000"
NUMBERS = (2**31, 2**63, 10**30, "9" * 5_000, "٣", "0x1", "-1")
MAIN = {**PARTIAL, "HX-Target": "main#main"}  # the shell around it is the same whatever is asked for
POISONS = ("9" * 5_000, "\ud800".encode("utf-8", "surrogatepass"), "٣" * 20, "-1", "1e999", "‮")


@pytest.fixture
def app(app_on_either: Flask) -> Flask:
    return app_on_either


@pytest.fixture
def client(owner: Browser, world: World) -> FlaskClient:
    world.text(world.key("Shop"))
    return owner.client


def page_rules(app: Flask) -> list[Rule]:
    return [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("pages.")]


def test_numbers_that_name_no_row_are_addresses_of_nothing(app: Flask, owner: Browser) -> None:
    rules = [rule for rule in page_rules(app) if {"int"} & set(re.findall(r"<(\w+):", rule.rule))]
    assert len(rules) >= 16
    token = owner.token()
    for rule in rules:
        for number in NUMBERS:
            url = re.sub(r"<int:\w+>", str(number), re.sub(r"<uuid:\w+>", UNKNOWN, rule.rule))
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                form = {"csrf_token": token} if method == "POST" else None
                answer = owner.client.open(url, method=method, data=form, headers=MAIN)
                assert answer.status_code in (404, 405), (method, url[:80])


def test_hostile_values_in_every_query_and_form_are_no_fault_of_ours(
    app: Flask, client: FlaskClient, owner: Browser
) -> None:
    pages = [f"/dashboard{page.url}/" for page in PAGES]
    shown = [client.get(url).get_data(as_text=True) for url in (*pages, *(f"{url}new" for url in pages))]
    names = sorted({name for page in shown for name in re.findall(r'name="([\w-]+)"', page)} - {"csrf_token"})
    assert len(names) > 30
    token = owner.token()
    for turn, rule in enumerate(page_rules(app)):
        values = {
            name: 1 if isinstance(converter, IntegerConverter) else UNKNOWN
            for name, converter in rule._converters.items()
        }
        url = app.url_map.bind("localhost").build(rule.endpoint, values, force_external=False)
        if rule.endpoint.endswith(("sign_out", "locale.choose")):
            continue
        fields = {name: POISONS[(place + turn) % len(POISONS)] for place, name in enumerate(names)}
        if "GET" in (rule.methods or ()):
            assert client.get(url, query_string=fields, headers=MAIN).status_code < 500, rule.endpoint
        if "POST" in (rule.methods or ()):
            assert client.post(url, data={**fields, "csrf_token": token}, headers=MAIN).status_code < 500, rule.endpoint
    assert client.get("/dashboard/").status_code == 200


@on_sqlite
def test_versions_and_addresses_that_are_none_are_no_fault_of_ours(app: Flask, owner: Browser) -> None:
    """A form tells the version that it was drawn from, and HTMX the page that it stands on."""
    for rule in page_rules(app):
        if "POST" in (rule.methods or ()) and not rule.arguments and "sign-out" not in rule.rule:
            answer = owner.post(rule.rule, {"version": "http://["}, headers=PARTIAL | {"HX-Current-URL": "http://[::1"})
            assert answer.status_code < 500, rule.rule


@on_sqlite
def test_a_form_with_a_version_that_it_was_not_drawn_with_makes_nothing(owner: Browser) -> None:
    wanted = {"email": "awa@example.org", "role": "viewer"}
    assert owner.post("/dashboard/team/invite", wanted | {"version": "another"}).status_code == 422
    assert "awa@example.org" not in owner.get("/dashboard/team/").text
    assert owner.post("/dashboard/team/invite", wanted).status_code == 200
    assert "awa@example.org" in owner.get("/dashboard/team/").text


@on_sqlite
@pytest.mark.parametrize("field", [{"a\0": "1"}, {"email": "a\0@example.org"}], ids=["name", "value"])
def test_a_nul_in_a_form_is_refused(owner: Browser, field: dict[str, str]) -> None:
    assert owner.post("/dashboard/sign-in", field).status_code == 400


@on_sqlite
@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"])
def test_a_form_that_is_too_large_is_refused_before_it_is_read(stranger: Browser, kind: str) -> None:
    body = b"a=1&" * (LARGEST_FORM // 4) + b"a=1"
    assert stranger.client.post("/dashboard/sign-in", data=body, content_type=kind).status_code in (400, 413)
    answer = stranger.client.post("/dashboard/sign-in", data=body, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 413
    assert b"Send less in one form" in answer.data or "text/html" in answer.content_type


@on_sqlite
@pytest.mark.parametrize("host", ["a" * 64, "a..b", "..", "[::1", "x:99999", "bad host"])
@pytest.mark.parametrize(
    "path", ["/dashboard/", "/dashboard/opt-outs/export.csv", "/docs/", "/messages", "/static/a.css"]
)
def test_hosts_that_cannot_be_are_refused(client: FlaskClient, host: str, path: str) -> None:
    answer = client.get(path, headers={"Host": host})
    assert answer.status_code < 500, answer.text
    assert client.get("/healthz").status_code == 200
