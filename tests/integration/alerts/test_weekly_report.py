"""The report of the week goes out once, on Monday morning, and again when it was not taken."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dashboard.db import Sessions
from dashboard.models.statistics import StatisticsBucket
from dashboard.settings import Settings
from jobs.weekly_report import send_if_due
from tests.support.mail_server import Postbox

MONDAY = datetime(2026, 11, 30, 7, 5, tzinfo=UTC)


@pytest.fixture
def asked(told: Settings) -> Settings:
    return replace(told, report_to="boss@example.org")


@pytest.fixture
def week(sessions: Sessions) -> Sessions:
    """Codes of last week and of the one before."""
    with sessions.begin() as session:
        for days, requested, verified in ((2, 40, 30), (9, 100, 50)):
            at = MONDAY.replace(hour=0, minute=0) - timedelta(days=days)
            subject = {"key_id": "k", "kind": "otp", "channel": "sms", "operator": "3", "language": "fr"}
            counts = {"requested": requested, "verified": verified}
            session.add(StatisticsBucket(grain="day", at=at, **subject, **counts))
    return sessions


def test_it_goes_out_once_on_monday_morning(week: Sessions, asked: Settings, postbox: Postbox) -> None:
    for at in (MONDAY - timedelta(hours=1), MONDAY, MONDAY + timedelta(hours=2), MONDAY + timedelta(days=1)):
        assert send_if_due(week, asked, at)
    (mail,), (text,) = postbox.messages, postbox.texts
    assert mail["To"] == "boss@example.org"
    assert "Semaine du" in postbox.subjects[0], "the language of codes that are asked for without one"
    assert "2026-11-23" in postbox.subjects[0] and "40" in postbox.subjects[0]
    assert "75 %" in text and "50 %" in text and "Mattel" in text and "/dashboard/" in text
    assert send_if_due(week, asked, MONDAY + timedelta(days=7))
    assert len(postbox.messages) == 2


def test_what_was_not_taken_is_tried_again(week: Sessions, asked: Settings, postbox: Postbox) -> None:
    assert not send_if_due(week, replace(asked, smtp_url="smtp://127.0.0.1:1"), MONDAY)
    assert send_if_due(week, asked, MONDAY + timedelta(minutes=10))
    assert len(postbox.messages) == 1
