"""The time axis of charts: named where the clock or the calendar turns, in the gateway's time zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from flask import Flask, render_template_string

from dashboard.gateway.statistics.queries import Period
from dashboard.pages.ui import timeline
from dashboard.pages.ui.charts import Series
from tests.support.dashboard_client import Browser, World

NOW = datetime(2026, 11, 27, 16, 42, tzinfo=UTC)


@pytest.mark.parametrize(
    ("grain", "count", "named", "marks"),
    [
        ("minute", 60, ["15:45", "16:00", "16:15", "16:30"], 0),
        ("hour", 24, ["18:00", "Fri 27", "06:00", "12:00"], 1),
        ("hour", 72, ["Wed 25", "Thu 26", "Fri 27"], 3),
        ("day", 7, ["Sat 21", "Sun 22", "Mon 23", "Tue 24", "Wed 25", "Thu 26", "Fri 27"], 0),
        ("day", 30, ["2 Nov", "9 Nov", "16 Nov", "23 Nov"], 0),
    ],
)
def test_ticks_stand_at_full_hours_midnights_and_mondays(
    app: Flask, grain: str, count: int, named: list[str], marks: int
) -> None:
    with app.test_request_context("/dashboard/", headers={"Accept-Language": "en"}):
        ticks = timeline.ticks(Period.last(grain, count, NOW))
    assert [tick.label for tick in ticks] == named
    assert sum(tick.is_mark for tick in ticks) == marks
    assert [tick.at for tick in ticks] == sorted(tick.at for tick in ticks)


def test_each_hour_leads_to_its_messages_and_the_last_one_says_that_it_is_not_over(app: Flask) -> None:
    period = Period.last("hour", 24, NOW)
    with app.test_request_context("/dashboard/", headers={"Accept-Language": "en"}):
        drawn = timeline.timeline([Series("a", "c1", [1.0] * 24)], period, NOW, {"channel": "sms"})
    assert drawn.is_open and len(drawn.links) == 24
    assert drawn.links[-1].endswith("?channel=sms&period=custom&from=2026-11-27T16:00&to=2026-11-27T17:00")
    assert drawn.labels[-1].endswith("16:00–17:00")


def test_the_log_of_an_hour_holds_that_hour_alone(owner: Browser, world: World) -> None:
    key = world.key()
    world.text(key, "+22245112233"), world.text(key, "+22247000001")
    page = owner.get("/dashboard/").text
    links = [
        link.replace("&amp;", "&") for link in re.findall(r'href="(/dashboard/messages/\?period=custom[^"]+)"', page)
    ]
    assert len(links) == 60 + 24
    now, before = owner.get(links[-1]).text, owner.get(links[-2]).text
    assert "45 11 22 33" in now and "45 11 22 33" not in before
    assert '<option value="custom" selected>' in now and 'name="from"' in now


@pytest.mark.parametrize(
    "times", ["from=x&to=y", "from=2026-11-27T16:00", "from=2026-11-27T16:00&to=", "from=9999-99-99T99:99&to=0"]
)
def test_times_that_are_none_do_not_filter(owner: Browser, world: World, times: str) -> None:
    world.text(world.key(), "+22245112233")
    page = owner.get(f"/dashboard/messages/?period=custom&{times}")
    assert page.status_code == 200 and "45 11 22 33" in page.text


def test_days_end_where_the_next_begins(app: Flask) -> None:
    period = Period.last("day", 3, NOW)
    with app.test_request_context("/dashboard/", headers={"Accept-Language": "fr"}):
        drawn = timeline.timeline([Series("a", "c1", [1.0] * 3)], period, NOW, {})
    ends = [re.findall(r"(?:from|to)=([^&]+)", link) for link in drawn.links]
    assert all(later[0] == earlier[1] for earlier, later in pairwise(ends))
    assert datetime.fromisoformat(ends[0][1]) - datetime.fromisoformat(ends[0][0]) == timedelta(days=1)


@pytest.mark.parametrize(
    ("grain", "count", "shades"),
    [
        ("minute", 60, []),
        ("hour", 48, []),  # Friday
        ("hour", 168, [(3.89, 32.63)]),  # from the 8th to the 55th of 168 hours, halves of the neighbours included
        ("day", 7, [(0.0, 28.57)]),  # columns
        ("day", 14, [(0.0, 11.54), (50.0, 65.38)]),
    ],
)
def test_weekends_are_shaded_from_saturday_to_sunday(
    app: Flask, grain: str, count: int, shades: list[tuple[float, float]]
) -> None:
    with app.test_request_context("/dashboard/", headers={"Accept-Language": "en"}):
        drawn = timeline.timeline([Series("a", "c1", [1.0] * count)], Period.last(grain, count, NOW), NOW)
        page = render_template_string(
            '{% from "macros/charts.html" import chart %}{{ chart(drawn, "c", "t", "f") }}', drawn=drawn
        )
    assert drawn.shades == shades
    assert page.count('class="weekend"') == len(shades)
