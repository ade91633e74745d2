"""When campaigns rest."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dashboard.gateway.campaigns.quiet_hours import QuietHours
from dashboard.gateway.site_settings import Preferences

USUAL = QuietHours.of(Preferences(holidays="2026-11-28 2026-11-29"), "Africa/Nouakchott")  # a Saturday and a Sunday


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "opens"),
    [
        ("2026-11-24T08:00", "2026-11-24T08:00"),
        ("2026-11-24T19:59:59", "2026-11-24T19:59:59"),
        ("2026-11-24T20:00", "2026-11-25T08:00"),  # over midnight
        ("2026-11-25T00:00", "2026-11-25T08:00"),
        ("2026-11-25T07:59:59", "2026-11-25T08:00"),
        ("2026-11-26T13:00", "2026-11-26T13:00"),  # a Thursday
        ("2026-11-27T12:30", "2026-11-27T15:00"),  # Friday's noon
        ("2026-11-27T15:00", "2026-11-27T15:00"),
        ("2026-11-27T20:30", "2026-11-30T08:00"),  # the night before two holidays
        ("2026-11-28T12:00", "2026-11-30T08:00"),
    ],
)
def test_a_campaign_waits_for_the_end_of_what_is_quiet(moment: str, opens: str) -> None:
    assert USUAL.is_quiet(at(moment)) == (moment != opens)
    assert USUAL.next_opening(at(moment)) == at(opens)


def test_hours_are_those_of_the_house() -> None:
    paris = QuietHours.of(Preferences(timezone="Europe/Paris"), "Africa/Nouakchott")
    assert paris.is_quiet(at("2026-11-24T19:30")) and not USUAL.is_quiet(at("2026-11-24T19:30"))
    assert paris.next_opening(at("2026-11-24T19:30")) == at("2026-11-25T07:00")
    assert paris.next_opening(at("2026-10-24T21:00")) == at("2026-10-25T07:00")  # the night that is an hour longer


def test_hours_within_a_day_and_none_at_all() -> None:
    siesta = QuietHours.of(Preferences(quiet_from="13:00", quiet_until="14:00", rests_on_friday=False), "UTC")
    assert siesta.next_opening(at("2026-11-27T13:30")) == at("2026-11-27T14:00")
    assert not siesta.is_quiet(at("2026-11-27T23:00"))
    for begin, end in (("", ""), ("20:00", "20:00")):
        never = QuietHours.of(Preferences(quiet_from=begin, quiet_until=end, rests_on_friday=False), "UTC")
        assert not never.is_quiet(at("2026-11-27T20:00"))
