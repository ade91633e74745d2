"""Where alerts may go, and when they hold their peace."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dashboard.gateway.alerts import channels
from dashboard.models.alerts import AlertChannel
from dashboard.vocabulary import AlertChannelKind
from tests.support.dashboard_client import make_settings

SETTINGS = replace(make_settings(Path("/nowhere")), smtp_url="smtp://127.0.0.1")


@pytest.mark.parametrize(
    ("kind", "address", "fault"),
    [
        ("email", "oncall@example.org", None),
        ("email", "oncall", "email"),
        ("email", "a@example.org, b@example.org", "email"),
        ("email", "a@example.org\nBcc: b@example.org", "email"),
        ("webhook", "https://example.org/alerts", None),
        ("webhook", "http://example.org/alerts", "url_scheme"),
        ("webhook", "https://10.0.0.7/alerts", "url_private"),
        ("service", "tgram://123456789:abc/42", None),
        ("service", "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", None),
        ("service", "json://169.254.169.254/", "service"),
        ("service", "syslog://", "service"),
        ("service", "tgram://", "service"),
        ("service", "tgram://123456789:abc/42?template=/etc/passwd", "service"),
        ("service", "tgram", "service"),
    ],
)
def test_an_address_leads_where_its_kind_may(kind: str, address: str, fault: str | None) -> None:
    assert channels.fault(kind, address, SETTINGS) == fault


def test_mail_needs_a_server() -> None:
    without = replace(SETTINGS, smtp_url="")
    assert channels.fault(AlertChannelKind.EMAIL, "oncall@example.org", without) == "no_mail_server"


@pytest.mark.parametrize(
    ("begin", "end", "hour", "is_quiet"),
    [
        ("22:00", "06:30", 23, True),
        ("22:00", "06:30", 3, True),
        ("22:00", "06:30", 12, False),
        ("12:00", "15:00", 12, True),
        ("12:00", "15:00", 15, False),
        (None, None, 3, False),
    ],
)
def test_quiet_hours_may_pass_midnight(begin: str | None, end: str | None, hour: int, is_quiet: bool) -> None:
    channel = AlertChannel(quiet_from=begin, quiet_until=end)
    assert channels.is_quiet(channel, datetime(2026, 11, 27, hour, tzinfo=UTC), "Africa/Nouakchott") == is_quiet
