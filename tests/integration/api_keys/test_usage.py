"""Who uses a key is noted now and then, never at every request, and a key built into an app is told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from dashboard.db import Sessions, utcnow
from dashboard.gateway.api_keys import keys, usage
from dashboard.gateway.api_keys.keys import NewKey
from dashboard.gateway.api_keys.usage import KeyUse, RecentUses
from dashboard.gateway.maintenance import retention
from dashboard.models.api_keys import ApiKey, KeyCaller
from tests.support.present import present

PHONE_AGENT = "okhttp/4.12.0"


def make(sessions: Sessions, name: str = "app", **more: Any) -> str:
    with sessions.begin() as session:
        return keys.create(session, NewKey(name=name, **more))[0].id


def see(sessions: Sessions, key_id: str, agent: str, *addresses: str) -> None:
    with sessions.begin() as session:
        for address in addresses:
            usage.record(session, KeyUse.of(key_id, address, agent))


def places(count: int) -> list[str]:
    return [f"41.138.0.{n}" for n in range(count)]


def alarms(sessions: Sessions) -> list[tuple[str, int]]:
    with sessions() as session:
        return [(one.name, one.addresses) for one in usage.exposed_keys(session)]


def test_the_same_caller_is_noted_once_a_minute() -> None:
    memory, one, other = RecentUses(), KeyUse.of("k", "10.0.0.1", "curl"), KeyUse.of("k", "10.0.0.2", "curl")
    assert [memory.is_new(one, 60.0), memory.is_new(one, 119.9), memory.is_new(other, 119.9)] == [True, False, True]
    assert memory.is_new(one, 120.0)


def test_a_flood_of_addresses_costs_a_few_writes_a_minute_and_key() -> None:
    memory = RecentUses()
    new = [memory.is_new(KeyUse.of("k", address, "curl"), 60.0) for address in places(200)]
    assert sum(new) == usage.MOST_A_MINUTE
    assert memory.is_new(KeyUse.of("another", "10.0.0.1", "curl"), 60.0)


def test_a_caller_is_one_row_a_day_and_a_day_has_its_bound(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "MOST_A_DAY", 3)
    key_id = make(sessions)
    see(sessions, key_id, "curl/8", *places(5), *places(5))
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(KeyCaller)) == 3
        assert [(one.value, one.others) for one in usage.agents(session, key_id)] == [("curl/8", 3)]
        assert {one.value for one in usage.addresses(session, key_id)} == set(places(3))


def test_an_agent_is_text_that_any_database_keeps(sessions: Sessions) -> None:
    key_id = make(sessions)
    see(sessions, key_id, "a\x00b\x1b[31m" + "x" * 500, "10.0.0.1")
    with sessions() as session:
        (one,) = usage.agents(session, key_id)
    assert one.value.startswith("a b [31mxxx") and len(one.value) <= usage.LONGEST_AGENT


def test_a_key_that_phones_present_from_many_places_is_told(sessions: Sessions) -> None:
    key_id = make(sessions, "Shop")
    see(sessions, key_id, PHONE_AGENT, *places(usage.MANY - 1))
    assert alarms(sessions) == []
    see(sessions, key_id, "Dart/3.4 (dart:io)", "10.9.9.9")
    assert alarms(sessions) == [("Shop", usage.MANY)]


def test_servers_test_keys_and_keys_with_networks_are_not(sessions: Sessions) -> None:
    see(sessions, make(sessions, "servers"), "python-httpx/0.27", *places(30))
    see(sessions, make(sessions, "tests", mode="test"), PHONE_AGENT, *places(30))
    see(sessions, make(sessions, "bound", networks=("41.138.0.0/16",)), PHONE_AGENT, *places(30))
    ended = make(sessions, "ended")
    see(sessions, ended, PHONE_AGENT, *places(30))
    with sessions.begin() as session:
        keys.revoke(session, session.get_one(ApiKey, ended))
    assert alarms(sessions) == []


def test_the_alarm_ends_a_week_after_the_last_call(sessions: Sessions) -> None:
    see(sessions, make(sessions), PHONE_AGENT, *places(30))
    with sessions.begin() as session:
        session.execute(update(KeyCaller).values(day=(utcnow() - timedelta(days=9)).date()))
    assert alarms(sessions) == []


def test_callers_are_forgotten_in_time(sessions: Sessions) -> None:
    key_id = make(sessions)
    see(sessions, key_id, "curl/8", "10.0.0.1", "10.0.0.2")
    with sessions.begin() as session:
        old = session.scalars(select(KeyCaller).order_by(KeyCaller.id)).first()
        present(old).first_at -= timedelta(days=usage.KEPT_DAYS + 1)
    with sessions.begin() as session:
        retention.step(session, "callers")
    with sessions() as session:
        assert [one.value for one in usage.addresses(session, key_id)] == ["10.0.0.2"]
