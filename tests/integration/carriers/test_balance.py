"""What is left on our account: read by the rule of an HTTP carrier, asked now and then, kept with its time."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from dashboard.cli.registry import main
from dashboard.db import Sessions, read_session, utcnow
from dashboard.gateway.carriers import balances, carriers
from dashboard.gateway.carriers.carriers import NewCarrier
from dashboard.models.carriers import CarrierBalance
from dashboard.outbound.errors import NotSent
from dashboard.providers.base import Balance
from dashboard.providers.registry import KINDS, build
from dashboard.providers.settings import InvalidSettings
from dashboard.settings import Settings
from jobs.balances import turn
from tests.support.fake_carrier import Carrier, Script, answers

TOKEN = "tok-4711-abcdef"
RUNNING = threading.Event()  # never set


def values(carrier: Carrier, **changes: Any) -> dict[str, Any]:
    usual = {
        "url": f"{carrier.url}/send",
        "body": '{"to": "{phone}"}',
        "token": TOKEN,
        "headers": "Authorization: Bearer {token}\nX-Id: {id}",
        "balance_url": f"{carrier.url}/balance",
        "balance_from": "json data.left",
        "balance_unit": "MRU",
        "balance_low": "100",
    }
    return usual | {"allow_http": "on", "allow_private": "on"} | changes


def left(amount: str) -> Script:
    return answers(200, f'{{"data": {{"left": {amount}}}}}'.encode())


def ask(carrier: Carrier, **changes: Any) -> Balance | None:
    provider = build("http", values(carrier, **changes), "acme")
    try:
        return provider.balance()
    finally:
        provider.close()


@pytest.mark.parametrize(
    ("rule", "answer", "amount"),
    [
        ("json data.left", left("120.5"), 1_205_000),
        ("json data.left", left('"10.23"'), 102_300),
        ("json data.left", left("-3"), -30_000),
        ("json data.left", left('"120,50"'), 1_205_000),
        ("json data.left", left("0.00019"), 1),
        ("json data.left", left("1e5"), 1_000_000_000),
        ("header X-Credit", answers(200, X_Credit="4711"), 47_110_000),
        ("body Credit: ([0-9.]+) SMS", answers(200, b"Credit: 87.5 SMS"), 875_000),
    ],
)
def test_the_amount_is_read_by_the_rule(carrier: Carrier, rule: str, answer: Script, amount: int) -> None:
    carrier.plays(answer)
    assert ask(carrier, balance_from=rule) == Balance(amount, "MRU", 1_000_000)
    (request,) = carrier.ledger
    assert (request.method, request.target, request.body) == ("GET", "/balance", b"")
    assert request.headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (left('"ND"'), "balance_not_found"),
        (left('"1,234"'), "balance_not_found"),  # thousands, or thousandths
        (left("true"), "balance_not_found"),
        (left("1e400"), "balance_not_found"),
        (answers(200, b"<html>"), "balance_not_found"),
        (answers(200, b'{"data": []}'), "balance_not_found"),
        (answers(401), "http_401"),
        (answers(500), "http_500"),
    ],
)
def test_an_answer_without_an_amount_is_no_balance(carrier: Carrier, answer: Script, code: str) -> None:
    carrier.plays(answer)
    with pytest.raises(NotSent) as fault:
        ask(carrier)
    assert fault.value.code == code


def test_a_private_address_is_asked_only_where_the_settings_allow_it(carrier: Carrier) -> None:
    with pytest.raises(InvalidSettings):
        ask(carrier, url="https://sms.example.org/send", allow_http="", allow_private="")
    with pytest.raises(NotSent) as fault:
        ask(carrier, allow_private="")
    assert fault.value.code == "address_refused" and carrier.ledger == []


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"balance_from": ""}, "balance_from", "needed_for_balance"),
        ({"balance_from": "xml left"}, "balance_from", "reference_form"),
        ({"balance_url": "https://h.test/?to={phone}"}, "balance_url", "not_in_balance"),
        ({"balance_url": "https://h.test/{password}"}, "balance_url", "not_in_path"),
        ({"balance_url": "ftp://h.test/"}, "balance_url", "url_form"),
        ({"balance_low": "-1"}, "balance_low", "greater_than_equal"),
    ],
)
def test_a_rule_that_cannot_be_read_is_refused(
    carrier: Carrier, changes: dict[str, str], field: str, code: str
) -> None:
    with pytest.raises(InvalidSettings) as refusal:
        ask(carrier, **changes)
    assert [(problem.field, problem.code) for problem in refusal.value.errors] == [(field, code)]


def test_a_carrier_without_a_rule_is_not_asked(carrier: Carrier) -> None:
    assert ask(carrier, balance_url="", balance_from="") is None
    assert carrier.ledger == []
    assert [name for name, kind in KINDS.items() if "balance_url" in kind.settings.model_fields] == ["http"]


# By the relay


@pytest.fixture
def acme(sessions: Sessions, settings: Settings, carrier: Carrier) -> int:
    with sessions.begin() as session:
        return carriers.add(session, carriers.cipher(settings), NewCarrier("http", "acme", values(carrier))).id


def kept(sessions: Sessions) -> CarrierBalance | None:
    with read_session(sessions) as session:
        return next(iter(balances.of_carriers(session).values()), None)


def later(sessions: Sessions, length: timedelta) -> None:
    """All that is known is older by this."""
    with sessions.begin() as session:
        for one in session.scalars(select(CarrierBalance)):
            one.asked_at -= length
            one.known_at = one.known_at and one.known_at - length


def change(sessions: Sessions, settings: Settings, **changes: Any) -> None:
    with sessions.begin() as session:
        carriers.change(session, carriers.cipher(settings), carriers.find(session, "acme"), changes)


def test_a_balance_is_asked_every_quarter_of_an_hour_and_kept_with_its_time(
    sessions: Sessions, settings: Settings, carrier: Carrier, acme: int
) -> None:
    carrier.plays(left("120.5"), left("99.9"))
    before = utcnow()
    turn(sessions, settings, RUNNING)
    turn(sessions, settings, RUNNING)
    found = kept(sessions)
    assert found and found.known_at and len(carrier.ledger) == 1
    assert (found.carrier_id, found.amount, found.unit, found.is_low) == (acme, 1_205_000, "MRU", False)
    assert before <= found.known_at <= utcnow() and not balances.is_stale(found)
    later(sessions, balances.ASK_EVERY)
    turn(sessions, settings, RUNNING)
    found = kept(sessions)
    assert found and (found.amount, found.is_low, len(carrier.ledger)) == (999_000, True, 2)


def test_of_several_relays_one_asks(sessions: Sessions, settings: Settings, carrier: Carrier, acme: int) -> None:
    carrier.plays(left("120.5"))
    relays = [threading.Thread(target=turn, args=(sessions, settings, RUNNING)) for _ in range(4)]
    for relay in relays:
        relay.start()
    for relay in relays:
        relay.join()
    assert len(carrier.ledger) == 1


def test_what_was_known_stays_with_its_time_while_the_carrier_does_not_answer(
    sessions: Sessions, settings: Settings, carrier: Carrier, acme: int
) -> None:
    carrier.plays(left("50"), answers(503))
    turn(sessions, settings, RUNNING)
    known = kept(sessions)
    later(sessions, 2 * balances.STALE_AFTER)
    turn(sessions, settings, RUNNING)
    found = kept(sessions)
    assert known and known.known_at and found and found.known_at == known.known_at - 2 * balances.STALE_AFTER
    assert (found.amount, found.code, found.is_low, balances.is_stale(found)) == (500_000, "http_503", True, True)


def test_the_balance_of_other_settings_is_forgotten(
    sessions: Sessions, settings: Settings, carrier: Carrier, acme: int
) -> None:
    carrier.plays(left("50"), answers(503))
    turn(sessions, settings, RUNNING)
    change(sessions, settings, token="another-account")
    assert kept(sessions) is None
    turn(sessions, settings, RUNNING)
    found = kept(sessions)
    assert found and (found.amount, found.known_at, found.code) == (None, None, "http_503")
    assert carrier.ledger[1].headers["authorization"] == "Bearer another-account"
    change(sessions, settings, balance_url="", balance_from="")
    turn(sessions, settings, RUNNING)
    assert kept(sessions) is None and len(carrier.ledger) == 2


def test_a_carrier_that_is_switched_off_is_not_asked(
    sessions: Sessions, settings: Settings, carrier: Carrier, acme: int
) -> None:
    with sessions.begin() as session:
        carriers.switch(session, carriers.find(session, "acme"), on=False)
    turn(sessions, settings, RUNNING)
    assert carrier.ledger == []


def test_a_removed_carrier_takes_its_balance_along(
    sessions: Sessions, settings: Settings, carrier: Carrier, acme: int
) -> None:
    carrier.plays(left("50"))
    turn(sessions, settings, RUNNING)
    with sessions.begin() as session:
        carriers.remove(session, carriers.find(session, "acme"))
    with read_session(sessions) as session:
        assert session.scalars(select(CarrierBalance)).all() == []


def test_commands_tell_it(sessions: Sessions, settings: Settings, carrier: Carrier, acme: int) -> None:
    carrier.plays(left("87.25"), answers(503))
    turn(sessions, settings, RUNNING)
    env = {"CHINQIT_HOME": str(settings.chinqit_home), "DATABASE_URL": settings.database_url}
    runner = CliRunner(env=env)
    (row,) = json.loads(runner.invoke(main, ["providers", "list", "--json"]).stdout)
    facts = {name: row["balance"][name] for name in ("amount", "unit", "isLow", "isStale", "error")}
    assert facts == {"amount": 87.25, "unit": "MRU", "isLow": True, "isStale": False, "error": None}
    later(sessions, 2 * balances.STALE_AFTER)
    turn(sessions, settings, RUNNING)
    for words in (["providers", "list"], ["status"]):
        told = runner.invoke(main, words).stdout
        assert "87.25 MRU, low, stale, at 20" in told and "not told since (http_503)" in told, told
    doctor = runner.invoke(main, ["doctor"]).stdout
    assert "acme: the balance is low, 87.25 MRU left" in doctor and "Recharge our account" in doctor
