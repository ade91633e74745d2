"""Overrides of the limits, as an administrator sets them; they hold from the next call on."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from dashboard.db import utcnow
from dashboard.gateway.limits import overrides
from dashboard.gateway.limits.overrides import NewOverride
from dashboard.models.limits import UNLIMITED, LimitOverride
from tests.support.fixtures.databases import on_sqlite
from tests.support.present import present
from tests.support.stack import Client


def override(client: Client, *, phone: str | None = None, key: bool = False, **windows: Any) -> None:
    """Set an override for a phone, for the client's key, or for the pair."""
    key_id = client.key_id if key else None
    with client.stack.sessions.begin() as session:
        overrides.save(session, NewOverride(key_id, phone, **windows))


def allowed(client: Client, phone: str, most: int) -> int:
    """How many codes are sent before the first refusal, tried `most` times."""
    for count in range(most):
        if client.otp(phone).status_code == 429:
            return count
    return most


def policy(client: Client, phone: str) -> str | None:
    policy: str | None = client.otp(phone).headers.get("RateLimit-Policy")
    return policy


def last_hit(client: Client, phone: str) -> datetime | None:
    with client.stack.sessions() as session:
        return session.scalars(select(LimitOverride.last_hit_at).where(LimitOverride.phone == phone)).one()


@pytest.mark.parametrize("scope", ["phone", "key", "pair"])
def test_each_scope_holds_at_once(client: Client, phone: str, scope: str) -> None:
    assert allowed(client, phone, 9) == 3
    override(client, phone=None if scope == "key" else phone, key=scope != "phone", minute=5)
    assert allowed(client, phone, 9) == 2


@on_sqlite
def test_an_override_of_a_key_leaves_other_keys_alone(client: Client, phone: str) -> None:
    override(client, key=True, minute=1)
    assert allowed(client, phone, 9) == 1
    assert allowed(client.stack.client(), phone, 9) == 3


@on_sqlite
def test_an_override_of_a_phone_holds_for_all_keys_and_no_other_phone(client: Client, phone: str) -> None:
    override(client, phone=phone, minute=1)
    assert allowed(client, phone, 9) == 1
    assert allowed(client.stack.client(), phone, 9) == 1
    neighbour = phone[:-1] + str((int(phone[-1]) + 1) % 10)
    assert allowed(client, neighbour, 9) == 3


@on_sqlite
def test_an_override_of_a_pair_holds_for_the_pair_alone(client: Client, phone: str) -> None:
    override(client, phone=phone, key=True, minute=1)
    assert allowed(client, phone, 9) == 1
    assert allowed(client.stack.client(), phone, 9) == 3


def test_the_most_specific_number_wins_window_by_window(client: Client, phone: str) -> None:
    override(client, key=True, minute=4, hour=40, day=400)
    assert policy(client, phone) == '"minute";q=4;w=60, "hour";q=40;w=3600, "day";q=400;w=86400'
    override(client, phone=phone, minute=5, hour=50)
    assert policy(client, phone) == '"minute";q=5;w=60, "hour";q=50;w=3600, "day";q=400;w=86400'
    override(client, phone=phone, key=True, minute=6)
    assert policy(client, phone) == '"minute";q=6;w=60, "hour";q=50;w=3600, "day";q=400;w=86400'


@on_sqlite
def test_the_more_specific_wins_even_where_it_is_stricter(client: Client, phone: str) -> None:
    override(client, phone=phone, minute=UNLIMITED)
    override(client, phone=phone, key=True, minute=1)
    assert allowed(client, phone, 9) == 1


@on_sqlite
def test_an_unlimited_window_is_not_counted_and_not_told(client: Client, phone: str) -> None:
    override(client, phone=phone, minute=UNLIMITED)
    assert policy(client, phone) == '"hour";q=10;w=3600, "day";q=20;w=86400'
    assert allowed(client, phone, 30) == 9  # one is spent; the hour holds


@on_sqlite
def test_without_any_limit_all_is_allowed_and_nothing_told(client: Client, phone: str) -> None:
    override(client, phone=phone, minute=UNLIMITED, hour=UNLIMITED, day=UNLIMITED)
    assert allowed(client, phone, 25) == 25
    answer = client.otp(phone)
    assert "RateLimit" not in answer.headers
    assert "RateLimit-Policy" not in answer.headers


@on_sqlite
def test_zero_refuses_all(client: Client, phone: str) -> None:
    override(client, phone=phone, hour=0)
    answer = client.otp(phone)
    assert answer.status_code == 429
    assert answer.json()["errors"][0]["window"] == "hour"
    assert int(answer.headers["Retry-After"]) > 0


@on_sqlite
def test_an_empty_override_changes_nothing(client: Client, phone: str) -> None:
    override(client, phone=phone)
    assert allowed(client, phone, 9) == 3


def test_a_removed_override_no_longer_holds(client: Client, phone: str) -> None:
    override(client, phone=phone, minute=5)
    assert allowed(client, phone, 4) == 4
    with client.stack.sessions.begin() as session:
        assert overrides.clear(session, None, phone) == 1
    assert allowed(client, phone, 9) == 0


def test_an_override_ends_on_its_date(client: Client, phone: str) -> None:
    override(client, phone=phone, minute=5, until=utcnow() + timedelta(hours=1))
    assert allowed(client, phone, 4) == 4
    override(client, phone=phone, minute=5, until=utcnow() - timedelta(seconds=1))
    assert allowed(client, phone, 9) == 0


def test_setting_again_replaces(client: Client, phone: str) -> None:
    override(client, phone=phone, minute=9)
    override(client, phone=phone, minute=1)
    assert allowed(client, phone, 9) == 1
    with client.stack.sessions() as session:
        assert len(session.scalars(select(LimitOverride).where(LimitOverride.phone == phone)).all()) == 1


def test_a_hit_is_noted_when_it_allows_and_when_it_refuses(client: Client, phone: str) -> None:
    override(client, phone=phone, minute=1)
    assert last_hit(client, phone) is None
    assert client.otp(phone).status_code == 200
    first = last_hit(client, phone)
    assert first is not None
    assert client.otp(phone).status_code == 429
    assert present(last_hit(client, phone)) > present(first)
