"""How carriers stand and what they did, on both databases; what `chinqit doctor` makes of it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner

from dashboard.cli.registry import main
from dashboard.db import Sessions, utcnow
from dashboard.gateway.api_keys import authentication, keys
from dashboard.gateway.carriers import carriers, metrics
from dashboard.gateway.carriers.carriers import NewCarrier
from dashboard.gateway.encryption import Cipher
from dashboard.gateway.messages import outbox
from dashboard.gateway.monitoring import carrier_status
from dashboard.gateway.routing import explain, rules
from dashboard.gateway.routing.rules import NewRouteTarget, RoutingRequest
from dashboard.models.carriers import CarrierConnection, CarrierMinute
from dashboard.models.delivery import UnmatchedReceipt
from dashboard.models.messages import Message
from dashboard.settings import Settings

URL = {"url": "https://sms.example.org/send", "body": '{"to": "{phone}"}'}
PHONE = "+22247112233"


@pytest.fixture
def box(settings: Settings) -> Cipher:
    return carriers.cipher(settings)


@pytest.fixture
def pair(sessions: Sessions, box: Cipher) -> None:
    """Two carriers; the first is the route of all SMS."""
    with sessions.begin() as session:
        for name in ("one", "two"):
            carriers.add(session, box, NewCarrier("http", name, URL))


def minute(sessions: Sessions, ago: timedelta, times: list[int] | None = None, **counts: int) -> None:
    counts = {"taken": 0, "refused": 0, "again": 0, "unknown": 0, **counts}
    with sessions.begin() as session:
        times = times or [0] * 11
        session.add(CarrierMinute(carrier="one", at=utcnow() - ago, times=times, **counts))


def change(sessions: Sessions, **values: Any) -> int:
    """Set columns of the first carrier; return its id."""
    with sessions.begin() as session:
        found = carriers.find(session, "one")
        for column, value in values.items():
            setattr(found, column, value)
        return found.id


def state(sessions: Sessions, box: Cipher) -> str:
    with sessions() as session:
        return next(one.state for one in carrier_status.all_of(session, box) if one.carrier.name == "one")


def test_the_last_hour_is_summed_with_its_seconds(sessions: Sessions) -> None:
    minute(sessions, timedelta(minutes=2), [0, 0, 0, 95, 0, 0, 0, 5, 0, 0, 0], taken=90, again=5, refused=5)
    minute(sessions, timedelta(minutes=61), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9], unknown=9)
    with sessions() as session:
        work = metrics.last_hour(session)["one"]
    assert (work.answers, work.lost, work.errors) == (100, 10, 0.1)
    assert work.p95 == pytest.approx(0.5)


def test_hours_of_a_day_are_told_apart(sessions: Sessions) -> None:
    now = utcnow()
    for hours in (0, 5, 23, 24, 30):
        at = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=hours)
        minute(sessions, now - at, taken=hours + 1)
    with sessions() as session:
        found = metrics.by_hour(session, now)["one"]
    assert [(place, hour.taken) for place, hour in enumerate(found) if hour.taken] == [(0, 24), (18, 6), (23, 1)]
    assert len(found) == len(metrics.starts(now)) == 24


def test_a_carrier_stands_as_its_workers_and_its_fate_say(sessions: Sessions, box: Cipher, pair: None) -> None:
    now = utcnow()
    assert state(sessions, box) == "unopened"
    later = now + timedelta(minutes=2)  # however long this takes, it gave a sign just now
    line = {"process": "host:1", "carrier_id": change(sessions), "version": 1, "under_way": 0, "beat_at": later}
    with sessions.begin() as session:
        session.add(CarrierConnection(state="ready", **line))
    assert state(sessions, box) == "operational"
    minute(sessions, timedelta(minutes=1), [0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0], taken=3)
    assert state(sessions, box) == "slow"
    change(sessions, version=2)
    assert state(sessions, box) == "opening", "the worker has an older one"
    change(sessions, version=1, down_since=now, down_until=now + timedelta(minutes=1), down_code="unreachable")
    assert state(sessions, box) == "down"
    change(sessions, down_until=now - timedelta(minutes=1))
    assert state(sessions, box) == "trying"
    change(sessions, down_until=None, down_code="http_401")
    assert state(sessions, box) == "credentials"
    change(sessions, sealed=b"of another secret")
    assert state(sessions, box) == "unreadable"
    change(sessions, enabled=False)
    assert state(sessions, box) == "off"


def test_a_forecast_agrees_with_what_delivery_chooses(sessions: Sessions, pair: None) -> None:
    with sessions.begin() as session:
        rules.set_rule(session, ("sms", None, None), [NewRouteTarget("one", 0, 3), NewRouteTarget("two", 0, 1)])
    for fault in (None, "one", "two"):
        with sessions.begin() as session:
            for carrier in carriers.listed(session):
                carrier.down_since = utcnow() if carrier.name == fault else None
                carrier.down_until = utcnow() + timedelta(minutes=1) if carrier.name == fault else None
        with sessions() as session:
            told = explain.of(session, RoutingRequest("sms", PHONE, ""))
            book, up = rules.read(session), {one.carrier.id for one in told.ways if one.state != "down"}
            drawn = {rules.choose(book, RoutingRequest("sms", PHONE, "", seed=str(i)), up) for i in range(60)}
        assert {one.carrier.id for one in told.ways if one.state == "now"} == drawn
        assert sum(one.share for one in told.ways) == pytest.approx(1)


def doctor(settings: Settings) -> dict[str, list[dict[str, Any]]]:
    env = {"CHINQIT_HOME": str(settings.chinqit_home), "DATABASE_URL": settings.database_url}
    answer = CliRunner().invoke(main, ["doctor", "--json"], env=env)
    found: dict[str, list[dict[str, Any]]] = {}
    for one in json.loads(answer.stdout):
        found.setdefault(one["subject"], []).append(one)
    return found


def test_the_doctor_tells_of_carriers_receipts_and_routes(sessions: Sessions, settings: Settings) -> None:
    assert doctor(settings)["carriers"][0]["ok"]
    with sessions.begin() as session:
        carriers.add(session, carriers.cipher(settings), NewCarrier("http", "one", URL))
        rules.set_rule(session, ("sms", None, None), [])
        key, _ = keys.create(session, keys.NewKey("app"))
        session.flush()
        outbox.submit(session, authentication.Caller.from_row(key), outbox.Draft.text(PHONE, "a"))
        session.query(Message).update({"error_code": "no_route"})
        told = {"references": [], "phone": "", "state": "delivered", "at": utcnow()}
        session.add_all(UnmatchedReceipt(carrier="one", **told) for _ in range(21))
    change(sessions, down_since=utcnow(), down_until=utcnow() + timedelta(minutes=1), down_code="http_401")
    found = doctor(settings)
    [carrier], [receipts], [routes] = found["carriers"], found["receipts"], found["routes"]
    assert not (carrier["ok"] or receipts["ok"] or routes["ok"])
    assert "credentials (http_401)" in carrier["message"]
    assert "21 in the last hour" in receipts["message"] and "no route" in routes["message"]
