"""The limits page: overrides, usage, resetting, the rehearsal, and what was refused."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select, update

from dashboard.cli.registry import main
from dashboard.db import utcnow
from dashboard.gateway.api_keys import authentication, keys
from dashboard.gateway.limits import overrides, rate_limit, wrong_codes
from dashboard.gateway.limits.rate_limit import RateLimited
from dashboard.gateway.otp import send
from dashboard.models.api_keys import ApiKey
from dashboard.models.limits import UNLIMITED, LimitOverride, LimitRejection, PumpedRange
from dashboard.models.otp import Otp
from tests.support.dashboard_client import PARTIAL, Browser, World

LIST = "/dashboard/limits/"
NEW = "/dashboard/limits/new"
PHONE = "+22238089336"


def form(on: ApiKey, **more: Any) -> dict[str, Any]:
    return {"scope": "pair", "phone": "38 08 93 36", "key": on.id, "reason": "Ticket 4812", "lasting": "1h", **more}


def listed(world: World) -> list[LimitOverride]:
    with world.services.sessions() as session:
        return overrides.listed(session)


def refuse(world: World, key: ApiKey, phone: str = PHONE) -> None:
    """Ask for codes until the minute is full."""
    for _ in range(3):
        world.code(key, phone)
    with pytest.raises(RateLimited):
        ask(world, key, phone)


def ask(world: World, key: ApiKey, phone: str = PHONE) -> None:
    with world.services.sessions() as session:
        try:
            send.send(session, world.services.keyring, authentication.Caller.from_row(key), send.Order(phone))
        finally:
            session.commit()


def test_an_operator_makes_an_override_with_a_reason_and_an_end(operator: Browser, world: World) -> None:
    key = world.key()
    answer = operator.post(NEW, form(key, minute="9", no_day="1"))
    assert (answer.status_code, answer.headers["Location"]) == (303, LIST)
    (row,) = listed(world)
    assert (row.key_id, row.phone, row.minute, row.hour, row.day) == (key.id, PHONE, 9, None, UNLIMITED)
    assert (row.reason, row.created_by) == ("Ticket 4812", "operator@example.org")
    assert row.until and timedelta(minutes=59) < row.until - utcnow() < timedelta(minutes=61)
    page = operator.get(LIST).text
    assert "9 per minute" in page and "no limit per day" in page and "10 per hour (usual)" in page


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"minute": ""}, "Set the limit of at least one period"),
        ({"minute": "-1"}, "whole number from 0"),
        ({"minute": "٣"}, "whole number from 0"),
        ({"minute": "10001"}, "whole number from 0"),
        ({"reason": " "}, "Say why"),
        ({"phone": "12"}, "eight digits"),
        ({"key": "nobody"}, "Choose a key"),
        ({"lasting": "day", "until": "2001-01-01"}, "from today on"),
        ({"lasting": "day", "until": ""}, "Choose the last day"),
    ],
)
def test_a_form_that_breaks_a_rule_is_kept_and_says_why(
    operator: Browser, world: World, change: dict[str, str], told: str
) -> None:
    answer = operator.post(NEW, form(world.key(), **{"minute": "9", **change}))
    assert answer.status_code == 422
    assert told in answer.text
    assert listed(world) == []


def test_a_second_override_of_the_same_subject_is_refused_and_the_first_is_offered(
    operator: Browser, world: World
) -> None:
    key = world.key()
    operator.post(NEW, form(key, minute="9"))
    assert operator.post(NEW, form(key, minute="8")).status_code == 422
    (row,) = listed(world)
    assert row.minute == 9
    page = operator.get(f"{NEW}?phone={PHONE[1:]}&key={key.id}").text
    assert f"/dashboard/limits/{row.id}/edit" in page


def test_an_override_is_changed_and_removed_after_asking(operator: Browser, world: World) -> None:
    operator.post(NEW, form(world.key(), minute="9"))
    (row,) = listed(world)
    changed = {"hour": "40", "reason": "Other", "lasting": "keep"}
    assert operator.post(f"{LIST}{row.id}/edit", changed).status_code == 303
    (after,) = listed(world)
    assert (after.minute, after.hour, after.reason, after.until) == (None, 40, "Other", row.until)
    asked = operator.partial(f"{LIST}{row.id}/remove", "div#dialog-body").text
    assert "Remove this override?" in asked and "+222 38 08 93 36" in asked
    answer = operator.post(f"{LIST}{row.id}/remove", headers=PARTIAL)
    assert answer.headers["HX-Trigger"] == "close-dialog" and 'hx-target="#limits"' in answer.text
    assert listed(world) == []


def test_ended_overrides_and_those_of_revoked_keys_are_shown_as_such(operator: Browser, world: World) -> None:
    key = world.key()
    with world.services.sessions.begin() as session:
        past = utcnow() - timedelta(days=1)
        overrides.save(session, overrides.NewOverride(None, PHONE, minute=1, reason="old", until=past))
        overrides.save(session, overrides.NewOverride(key.id, None, minute=1, reason="dead"))
        keys.revoke(session, keys.find(session, key.id))
    page = operator.get(LIST).text
    assert "Expired" in page and "Key revoked: no effect" in page
    assert operator.post(NEW, form(world.key("Other"), scope="phone", minute="5")).status_code == 303, (
        "ended: in the way"
    )


def test_usage_is_shown_and_reset_without_deleting_anything(operator: Browser, world: World) -> None:
    key, other = world.key(), world.key("Other")
    world.code(key)
    world.code(other)
    page = operator.partial(f"{LIST}?phone=38089336", "section#usage").text
    assert "Shop" in page and "Other" in page and "1 / 3" in page
    operator.post(f"{LIST}reset", {"phone": PHONE, "key": key.id})
    with world.services.sessions() as session:
        assert rate_limit.look(session, key.id, PHONE)[0].left == 3
        assert rate_limit.look(session, other.id, PHONE)[0].left == 2
        assert len(session.scalars(select(Otp)).all()) == 2


def test_a_refusal_is_written_down_and_offers_an_override(operator: Browser, world: World) -> None:
    key = world.key()
    refuse(world, key)
    with world.services.sessions() as session:
        (row,) = session.scalars(select(LimitRejection)).all()
        assert (row.key_id, row.phone, row.channel, row.window, row.quota, row.times) == (
            key.id, PHONE, "sms", "minute", 3, 1,
        )  # fmt: skip
    page = operator.get(LIST).text
    assert "Recently refused" in page and f"/dashboard/limits/new?phone=%2B22238089336&amp;key={key.id}" in page


def test_a_flood_of_refusals_writes_next_to_nothing(world: World) -> None:
    key = world.key()
    refuse(world, key)
    for _ in range(200):
        with pytest.raises(RateLimited):
            ask(world, key)
    with world.services.sessions() as session:
        rows = session.scalars(select(LimitRejection)).all()
    assert len(rows) <= 3, "a row for each slot of a minute"


def test_the_rehearsal_counts_codes_and_real_users(operator: Browser, world: World) -> None:
    key = world.key()
    for age in (50, 40, 30):
        message = world.code(key)
        if age == 30:
            world.guess_right(key, message)
        with world.services.sessions.begin() as session:
            moved = utcnow() - timedelta(seconds=age)
            session.execute(update(Otp).where(Otp.message_id == message.id).values(created_at=moved))
    shown = operator.post(NEW, form(key, minute="1", rehearse="1"), headers=PARTIAL).text
    assert "2 codes that were sent would have been refused" in shown and "1 real user, who entered" in shown
    assert listed(world) == []
    again = operator.post(NEW, form(key, minute="1"))
    assert again.status_code == 200 and "Save all the same" in again.text and listed(world) == []
    assert operator.post(NEW, form(key, minute="1", confirmed="1")).status_code == 303
    assert len(listed(world)) == 1


def test_the_rehearsal_counts_what_would_have_been_let_through(operator: Browser, world: World) -> None:
    key = world.key()
    refuse(world, key)
    shown = operator.post(NEW, form(key, minute="10", rehearse="1"), headers=PARTIAL).text
    assert "1 refused request would have been allowed" in shown
    assert "0 codes that were sent would have been refused" in shown


def test_an_override_is_tried_without_a_reason_and_saved_with_one(operator: Browser, world: World) -> None:
    key = world.key()
    tried = operator.post(NEW, form(key, minute="10", reason="", rehearse="1"), headers=PARTIAL)
    assert tried.status_code == 200 and "requests examined" in tried.text
    for more in ({}, {"confirmed": "1"}, {"confirmed": "1", "rehearse": "1"}):
        refused = operator.post(NEW, form(key, minute="10", reason="", **more), headers=PARTIAL)
        assert refused.status_code == 422 and "Say why" in refused.text
    assert listed(world) == []


def test_the_rehearsal_leaves_out_numbers_that_keep_a_rule_of_their_own(operator: Browser, world: World) -> None:
    key = world.key()
    refuse(world, key)
    with world.services.sessions.begin() as session:
        overrides.save(session, overrides.NewOverride(key.id, PHONE, minute=50, hour=50, day=50, reason="lifted"))
    whole = {"scope": "key", "key": key.id, "reason": "Ticket 4813", "lasting": "1h", "minute": "1", "rehearse": "1"}
    shown = operator.post(NEW, whole, headers=PARTIAL).text
    assert "0 refused requests would have been allowed" in shown and "4 requests examined" in shown


def test_viewers_see_masked_numbers_and_no_buttons(viewer: Browser, world: World) -> None:
    key = world.key()
    refuse(world, key)
    with world.services.sessions.begin() as session:
        overrides.save(session, overrides.NewOverride(key.id, PHONE, minute=9, reason="test"))
    page = viewer.get(LIST).text
    assert "+222 38 08 93 36" not in page and PHONE not in page
    assert "/dashboard/limits/new" not in page and "/remove" not in page


@pytest.mark.parametrize("headers", [{}, {**PARTIAL, "HX-Target": "usage"}])
def test_viewers_cannot_ask_where_a_number_stands(
    headers: dict[str, str], viewer: Browser, desk: Browser, world: World
) -> None:
    world.code(world.key("Shop"))
    asked = f"{LIST}?phone=38089336"
    assert "Usage of a number" in desk.get(asked, headers=headers).text
    page = viewer.get(asked, headers=headers).text
    assert "Usage of a number" not in page and "standing" not in page


def test_the_end_of_an_override_is_a_day_and_a_time(operator: Browser, world: World) -> None:
    key = world.key()
    operator.post(NEW, form(key, minute="9", lasting="7d"))
    (row,) = listed(world)
    assert row.until
    shown = f"{row.until.day} {row.until:%b %Y, %H:%M}"
    assert f">{shown}</time>" in operator.get(LIST).text


def test_wrong_codes_of_a_number_are_shown_and_forgotten_by_a_reset(operator: Browser, world: World) -> None:
    key = world.key()
    with world.services.sessions.begin() as session:
        wrong_codes.record(session, [(PHONE, key.id)] * 10, utcnow())
    assert "Blocked after 10 wrong codes in an hour" in operator.get(f"{LIST}?phone=38089336").text
    assert "Wrong codes typed in for this number" in operator.get(f"{LIST}reset?phone=38089336").text
    assert operator.post(f"{LIST}reset", {"phone": "38089336"}).status_code == 303
    assert "Blocked" not in operator.get(f"{LIST}?phone=38089336").text


@pytest.fixture
def shell(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands find the gateway of the world."""
    for name in ("chinqit_home", "database_url", "redis_url", "secret_key", "otp_secret", "data_secret"):
        monkeypatch.setenv(name.upper(), str(getattr(world.services.settings, name)))


