"""The message log by days, how many fit, and why failures failed."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from dashboard.db import utcnow
from dashboard.gateway.message_log import search
from dashboard.gateway.message_log.search import Filters
from dashboard.models.api_keys import ApiKey
from dashboard.vocabulary import Channel
from tests.support.dashboard_client import Browser, World

LIST = "/dashboard/messages/"
NOON = datetime(2026, 11, 12, 12, tzinfo=UTC)


def rows(page: str) -> list[int]:
    return [int(found) for found in re.findall(r'<tr class="click" id="m-(\d+)"', page)]


def failed(world: World, key: ApiKey, code: str, carrier: str = "smsc") -> str:
    times = {"status": "failed", "delivered_at": None, "failed_at": utcnow()}
    return world.text(key, **world.sent(**times, error_code=code, carrier=carrier)).uuid


@pytest.mark.parametrize("more", ["", "&channel=sms"])
def test_from_and_to_hold_whole_days(viewer: Browser, world: World, more: str) -> None:
    key = world.key()
    ids = [world.text(key, **world.sent(created_at=NOON + timedelta(days=n))).id for n in range(4)]
    page = viewer.get(f"{LIST}?period=dates&from=2026-11-13&to=2026-11-14{more}").text
    assert rows(page) == [ids[2], ids[1]]
    assert 'value="2026-11-13"' in page and "2 messages" in page
    assert rows(viewer.get(f"{LIST}?period=dates&to=2026-11-12{more}").text) == ids[:1]
    assert len(rows(viewer.get(f"{LIST}?period=dates&from=x&to=9999-99-99{more}").text)) == 4


def test_yesterday_and_this_month_are_calendar_days(viewer: Browser, world: World) -> None:
    key = world.key()
    today = utcnow().replace(hour=0, minute=0, second=1)
    yesterday = world.text(key, **world.sent(created_at=today - timedelta(hours=5))).id
    now = world.text(key, **world.sent(created_at=today)).id
    assert rows(viewer.get(LIST + "?period=yesterday").text) == [yesterday]
    assert rows(viewer.get(LIST + "?period=today").text) == [now]
    assert now in rows(viewer.get(LIST + "?period=month").text)


def test_weeks_begin_on_monday(viewer: Browser, world: World) -> None:
    key, today = world.key(), utcnow().replace(hour=0, minute=0, second=1)
    monday = today - timedelta(days=today.weekday())
    days = (monday - timedelta(days=8), monday - timedelta(days=7), monday - timedelta(days=1), monday)
    ids = [world.text(key, **world.sent(created_at=day)).id for day in days]
    assert rows(viewer.get(LIST + "?period=last_week").text) == [ids[2], ids[1]]
    assert rows(viewer.get(LIST + "?period=week").text) == [ids[3]]


def test_totals_follow_the_filters(viewer: Browser, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    key = world.key()
    failed(world, key, "unreachable"), world.text(key), world.text(key)
    assert "3 messages" in viewer.get(LIST).text
    assert re.search(r'id="total">\s*1 message\b', viewer.get(LIST + "?status=failed").text)
    monkeypatch.setattr(search, "MOST_TOTAL", 2)
    assert "More than 2 messages" in viewer.get(LIST).text


def test_failures_are_grouped_by_reason_and_carrier(viewer: Browser, world: World) -> None:
    key = world.key()
    failed(world, key, "http_400"), failed(world, key, "unreachable")
    newest = [failed(world, key, "http_400") for _ in range(2)][-1]
    failed(world, key, "http_400", "other")
    with world.services.sessions() as session:
        groups = search.reasons(session, Filters(channel=Channel.SMS))
    assert (groups[0].code, groups[0].carrier, groups[0].times) == ("http_400", "smsc", 3)
    assert groups[0].newest == newest and groups[0].first_at < groups[0].last_at and len(groups) == 3
    page = viewer.get(LIST + "?status=failed").text
    assert "Why they failed" in page and "3 times" in page and f"f-{newest}" in page
    assert "Why they failed" not in viewer.get(LIST).text
    assert "3 times" in viewer.get("/dashboard/").text
