"""The page of the audit log, its exports, and `chinqit audit`."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from dashboard import logs
from dashboard.cli.registry import main
from dashboard.extensions import Services
from dashboard.gateway.api_keys import keys
from dashboard.gateway.api_keys.keys import NewKey
from dashboard.gateway.audit import chain, trail
from dashboard.gateway.audit.chain import ChainEntry
from tests.support.dashboard_client import Browser, World
from tests.support.furnished import acts

PAGE = "/dashboard/audit/"


@pytest.fixture(autouse=True)
def some_acts(world: World) -> None:
    acts(world)


@pytest.fixture
def chinqit(monkeypatch: pytest.MonkeyPatch, services: Services) -> Callable[..., Result]:
    """Runs `chinqit …` on the gateway of the pages."""
    for name in ("chinqit_home", "database_url", "redis_url", "secret_key", "otp_secret", "data_secret"):
        monkeypatch.setenv(name.upper(), str(getattr(services.settings, name)))
    return lambda *args: CliRunner().invoke(main, list(args))


def tamper(services: Services, *statements: str) -> None:
    """As somebody would who may do everything in the database."""
    with services.sessions.begin() as session:
        for name in ("update", "delete"):
            session.execute(text(f"DROP TRIGGER audit_entries_no_{name}"))
        for statement in statements:
            session.execute(text(statement))


def test_an_act_is_told_with_before_and_after(owner: Browser, operator: Browser) -> None:
    page = owner.get(PAGE).text
    assert "Rule saved" in page and "1. mauritel (1)" in page and "2001:db8::8a2e:370:7334" in page
    seen = operator.get(PAGE).text
    assert "Rule saved" in seen and "2001:db8" not in seen and "export.csv" not in seen


def test_filters_narrow_the_list(owner: Browser) -> None:
    assert "Rule saved" in owner.get(f"{PAGE}?area=routing").text
    for narrow in ("area=webhooks", "actor=x@y.mr", "q=nothing-at-all"):
        assert "No entry fits" in owner.get(f"{PAGE}?{narrow}").text
    assert "Rule saved" in owner.get(f"{PAGE}?q=MATTEL&period=24h").text


def test_more_entries_than_a_page_are_reached(owner: Browser, world: World) -> None:
    for _ in range(13):
        acts(world)
    page = owner.get(PAGE).text
    assert page.count('id="entry-') == trail.PAGE and "before=7&" in page
    older = owner.partial(f"{PAGE}?before=7", "tr#more").text
    assert older.count('id="entry-') == 6 and "<html" not in older


def test_exports_can_be_hashed_anew(owner: Browser) -> None:
    rows = [json.loads(line) for line in owner.get(f"{PAGE}export.jsonl").text.splitlines()]
    assert [row["id"] for row in rows] == [1, 2, 3, 4]
    table = list(csv.DictReader(io.StringIO(owner.get(f"{PAGE}export.csv").text.removeprefix("\ufeff"))))
    assert [row["hash"] for row in table] == [row["hash"] for row in rows]
    assert table[1]["previous"] == rows[0]["hash"]
    assert owner.get(f"{PAGE}export.xml").status_code == 404


def test_the_page_says_that_the_chain_is_broken(owner: Browser, services: Services) -> None:
    assert "The chain is whole" in owner.get(f"{PAGE}verify").text
    tamper(services, "UPDATE audit_entries SET actor = 'x' WHERE id = 2")
    page = owner.get(f"{PAGE}verify").text
    assert "The chain is broken" in page and "Entry 2 was changed" in page


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE audit_entries SET subject = 'sms 3' WHERE id = 2", "entry 2 was changed"),
        ("DELETE FROM audit_entries WHERE id = 2", "entries before 3 are missing"),
        ("DELETE FROM audit_entries WHERE id = 4", "the entries from 4 on were cut off"),
    ],
)
def test_the_command_finds_what_was_done_to_it(
    services: Services, chinqit: Callable[..., Result], statement: str, told: str
) -> None:
    whole = chinqit("audit", "verify")
    assert whole.exit_code == 0 and "the chain is whole" in whole.stdout
    tamper(services, statement)
    found = chinqit("audit", "verify")
    assert found.exit_code == 1 and told in found.stderr
    assert json.loads(chinqit("audit", "verify", "--json").stdout)["faults"]


def test_a_table_made_anew_is_found_by_the_note_outside_it(services: Services, chinqit: Callable[..., Result]) -> None:
    head = chinqit("audit", "verify").stdout.rpartition(" ")[2].strip()
    with services.sessions() as session:
        last = list(trail.entries(session))[-1]
    forged = ChainEntry(**{**last._asdict(), "subject": "other"})
    tamper(services, f"UPDATE audit_entries SET subject = 'other', hash = '{forged.expected_hash()}' WHERE id = 4")
    assert chinqit("audit", "verify").exit_code == 1
    assert chinqit("audit", "accept", "--yes").exit_code == 0
    assert chinqit("audit", "verify").exit_code == 0
    assert chinqit("audit", "verify", "--head", head).exit_code == 1
    assert chain.read_note(services.settings.chinqit_home)


def test_acts_of_commands_name_the_command(chinqit: Callable[..., Result], services: Services) -> None:
    assert chinqit("keys", "create", "my-app").exit_code == 0
    assert chinqit("limits", "set", "--phone", "38089336", "--minute", "9").exit_code == 0
    [key, limit] = [json.loads(line) for line in chinqit("audit", "export").stdout.splitlines()][4:]
    assert (key["act"], key["subject"], key["actor"].split()[0]) == ("api_keys.create", "my-app", "command")
    assert (limit["act"], limit["subject"]) == ("limits.create", "+22238••••36")
    assert limit["changes"]["minute"] == [None, 9]


def test_acts_of_the_api_name_the_key(owner: Browser, services: Services) -> None:
    with services.sessions.begin() as session:
        key, secret = keys.create(session, NewKey("Shop", ("webhooks",)))
        key_id = key.id

    def call(method: str, path: str, /, **body: Any) -> Any:
        answer = owner.client.open(path, method=method, json=body, headers={"X-API-Key": secret, "X-Request-Id": "r-7"})
        assert logs.request_id.get() == ""  # what a thread logs between two requests is of neither
        assert answer.status_code < 300, answer.text
        return answer.json

    made = call("POST", "/webhooks", url="https://shop.example.org/hooks?token=hush", description="Orders")
    hook = f"/webhooks/{made['webhookId']}"
    call("PATCH", hook, description="Returns")
    call("POST", f"{hook}/rotate")
    call("DELETE", hook)
    with services.sessions() as session:
        new = list(trail.entries(session))[4:]
    assert [entry.act for entry in new] == [f"webhooks.{act}" for act in ("create", "change", "rotate", "delete")]
    assert {(entry.actor, entry.request_id, entry.subject) for entry in new} == {
        (f"key {key_id}", "r-7", made["webhookId"])
    }
    assert json.loads(new[1].changes) == {"description": ["Orders", "Returns"]}
    assert "hush" not in str(new) and "whsec_" not in str(new)