@pytest.mark.usefixtures("shell")
def test_the_command_forgets_wrong_codes_too(world: World) -> None:
    key = world.key()
    with world.services.sessions.begin() as session:
        wrong_codes.record(session, [(PHONE, key.id)] * 10, utcnow())
    told = [CliRunner().invoke(main, ["limits", "unlock", "38089336"]).stdout for _ in range(2)]
    assert told == ["10 wrong codes no longer count.\n", "No wrong code counts for this number.\n"]
    with world.services.sessions() as session:
        assert wrong_codes.look(session, PHONE).window is None


def stop_range(world: World, key: ApiKey) -> None:
    row = PumpedRange(key_id=key.id, digits="+22238089", step="stop", sent=43, verified=2, numbers=31)
    row.is_sequential, row.refused, row.began_at, row.until = True, 0, utcnow(), utcnow() + timedelta(hours=1)
    with world.services.sessions.begin() as session:
        session.add(row)


def test_a_stopped_range_is_shown_with_the_numbers_behind_and_let_through_with_one_press(
    owner: Browser, world: World
) -> None:
    key = world.key("Shop")
    stop_range(world, key)
    page = owner.get(LIST).text
    told = page[page.index('id="ranges"') :]
    assert all(part in told for part in ("+22238089•••", "Shop", "Stopped", ">43<", "31", ">2<", "neighbours"))
    release = re.search(r'action="([^"]+/release)"', told)
    assert release
    answer = owner.post(release[1], headers=PARTIAL)
    assert answer.status_code == 200 and "All codes are sent" in answer.text and "/ranges/hold" in answer.text
    assert owner.post(release[1], headers=PARTIAL).status_code == 404, "it is let through already"


def test_a_viewer_sees_it_and_has_no_press(viewer: Browser, world: World) -> None:
    stop_range(world, world.key("Shop"))
    page = viewer.get(LIST).text
    assert "+22238089•••" in page and "/release" not in page


@pytest.mark.usefixtures("shell")
def test_the_command_lists_ranges_and_lets_them_through(world: World) -> None:
    key = world.key("Shop")
    stop_range(world, key)
    assert "+22238089" in CliRunner().invoke(main, ["limits", "pumping"]).output
    release = ["limits", "release", "38089123", "--key", "Shop"]
    assert [CliRunner().invoke(main, release).exit_code for _ in range(2)] == [0, 1], "the second finds nothing held"
    told = CliRunner().invoke(main, ["limits", "pumping", "--numbers", "50", "--only-tell"]).output
    assert "is told of with 50 numbers" in told
